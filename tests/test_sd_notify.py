"""Readiness as the service supervisor hears it."""

from __future__ import annotations

import socket

import pytest

from xapid import sd_notify


@pytest.fixture(params=["path", "abstract"])
def supervisor(request, tmp_path):
    name = str(tmp_path / "notify") if request.param == "path" else f"@xapid-test-{tmp_path.name}-{id(request)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + name[1:] if name.startswith("@") else name)
        sock.settimeout(5)
        yield sock, {"NOTIFY_SOCKET": name}


def test_ready_and_stopping_are_single_datagrams(supervisor):
    sock, environ = supervisor
    assert sd_notify.ready("answering on https://127.0.0.1:8443", environ)
    assert sock.recv(1000) == b"READY=1\nSTATUS=answering on https://127.0.0.1:8443"
    assert sd_notify.stopping(environ)
    assert sock.recv(1000) == b"STOPPING=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "relative"}, {"NOTIFY_SOCKET": "/no/such"}])
def test_without_a_supervisor_nothing_happens(environ):
    assert not sd_notify.ready("fine", environ)

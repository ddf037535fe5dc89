"""A report sent to whoever helps the administrator."""

from __future__ import annotations

import io
import tarfile

import pytest
import XenAPI

from taker import taking


@pytest.fixture
def receiver():
    """Takes uploads; those to ``/refused`` get 403."""
    with taking(lambda path: 403 if path == "/refused" else 201) as (url, taken):
        yield url.rpartition(":")[2], taken


def test_a_report_is_sent_where_it_was_asked_to_go(xapid_daemon, receiver):
    port, taken = receiver
    api = xapid_daemon.session().xenapi
    host = api.host.get_all()[0]
    api.host.bugreport_upload(host, f"http://127.0.0.1:{port}/reports/1?a=b", {})
    (one,) = taken
    assert one.path == "/reports/1?a=b"
    with tarfile.open(fileobj=io.BytesIO(one.body)) as archive:
        assert "system_status/xapid/server.json" in archive.getnames()
    proxied = f"http://reports.invalid:8080/x?{port}"
    api.host.bugreport_upload(host, proxied, {"http_proxy": f"http://127.0.0.1:{port}"})
    assert taken[1].path == proxied
    for url, error in (
        (f"http://127.0.0.1:{port}/refused", ["SYSTEM_STATUS_RETRIEVAL_FAILED", "127.0.0.1 answered 403"]),
        ("http://127.0.0.1:1/", ["SYSTEM_STATUS_RETRIEVAL_FAILED", "127.0.0.1 cannot be reached: ConnectionRefusedError"]),
        ("file:///etc/passwd", ["INVALID_VALUE", "url", "file:///etc/passwd"]),
        ("", ["INVALID_VALUE", "url", ""]),
    ):
        with pytest.raises(XenAPI.Failure) as failed:
            api.host.bugreport_upload(host, url, {})
        assert failed.value.details == error

"""A member daemon serves what clients come straight to it for: consoles and statistics, with the coordinator's sessions."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest

from xapid.testing.processes import Daemon, Daemons
from xapid.testing.waiting import ended, until

LIMIT = 30
CONNECTED = b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nCache-Control: no-cache, no-store\r\n\r\n"


@pytest.fixture
def pair(xapid_daemons: Daemons) -> Iterator[tuple[Daemon, Daemon]]:
    """A coordinator, and a daemon that has joined it."""
    leader, joiner = xapid_daemons.pool(2)
    yield leader, joiner


def unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def said_to(method: str, url: str, session: str, count: int) -> bytes:
    """The first bytes of an answer."""
    parts = urlsplit(url)
    with (
        socket.create_connection((parts.hostname, parts.port), timeout=LIMIT) as plain,
        unverified().wrap_socket(plain, server_hostname=parts.hostname) as stream,
    ):
        stream.sendall(f"{method} {parts.path}?{parts.query}&session_id={quote(session)} HTTP/1.1\r\n\r\n".encode())
        said = b""
        while len(said) < count and (data := stream.recv(65536)):
            said += data
        return said[:count]


def get(url: str) -> tuple[int, bytes]:
    """Status and body."""
    try:
        with urllib.request.urlopen(url, context=unverified(), timeout=LIMIT) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read()


def put(url: str, body: bytes) -> tuple[int, str]:
    """Status, and where else the upload belongs."""
    parts = urlsplit(url)
    connection = http.client.HTTPSConnection(parts.netloc, timeout=LIMIT, context=unverified())
    connection.request("PUT", f"{parts.path}?{parts.query}", body)
    answer = connection.getresponse()
    connection.close()
    return answer.status, answer.headers.get("Location", "")


def test_a_member_sends_clients_on_for_what_is_the_pools(pair: tuple[Daemon, Daemon]) -> None:
    leader, joiner = pair
    with leader.session() as session:
        api, login = session.xenapi, f"session_id={quote(session._session)}"
        vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "exported")
        api.VM.provision(vm)
        asked = f"/export?ref={quote(vm)}&{login}"
        status, archive = get(f"https://{joiner.address}:{joiner.port}{asked}")
        assert status == 200 and archive.startswith(b"ova.xml")  # by way of the coordinator
        asked = f"/import?{login}"
        assert put(f"https://{joiner.address}:{joiner.port}{asked}", archive) == (302, f"{leader.url}{asked}")
        assert get(f"https://{joiner.address}:{joiner.port}/pool/xmldbdump?{login}")[1].count(joiner.address.encode()) > 0
        asked = "/pool/xmldbdump?session_id=OpaqueRef:none"
        assert put(f"https://{joiner.address}:{joiner.port}{asked}", b"x")[0] == 401


def test_a_member_serves_consoles_and_statistics(pair: tuple[Daemon, Daemon]) -> None:
    """The VM's console is at the member and answers there; its figures are too, and the client's task is ended."""
    leader, joiner = pair
    session = leader.session()
    api = session.xenapi
    (member,) = [ref for ref, host in api.host.get_all_records().items() if host["address"] == joiner.address]
    (template,) = api.VM.get_by_name_label("Other install media")
    vm = api.VM.clone(template, "far")
    api.VM.provision(vm)
    api.VM.start_on(vm, member, False, False)
    uuid = api.VM.get_uuid(vm)

    (console,) = api.VM.get_consoles(vm)
    location = api.console.get_location(console)
    assert location.startswith(f"https://{joiner.address}:{joiner.port}/console?")
    expected = CONNECTED + b"RFB 003.008\n"
    assert said_to("CONNECT", location, session._session, len(expected)) == expected
    domain = api.host.get_control_domain(member)
    own = next(api.console.get_location(ref) for ref in api.VM.get_consoles(domain))
    assert said_to("CONNECT", own, session._session, len(expected)) == expected
    assert said_to("CONNECT", location, "OpaqueRef:none", 12) == b"HTTP/1.1 401"
    assert said_to("CONNECT", f"{leader.url}/console?uuid={uuid}", session._session, 12) == b"HTTP/1.1 500"

    base = f"https://{joiner.address}:{joiner.port}"
    login = f"session_id={quote(session._session)}"

    def measured() -> set[str]:
        task = api.task.create("poll", "")
        status, body = get(f"{base}/rrd_updates?start=-60&host=true&json=true&interval=5&{login}&task_id={quote(task)}")
        assert status == 200
        assert ended(api, task)["status"] == "success"  # the coordinator may hear of it after the client has its answer
        legend = set(json.loads(body)["meta"]["legend"])
        assert f"AVERAGE:host:{api.host.get_uuid(member)}:cpu0" in legend
        return legend & {f"AVERAGE:vm:{uuid}:memory"}

    until(measured)
    assert get(f"{base}/rrd_updates?start=-60&session_id=OpaqueRef:none")[0] == 401
    assert get(f"{leader.url}/vm_rrd?uuid={uuid}&{login}")[0] == 200
    assert get(f"{base}/vm_rrd?uuid=unknown&{login}")[0] == 404

    _, document = get(f"{base}/vm_rrd?uuid={uuid}&{login}")
    document = document.replace(b"<name>memory<", b"<name>memory_elsewhere<")
    task = api.task.create("past", "")
    asked = f"/rrd?uuid={uuid}&{login}&task_id={quote(task)}"
    assert put(f"{leader.url}{asked}", b"") == (302, f"{base}{asked}")
    assert put(f"{base}{asked}", document) == (200, "")
    assert ended(api, task)["status"] == "success"
    assert b"<name>memory_elsewhere<" in get(f"{base}/vm_rrd?uuid={uuid}&{login}")[1]
    asked = f"/rrd?uuid=unknown&{login}"
    assert put(f"{base}{asked}", b"") == (302, f"{leader.url}{asked}")
    assert put(f"{leader.url}{asked}", b"") == (404, "")

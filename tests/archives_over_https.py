"""VMs put into daemons and taken out of them, over HTTPS, as clients do it."""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import Any
from urllib.parse import urlencode

import XenAPI

from xapid.testing.processes import Daemon, unverified
from xapid.testing.waiting import ended

LIMIT = 60
NULL = "OpaqueRef:NULL"


class Api:
    """Calls of a session, and its reference."""

    def __init__(self, daemon: Daemon) -> None:
        session = daemon.session()
        self.session_id = session.handle
        self._calls = session.xenapi

    def __getattr__(self, name: str) -> Any:
        return getattr(self._calls, name)


def request(daemon: Daemon, method: str, target: str, body: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer."""
    connection = http.client.HTTPSConnection(daemon.address, daemon.port, context=unverified(), timeout=LIMIT)
    try:
        connection.request(method, target, body)
        answer = connection.getresponse()
        return answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def asked(daemon: Daemon, method: str, path: str, body: bytes | None = None, **query: str) -> tuple[int, bytes]:
    """Status and body of an answer."""
    status, _, data = request(daemon, method, f"{path}?{urlencode(query)}", body)
    return status, data


def put(daemon: Daemon, session: Api, data: bytes, query: str = "", path: str = "/import/") -> dict[str, Any]:
    """The task of an upload, when it has ended."""
    task = session.task.create("import", "")
    status, headers, _ = request(daemon, "PUT", f"{path}?session_id={session.session_id}&task_id={task}{query}", data)
    assert status == 200
    assert headers["task-id"] == task
    return ended(session, task)


def vms_of(task: dict[str, Any]) -> list[str]:
    assert task["status"] == "success", task["error_info"]
    (values,), _ = XenAPI.xmlrpclib.loads(f"<params><param>{task['result']}</param></params>")
    return list(values)  # type: ignore[call-overload]


def get(daemon: Daemon, session: Api, vm: str, query: str = "") -> bytes:
    status, headers, body = request(daemon, "GET", f"/export/?session_id={session.session_id}&ref={vm}{query}")
    assert status == 200
    record = ended(session, headers["task-id"])
    assert record["status"] == "success", record["error_info"]
    return body


def everything(session: Api) -> dict[str, set[str]]:
    """The objects that an import may leave behind."""
    classes = ("VM", "VDI", "VBD", "VIF", "network", "VM_metrics", "VM_guest_metrics", "secret")
    return {cls: set(getattr(session, cls).get_all()) for cls in classes}


def sr_of(session: Api) -> str:
    return str(session.pool.get_default_SR(session.pool.get_all()[0]))


def tls(daemon: Daemon) -> ssl.SSLSocket:
    plain = socket.create_connection((daemon.address, daemon.port), timeout=LIMIT)
    return unverified().wrap_socket(plain)


def read_head(client: ssl.SSLSocket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = client.recv(1)
        assert piece
        data += piece
    return data.removesuffix(b"\r\n\r\n")


def disks(session: Api, vm: str) -> list[str]:
    return [session.VBD.get_VDI(ref) for ref in session.VM.get_VBDs(vm) if session.VBD.get_type(ref) == "Disk"]

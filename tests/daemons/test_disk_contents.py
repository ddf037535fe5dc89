"""Contents of disks over HTTPS: in and out in every format, what is refused, and what survives the end of the process."""

from __future__ import annotations

import hashlib
import http.client
import random
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from xapid.testing.processes import Daemon, Daemons, unverified
from xapid.testing.waiting import ended, until

pytestmark = pytest.mark.daemon

MIB = 1 << 20
LIMIT = 60
CONTENTS = bytes(3 * MIB) + random.Random(5).randbytes(3 * MIB + 512) + bytes(2 * MIB - 512)


class Api:
    """The classes of a session, and its reference for what is not a call."""

    def __init__(self, daemon: Daemon) -> None:
        session = daemon.session()
        self.session_id = session._session
        self._classes = session.xenapi

    def __getattr__(self, name: str) -> Any:
        return getattr(self._classes, name)


@pytest.fixture
def daemon(xapid_daemon: Daemon) -> Daemon:
    return xapid_daemon


@pytest.fixture
def api(daemon: Daemon) -> Iterator[Any]:
    session = Api(daemon)
    yield session
    session.session.logout()


def make(api: Any, size: int = len(CONTENTS), **fields: Any) -> str:
    sr = api.pool.get_default_SR(api.pool.get_all()[0])
    record = {"SR": sr, "virtual_size": str(size), "type": "user", "sharable": False, "read_only": False, "other_config": {}}
    return str(api.VDI.create({**record, "name_label": "contents", **fields}))


def request(daemon: Daemon, method: str, target: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer."""
    connection = http.client.HTTPSConnection(daemon.address, daemon.port, context=unverified(), timeout=LIMIT)
    try:
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def target(api: Any, path: str, task: str, **query: str) -> str:
    given = {"session_id": api.session_id, "task_id": task, **query}
    return f"/{path}/?" + "&".join(f"{name}={quote(value)}" for name, value in given.items())


def put(daemon: Daemon, api: Any, data: Any, status: int = 200, **query: str) -> dict[str, Any]:
    """The task of an upload, when it has ended."""
    task = api.task.create("import", "")
    answered, _, _ = request(daemon, "PUT", target(api, "import_raw_vdi", task, **query), data)
    assert answered == status
    return ended(api, task)


def get(daemon: Daemon, api: Any, vdi: str, **query: str) -> bytes:
    task = api.task.create("export", "")
    status, _, data = request(daemon, "GET", target(api, "export_raw_vdi", task, vdi=vdi, **query))
    assert (status, ended(api, task)["status"]) == (200, "success")
    return data


def head_and_body(daemon: Daemon, head: str, body: bytes) -> bytes:
    """What a client gets that sends its head, waits for an answer, sends its body and ends."""
    with unverified().wrap_socket(socket.create_connection((daemon.address, daemon.port), LIMIT)) as link:
        link.sendall(head.encode())
        answer = link.recv(65536)
        link.sendall(body)
        return answer


@pytest.mark.parametrize("format_", ["raw", "vhd", "tar", "qcow2"])
def test_contents_come_back_in_every_format(daemon: Daemon, api: Any, format_: str) -> None:
    source = make(api)
    record = put(daemon, api, CONTENTS, vdi=source)
    assert (record["status"], record["result"]) == ("success", f"<value>{source}</value>")
    copy = make(api)
    assert (
        put(daemon, api, get(daemon, api, source, format=format_), vdi=api.VDI.get_uuid(copy), format=format_)["status"]
        == "success"
    )
    assert get(daemon, api, copy) == CONTENTS
    assert api.VDI.checksum(copy) == hashlib.md5(CONTENTS, usedforsecurity=False).hexdigest()
    assert int(api.VDI.get_physical_utilisation(copy)) >= 4 * MIB


@pytest.mark.parametrize("format_", ["vhd", "qcow2"])
def test_changes_to_a_snapshot_are_put_on_a_copy_of_it(daemon: Daemon, api: Any, format_: str) -> None:
    disk = make(api)
    put(daemon, api, CONTENTS, vdi=disk)
    before = api.VDI.snapshot(disk)
    changed = bytearray(CONTENTS)
    changed[5 * MIB : 5 * MIB + 700], changed[MIB : MIB + 3] = bytes(700), b"abc"
    put(daemon, api, bytes(changed), vdi=disk)
    delta = get(daemon, api, disk, format=format_, base=before)
    assert len(delta) < 5 * MIB
    copy = api.VDI.copy(before)
    assert put(daemon, api, delta, vdi=copy, format=format_)["status"] == "success"
    assert get(daemon, api, copy) == bytes(changed)
    assert get(daemon, api, before) == CONTENTS


def test_a_download_says_what_it_is(daemon: Daemon, api: Any) -> None:
    disk = make(api)
    status, headers, _ = request(daemon, "GET", f"/export_raw_vdi?session_id={api.session_id}&vdi={disk}&format=vhd")
    assert (status, headers["content-type"]) == (200, "application/vhd")
    assert headers["content-disposition"] == f'attachment; filename="{api.VDI.get_uuid(disk)}.vhd"'
    assert ended(api, headers["task-id"])["status"] == "success"


def test_records_change_what_they_name(daemon: Daemon, api: Any) -> None:
    disk = make(api)
    put(daemon, api, CONTENTS, vdi=disk)
    records = struct.pack("<QI", 4 * MIB - 1, 5) + b"12345" + struct.pack("<QI", 0, 0)
    assert put(daemon, api, records, vdi=disk, chunked="true")["status"] == "success"
    assert get(daemon, api, disk) == CONTENTS[: 4 * MIB - 1] + b"12345" + CONTENTS[4 * MIB + 4 :]


def test_an_upload_without_a_length_ends_with_the_connection(daemon: Daemon, api: Any) -> None:
    """As the sample script sends it, which waits for the answer first."""
    disk, task = make(api), api.task.create("import", "")
    answer = head_and_body(daemon, f"PUT {target(api, 'import_raw_vdi', task, vdi=disk)} HTTP/1.0\r\n\r\n", CONTENTS)
    assert b" 200 OK\r\n" in answer
    assert ended(api, task)["status"] == "success"
    assert get(daemon, api, disk) == CONTENTS


def test_a_raw_upload_makes_a_disk_on_an_sr(daemon: Daemon, api: Any) -> None:
    sr = api.pool.get_default_SR(api.pool.get_all()[0])
    record = put(daemon, api, CONTENTS, sr_id=sr)
    disk = record["result"].removeprefix("<value>").removesuffix("</value>")
    assert (api.VDI.get_name_label(disk), api.VDI.get_SR(disk)) == ("Imported VDI", sr)
    assert get(daemon, api, disk) == CONTENTS


@pytest.mark.parametrize("format_", ["raw", "vhd", "tar", "qcow2"])
def test_an_upload_that_breaks_off_leaves_the_disk_as_it_was(daemon: Daemon, api: Any, format_: str) -> None:
    disk, source = make(api), make(api)
    put(daemon, api, b"before" * 1000, vdi=disk)
    put(daemon, api, CONTENTS, vdi=source)
    image = get(daemon, api, source, format=format_)
    task = api.task.create("import", "")
    head = (
        f"PUT {target(api, 'import_raw_vdi', task, vdi=disk, format=format_)} HTTP/1.1\r\nContent-Length: {len(image)}\r\n\r\n"
    )
    head_and_body(daemon, head, image[:-600_000])
    assert (ended(api, task)["status"], api.task.get_error_info(task)[0]) == ("failure", "VDI_IO_ERROR")
    assert get(daemon, api, disk).rstrip(b"\0") == b"before" * 1000
    if format_ != "raw":
        assert put(daemon, api, image[:-600_000], vdi=disk, format=format_)["status"] == "failure"
        assert put(daemon, api, b"junk" * 1000, vdi=disk, format=format_)["status"] == "failure"
        assert get(daemon, api, disk).rstrip(b"\0") == b"before" * 1000


def test_a_new_disk_whose_upload_breaks_off_is_gone(daemon: Daemon, api: Any) -> None:
    sr, task = api.pool.get_default_SR(api.pool.get_all()[0]), api.task.create("import", "")
    disks, used = set(api.SR.get_VDIs(sr)), api.SR.get_physical_utilisation(sr)
    head = f"PUT {target(api, 'import_raw_vdi', task, sr_id=sr)} HTTP/1.1\r\nContent-Length: {len(CONTENTS)}\r\n\r\n"
    head_and_body(daemon, head, CONTENTS[: 4 * MIB])
    assert ended(api, task)["status"] == "failure"
    api.SR.scan(sr)
    assert (set(api.SR.get_VDIs(sr)), api.SR.get_physical_utilisation(sr)) == (disks, used)


@pytest.mark.parametrize("target_is", ["vdi", "chunked", "vhd"])
def test_an_upload_without_a_length_whose_connection_breaks_is_none(daemon: Daemon, api: Any, target_is: str) -> None:
    """A client that dies resets its connection; one that is done closes it."""
    disk, task = make(api), api.task.create("import", "")
    put(daemon, api, b"before" * 1000, vdi=disk)
    more = {"vdi": {}, "chunked": {"chunked": "true"}, "vhd": {"format": "vhd"}}[target_is]
    body = CONTENTS if target_is == "vdi" else struct.pack("<QI", 0, 4 * MIB) + CONTENTS[:MIB]
    plain = socket.create_connection((daemon.address, daemon.port), LIMIT)
    with unverified().wrap_socket(plain) as link:
        link.sendall(f"PUT {target(api, 'import_raw_vdi', task, vdi=disk, **more)} HTTP/1.0\r\n\r\n".encode())
        assert b" 200 OK\r\n" in link.recv(65536)
        link.sendall(body)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    record = ended(api, task)
    assert (record["status"], record["error_info"][0]) == ("failure", "VDI_IO_ERROR")
    assert get(daemon, api, disk).rstrip(b"\0") == b"before" * 1000


def test_an_upload_of_nothing_does_nothing(daemon: Daemon, api: Any) -> None:
    sr = api.pool.get_default_SR(api.pool.get_all()[0])
    disks, tasks = api.SR.get_VDIs(sr), api.task.get_all()
    assert request(daemon, "PUT", f"/import_raw_vdi/?session_id={api.session_id}&sr_id={sr}", b"")[0] == 200
    assert (api.SR.get_VDIs(sr), api.task.get_all()) == (disks, tasks)


def test_what_cannot_be_is_refused(daemon: Daemon, api: Any) -> None:
    disk, sr = make(api), api.pool.get_default_SR(api.pool.get_all()[0])
    assert put(daemon, api, b"x" * 512, 404, vdi=disk, format="floppy")["error_info"][0] == "INTERNAL_ERROR"
    assert put(daemon, api, b"x" * 512, 400)["error_info"][0] == "VDI_MISSING"
    assert put(daemon, api, b"x" * 512, 400, vdi="OpaqueRef:nosuch")["error_info"][0] == "HANDLE_INVALID"
    assert put(daemon, api, b"x" * 512, 400, sr_id="OpaqueRef:nosuch")["error_info"][0] == "HANDLE_INVALID"
    assert put(daemon, api, b"x" * 512, 400, sr_id=sr, format="vhd")["status"] == "failure"
    assert put(daemon, api, iter([b"x"] * 9), 404, vdi=disk)["status"] == "failure"
    assert put(daemon, api, bytes(len(CONTENTS) + 1), vdi=disk)["error_info"] == ["VDI_TOO_SMALL", disk, str(len(CONTENTS) + 1)]
    task = api.task.create("export", "")
    assert request(daemon, "GET", target(api, "export_raw_vdi", task, vdi=disk, format="floppy"))[0] == 404
    assert ended(api, task)["error_info"][0] == "INTERNAL_ERROR"


def test_a_disk_that_a_vm_uses_is_neither_written_to_nor_read_while_the_vm_is_awake(daemon: Daemon, api: Any) -> None:
    disk = make(api)
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "user")
    api.VM.provision(vm)
    vbd = {"VM": vm, "VDI": disk, "userdevice": "0", "bootable": True, "mode": "RW", "type": "Disk", "empty": False}
    api.VBD.create({**vbd, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {}})
    api.VM.start(vm, False, True)
    assert put(daemon, api, CONTENTS, 400, vdi=disk)["error_info"][:2] == ["VDI_IN_USE", disk]
    task = api.task.create("export", "")
    assert request(daemon, "GET", target(api, "export_raw_vdi", task, vdi=disk))[0] == 500
    assert ended(api, task)["error_info"][:2] == ["VDI_IN_USE", disk]
    until(lambda: "checkpoint" in api.VM.get_allowed_operations(vm))
    checkpoint = api.VM.checkpoint(vm, "asleep")
    taken = next(api.VBD.get_VDI(vbd) for vbd in api.VM.get_VBDs(checkpoint) if api.VBD.get_type(vbd) == "Disk")
    assert "copy" not in api.VDI.get_allowed_operations(taken)
    api.VM.suspend(vm)
    assert get(daemon, api, taken) == get(daemon, api, disk) == bytes(len(CONTENTS))
    assert put(daemon, api, CONTENTS, vdi=disk)["status"] == "success"
    assert get(daemon, api, disk) == CONTENTS


def test_clients_are_sent_to_a_host_that_has_the_sr(daemon: Daemon, api: Any) -> None:
    other = next(ref for ref in api.host.get_all() if ref != api.pool.get_master(api.pool.get_all()[0]))
    local = next(
        api.PBD.get_SR(pbd) for pbd in api.host.get_PBDs(other) if api.SR.get_name_label(api.PBD.get_SR(pbd)) == "Local storage"
    )
    disk = make(api, SR=local)
    status, headers, body = request(daemon, "GET", f"/export_raw_vdi?session_id={api.session_id}&vdi={disk}")
    assert (status, body) == (302, b"")
    assert headers["location"].startswith(f"https://{api.host.get_address(other)}:{daemon.port}/export_raw_vdi?session_id=")


def test_what_was_acknowledged_survives_and_nothing_else(tmp_path: Path) -> None:
    flags = ("--preset", "standalone", "--state", str(tmp_path / "state"))
    with Daemons() as daemons:
        first = daemons.start(*flags)
        api = Api(first)
        disk, empty = make(api), make(api)
        put(first, api, CONTENTS, vdi=disk)
        clone, forgotten = api.VDI.clone(disk), api.VDI.clone(disk)
        location = api.VDI.get_location(forgotten)
        api.VDI.forget(forgotten)
        task, sr = api.task.create("import", ""), api.VDI.get_SR(disk)
        used = int(api.SR.get_physical_utilisation(sr))
        with unverified().wrap_socket(socket.create_connection((first.address, first.port), LIMIT)) as link:
            head = f"PUT {target(api, 'import_raw_vdi', task, vdi=empty)} HTTP/1.1\r\nContent-Length: {len(CONTENTS)}\r\n\r\n"
            link.sendall(head.encode() + CONTENTS[: 4 * MIB])
            until(lambda: float(api.task.get_progress(task)) >= 0.4)
            first.kill()
        second = daemons.start(*flags)
        api = Api(second)
        assert get(second, api, disk) == get(second, api, clone) == CONTENTS
        assert get(second, api, empty) == bytes(len(CONTENTS))
        api.SR.scan(sr)
        assert location in {api.VDI.get_location(ref) for ref in api.SR.get_VDIs(sr)}
        assert int(api.SR.get_physical_utilisation(sr)) == used

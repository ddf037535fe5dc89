"""VMs as archives over HTTPS: out of one daemon and into another, and what is refused on the way."""

from __future__ import annotations

import gzip
import http.client
import http.server
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pytest
import XenAPI
import zstandard

from archives_over_https import LIMIT, NULL, Api, disks, ended, everything, get, put, read_head, request, sr_of, tls, vms_of
from reference_xva import CHUNK, archive, disks_of
from xapid.testing.processes import Daemon, Daemons, unverified
from xapid.testing.waiting import until

pytestmark = pytest.mark.daemon

DISK = random.Random(5).randbytes(CHUNK + 1000) + bytes(3 * CHUNK) + b"the end" + bytes(CHUNK) + bytes(3096 - 7)
DISK += bytes(-len(DISK) % (2 << 20))


@pytest.fixture
def daemon(xapid_daemon: Daemon) -> Daemon:
    return xapid_daemon


@pytest.fixture
def session(daemon: Daemon) -> Iterator[Api]:
    session = Api(daemon)
    yield session
    session.session.logout()


def test_an_archive_of_the_reference_becomes_a_vm(daemon: Daemon, session: Api) -> None:
    """With its disk, an empty drive for the CD that is not here, a network made for it, and a new identity."""
    (vm,) = vms_of(put(daemon, session, archive(DISK)))
    record = session.VM.get_record(vm)
    assert (record["name_label"], record["power_state"], record["VCPUs_max"]) == ("traveller", "Halted", "2")
    assert record["memory_static_max"] == "268435456"
    assert record["uuid"] != "0be2d9a9-6c1a-4d7c-9f8c-0d8b5a6a7c11"
    assert record["tags"] == ["old"]
    assert record["current_operations"] == {}
    assert "start" in record["allowed_operations"]
    assert record["affinity"] == NULL
    assert record["other_config"]["mac_seed"] != "5cd3b6ad-0a6b-4c2c-9d6e-2b6e7ba4c7a1"
    disk, cd = (session.VBD.get_record(ref) for ref in sorted(record["VBDs"], key=session.VBD.get_userdevice))
    assert (disk["type"], disk["bootable"], cd["type"], cd["empty"], cd["VDI"]) == ("Disk", True, "CD", True, NULL)
    vdi = session.VDI.get_record(disk["VDI"])
    assert (vdi["SR"], vdi["type"], vdi["virtual_size"]) == (sr_of(session), "system", str(len(DISK)))
    assert vdi["other_config"]["content_id"] == "9a3f3c7d-0d5e-4be9-9d55-7c6b7e9d1c33"
    (vif,) = record["VIFs"]
    assert session.VIF.get_MAC(vif) != "92:36:11:22:33:44"
    assert session.network.get_name_label(session.VIF.get_network(vif)) == "nobody has this"
    assert session.VM_metrics.get_install_time(record["metrics"]).value == "20230101T00:00:00Z"
    assert disks_of(get(daemon, session, vm)).popitem()[1] == DISK


def test_a_vm_moves_to_another_pool_as_an_archive_and_runs_there(xapid_daemons: Daemons) -> None:
    """Exported, destroyed, imported elsewhere and started: its disks are the same, byte for byte."""
    here, there = xapid_daemons.start(), xapid_daemons.start()
    source, target = Api(here), Api(there)
    (vm,) = vms_of(put(here, source, archive(DISK)))
    source.VM.add_to_other_config(vm, "note", "<&>")
    data = get(here, source, vm)
    assert disks_of(data).popitem()[1] == DISK
    for vbd in source.VM.get_VBDs(vm):
        if source.VBD.get_type(vbd) == "Disk":
            source.VDI.destroy(source.VBD.get_VDI(vbd))
    source.VM.destroy(vm)
    assert vm not in source.VM.get_all()

    (arrived,) = vms_of(put(there, target, data, f"&sr_id={sr_of(target)}"))
    assert target.VM.get_other_config(arrived)["note"] == "<&>"
    again = get(there, target, arrived)
    assert disks_of(again).popitem()[1] == DISK
    target.VM.start(arrived, False, False)
    assert target.VM.get_power_state(arrived) == "Running"


@pytest.mark.parametrize("way", ["zstd", "gzip", "true"])
def test_an_export_is_compressed_as_asked_and_taken_back(daemon: Daemon, session: Api, way: str) -> None:
    (vm,) = vms_of(put(daemon, session, zstandard.compress(archive(DISK))))
    packed = get(daemon, session, vm, f"&use_compression={way}")
    plain = zstandard.ZstdDecompressor().decompressobj().decompress(packed) if way == "zstd" else gzip.decompress(packed)
    assert disks_of(plain).popitem()[1] == DISK
    (again,) = vms_of(put(daemon, session, packed))
    assert disks_of(get(daemon, session, again)).popitem()[1] == DISK


def test_a_download_has_the_headers_of_the_reference_in_its_order(daemon: Daemon, session: Api) -> None:
    (vm,) = vms_of(put(daemon, session, archive(DISK)))
    with tls(daemon) as client:
        client.sendall(f"GET /export?uuid={session.VM.get_uuid(vm)}&session_id={session.session_id} HTTP/1.0\r\n\r\n".encode())
        head = read_head(client)
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.0 200 OK"
    assert [line.partition(":")[0] for line in lines[1:]] == [
        "Connection", "cache-control", "task-id", "Server", "content-type", "Content-Disposition",
    ]  # fmt: skip
    assert lines[-1] == 'Content-Disposition: attachment; filename="export.xva"'


def test_an_upload_is_answered_before_its_body(daemon: Daemon, session: Api) -> None:
    """A client may announce far more than it sends, as some do that cannot know the length."""
    task = session.task.create("import", "")
    data = archive(DISK)
    with tls(daemon) as client:
        target = f"/import/?session_id={session.session_id}&task_id={task}"
        client.sendall(f"PUT {target} HTTP/1.1\r\nContent-Length: {1 << 50}\r\n\r\n".encode())
        assert read_head(client).startswith(b"HTTP/1.1 200 OK\r\n")
        client.sendall(data)
        vms_of(ended(session, task))


@pytest.mark.parametrize("length", [0, 1 << 50])
def test_asking_with_no_body_does_nothing(daemon: Daemon, session: Api, length: int) -> None:
    before = everything(session)
    with tls(daemon) as client:
        target = f"/import/?session_id={session.session_id}&sr_id={sr_of(session)}"
        client.sendall(f"PUT {target} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode())
        assert read_head(client).startswith(b"HTTP/1.1 200 OK\r\n")
    assert everything(session) == before


def damaged(data: bytes) -> bytes:
    at = data.index(b"the end")
    return data[:at] + b"THE END" + data[at + 7 :]


BAD = {
    "truncated in a disk": (archive(DISK)[: -4 * CHUNK], ["IMPORT_ERROR_PREMATURE_EOF"]),
    "truncated in the description": (archive(DISK)[:3000], ["IMPORT_ERROR_PREMATURE_EOF"]),
    "a damaged disk": (damaged(archive(DISK)), ["IMPORT_ERROR_SOME_CHECKSUMS_FAILED"]),
    "from a newer version": (archive(DISK, {"export_vsn": 3}), ["IMPORT_INCOMPATIBLE_VERSION"]),
    "no archive": (b"\x7fELF" * 1000, ["IMPORT_ERROR_UNEXPECTED_FILE"]),
    "a disk larger than its SR": (archive(bytes(10)).replace(b"<value>10</value>", b"<value>%d</value>" % (1 << 60)), None),
    "a state that no VM has": (archive(DISK, power_state="Asleep"), ["IMPORT_ERROR"]),
    "a stranger for metrics": (archive(DISK, metrics="Ref:3"), []),
}


@pytest.mark.parametrize("case", BAD)
def test_nothing_of_a_bad_archive_stays(daemon: Daemon, session: Api, case: str) -> None:
    data, code = BAD[case]
    before = everything(session)
    task = put(daemon, session, data)
    if code == []:
        assert task["status"] == "success"
        return
    assert task["status"] == "failure"
    assert code is None or task["error_info"][:1] == code
    assert everything(session) == before


def test_nothing_stays_of_an_upload_that_breaks_off(daemon: Daemon, session: Api) -> None:
    """The client hangs up in the middle of the disk: the objects that it saw made are gone."""
    before = everything(session)
    task = session.task.create("import", "")
    data = archive(DISK, name_label="traveller, not for long")
    with tls(daemon) as client:
        target = f"/import?session_id={session.session_id}&task_id={task}"
        client.sendall(f"PUT {target} HTTP/1.1\r\nContent-Length: {len(data)}\r\n\r\n".encode())
        client.sendall(data[: CHUNK + 200_000])
        until(lambda: session.task.get_other_config(task).get("object_creation") == "complete")
        (vm,) = session.VM.get_by_name_label("traveller, not for long")
        assert list(session.VM.get_current_operations(vm).values()) == ["import"]
        assert session.VM.get_allowed_operations(vm) == []
    assert ended(session, task)["error_info"] == ["IMPORT_ERROR_PREMATURE_EOF"]
    assert everything(session) == before


def test_forcing_keeps_what_there_is_of_a_damaged_archive(daemon: Daemon, session: Api) -> None:
    task = put(daemon, session, archive(DISK, name_label="half a traveller")[: 2 * CHUNK], "&force=true")
    assert task["error_info"] == ["IMPORT_ERROR_PREMATURE_EOF"]
    (vm,) = session.VM.get_by_name_label("half a traveller")
    assert disks_of(get(daemon, session, vm)).popitem()[1].startswith(DISK[:CHUNK])
    vms_of(put(daemon, session, damaged(archive(DISK)), "&force=true"))


def test_a_cancelled_import_leaves_nothing(daemon: Daemon, session: Api) -> None:
    before = everything(session)
    task = session.task.create("import", "")
    with tls(daemon) as client:
        target = f"/import?session_id={session.session_id}&task_id={task}"
        client.sendall(f"PUT {target} HTTP/1.1\r\nContent-Length: {1 << 40}\r\n\r\n".encode())
        client.sendall(archive(DISK)[: CHUNK + 200_000])
        until(lambda: session.task.get_allowed_operations(task) == ["cancel"])
        session.task.cancel(task)
        client.sendall(archive(DISK)[CHUNK + 200_000 :])
        assert ended(session, task)["status"] == "cancelled"
    assert everything(session) == before


def test_restoring_takes_the_place_of_the_vm_with_that_uuid(daemon: Daemon, session: Api) -> None:
    """Uuid and addresses stay; a second VM with the same seed is refused, and so is replacing one that runs."""
    (first,) = vms_of(put(daemon, session, archive(DISK), "&restore=true"))
    uuid = "0be2d9a9-6c1a-4d7c-9f8c-0d8b5a6a7c11"
    assert session.VM.get_uuid(first) == uuid
    assert session.VIF.get_MAC(session.VM.get_VIFs(first)[0]) == "92:36:11:22:33:44"
    snapshot = session.VM.snapshot(first, "before")
    (second,) = vms_of(put(daemon, session, archive(DISK, name_label="again"), "&restore=true"))
    assert first not in session.VM.get_all()
    assert (session.VM.get_uuid(second), session.VM.get_name_label(second)) == (uuid, "again")
    assert session.VM.get_snapshot_of(snapshot) == second

    before = everything(session)
    data = archive(DISK, uuid="1be2d9a9-6c1a-4d7c-9f8c-0d8b5a6a7c11")
    assert put(daemon, session, data, "&restore=true")["error_info"][0] == "DUPLICATE_MAC_SEED"
    truncated = put(daemon, session, archive(DISK)[: -4 * CHUNK], "&restore=true")
    assert truncated["error_info"] == ["IMPORT_ERROR_PREMATURE_EOF"]
    assert everything(session) == before
    assert session.VM.get_snapshot_of(snapshot) == second
    session.VM.start(second, False, False)
    assert put(daemon, session, archive(DISK), "&restore=true")["error_info"] == [
        "VM_BAD_POWER_STATE",
        second,
        "halted",
        "running",
    ]


def test_a_running_vm_is_not_exported(daemon: Daemon, session: Api) -> None:
    """The answer has begun by then; the task tells."""
    (vm,) = vms_of(put(daemon, session, archive(DISK)))
    session.VM.start(vm, False, False)
    status, headers, body = request(daemon, "GET", f"/export?ref={vm}&session_id={session.session_id}")
    assert (status, body) == (200, b"")
    record = ended(session, headers["task-id"])
    assert record["error_info"] == ["VM_BAD_POWER_STATE", vm, "halted, suspended", "running"]


def test_a_suspended_vm_keeps_its_memory_when_asked_to(daemon: Daemon, session: Api) -> None:
    """Preserved, it comes back suspended and can be resumed; otherwise it comes back switched off."""
    (vm,) = vms_of(put(daemon, session, archive(DISK, other_config={"mac_seed": "x"})))
    session.VM.start(vm, False, False)
    until(lambda: "suspend" in session.VM.get_allowed_operations(vm))
    session.VM.suspend(vm)
    (off,) = vms_of(put(daemon, session, get(daemon, session, vm)))
    assert session.VM.get_power_state(off) == "Halted"
    (asleep,) = vms_of(put(daemon, session, get(daemon, session, vm, "&preserve_power_state=true")))
    assert session.VM.get_power_state(asleep) == "Suspended"
    assert session.VM.get_suspend_VDI(asleep) != NULL
    session.VM.resume(asleep, False, False)
    assert session.VM.get_power_state(asleep) == "Running"


def test_metadata_alone_makes_vms_around_disks_that_are_here(daemon: Daemon, session: Api) -> None:
    (vm,) = vms_of(put(daemon, session, archive(DISK)))
    session.VM.snapshot(vm, "earlier")
    status, headers, body = request(daemon, "GET", f"/export_metadata?ref={vm}&session_id={session.session_id}")
    assert status == 200
    assert int(headers["content-length"]) == len(body)
    assert disks_of(body) == {}
    before = everything(session)
    assert vms_of(put(daemon, session, body, "&dry_run=true", "/import_metadata")) == []
    assert everything(session) == before
    made = vms_of(put(daemon, session, body, "", "/import_metadata"))
    twin = next(ref for ref in made if not session.VM.get_is_a_snapshot(ref))
    assert session.VM.get_snapshots(twin) == [ref for ref in made if ref != twin]
    assert set(disks(session, twin)) == set(disks(session, vm))
    vdi = disks(session, vm)[0]
    session.VDI.destroy(session.VDI.get_snapshots(vdi)[0])
    refused = put(daemon, session, body, "", "/import_metadata")
    assert refused["error_info"][0] == "VDI_LOCATION_MISSING"


def test_uploads_that_cannot_be_taken_are_refused_at_once(daemon: Daemon, session: Api) -> None:
    """In a transfer encoding, onto an ISO library, onto an SR that is none."""
    library = next(ref for ref, sr in session.SR.get_all_records().items() if sr["content_type"] == "iso")
    for more, query, status, error in (
        ("Transfer-Encoding: chunked\r\n", "", b"403", ["IMPORT_ERROR_CANNOT_HANDLE_CHUNKED"]),
        ("Content-Length: 100\r\n", f"&sr_id={library}", b"400", ["SR_OPERATION_NOT_SUPPORTED", library]),
        ("Content-Length: 100\r\n", "&sr_id=OpaqueRef:x", b"400", ["HANDLE_INVALID", "SR", "OpaqueRef:x"]),
    ):
        task = session.task.create("import", "")
        with tls(daemon) as client:
            target = f"/import?session_id={session.session_id}&task_id={task}{query}"
            client.sendall(f"PUT {target} HTTP/1.1\r\n{more}\r\n".encode())
            assert read_head(client).split()[1] == status
        assert ended(session, task)["error_info"] == error
    default = sr_of(session)
    session.pool.set_default_SR(session.pool.get_all()[0], NULL)
    task = session.task.create("import", "")
    status, _, _ = request(daemon, "PUT", f"/import?session_id={session.session_id}&task_id={task}", b"x")
    assert status == 400
    assert ended(session, task)["error_info"] == ["DEFAULT_SR_NOT_FOUND", ""]
    session.pool.set_default_SR(session.pool.get_all()[0], default)


def test_a_host_without_the_storage_sends_clients_to_one_that_has_it(xapid_daemons: Daemons) -> None:
    """With the same path and query, at an address where they are served."""
    daemon = xapid_daemons.start("--hosts", "2")
    session = Api(daemon)
    local = {}
    for ref, sr in session.SR.get_all_records().items():
        hosts = {session.PBD.get_host(pbd) for pbd in sr["PBDs"] if session.PBD.get_currently_attached(pbd)}
        if len(hosts) == 1 and sr["content_type"] not in ("iso", "disk"):
            local[next(iter(hosts))] = ref
    master = session.pool.get_master(session.pool.get_all()[0])
    other = next(host for host in local if host != master)
    task = session.task.create("import", "")
    target = f"/import/?session_id={session.session_id}&task_id={task}&sr_id={local[other]}"
    status, headers, body = request(daemon, "PUT", target, b"")
    assert (status, body) == (302, b"")
    address = session.host.get_address(other)
    assert headers["location"] == f"https://{address}:{daemon.port}{target}"
    assert session.task.get_status(task) == "pending"
    connection = http.client.HTTPSConnection(address, daemon.port, context=unverified(), timeout=LIMIT)
    connection.request("PUT", target, archive(DISK))
    assert connection.getresponse().status == 200
    (vm,) = vms_of(ended(session, task))
    assert session.VDI.get_SR(disks(session, vm)[0]) == local[other]
    status, headers, _ = request(daemon, "GET", f"/export?session_id={session.session_id}&ref={vm}")
    assert status == 302
    assert address in headers["location"]


@contextmanager
def web_server(files: dict[str, bytes | str]) -> Iterator[str]:
    """The address of a server with files, or redirects to other addresses."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = files.get(self.path)
            if isinstance(found, str):
                self.send_response(302)
                self.send_header("Location", found)
                self.end_headers()
                return
            self.send_response(200 if found is not None else 404)
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_the_server_fetches_archives_by_itself(daemon: Daemon, session: Api) -> None:
    """Over some redirects but not over many, and to nothing but HTTP; from another pool as from any web server."""
    fetch, sr = session.VM.__getattr__("import"), sr_of(session)
    files: dict[str, bytes | str] = {
        "/vm.xva": archive(DISK),
        "/half.xva": archive(DISK)[: 2 * CHUNK],
        "/local": "file:///etc/passwd",
    }
    files |= {f"/{n}": f"/{n - 1}" for n in range(2, 8)} | {"/1": "/vm.xva"}
    before = everything(session)
    with web_server(files) as url:
        for path in ("/none", "/local", "/7", "/half.xva"):
            with pytest.raises(XenAPI.Failure, match="IMPORT_ERROR"):
                fetch(f"{url}{path}", sr, False, False)
        assert everything(session) == before
        (vm,) = fetch(f"{url}/5", sr, False, False)
    with pytest.raises(XenAPI.Failure, match="IMPORT_ERROR"):
        fetch(url, sr, False, False)
    assert disks_of(get(daemon, session, vm)).popitem()[1] == DISK
    export = f"https://root:{quote(daemon.password or '')}@{daemon.address}:{daemon.port}/export?ref={vm}"
    (again,) = fetch(export, sr, False, False)
    assert disks_of(get(daemon, session, again)).popitem()[1] == DISK

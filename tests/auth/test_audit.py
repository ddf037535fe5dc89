from __future__ import annotations

import stat
from datetime import UTC, datetime

import pytest

from xapid.auth.audit import AuditLog, FileStore, MemoryStore
from xapid.auth.sessions import ROOT, Identity
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.wire.call import Origin

HOST = "OpaqueRef:host"
api = catalogue()


@pytest.fixture
def audit(db, clock) -> AuditLog:
    return AuditLog(db, clock, MemoryStore(), "coordinator")


@pytest.fixture
def root(sessions):
    return sessions.open(ROOT, HOST, originator="tool")


def call(audit, session, name, *args, error: XenAPIError | Exception | None = None):
    try:
        with audit.call(session, api.messages[name], args, Origin(peer="192.0.2.9")):
            if error is not None:
                raise error
    except Exception as raised:
        assert raised is error


def test_a_call_with_effect_is_one_line_that_says_who_did_what_to_what(audit, root, db):
    with db.transaction() as tx:
        vm = tx.create("VM", name_label="it's", uuid="u-u-i-d")
    call(audit, root, "VM.start", vm, False, True)
    assert list(audit.lines()) == [
        "[2023-11-14T22:13:20.000Z|audit|coordinator] ('LOCAL_SUPERUSER' 'root' 'tool' '192.0.2.9' 'ALLOWED' 'OK' 'API' "
        f"'VM.start' (('vm' 'it\\'s' 'u-u-i-d' '{vm}') ('start_paused' 'False') ('force' 'True')))"
    ]


def test_a_failed_call_says_how_it_failed(audit, root):
    call(audit, root, "VM.start", "OpaqueRef:x", False, False, error=XenAPIError("HANDLE_INVALID", "VM", "OpaqueRef:x"))
    call(audit, root, "VM.start", "OpaqueRef:x", False, False, error=ValueError())
    first, second = audit.lines()
    assert "'ALLOWED' 'HANDLE_INVALID'" in first
    assert "'ALLOWED' 'INTERNAL_ERROR'" in second


@pytest.mark.parametrize(
    ("name", "args", "is_logged"),
    [
        ("VM.set_name_label", ("OpaqueRef:x", "new"), True),
        ("VM.assert_can_boot_here", ("OpaqueRef:x", HOST), True),
        ("event.register", (["VM"],), True),
        ("event.inject", ("VM", "OpaqueRef:x"), True),
        ("event.from", (["VM"], "", 0.0), False),
        ("event.next", (), False),
        ("event.get_current_id", (), False),
        ("message.get_since", (datetime.now(UTC),), False),
        ("host.tickle_heartbeat", (HOST, frozenmap()), False),
        ("pool.audit_log_append", ("line",), False),
    ],
)
def test_every_call_but_reading_is_logged_except_those_that_clients_make_all_the_time(audit, root, name, args, is_logged):
    call(audit, root, name, *args)
    assert len(list(audit.lines())) == is_logged


def test_a_call_that_reads_is_logged_only_when_it_is_denied(audit, sessions, rbac):
    session = sessions.open(Identity(user="bob", auth_user_sid="S-bob"), HOST)
    call(audit, session, "VM.get_record", "OpaqueRef:x")
    assert list(audit.lines()) == []
    call(audit, session, "VM.get_record", "OpaqueRef:x", error=rbac.denial("vm.get_record"))
    (line,) = audit.lines()
    assert "('S-bob' 'bob' '' '192.0.2.9' 'DENIED' 'RBAC_PERMISSION_DENIED' 'API' 'VM.get_record'" in line


SECRET = "s3cr3t-value"


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("session.login_with_password", ("root", SECRET, "1.1", "")),
        ("session.change_password", (SECRET, SECRET)),
        ("session.slave_login", (HOST, SECRET)),
        ("secret.create", ({"value": SECRET},)),
        ("secret.set_value", ("OpaqueRef:s", SECRET)),
        ("pool.join", ("192.0.2.1", "root", SECRET)),
        ("host.enable_external_auth", (HOST, frozenmap({"pass": SECRET}), "service", "AD")),
        ("VM.add_to_other_config", ("OpaqueRef:vm", "password", SECRET)),
    ],
)
def test_no_line_holds_a_secret(audit, root, name, args):
    call(audit, root, name, *args)
    assert SECRET not in "\n".join(audit.lines())


def test_a_login_says_who_wanted_to_come_in(audit, sessions):
    refused = XenAPIError("SESSION_AUTHENTICATION_FAILED", "eve", "no")
    call(audit, sessions.anonymous, "session.login_with_password", "eve", SECRET, "1.1", "", error=refused)
    (line,) = audit.lines()
    assert line.endswith(
        "('NONE' 'nobody' '' '192.0.2.9' 'ALLOWED' 'SESSION_AUTHENTICATION_FAILED' 'API' "
        "'session.login_with_password' (('uname' 'eve')))"
    )


def test_no_line_holds_a_session(audit, root, sessions):
    other = sessions.open(ROOT, HOST)
    call(audit, root, "session.set_other_config", other.ref, frozenmap())
    call(audit, root, "session.logout")
    assert "OpaqueRef" not in "\n".join(audit.lines())


def test_nobody_can_forge_a_line(audit, sessions):
    session = sessions.open(ROOT, HOST, originator="x\n[2030-01-01T00:00:00.000Z|audit|h] ('forged'")
    call(audit, session, "VM.start", "OpaqueRef:x", False, False)
    audit.append("one\ntwo")
    assert [line.startswith("[2023-") for line in audit.lines()] == [True, True]


def test_handlers_are_logged_by_their_action(audit, root):
    audit.http(root, "get_export", "HANDLE_INVALID")
    (line,) = audit.lines()
    assert "'ALLOWED' 'HANDLE_INVALID' 'HTTP' 'http/get_export'" in line


def test_statistics_are_fetched_all_the_time_and_logged_only_when_they_are_refused(audit, root):
    audit.http(root, "rrd_updates")
    assert list(audit.lines()) == []
    audit.http(root, "rrd_updates", "RBAC_PERMISSION_DENIED")
    (line,) = audit.lines()
    assert "'DENIED' 'RBAC_PERMISSION_DENIED' 'HTTP' 'http/rrd_updates'" in line


def test_lines_can_be_read_from_a_time_on(audit, clock):
    audit.append("early")
    clock.advance(60)
    audit.append("late")
    since = datetime.fromtimestamp(clock.seconds(), UTC)
    assert [line.rsplit(" ", 1)[1] for line in audit.lines(since)] == ["late"]
    assert len(list(audit.lines())) == 2


def test_memory_keeps_the_latest_lines():
    store = MemoryStore(2)
    for number in range(3):
        store.append(str(number))
    assert list(store.lines()) == ["1", "2"]


def test_a_file_is_rotated_and_read_from_the_oldest_line_that_is_left(tmp_path):
    path = tmp_path / "audit.log"
    store = FileStore(path, size=20, kept=3)
    for number in range(10):
        store.append(f"line {number:03}")
    assert [line[-3:] for line in store.lines()] == ["004", "005", "006", "007", "008", "009"]
    assert len(list(tmp_path.iterdir())) == 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    store.close()
    again = FileStore(path, size=20, kept=3)
    again.append("line 010")
    assert list(again.lines())[-1] == "line 010"
    again.close()


def test_whoever_reads_the_log_misses_nothing_and_sees_nothing_twice_when_files_move_on(tmp_path):
    store = FileStore(tmp_path / "audit.log", size=20, kept=3)
    for number in range(6):
        store.append(f"line {number:03}")
    reading = store.lines()
    read = [next(reading)]
    for number in range(6, 10):
        store.append(f"line {number:03}")
        store.flush()
    read += reading
    assert read == [f"line {number:03}" for number in range(6)]
    store.close()


def test_lines_are_in_the_file_by_the_end_of_the_turn(db, clock, root, tmp_path):
    audit = AuditLog(db, clock, FileStore(tmp_path / "audit.log"))
    for _ in range(2):
        call(audit, root, "VM.start", "OpaqueRef:x", False, False)
    clock.advance(0)
    assert (tmp_path / "audit.log").read_text().count("VM.start") == 2


def test_calls_go_on_when_the_log_cannot_be_written(db, clock, root, xapid_logged):
    class Full(MemoryStore):
        def flush(self) -> None:
            raise OSError("no space left")

    call(AuditLog(db, clock, Full()), root, "VM.start", "OpaqueRef:x", False, False)
    clock.advance(0)
    assert len(xapid_logged.flush(OSError)) == 1

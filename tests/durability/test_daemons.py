"""Daemons that are killed or run out of disk while 64 clients write: what was acknowledged is there afterwards."""

from __future__ import annotations

import random
import re
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from durability.load import Acknowledged, some_vms, write_until_it_is_gone
from durability.test_backup import unpacked
from xapid.database import Database
from xapid.database.journal import NoJournal, layout
from xapid.database.journal.sqlite import loaded
from xapid.datamodel.catalogue import Catalogue, catalogue
from xapid.ids import Ids
from xapid.state.check import check
from xapid.state.directory import read_seal
from xapid.testing.processes import DaemonFailed, session_of

KILLS = 20
WRITERS = 64
JOURNAL_FAILED = 74


class _Kept(NoJournal):
    def __init__(self, state: Path) -> None:
        self._connection = layout.reading(state / "database")
        self._seal = read_seal(state)

    def load(self, api: Catalogue):
        yield from loaded(self._connection, api, self._seal)
        self._connection.close()


def kept(state: Path) -> Database:
    db = Database(catalogue(), Ids(), _Kept(state))
    db.load()
    return db


def assert_kept(seen: Acknowledged, state: Path) -> None:
    """Every change that was acknowledged is there, and nothing that nobody asked for."""
    assert check(state).problems == []
    db = kept(state)
    for vm, number in seen.named.items():
        (found,) = re.fullmatch(r"name (\d+)", db.get("VM", vm).name_label).groups()
        assert number <= int(found) <= seen.asked[vm]
    secrets = set(db.table("secret").refs())
    assert seen.made <= secrets
    assert not seen.destroyed & secrets


def test_twenty_kills_under_64_writers_lose_nothing_that_was_acknowledged(xapid_daemons, tmp_path):
    state = tmp_path / "state"
    flags = ("--state", str(state), "--preset", "standalone")
    seen, chance = Acknowledged(), random.Random(3)
    vms: list[str] = []
    for round_ in range(KILLS):
        daemon = xapid_daemons.start(*flags)
        if not vms:
            with session_of(daemon) as session:
                vms = some_vms(session, WRITERS // 2)
            seen.named, seen.asked = dict.fromkeys(vms, 0), dict.fromkeys(vms, 0)
        before = seen.answers

        def kill(daemon=daemon, before=before) -> None:
            deadline = time.monotonic() + 20
            while seen.answers < before + WRITERS and time.monotonic() < deadline:
                time.sleep(0.005)
            time.sleep(chance.uniform(0, 0.2))
            daemon.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        write_until_it_is_gone(daemon, vms, WRITERS - len(vms), seen)
        killer.join()
        assert seen.answers >= before + WRITERS, f"round {round_}: the writers did not get going"
        assert_kept(seen, state)
    with session_of(xapid_daemons.start(*flags)) as session:
        assert set(session.xenapi.secret.get_all()) >= seen.made


def test_a_full_disk_ends_the_daemon_with_status_74_and_nothing_is_acknowledged_after_it(xapid_daemons, tmp_path):
    state = tmp_path / "state"
    flags = ("--state", str(state), "--preset", "standalone")
    daemon = xapid_daemons.start(*flags)
    with session_of(daemon) as session:
        vms = some_vms(session, 8)
    seen = Acknowledged(dict.fromkeys(vms, 0), dict.fromkeys(vms, 0))
    full = max((state / name).stat().st_size for name in ("database", "database-wal")) + 64 * 1024
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (full, full))
    write_until_it_is_gone(daemon, vms, 8, seen)
    assert daemon.process.wait(20) == JOURNAL_FAILED
    assert "the journal cannot be written, nothing is acknowledged any more: disk I/O error" in daemon.log
    assert seen.answers > 0
    assert_kept(seen, state)
    xapid_daemons.start(*flags)


def test_every_acknowledged_change_had_a_sync_of_its_own(xapid_daemons, tmp_path, tool):
    """One client that waits for each answer is a group of one for each change; strace counts what reaches the disk."""
    strace = tool("strace")
    daemon = xapid_daemons.start("--state", str(tmp_path / "state"), "--preset", "standalone")
    counted = tmp_path / "counted"
    with session_of(daemon) as session:
        pool = session.xenapi.pool.get_all()[0]
        tracer = subprocess.Popen(
            [strace, "-f", "-e", "trace=fsync,fdatasync", "-o", counted, "-p", str(daemon.process.pid)],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert tracer.stderr is not None
        said = tracer.stderr.readline()
        if "attached" not in said:
            tracer.wait()
            pytest.skip(f"strace may not attach: {said.strip()}")
        for number in range(25):
            session.xenapi.pool.set_name_label(pool, f"name {number}")
        tracer.terminate()
        tracer.communicate()
    syncs = re.findall(r"(?:fsync|fdatasync)\(|<\.\.\. f(?:data)?sync resumed", counted.read_text())
    assert len([sync for sync in syncs if "resumed" not in sync]) >= 25


def test_a_copy_of_a_living_daemon_starts_as_the_same_daemon(xapid_daemons, tmp_path):
    state, file = tmp_path / "state", tmp_path / "copy.tar.gz"
    daemon = xapid_daemons.start("--state", str(state), "--preset", "standalone")
    with session_of(daemon) as session:
        (vm, *_) = some_vms(session, 1)
        subprocess.run([sys.executable, "-m", "xapid", "backup", state, file], check=True)
        session.xenapi.VM.destroy(vm)
        with pytest.raises(DaemonFailed, match=rf"another daemon \(process {daemon.process.pid}\) uses"):
            xapid_daemons.start("--state", str(state))
        pools = session.xenapi.pool.get_all()
    copy = unpacked(file, tmp_path / "copy")
    assert check(copy).problems == []
    again = xapid_daemons.start("--state", str(copy))
    assert again.ready["fingerprint"] == daemon.ready["fingerprint"]
    with session_of(again) as session:
        assert session.xenapi.pool.get_all() == pools
        assert session.xenapi.VM.get_name_label(vm) == "name 0"


def test_names_made_after_a_start_with_a_seed_are_not_those_made_before(xapid_daemons, tmp_path):
    flags = ("--state", str(tmp_path / "state"), "--preset", "standalone", "--seed", "7")
    made = set()
    for _ in range(3):
        daemon = xapid_daemons.start(*flags)
        with session_of(daemon) as session:
            made |= set(some_vms(session, 2))
        daemon.stop()
    assert len(made) == 6
    assert check(tmp_path / "state").problems == []

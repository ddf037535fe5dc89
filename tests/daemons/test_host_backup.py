"""A daemon's backup over HTTP, and the daemon that it makes of another one."""

from __future__ import annotations

import tarfile

import pytest

from archives_over_https import asked
from xapid.state.backup import BackupError
from xapid.state.restore import RESTORED, put_in_place, unpack
from xapid.testing.waiting import ended, starts_again


@pytest.fixture
def kept(xapid_daemons, tmp_path):
    return xapid_daemons.start("--preset", "standalone", "--state", str(tmp_path / "state"))


def test_a_host_is_again_what_it_was_when_the_backup_was_made(kept, tmp_path):
    session = kept.session()
    api = session.xenapi
    pool = api.pool.get_all()[0]
    api.pool.set_name_label(pool, "as it was")
    status, data = asked(kept, "GET", "/host_backup", session_id=session._session)
    assert status == 200
    (tmp_path / "backup.tar").write_bytes(data)
    with tarfile.open(tmp_path / "backup.tar") as archive:
        assert {"database", "host.pem"} <= set(archive.getnames())
    api.pool.set_name_label(pool, "changed")
    for broken in (b"rubbish", data[: len(data) // 2]):
        task = api.task.create("restore", "")
        asked(kept, "PUT", "/host_restore", broken, session_id=session._session, task_id=task)
        assert ended(api, task)["error_info"][0] == "RESTORE_SCRIPT_FAILED"
    assert not [path for path in (tmp_path / "state").iterdir() if path.name.startswith(".")]
    task = api.task.create("restore", "")
    asked(kept, "PUT", "/host_restore", data, session_id=session._session, task_id=task)
    assert ended(api, task)["status"] == "success"
    starts_again(session)
    assert api.pool.get_name_label(pool) == "as it was"
    assert not (tmp_path / "state" / RESTORED).exists()


def test_a_restore_that_a_power_cut_interrupted_goes_on(kept, tmp_path):
    """Whatever has been put in its place already, the rest follows; what is no part of a backup stays."""
    session = kept.session()
    _, data = asked(kept, "GET", "/host_backup", session_id=session._session)
    kept.stop()
    (tmp_path / "backup.tar").write_bytes(data)
    state = tmp_path / "other"
    state.mkdir(mode=0o700)
    (state / "audit.log").write_text("kept")
    (state / "database").write_text("old")
    (state / "database-wal").write_text("old")
    unpack(state, tmp_path / "backup.tar")
    assert (state / "database").read_text() == "old"
    (state / RESTORED / "host.pem").replace(state / "host.pem")
    assert put_in_place(state)
    assert not put_in_place(state)
    assert (state / "database").read_bytes()[:15] == b"SQLite format 3"
    assert not (state / "database-wal").exists()
    assert (state / "audit.log").read_text() == "kept"
    with pytest.raises(BackupError, match="cannot be unpacked"):
        unpack(state, tmp_path / "missing.tar")


def test_a_backup_cannot_reach_outside(tmp_path):
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (tmp_path / "file").write_text("x")
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        archive.add(tmp_path / "file", "../escaped")
    with pytest.raises(BackupError):
        unpack(state, tmp_path / "bad.tar")
    assert not (tmp_path / "escaped").exists()
    assert list(state.iterdir()) == []

"""``xapid backup STATE FILE``: what is in the copy, and that it is of one moment."""

from __future__ import annotations

import tarfile
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from durability.conftest import AtOnce, database, kept
from xapid.command import main
from xapid.state.backup import BackupError, backup
from xapid.state.check import check


def unpacked(file: Path, to: Path) -> Path:
    """What a person does to restore."""
    to.mkdir(mode=0o700)
    with tarfile.open(file) as archive:
        archive.extractall(to, filter="data")
    return to


@pytest.mark.parametrize("name", ["copy.tar", "copy.tar.gz"])
def test_what_was_copied_is_a_sound_state_directory_with_everything_in_it(state: Path, tmp_path: Path, name: str) -> None:
    (state / "initial-password").write_text("p\n")
    (state / "secrets.key").write_text("00" * 32)
    (state / "secrets.key").chmod(0o600)
    (state / "audit.log").write_text("who did what\n")
    result = CliRunner().invoke(main, ["backup", str(state), str(tmp_path / name)])
    assert result.exit_code == 0, result.output
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    copy = unpacked(tmp_path / name, tmp_path / "copy")
    assert sorted(path.name for path in copy.iterdir()) == [
        "blobs", "database", "host.pem", "initial-password", "secrets.key",
    ]  # fmt: skip
    found = check(copy)
    assert (found.problems, found.notes, found.objects.total()) == ([], [], 4)
    assert (copy / "host.pem").read_bytes() == (state / "host.pem").read_bytes()
    (blob,) = (copy / "blobs").iterdir()
    assert blob.read_bytes() == b"blob"
    assert sorted(tmp_path.iterdir()) == sorted([state, copy, tmp_path / name])


def test_a_copy_of_a_database_that_is_written_has_whole_transactions_of_one_moment(state: Path, tmp_path: Path) -> None:
    db = database(AtOnce(state / "database"), seed=2)
    db.load()
    vm = db.table("VM").rows()[0].ref
    moments = {db.generation: kept(db)}
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            with db.transaction() as tx:
                tx.update(vm, name_label=f"after {db.generation}")
                tx.create("secret", value=f"after {db.generation}")
            moments[db.generation] = kept(db)

    writer = threading.Thread(target=write)
    writer.start()
    copies = []
    try:
        for number in range(4):
            backup(state, tmp_path / "copy.tar")
            copies.append(unpacked(tmp_path / "copy.tar", tmp_path / f"copy{number}"))
    finally:
        stop.set()
        writer.join()
        db.close()
    generations = []
    for copy in copies:
        assert check(copy).problems == []
        restored = database(AtOnce(copy / "database"))
        restored.load()
        assert kept(restored) == moments[restored.generation]
        generations.append(restored.generation)
        restored.close()
    assert generations == sorted(generations)
    assert generations[-1] > 1


def test_a_copy_replaces_an_older_one_whole(state: Path, tmp_path: Path) -> None:
    file = tmp_path / "copy.tar"
    file.write_bytes(b"older")
    backup(state, file)
    assert check(unpacked(file, tmp_path / "copy")).problems == []


@pytest.mark.parametrize("content", [None, b"", b"something else" * 1000])
def test_what_is_no_state_directory_is_not_copied(tmp_path: Path, content: bytes | None) -> None:
    state = tmp_path / "state"
    state.mkdir()
    if content is not None:
        (state / "database").write_bytes(content)
    with pytest.raises(BackupError, match=str(state)):
        backup(state, tmp_path / "copy.tar")
    assert list(tmp_path.iterdir()) == [state]


def test_files_that_are_replaced_while_they_are_copied_are_taken_again(state: Path, tmp_path: Path, monkeypatch) -> None:
    from xapid.state import backup as room

    copies = []

    def copy_database(source: Path, target: Path) -> None:
        if not copies:
            (state / "host.pem.new").write_bytes((state / "host.pem").read_bytes() + b"\n# renewed\n")
            (state / "host.pem.new").replace(state / "host.pem")
        copies.append(target)
        original(source, target)

    original = room._copy_database
    monkeypatch.setattr(room, "_copy_database", copy_database)
    backup(state, tmp_path / "copy.tar")
    assert len(copies) == 2
    assert b"# renewed" in (unpacked(tmp_path / "copy.tar", tmp_path / "copy") / "host.pem").read_bytes()

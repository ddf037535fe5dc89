"""``xapid check STATE``: what it finds wrong, and what it leaves alone."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from xapid.command import main
from xapid.database.journal import layout
from xapid.state.check import Findings, check

OLD = """
CREATE TABLE objects (class TEXT, ref TEXT PRIMARY KEY, created INTEGER, modified INTEGER, body BLOB);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT);
INSERT INTO objects VALUES ('VM', 'OpaqueRef:2', 2, 9, '{"name_label": "second"}');
INSERT INTO objects VALUES ('VM', 'OpaqueRef:1', 1, 1, '{"name_label": "first"}');
INSERT INTO meta VALUES ('generation', '9');
PRAGMA user_version = 1;
"""
"""A file as version 1 wrote it."""


def spoil(state: Path, statement: str, *values: object) -> Findings:
    with closing(sqlite3.connect(state / "database")) as connection, connection:
        connection.execute(statement, values)
    return check(state)


def test_a_sound_directory_has_no_problems_and_stays_as_it_is(state: Path) -> None:
    before = {path: hashlib.sha256(path.read_bytes()).digest() for path in state.rglob("*") if path.is_file()}
    found = check(state)
    assert (found.problems, found.notes) == ([], [])
    assert (found.version, found.generation, found.objects["VM"], found.objects.total()) == (layout.VERSION, 1, 1, 4)
    assert {path: hashlib.sha256(path.read_bytes()).digest() for path in before} == before


def test_a_body_that_cannot_be_read_is_named(state: Path) -> None:
    (problem,) = spoil(state, "UPDATE objects SET body = ? WHERE class = 'VM'", b"{").problems
    assert problem.startswith("VM OpaqueRef:")
    assert "cannot be read" in problem


@pytest.mark.parametrize(
    ("body", "field"),
    [(b'{"is_a_template": 1}', "is_a_template"), (b'{"power_state": "Off"}', "power_state"), (b'{"tags": [1]}', "tags")],
)
def test_a_value_of_the_wrong_type_is_named(state: Path, body: bytes, field: str) -> None:
    problems = spoil(state, "UPDATE objects SET body = ? WHERE class = 'VM'", body).problems
    assert any(f"{field} is not of type" in problem for problem in problems)


def test_two_objects_with_one_uuid_are_a_problem(state: Path) -> None:
    twin = "INSERT INTO objects (class, ref, created, modified, body) SELECT class, 'OpaqueRef:x', 1, 1, body FROM objects"
    assert any("another object has its uuid" in problem for problem in spoil(state, twin + " WHERE class = 'VM'").problems)


def test_a_class_that_is_none_is_a_problem(state: Path) -> None:
    assert any("no such class" in problem for problem in spoil(state, "UPDATE objects SET class = 'PC'").problems)


def test_a_reference_to_what_is_gone_is_only_worth_a_note(state: Path) -> None:
    found = spoil(state, "DELETE FROM objects WHERE class = 'VDI'")
    assert (found.problems, found.notes) == ([], ["VBD.VDI points at objects that are gone, 1 times"])


def test_a_newer_version_is_refused(state: Path) -> None:
    (problem,) = spoil(state, "PRAGMA user_version = 99").problems
    assert "version 99" in problem


def test_an_older_version_is_checked_as_what_the_next_start_makes_of_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with closing(sqlite3.connect(tmp_path / "database")) as connection:
        connection.executescript(OLD)
    found = check(tmp_path)
    assert found.problems == []
    assert (found.version, found.generation, found.objects["VM"]) == (1, 9, 2)
    assert found.notes[0] == f"the next start brings the database to version {layout.VERSION}"
    assert check(tmp_path).version == 1


def test_a_torn_page_is_a_problem(state: Path) -> None:
    file = state / "database"
    content = bytearray(file.read_bytes())
    content[4096 * 2 : 4096 * 3] = b"\xff" * 4096
    file.write_bytes(content)
    assert check(state).problems


def test_what_is_no_database_is_a_problem(state: Path) -> None:
    (state / "database").write_bytes(b"something else" * 1000)
    assert "file is not a database" in check(state).problems[0]


def test_blobs_and_certificate_are_looked_at(state: Path) -> None:
    (state / "blobs" / "stray").write_bytes(b"")
    (blob,) = (path for path in (state / "blobs").iterdir() if path.name != "stray")
    blob.write_bytes(b"longer")
    (state / "host.pem").write_bytes(b"no certificate")
    found = check(state)
    assert len(found.notes) == 2
    assert len(found.problems) == 1


def test_a_directory_that_others_may_read_is_a_problem(state: Path) -> None:
    state.chmod(0o755)
    assert "mode 0700" in check(state).problems[0]


def test_the_command_says_what_it_found_and_ends_accordingly(state: Path) -> None:
    good = CliRunner().invoke(main, ["check", str(state)])
    assert (good.exit_code, good.output.splitlines()[-1]) == (0, f"{state} is sound")
    (state / "database").unlink()
    bad = CliRunner().invoke(main, ["check", str(state)])
    assert bad.exit_code == 1
    assert "problem: " in bad.output


def test_a_key_that_others_may_read_or_that_is_none_is_a_problem(state):
    key = state / "secrets.key"
    for text, mode, reason in (
        ("00" * 32, 0o640, "open to others"),
        ("00", 0o600, "1 bytes"),
        ("key", 0o600, "non-hexadecimal"),
    ):
        key.write_text(text)
        key.chmod(mode)
        (problem,) = check(state).problems
        assert reason in problem

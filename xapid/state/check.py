"""Whether a state directory is sound: ``xapid check STATE``. It changes nothing, and may look at one that is in use."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import attrs

from xapid.certificates.pair import Certificate
from xapid.database import Database, consistency
from xapid.database.journal import JournalError, Loaded, NoJournal, Seal, layout
from xapid.database.journal.notation import ClassReader, Sharing
from xapid.datamodel.catalogue import Catalogue, catalogue
from xapid.ids import Ids
from xapid.state.directory import BLOBS, CERTIFICATE, DATABASE, HOSTS, INTERNAL, SECRETS_KEY, read_seal


@attrs.define
class Findings:
    """What was found in a state directory."""

    version: int | None = None
    """Of the database's layout."""
    generation: int = 0
    objects: Counter[str] = attrs.Factory(Counter)
    """How many of each class."""
    problems: list[str] = attrs.Factory(list)
    """What must not be, each as a sentence."""
    notes: list[str] = attrs.Factory(list)
    """What is worth knowing, each as a sentence."""


def check(state: Path) -> Findings:
    """Look at everything in ``state``."""
    findings = Findings()
    if not state.is_dir():
        findings.problems.append(f"{state} is not a directory")
        return findings
    if state.stat().st_mode & 0o077:
        findings.problems.append(f"{state} is open to others; it holds keys and must have mode 0700")
    db = _check_database(state / DATABASE, _check_key(state, findings), findings)
    _check_certificate(state / CERTIFICATE, findings)
    for path in (state / INTERNAL, *sorted((state / HOSTS).glob("*.pem"))):
        if path.exists():
            _check_certificate(path, findings)
    if db is not None:
        _check_blobs(db, state / BLOBS, findings)
    return findings


def _check_key(state: Path, findings: Findings) -> Seal | None:
    """What secrets are sealed with, if it is there."""
    path = state / SECRETS_KEY
    if not path.exists():
        return None
    try:
        return read_seal(state)
    except (OSError, ValueError) as problem:
        findings.problems.append(f"{path}: {problem}")
        return None


def _check_database(path: Path, seal: Seal | None, findings: Findings) -> Database | None:
    """What the file makes of a database, if it can be read."""
    if not path.is_file():
        findings.problems.append(f"{path} is not there")
        return None
    try:
        with closing(layout.reading(path)) as connection:
            findings.version = layout.version_of(connection)
            if findings.version == 0:
                findings.problems.append(f"{path} is empty")
                return None
            findings.problems += [f"{path}: {line}" for line in _integrity(connection)]
            if findings.version < layout.VERSION:
                findings.notes.append(f"the next start brings the database to version {layout.VERSION}")
                with closing(layout.upgraded_copy(connection)) as upgraded:
                    return _load(upgraded, seal, findings)
            return _load(connection, seal, findings)
    except (JournalError, sqlite3.Error) as problem:
        findings.problems.append(f"{path}: {problem}")
        return None


def _integrity(connection: sqlite3.Connection) -> Iterator[str]:
    """What SQLite finds in its own structures, line by line."""
    for (line,) in connection.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield line


def _load(connection: sqlite3.Connection, seal: Seal | None, findings: Findings) -> Database:
    api = catalogue()
    db = Database(api, Ids(), _Kept(_decoded(connection, api, seal, findings), layout.meta(connection), findings))
    db.load()
    findings.generation = db.generation
    findings.objects = Counter({name: len(table) for name, table in db.tables.items() if len(table)})
    findings.problems += consistency.problems(db)
    lost = Counter(f"{cls}.{field}" for cls, _, field, _ in consistency.dangling(db))
    findings.notes += [f"{field} points at objects that are gone, {times} times" for field, times in sorted(lost.items())]
    return db


def _decoded(connection: sqlite3.Connection, api: Catalogue, seal: Seal | None, findings: Findings) -> Iterator[Loaded]:
    sharing = Sharing()
    readers = {cls.name: ClassReader(cls, sharing, seal) for cls in api.classes.values()}
    for cls, ref, created, modified, body in layout.lines(connection):
        read = readers.get(cls)
        if read is None:
            findings.problems.append(f"{cls} {ref}: there is no such class")
            continue
        try:
            yield Loaded(cls, ref, created, modified, read(body))
        except ValueError as problem:
            findings.problems.append(f"{cls} {ref} cannot be read: {problem}")


class _Kept(NoJournal):
    """What was read, as a database loads it."""

    def __init__(self, objects: Iterator[Loaded], meta: dict[str, str], findings: Findings) -> None:
        self._objects = objects
        if not meta.get("generation", "0").isdigit():
            findings.problems.append(f"the generation of the database is {meta.pop('generation')}")
        self._meta = meta

    def load(self, api: Catalogue) -> Iterator[Loaded]:
        return self._objects

    def load_meta(self) -> dict[str, str]:
        return self._meta


def _check_certificate(path: Path, findings: Findings) -> None:
    if not path.exists():
        findings.notes.append(f"{path} is not there; a start without --certificate makes a new one")
        return
    try:
        Certificate.load(path)
    except (OSError, ValueError) as problem:
        findings.problems.append(f"{path}: {problem}")


def _check_blobs(db: Database, directory: Path, findings: Findings) -> None:
    sizes = {file.name: file.stat().st_size for file in directory.iterdir()} if directory.is_dir() else {}
    for blob in db.table("blob").rows():
        size = sizes.pop(blob.uuid, 0)
        if size != blob.size:
            findings.notes.append(f"blob {blob.ref}: {size} bytes are there, its size says {blob.size}")
    findings.notes += [f"{directory / name} belongs to no blob" for name in sorted(sizes)]

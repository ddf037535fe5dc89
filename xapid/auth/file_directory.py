"""Users in a file, for labs: ``name:hash:groups:full name`` on a line, with an argon2 hash (``xapid password --hash``).

Groups are separated by commas. Empty lines and those that begin with ``#`` are passed over. The file may be changed at any
time; who can write it decides who gets in, so it must belong to root or to the daemon's user and be writable by nobody else.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs
from argon2.exceptions import Argon2Error, InvalidHashError
from zope.interface import implementer

from xapid.auth.directory import DirectoryProblem, IDirectory, NotAuthenticated
from xapid.auth.passwords import HASHER, Run
from xapid.datamodel.errors import XenAPIError

USER, GROUP = "file:user:", "file:group:"
LARGEST: Final = 1 << 20


@attrs.frozen
class Person:
    """A line."""

    name: str
    hash: str = attrs.field(repr=False)
    groups: tuple[str, ...]
    full_name: str


@implementer(IDirectory)
class FileDirectory:
    """``run`` is where passwords are checked."""

    def __init__(self, path: Path, run: Run) -> None:
        self._path = path
        self._run = run
        self._stand_in = HASHER.hash(os.urandom(16).hex())

    async def probe(self) -> None:
        """See that the file can be used. Raises DirectoryProblem."""
        self._read()

    async def authenticate(self, username: str, password: str) -> str:
        person = self._read().get(username)
        encoded = self._stand_in if person is None else person.hash
        right = await self._run(lambda: _matches(encoded, password))
        if person is None or not right:
            raise NotAuthenticated
        return f"{USER}{username}"

    async def get_subject_identifier(self, name: str) -> str:
        people = self._people()
        if name in people:
            return f"{USER}{name}"
        if name in _groups(people):
            return f"{GROUP}{name}"
        raise XenAPIError("SUBJECT_CANNOT_BE_RESOLVED")

    async def get_subject_information(self, identifier: str) -> Mapping[str, str]:
        people = self._people()
        name = identifier.removeprefix(USER).removeprefix(GROUP)
        if identifier == f"{GROUP}{name}" and name in _groups(people):
            return {"subject-name": name, "subject-sid": identifier, "subject-is-group": "true"}
        if identifier != f"{USER}{name}" or name not in people:
            raise XenAPIError("SUBJECT_CANNOT_BE_RESOLVED")
        full_name = people[name].full_name or name
        return {
            "subject-name": name, "subject-sid": identifier, "subject-gecos": full_name, "subject-displayname": full_name,
            "subject-is-group": "false",
        }  # fmt: skip

    async def get_group_membership(self, identifier: str) -> Sequence[str]:
        name = identifier.removeprefix(USER)
        people = self._people()
        if identifier.startswith(GROUP) and identifier.removeprefix(GROUP) in _groups(people):
            return []
        if identifier != f"{USER}{name}" or name not in people:
            raise XenAPIError("SUBJECT_CANNOT_BE_RESOLVED")
        return [f"{GROUP}{group}" for group in people[name].groups]

    def _people(self) -> dict[str, Person]:
        """Errors: AUTH_SERVICE_ERROR."""
        try:
            return self._read()
        except DirectoryProblem as problem:
            raise XenAPIError("AUTH_SERVICE_ERROR", problem.text) from problem

    def _read(self) -> dict[str, Person]:
        """Raises DirectoryProblem."""
        try:
            with self._path.open("rb") as file:
                about = os.fstat(file.fileno())
                data = file.read(LARGEST + 1)
        except OSError as problem:
            raise DirectoryProblem("UNAVAILABLE", f"the file cannot be read: {problem.strerror}") from problem
        if not stat.S_ISREG(about.st_mode) or about.st_uid not in (0, os.geteuid()) or about.st_mode & 0o022:
            text = "the file must belong to root or to the daemon's user, and be writable by nobody else"
            raise DirectoryProblem("PERMISSION_DENIED", text)
        if len(data) > LARGEST:
            raise DirectoryProblem("UNAVAILABLE", "the file is too large")
        return {person.name: person for person in map(_person, data.decode("utf-8", "replace").splitlines()) if person}


def _person(line: str) -> Person | None:
    name, encoded, groups, full_name, *_ = [*line.strip().split(":"), "", "", ""]
    if not name or name.startswith("#") or not encoded:
        return None
    return Person(name, encoded, tuple(group.strip() for group in groups.split(",") if group.strip()), full_name)


def _groups(people: Mapping[str, Person]) -> set[str]:
    return {group for person in people.values() for group in person.groups}


def _matches(encoded: str, password: str) -> bool:
    try:
        return HASHER.verify(encoded, password)
    except (Argon2Error, InvalidHashError):
        return False

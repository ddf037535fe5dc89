"""``xapid serve`` with a directory of three people, for tests of what roles allow: ``python daemon_with_people.py FLAGS``.

``reader``, ``operator`` and ``admin`` have the roles read-only, vm-operator and pool-admin; the password of each is their name.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from zope.interface import implementer

from xapid import command, daemon
from xapid.auth.directory import IDirectory, NotAuthenticated

PEOPLE = {"reader": "read-only", "operator": "vm-operator", "admin": "pool-admin"}


@implementer(IDirectory)
class Directory:
    """Identifiers are names."""

    async def authenticate(self, username: str, password: str) -> str:
        if username not in PEOPLE or password != username:
            raise NotAuthenticated
        return username

    async def get_subject_identifier(self, name: str) -> str:
        return name

    async def get_subject_information(self, identifier: str) -> Mapping[str, str]:
        return {"subject-name": identifier}

    async def get_group_membership(self, identifier: str) -> Sequence[str]:
        return ()


class DaemonWithPeople(daemon.Daemon):
    """The daemon, once its pool is there."""

    async def start(self) -> None:
        await super().start()
        db = self.pool.db
        roles = {row.name_label: row.ref for row in db.table("role").rows()}
        with db.transaction() as transaction:
            for name, role in PEOPLE.items():
                transaction.create("subject", subject_identifier=name, other_config={}, roles=(roles[role],))
        self.pool.services.logins.directory = Directory()


if __name__ == "__main__":
    daemon.Daemon = DaemonWithPeople  # type: ignore[misc]  # where the command finds it
    command.main(["serve", *sys.argv[1:]])

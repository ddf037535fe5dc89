"""The secret that the hosts of a pool share. Two hold while it is being rotated.

A rotation goes through three stages on each daemon: it accepts the new secret beside the old; it presents the new one, and
accepts both; it accepts the new one alone. Each stage may be repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from xapid.database import Database
from xapid.ids import Ids

SECRET: Final = "pool-secret"
OTHER: Final = "pool-secret-previous"
ACCEPT, SEND, CLEAN_UP = "accept", "send", "clean-up"


class PoolSecrets:
    """Keeps the secret with the database's ``meta``, where no message shows it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def ensure(self, ids: Ids) -> None:
        """See to it that there is one."""
        if SECRET not in self._db.meta:
            self.use(new_secret(ids))

    def use(self, secret: str) -> None:
        """Share ``secret`` from now on, and no other."""
        self._set(secret, None)

    def renew(self, ids: Ids) -> None:
        """Share a new secret from now on; the old one does not hold any longer."""
        self.use(new_secret(ids))

    def stage(self, name: str, old: str, new: str) -> None:
        """Go through a stage of a rotation. Raises ValueError for a secret that is none, or not the one that holds."""
        if self.current not in (old, new):
            raise ValueError("the old secret is not the one that holds here")
        stages: dict[str, Callable[[], None]] = {
            ACCEPT: lambda: self._set(self.current, new if self.current == old else old),
            SEND: lambda: self._set(new, old),
            CLEAN_UP: lambda: self._set(new, None),
        }
        stages[name]()

    def _set(self, presented: str, other: str | None) -> None:
        with self._db.transaction() as tx:
            tx.set_meta(SECRET, presented)
            tx.set_meta(OTHER, other)

    @property
    def current(self) -> str:
        """The secret that new connections present."""
        return self._db.meta[SECRET]

    def __call__(self) -> tuple[str, ...]:
        """All that hold now."""
        return tuple(self._db.meta[key] for key in (SECRET, OTHER) if key in self._db.meta)


def new_secret(ids: Ids) -> str:
    """A secret as pools share it: three random uuids."""
    return "/".join(_uuid(ids.secret(16).hex()) for _ in range(3))


def _uuid(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

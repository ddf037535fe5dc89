"""The secret that the hosts of a pool share. Two hold while it is being rotated."""

from __future__ import annotations

from typing import Final

from xapid.database import Database
from xapid.ids import Ids

SECRET: Final = "pool-secret"
PREVIOUS: Final = "pool-secret-previous"


class PoolSecrets:
    """Keeps the secret with the database's ``meta``, where no message shows it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def ensure(self, ids: Ids) -> None:
        """See to it that there is one."""
        if SECRET not in self._db.meta:
            self.use(ids.secret(32).hex())

    def use(self, secret: str) -> None:
        """Share ``secret`` from now on."""
        with self._db.transaction() as tx:
            tx.set_meta(SECRET, secret)

    def renew(self, ids: Ids) -> None:
        """Share a new secret from now on; the old one does not hold any longer."""
        self.use(ids.secret(32).hex())

    @property
    def current(self) -> str:
        """The secret that new connections present."""
        return self._db.meta[SECRET]

    def __call__(self) -> tuple[str, ...]:
        """All that hold now."""
        return tuple(self._db.meta[key] for key in (SECRET, PREVIOUS) if key in self._db.meta)

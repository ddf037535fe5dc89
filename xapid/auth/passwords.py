"""Root's password: kept as an argon2id hash, checked away from the reactor.

The hash lives in the database's ``meta``, so the journal keeps it and no message shows it. Hashing takes tens of
milliseconds on purpose; it happens in a small thread pool of its own, so neither the hot path nor anything else that uses
threads ever waits for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar, cast

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError
from twisted.internet import defer, threads
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.threadpool import ThreadPool

from xapid.database import Database
from xapid.datamodel.errors import XenAPIError

META_KEY: Final = "root-password"
LONGEST: Final = 512
THREADS: Final = 2

HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)

T = TypeVar("T")


class Run(Protocol):
    """Runs a function somewhere where it may take its time."""

    def __call__(self, function: Callable[[], T]) -> defer.Deferred[T]: ...


class Threads:
    """A :class:`Run` with at most two threads, none of which exists before it is needed."""

    def __init__(self, reactor: IReactorFromThreads, name: str, size: int = THREADS) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(minthreads=0, maxthreads=size, name=name)

    def __call__(self, function: Callable[[], T]) -> defer.Deferred[T]:
        if not self._pool.started:
            self._pool.start()
        return cast("defer.Deferred[T]", threads.deferToThreadPool(cast(Any, self._reactor), self._pool, function))

    def stop(self) -> None:
        """Let the threads end. Waits for what they are at."""
        if self._pool.started:
            self._pool.stop()


class Passwords:
    """Checks and changes root's password."""

    def __init__(self, db: Database, run: Run, hasher: PasswordHasher = HASHER) -> None:
        self._db = db
        self._run = run
        self._hasher = hasher
        self._stand_in: str | None = None
        self.observers: list[Callable[[str], None]] = []
        """Called with the new hash after each change that a user made, when it is durable."""

    @property
    def hash(self) -> str | None:
        """The encoded argon2id hash, or None while there is no password; then nobody can log in with one."""
        return self._db.meta.get(META_KEY)

    async def verify(self, password: str) -> bool:
        """Whether this is root's password. It takes as long when it is not, or when there is none."""
        while True:
            known = self.hash
            if known is None:
                return await self.refuse(password)
            right = await self._run(lambda known=known: self._matches(known, password))  # type: ignore[misc]
            if self.hash == known:
                return right
            # It was changed meanwhile: the old one must not open a session any more.

    async def refuse(self, password: str) -> bool:
        """False, after as much work as :meth:`verify`: so that time does not tell which users exist."""
        await self._run(lambda: self._matches(self._any_hash(), password))
        return False

    async def change(self, password: str) -> None:
        """Set another password. Errors: CHANGE_PASSWORD_REJECTED."""
        _refuse_unfit(password)
        await self.take(await self._run(lambda: self._hasher.hash(password)))

    async def take(self, encoded: str) -> None:
        """Set another password, of which this is the hash. Raises ValueError for what is none."""
        self.set_hash(encoded)
        await self._db.durable()
        for observer in list(self.observers):
            observer(encoded)

    def initialise(self, password: str | None = None, tell: Callable[[str], None] = lambda made_up: None) -> str | None:
        """At start: see to it that there is a password. Blocks for one hash.

        ``password`` replaces the present one if it is another; without it one is made up when there is none, and
        returned, for this is the only time that it is known. ``tell`` hears of it before it holds, so that a daemon which
        is killed meanwhile leaves no password behind that nobody knows. Errors: CHANGE_PASSWORD_REJECTED.
        """
        known = self.hash
        if password is not None:
            _refuse_unfit(password)
            if known is None or not self._matches(known, password):
                self.set_hash(self._hasher.hash(password))
            return None
        if known is not None:
            return None
        made_up = secrets.token_urlsafe(15)
        tell(made_up)
        self.set_hash(self._hasher.hash(made_up))
        return made_up

    def set_hash(self, encoded: str) -> None:
        """Take over a hash, as a member does from its coordinator. Raises ValueError for what is none."""
        if not encoded.startswith("$argon2id$"):
            raise ValueError("not an argon2id hash")
        with self._db.transaction() as tx:
            tx.set_meta(META_KEY, encoded)

    def _matches(self, encoded: str, password: str) -> bool:
        try:
            return self._hasher.verify(encoded, password)
        except (Argon2Error, InvalidHashError):
            return False

    def _any_hash(self) -> str:
        if self._stand_in is None:
            self._stand_in = self._hasher.hash(secrets.token_urlsafe(15))
        return self._stand_in


def hashed(password: str) -> str:
    """The argon2id hash of a password. Blocks for it. Errors: CHANGE_PASSWORD_REJECTED."""
    _refuse_unfit(password)
    return HASHER.hash(password)


def _refuse_unfit(password: str) -> None:
    if not password:
        raise XenAPIError("CHANGE_PASSWORD_REJECTED", "The password must not be empty")
    if len(password) > LONGEST:
        raise XenAPIError("CHANGE_PASSWORD_REJECTED", f"The password must not be longer than {LONGEST} characters")
    if not (password.isascii() and password.isprintable()):
        raise XenAPIError("CHANGE_PASSWORD_REJECTED", "The password must consist of printable ASCII characters")

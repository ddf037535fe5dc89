"""Sessions: what a client holds after logging in, and how long it holds it.

Serves class ``session`` and the session check of every call. A session is a row of the database, which getters read, and a
:class:`Session` here, which every call finds with one dictionary lookup. Its reference is the secret that authorizes, so
references of other sessions are never shown to anyone.

Sessions that hold on one host alone (``slave_local_login*``) are kept apart: they have no row and open nothing on the
coordinator.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from xapid.database.database import Database
from xapid.datamodel.catalogue import Entry
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.ids import Ids

log = Logger()

TOUCH_AFTER: Final = 600.0
"""Seconds for which ``last_active`` may be out of date at most; so most calls write nothing."""
LIFETIME: Final = 24 * 3600.0
COLLECT_EVERY: Final = 30.0
LIMIT_PER_NAME: Final = 500
"""Sessions of one directory user, or of root under one originator."""
LIMIT_UNNAMED: Final = 400
"""Sessions of root without an originator, and those of pool members."""


@attrs.frozen(kw_only=True)
class Identity:
    """Who logged in, as a credential checker found out."""

    user: str
    is_local_superuser: bool = False
    pool: bool = False
    subject: str = NULL_REF
    auth_user_sid: str = ""
    permissions: frozenset[str] = frozenset()
    client_certificate: bool = False


ROOT: Final = Identity(user="root", is_local_superuser=True)
POOL: Final = Identity(user="", is_local_superuser=True, pool=True)


@attrs.define(eq=False, kw_only=True)
class Session:
    """One session, as calls see it (``context.session``)."""

    ref: str = attrs.field(repr=False)
    user: str
    is_local_superuser: bool = False
    originator: str = ""
    subject: str = NULL_REF
    auth_user_sid: str = ""
    permissions: frozenset[str] = attrs.field(default=frozenset(), repr=False)
    """Role and permission names of a directory user, lower case; empty for superusers, who need none."""
    pool: bool = False
    client_certificate: bool = False
    parent: str = NULL_REF
    local_to: str | None = None
    """The only host on which it holds; None: it is an ordinary session."""
    last_active: float = 0.0
    ended: bool = False
    _watchers: dict[Callable[[], None], None] = attrs.field(factory=dict, init=False, repr=False)

    @property
    def unrestricted(self) -> bool:
        """Whether no role limits it."""
        return self.is_local_superuser or self.pool or self.local_to is not None

    def watch(self, ended: Callable[[], None]) -> None:
        """Have ``ended`` called, once, when the session ends; at once if it has."""
        if self.ended:
            ended()
        else:
            self._watchers[ended] = None

    def unwatch(self, ended: Callable[[], None]) -> None:
        """Call that off, if it was to be."""
        self._watchers.pop(ended, None)

    def end(self) -> None:
        """Tell everyone who watches. For :class:`Sessions`."""
        self.ended = True
        watchers, self._watchers = self._watchers, {}
        for watcher in watchers:
            try:
                watcher()
            except Exception:
                log.failure("A watcher of a session that ended failed")


class Sessions:
    """Every session of the pool, and the local ones of hosts that this process is."""

    def __init__(self, db: Database, ids: Ids, clock: IReactorTime, lifetime: float = LIFETIME) -> None:
        """``lifetime`` is how many seconds a session lives that nobody uses."""
        self._db = db
        self._ids = ids
        self._clock = clock
        self._lifetime = lifetime
        self._touch_after = min(TOUCH_AFTER, lifetime / 2)
        self._live: dict[str, Session] = {}
        self._local: dict[str, Session] = {}
        self._loop = LoopingCall(self.collect)
        self._loop.clock = clock
        self.local_superuser = Session(ref=NULL_REF, user="root", is_local_superuser=True)
        """Stands for a peer on the Unix socket before it has logged in: it is root already."""
        self.anonymous = Session(ref=NULL_REF, user="")
        """Stands for anyone else before login; may nothing."""

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._live.values()))

    # The session check ------------------------------------------------------------------------------------------------

    def get(self, ref: str) -> Session:
        """The session of a call to the coordinator, marked as active. Errors: SESSION_INVALID."""
        session = self._live.get(ref)
        if session is None:
            raise XenAPIError("SESSION_INVALID", ref)
        if self._clock.seconds() - session.last_active > self._touch_after:
            self._touch(session)
        return session

    def get_on_member(self, ref: str, host: str, coordinator: str, *, apart: bool = False) -> Session:
        """The session of a call to the member ``host``, which takes its local sessions and those of the pool.

        ``apart``: the coordinator is another process, whose sessions are not known here, so any may be one of its.
        Errors: HOST_IS_SLAVE with ``coordinator``, the coordinator's address, for other sessions; SESSION_INVALID.
        """
        session = self._local.get(ref)
        if session is not None and session.local_to == host:
            session.last_active = self._clock.seconds()
            return session
        session = self._live.get(ref)
        if session is None and not apart:
            raise XenAPIError("SESSION_INVALID", ref)
        if session is None or not session.pool:
            raise XenAPIError("HOST_IS_SLAVE", coordinator)
        return session

    @staticmethod
    def refuse_outsiders(session: Session, entry: Entry) -> None:
        """Messages between hosts of a pool are for pool sessions only. Errors: INTERNAL_ERROR."""
        if entry.message.pool_internal and not session.pool:
            text = f'Internal API "{entry.name}" call attempted with non-pool (external) session'
            raise XenAPIError("INTERNAL_ERROR", text)

    def find(self, ref: str) -> Session | None:
        """The session, or None; this does not count as use."""
        return self._live.get(ref)

    # Beginning and end ------------------------------------------------------------------------------------------------

    def open(self, identity: Identity, host: str, *, originator: str = "", parent: str = NULL_REF) -> Session:
        """A new session for ``identity``, logged in at ``host``."""
        session = Session(
            ref=self._ids.secret_ref(),
            **attrs.asdict(identity, recurse=False),
            originator=originator,
            parent=parent,
            last_active=self._clock.seconds(),
        )
        now = self._now()
        with self._db.transaction() as tx:
            tx.create(
                "session",
                ref=session.ref,
                this_host=host,
                last_active=now,
                validation_time=now,
                pool=session.pool,
                is_local_superuser=session.is_local_superuser,
                subject=session.subject,
                auth_user_sid=session.auth_user_sid,
                auth_user_name=session.user,
                rbac_permissions=_sorted(session.permissions),
                parent=parent,
                originator=originator,
                client_certificate=session.client_certificate,
            )
        self._live[session.ref] = session
        return session

    def open_pool(self, host: str) -> Session:
        """A superuser's session for calls between hosts of the pool."""
        return self.open(POOL, host)

    def open_local(self, host: str, user: str = "root") -> Session:
        """A session that holds on ``host`` alone; it has no row."""
        session = Session(
            ref=self._ids.secret_ref(),
            user=user,
            is_local_superuser=True,
            local_to=host,
            last_active=self._clock.seconds(),
        )
        self._local[session.ref] = session
        return session

    def destroy(self, ref: str) -> None:
        """End a session, local or not; who waits in its name is told. Errors: SESSION_INVALID."""
        session = self._live.pop(ref, None)
        if session is None:
            session = self._local.pop(ref, None)
            if session is None:
                raise XenAPIError("SESSION_INVALID", ref)
        else:
            row = self._db.table("session").find(ref)
            if row is not None:
                with self._db.transaction() as tx:
                    tx.destroy(row)
        session.end()

    def destroy_where(self, condition: Callable[[Session], bool]) -> None:
        """End every ordinary session for which ``condition`` holds."""
        for session in self:
            if condition(session):
                self.destroy(session.ref)

    def revalidate(self, session: Session, identity: Identity) -> None:
        """Note that the directory still knows the user, and what the user may do from now on."""
        session.subject, session.permissions = identity.subject, identity.permissions
        row = self._db.table("session").find(session.ref)
        if row is not None:
            with self._db.transaction() as tx:
                tx.update(
                    row,
                    subject=identity.subject,
                    rbac_permissions=_sorted(identity.permissions),
                    validation_time=self._now(),
                )

    # Limits -----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Collect every half minute from now on."""
        self._loop.start(COLLECT_EVERY, now=False).addErrback(lambda failure: log.failure("Sessions", failure))

    def stop(self) -> None:
        """Collect no more."""
        if self._loop.running:
            self._loop.stop()

    def collect(self) -> None:
        """End sessions that nobody used for long and that own no unfinished task, and the oldest beyond a group's limit."""
        horizon = self._clock.seconds() - self._lifetime
        for session in list(self._local.values()):
            if session.last_active < horizon:
                self.destroy(session.ref)
        groups: dict[tuple[str, str], list[Session]] = defaultdict(list)
        for session in self:
            if session.last_active < horizon and not self._has_work(session):
                self.destroy(session.ref)
            else:
                groups[_group(session)].append(session)
        for (kind, _), members in groups.items():
            limit = LIMIT_PER_NAME if kind in ("user", "originator") else LIMIT_UNNAMED
            if len(members) > limit:
                members.sort(key=lambda session: session.last_active)
                for session in members[:-limit]:
                    self.destroy(session.ref)

    def _has_work(self, session: Session) -> bool:
        """Whether the session, or one that it derives from, owns a task that has not ended."""
        table, tasks = self._db.table("session"), self._db.table("task")
        seen: set[str] = set()
        ref = session.ref
        while (row := table.find(ref)) is not None and ref not in seen:
            seen.add(ref)
            for task in map(tasks.find, row.tasks):
                if task is not None and task.status in ("pending", "cancelling"):
                    return True
            ref = row.parent
        return False

    def _touch(self, session: Session) -> None:
        session.last_active = self._clock.seconds()
        row = self._db.table("session").find(session.ref)
        if row is not None:
            with self._db.transaction() as tx:
                tx.update(row, last_active=self._now())

    def _now(self) -> datetime:
        return datetime.fromtimestamp(int(self._clock.seconds()), UTC)


def _group(session: Session) -> tuple[str, str]:
    if session.pool:
        return ("pool", "")
    if session.auth_user_sid:
        return ("user", session.auth_user_sid)
    if session.originator:
        return ("originator", session.originator)
    return ("root", "")


@lru_cache(maxsize=64)
def _sorted(permissions: frozenset[str]) -> tuple[str, ...]:
    """The permissions as a field value; users with the same roles share it."""
    return tuple(sorted(permissions))

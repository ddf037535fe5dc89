"""Logging in, in every way there is: what ``session.login_with_password`` and its kin, HTTP credentials and the CLI share.

Refused credentials are SESSION_AUTHENTICATION_FAILED with the name that was given and a sentence, always both: clients
read either by position.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import Final

from twisted.cred.error import UnauthorizedLogin
from twisted.internet import defer
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from xapid.auth.checkers import PoolSecret, PoolSecretChecker, UserChecker, UsernamePassword, identify, portal
from xapid.auth.directory import Admission, IDirectory
from xapid.auth.passwords import Passwords
from xapid.auth.rbac import Rbac
from xapid.auth.sessions import ROOT, Session, Sessions
from xapid.database import Database
from xapid.datamodel.errors import XenAPIError

log = Logger()

REFUSED: Final = "Authentication failure"
BAD_SECRET: Final = "The pool secret does not match"
REVALIDATE_EVERY: Final = 300.0
NAMES_COUNTED: Final = 1000


class FailedLogins:
    """Counts logins that failed, by the name of the user."""

    def __init__(self) -> None:
        self._count: Counter[str] = Counter()

    def add(self, user: str) -> None:
        """One more. Names beyond a limit are counted under an empty one, so that guessers do not fill the memory."""
        self._count[user if user in self._count or len(self._count) < NAMES_COUNTED else ""] += 1

    def take(self) -> Counter[str]:
        """The numbers so far; counting starts anew."""
        taken, self._count = self._count, Counter()
        return taken


class Logins:
    """Opens sessions for credentials. ``pool_secrets`` gives the pool secrets that hold now."""

    def __init__(
        self,
        db: Database,
        sessions: Sessions,
        passwords: Passwords,
        rbac: Rbac,
        clock: IReactorTime,
        pool_secrets: Callable[[], Collection[str]],
    ) -> None:
        self._db = db
        self._sessions = sessions
        self._rbac = rbac
        self.failed = FailedLogins()
        """Whose passwords were wrong lately."""
        self.directory: IDirectory | None = None
        """The external directory, while external authentication is enabled."""
        self._door = portal(UserChecker(passwords, clock, self.admission), PoolSecretChecker(pool_secrets))
        self._loop = LoopingCall(lambda: defer.ensureDeferred(self.revalidate()))
        self._loop.clock = clock

    def admission(self) -> Admission | None:
        """What decides about directory users, or None without a directory."""
        return None if self.directory is None else Admission(self._db, self._rbac, self.directory)

    async def with_password(self, user: str, password: str, host: str, originator: str = "") -> Session:
        """An ordinary session. Errors: SESSION_AUTHENTICATION_FAILED, SESSION_AUTHORIZATION_FAILED, RBAC_PERMISSION_DENIED."""
        try:
            identity = await identify(self._door, UsernamePassword(user, password))
        except UnauthorizedLogin:
            self.failed.add(user)
            raise XenAPIError("SESSION_AUTHENTICATION_FAILED", user, REFUSED) from None
        return self._sessions.open(identity, host, originator=originator)

    def as_root(self, host: str, originator: str = "") -> Session:
        """A session for someone who is root already: a peer on the Unix socket."""
        return self._sessions.open(ROOT, host, originator=originator)

    async def with_pool_secret(self, secret: str, host: str) -> Session:
        """A pool session for the host that offers the secret. Errors: SESSION_AUTHENTICATION_FAILED with that host."""
        await self.check_pool_secret(secret, host)
        return self._sessions.open_pool(host)

    async def local_with_password(self, user: str, password: str, host: str) -> Session:
        """A session that holds on ``host`` alone; for root only. Errors: SESSION_AUTHENTICATION_FAILED."""
        try:
            identity = await identify(self._door, UsernamePassword(user, password))
        except (UnauthorizedLogin, XenAPIError):
            raise XenAPIError("SESSION_AUTHENTICATION_FAILED", user, REFUSED) from None
        if not identity.is_local_superuser:
            raise XenAPIError("SESSION_AUTHENTICATION_FAILED", user, REFUSED)
        return self._sessions.open_local(host, user)

    async def local_with_pool_secret(self, secret: str, host: str) -> Session:
        """A session that holds on ``host`` alone. Errors: SESSION_AUTHENTICATION_FAILED."""
        await self.check_pool_secret(secret, "localhost")
        return self._sessions.open_local(host)

    async def check_pool_secret(self, secret: str, name: str) -> None:
        """Errors: SESSION_AUTHENTICATION_FAILED for ``name``, if this is not the pool secret."""
        try:
            await identify(self._door, PoolSecret(secret))
        except UnauthorizedLogin:
            raise XenAPIError("SESSION_AUTHENTICATION_FAILED", name, BAD_SECRET) from None

    # Directory users stay logged in only as long as the directory and the pool want them ------------------------------

    def start(self) -> None:
        """Revalidate every five minutes from now on."""
        self._loop.start(REVALIDATE_EVERY, now=False).addErrback(lambda failure: log.failure("Revalidation", failure))

    def stop(self) -> None:
        """Revalidate no more."""
        if self._loop.running:
            self._loop.stop()

    async def revalidate(self) -> None:
        """End the sessions of directory users who may no longer log in; give the others the rights they have now.

        While the directory does not answer, sessions stay as they are.
        """
        for session in self._sessions:
            if not session.auth_user_sid or session.ended:
                continue
            admission = self.admission()
            if admission is None:
                self._sessions.destroy(session.ref)
                continue
            try:
                identity = await admission.identity(session.user, session.auth_user_sid)
            except XenAPIError as error:
                lost = error.code in ("SESSION_AUTHORIZATION_FAILED", "RBAC_PERMISSION_DENIED", "SUBJECT_CANNOT_BE_RESOLVED")
                if lost and not session.ended:
                    self._sessions.destroy(session.ref)
            else:
                if not session.ended:
                    self._sessions.revalidate(session, identity)

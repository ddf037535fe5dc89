"""Credential checkers: from a name and password, or a pool secret, to who that is (:mod:`twisted.cred`)."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection
from typing import Any, Final

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials, IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from twisted.internet import defer
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from zope.interface import Attribute, Interface, implementer

from xapid.auth.directory import Admission, DirectoryProblem, NotAuthenticated
from xapid.auth.passwords import Passwords
from xapid.auth.sessions import POOL, ROOT, Identity

log = Logger()

LOCAL_USER: Final = "root"
DIRECTORY_DELAY: Final = 5.0
"""Seconds that a refusal by the directory is held back, to slow down guessing."""


class IPoolSecret(ICredentials):
    """The secret that the hosts of a pool share."""

    secret = Attribute("the secret, as text")


@implementer(IUsernamePassword)
@attrs.frozen
class UsernamePassword:
    """A name and a password, both text."""

    username: str
    password: str = attrs.field(repr=False)

    def checkPassword(self, password: bytes) -> bool:
        """Compare with a password in clear text."""
        return hmac.compare_digest(self.password.encode(), password)


@implementer(IPoolSecret)
@attrs.frozen
class PoolSecret:
    """What another host offers as the pool secret."""

    secret: str = attrs.field(repr=False)


@implementer(ICredentialsChecker)
class UserChecker:
    """Root by the local password; others by the directory, where there is one (``admission`` gives it, or None)."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, passwords: Passwords, clock: IReactorTime, admission: Callable[[], Admission | None]) -> None:
        self._passwords = passwords
        self._clock = clock
        self._admission = admission

    def requestAvatarId(self, credentials: Any) -> defer.Deferred[Any]:
        """The :class:`Identity` itself serves as the avatar's id."""
        return defer.ensureDeferred(self._identify(credentials.username, credentials.password))

    async def _identify(self, user: str, password: str) -> Identity:
        if user == LOCAL_USER:
            if await self._passwords.verify(password):
                return ROOT
            raise UnauthorizedLogin(user)
        admission = self._admission()
        if admission is None:
            await self._passwords.refuse(password)
            raise UnauthorizedLogin(user)
        try:
            sid = await admission.directory.authenticate(user, password)
        except (NotAuthenticated, DirectoryProblem) as problem:
            if isinstance(problem, DirectoryProblem):
                log.warn("the directory was not asked about {user}: {text}", user=user, text=problem.text)
            await deferLater(self._clock, DIRECTORY_DELAY)
            raise UnauthorizedLogin(user) from None
        return await admission.identity(user, sid)


@implementer(ICredentialsChecker)
class PoolSecretChecker:
    """Hosts of the pool, by a secret that holds now: two do while it is being rotated."""

    credentialInterfaces = (IPoolSecret,)

    def __init__(self, secrets: Callable[[], Collection[str]]) -> None:
        self._secrets = secrets

    def requestAvatarId(self, credentials: Any) -> defer.Deferred[Any]:
        """The :class:`Identity` itself serves as the avatar's id."""
        offered = credentials.secret.encode()
        matches = [hmac.compare_digest(offered, known.encode()) for known in self._secrets() if known]
        if any(matches):
            return defer.succeed(POOL)
        return defer.fail(UnauthorizedLogin("pool secret"))


class IIdentity(Interface):
    """What a login yields: an :class:`~xapid.auth.sessions.Identity`."""


@implementer(IRealm)
class Realm:
    """Everyone whom a checker vouches for is welcome as who they are."""

    def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> tuple[Any, Any, Callable[[], None]]:
        """Sessions are opened and closed elsewhere, so there is nothing to do at logout."""
        if IIdentity not in interfaces:
            raise NotImplementedError("only identities are given out")
        return IIdentity, avatarId, lambda: None


def portal(*checkers: Any) -> Portal:
    """The door, watched by ``checkers``."""
    return Portal(Realm(), checkers)


async def identify(door: Portal, credentials: ICredentials) -> Identity:
    """Who the credentials belong to. Raises UnauthorizedLogin, and the XenAPI errors of directories."""
    _, identity, _ = await door.login(credentials, None, IIdentity)
    assert isinstance(identity, Identity)
    return identity

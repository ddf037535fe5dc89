"""Logging in, in every way there is: what ``session.login_with_password`` and its kin, HTTP credentials and the CLI share.

Refused credentials are SESSION_AUTHENTICATION_FAILED with the name that was given and a sentence, always both: clients
read either by position.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Final

import attrs
from cryptography import x509
from cryptography.x509.oid import NameOID
from twisted.cred.error import UnauthorizedLogin
from twisted.internet import defer
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from xapid.auth.backoff import BackOff
from xapid.auth.checkers import PoolSecret, PoolSecretChecker, UserChecker, UsernamePassword, identify, portal
from xapid.auth.directory import Admission, IDirectory
from xapid.auth.passwords import Passwords
from xapid.auth.rbac import Rbac
from xapid.auth.sessions import ROOT, Identity, Session, Sessions
from xapid.database import Database
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap

log = Logger()

REFUSED: Final = "Authentication failure"
BAD_SECRET: Final = "The pool secret does not match"
REVALIDATE_EVERY: Final = 300.0
REFRESH_EVERY: Final = 900.0
NAMES_COUNTED: Final = 1000
NAME: Final = 100
"""Letters of a name that are remembered."""
CLIENT_CERTIFICATE: Final = "client-cert"
"""The role of programs that are known by a certificate."""

Vouches = Callable[[x509.Certificate, Sequence[x509.Certificate], datetime], bool]


@attrs.frozen
class Attempt:
    """Who failed to log in: the name that was given, the program by its own account, and from which address."""

    user: str
    originator: str = ""
    address: str = ""


class FailedLogins:
    """Counts logins that failed, by who tried. Those beyond a limit are counted together, as None."""

    def __init__(self) -> None:
        self._found: dict[Attempt | None, tuple[int, datetime]] = {}

    def add(self, attempt: Attempt, now: datetime) -> None:
        """One more."""
        key = attempt if attempt in self._found or len(self._found) < NAMES_COUNTED else None
        self._found[key] = self._found.get(key, (0, now))[0] + 1, now

    def take(self) -> dict[Attempt | None, tuple[int, datetime]]:
        """The numbers so far, each with the time of the last one; counting starts anew."""
        taken, self._found = self._found, {}
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
        self.find_directory: Callable[[], IDirectory | None] = lambda: None
        """Gives the external directory, while external authentication is enabled."""
        self.vouches_for: Vouches = lambda leaf, chain, now: False
        """Whether an authority that the pool trusts stands behind a certificate."""
        self._clock = clock
        self._back_off = BackOff(clock)
        self._door = portal(UserChecker(passwords, clock, self.admission), PoolSecretChecker(pool_secrets))
        self._loops = (
            (LoopingCall(lambda: defer.ensureDeferred(self.revalidate())), REVALIDATE_EVERY),
            (LoopingCall(lambda: defer.ensureDeferred(self.refresh())), REFRESH_EVERY),
        )
        for loop, _ in self._loops:
            loop.clock = clock

    @property
    def directory(self) -> IDirectory | None:
        """The external directory, while external authentication is enabled."""
        return self.find_directory()

    @directory.setter
    def directory(self, directory: IDirectory | None) -> None:
        self.find_directory = lambda: directory

    def admission(self) -> Admission | None:
        """What decides about directory users, or None without a directory."""
        return None if self.directory is None else Admission(self._db, self._rbac, self.directory)

    async def with_password(self, user: str, password: str, host: str, originator: str = "", address: str = "") -> Session:
        """An ordinary session. Who was wrong before, from the same ``address``, waits a little.

        Errors: SESSION_AUTHENTICATION_FAILED, SESSION_AUTHORIZATION_FAILED, RBAC_PERMISSION_DENIED.
        """
        try:
            identity = await self._identify(user, password, address)
        except UnauthorizedLogin:
            now = datetime.fromtimestamp(int(self._clock.seconds()), UTC)
            self.failed.add(Attempt(user[:NAME], originator[:NAME], address), now)
            raise XenAPIError("SESSION_AUTHENTICATION_FAILED", user, REFUSED) from None
        return self._sessions.open(identity, host, originator=originator)

    def by_certificate(self, certificates: Sequence[x509.Certificate]) -> Identity | None:
        """Who owns a certificate that the client showed, its own first: None, unless the pool takes it for a client's.

        It has to come from an authority that the pool trusts, hold now, and bear the name that the pool expects.
        """
        pool = self._db.table("pool").first()
        if not certificates or pool is None or not pool.client_certificate_auth_enabled:
            return None
        leaf, *chain = certificates
        name = pool.client_certificate_auth_name
        now = datetime.fromtimestamp(int(self._clock.seconds()), UTC)
        if name.lower() not in _names_of(leaf) or not self.vouches_for(leaf, chain, now):
            return None
        return Identity(user=name, permissions=self._rbac.granted({CLIENT_CERTIFICATE}), client_certificate=True)

    def with_certificate(self, identity: Identity, host: str, originator: str = "") -> Session:
        """A session for who was found by a certificate."""
        return self._sessions.open(identity, host, originator=originator)

    def as_root(self, host: str, originator: str = "") -> Session:
        """A session for someone who is root already: a peer on the Unix socket."""
        return self._sessions.open(ROOT, host, originator=originator)

    def local_as_root(self, host: str) -> Session:
        """The same, one that holds on ``host`` alone."""
        return self._sessions.open_local(host, ROOT.user)

    async def with_pool_secret(self, secret: str, host: str) -> Session:
        """A pool session for the host that offers the secret. Errors: SESSION_AUTHENTICATION_FAILED with that host."""
        await self.check_pool_secret(secret, host)
        return self._sessions.open_pool(host)

    async def _identify(self, user: str, password: str, address: str) -> Identity:
        async with self._back_off.attempt(address, user):
            return await identify(self._door, UsernamePassword(user, password))

    async def local_with_password(self, user: str, password: str, host: str, address: str = "") -> Session:
        """A session that holds on ``host`` alone; for root only. Errors: SESSION_AUTHENTICATION_FAILED."""
        try:
            identity = await self._identify(user, password, address)
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
        """Revalidate every five minutes from now on, and refresh what is known of subjects every fifteen."""
        for loop, seconds in self._loops:
            loop.start(seconds, now=False).addErrback(lambda failure: log.failure("Revalidation", failure))

    def stop(self) -> None:
        """Revalidate no more."""
        for loop, _ in self._loops:
            if loop.running:
                loop.stop()

    async def refresh(self) -> None:
        """Have subjects tell what the directory knows of them now. Those that it does not know stay as they are."""
        directory = self.directory
        if directory is None:
            return
        for subject in list(self._db.table("subject")):
            try:
                known = await directory.get_subject_information(subject.subject_identifier)
            except XenAPIError:
                continue
            row = self._db.table("subject").find(subject.ref)
            if row is not None and dict(row.other_config) != dict(known):
                with self._db.transaction() as tx:
                    tx.update(row, other_config=frozenmap(known))

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


def _names_of(leaf: x509.Certificate) -> set[str]:
    """The names in a certificate, in lower case: those for hosts, and the common name where there are none."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, ValueError):
        names = []
    common = [str(each.value) for each in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return {name.lower() for name in names or common}

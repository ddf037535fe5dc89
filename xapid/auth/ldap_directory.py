"""Active Directory, and other directories that speak LDAP, as :class:`~xapid.auth.directory.IDirectory`.

Everything goes over TLS: to the port for it (LDAPS), or after StartTLS. The server must present a certificate that the pool
trusts for this purpose; no password leaves before. Users and groups are known by their ``objectSid`` where they have one, else
by ``entryUUID``, else by their name in the directory.

The library blocks, so it works in threads, with a time limit on each answer.
"""

from __future__ import annotations

import re
import ssl
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any, Final, TypeVar

import attrs
from twisted.internet import defer
from zope.interface import implementer

from xapid.auth.directory import DirectoryProblem, IDirectory, NotAuthenticated
from xapid.auth.passwords import Run
from xapid.datamodel.errors import XenAPIError

T = TypeVar("T")

LDAP_PORT, LDAPS_PORT = 389, 636
SECONDS: Final = 10
"""For a connection, and for each answer."""
DEPTH: Final = 20
"""How far groups in groups are followed."""
ATTRIBUTES: Final = (
    "objectSid", "entryUUID", "objectClass", "sAMAccountName", "userPrincipalName", "uid", "cn", "displayName", "gecos",
    "userAccountControl", "lockoutTime", "accountExpires", "uidNumber", "gidNumber",
)  # fmt: skip
_DISABLED, _NORMAL_LOCK = 0x2, 0
_GROUPS: Final = {b"group", b"groupofnames", b"groupofuniquenames", b"posixgroup"}
_SID = re.compile(r"S-1(-\d+)+")
_NEVER = (0, 0x7FFF_FFFF_FFFF_FFFF)
_EPOCH_OF_WINDOWS: Final = 11_644_473_600


@attrs.frozen
class Trust:
    """Whom to believe: authorities in PEM, and single certificates by SHA-256 in lower-case hex."""

    authorities: tuple[str, ...] = ()
    pinned: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.authorities or self.pinned)


@attrs.frozen(kw_only=True)
class Account:
    """Where a directory is, and as whom it is asked."""

    servers: tuple[tuple[str, int], ...]
    ldaps: bool
    domain: str
    user: str
    password: str = attrs.field(repr=False)
    ou: str = ""


@implementer(IDirectory)
class LdapDirectory:
    """``trust`` is asked before each connection; ``run`` is where the library blocks; ``now`` tells who expired."""

    def __init__(
        self, account: Account, trust: Callable[[], Awaitable[Trust]], run: Run, now: Callable[[], float], threads: int = 10
    ) -> None:
        self._account = account
        self._trust = trust
        self._run = run
        self._now = now
        self._free = defer.DeferredSemaphore(max(1, threads))

    async def probe(self) -> None:
        """See that the directory can be asked. Raises DirectoryProblem."""
        await self._with(lambda link: link.check())

    async def authenticate(self, username: str, password: str) -> str:
        if not username or not password:  # a directory takes an empty password for a wish to stay anonymous
            raise NotAuthenticated
        found = await self._with(lambda link: link.authenticate(username, password))
        if found is None:
            raise NotAuthenticated
        return found

    async def get_subject_identifier(self, name: str) -> str:
        return _resolved(await self._asked(lambda link: link.identifier_of(name)))

    async def get_subject_information(self, identifier: str) -> Mapping[str, str]:
        now = self._now()
        return _resolved(await self._asked(lambda link: link.information(identifier, now)))

    async def get_group_membership(self, identifier: str) -> Sequence[str]:
        return _resolved(await self._asked(lambda link: link.groups(identifier)))

    async def _asked(self, ask: Callable[[Link], T]) -> T:
        try:
            return await self._with(ask)
        except DirectoryProblem as problem:
            raise XenAPIError("AUTH_SERVICE_ERROR", problem.text) from problem

    async def _with(self, ask: Callable[[Link], T]) -> T:
        """What ``ask`` makes of a connection. Raises DirectoryProblem."""
        trust = await self._trust()
        if not trust:
            raise DirectoryProblem("NO_TRUSTED_CERTS", "the pool trusts no certificate for directories")

        def work() -> T:
            with _opened(self._account, trust) as link:
                return ask(link)

        return await self._free.run(self._run, work)


def _resolved(found: T | None) -> T:
    if found is None:
        raise XenAPIError("SUBJECT_CANNOT_BE_RESOLVED")
    return found


# In a thread -----------------------------------------------------------------------------------------------------------


@contextmanager
def _opened(account: Account, trust: Trust) -> Iterator[Link]:
    """A connection to the first server that answers, with the account's rights. Raises DirectoryProblem."""
    try:
        import ldap3
    except ImportError as problem:
        raise DirectoryProblem("UNAVAILABLE", "directories need `pip install xapid[ldap]`") from problem
    problems = [DirectoryProblem("DOMAIN_LOOKUP_FAILED", f"there is no server for {account.domain}")]
    for host, port in account.servers:
        try:
            connection = _connected(ldap3, account, trust, host, port, account.user, account.password)
        except DirectoryProblem as problem:
            problems.append(problem)
            if problem.reason == "WRONG_CREDENTIALS":
                break
            continue
        try:
            yield Link(ldap3, account, trust, host, port, connection)
        except ldap3.core.exceptions.LDAPException as problem:
            raise DirectoryProblem("UNAVAILABLE", _text(problem)) from problem
        finally:
            _close(connection)
        return
    raise problems[-1]


def _connected(ldap3: Any, account: Account, trust: Trust, host: str, port: int, user: str, password: str) -> Any:
    """A bound connection over TLS. Raises DirectoryProblem."""
    errors = ldap3.core.exceptions
    for pinned in (True, False):
        if not (trust.pinned if pinned else trust.authorities):
            continue
        tls = ldap3.Tls(
            validate=ssl.CERT_NONE if pinned else ssl.CERT_REQUIRED,
            version=ssl.PROTOCOL_TLS_CLIENT,
            ca_certs_data=None if pinned else "\n".join(trust.authorities),
        )
        server = ldap3.Server(host, port, use_ssl=account.ldaps, tls=tls, get_info=ldap3.NONE, connect_timeout=SECONDS)
        connection = ldap3.Connection(
            server, user, password, read_only=True, raise_exceptions=True, receive_timeout=SECONDS, check_names=False,
            auto_referrals=False,
        )  # fmt: skip
        try:
            connection.open(read_server_info=False)
            if not account.ldaps:
                connection.start_tls(read_server_info=False)
            shown = sha256(connection.socket.getpeercert(True)).hexdigest()
            if pinned and shown not in trust.pinned:
                _close(connection)
                continue
            connection.bind(read_server_info=False)
            return connection
        except errors.LDAPInvalidCredentialsResult as problem:
            _close(connection)
            raise DirectoryProblem("WRONG_CREDENTIALS", "the directory refuses name or password") from problem
        except (errors.LDAPInsufficientAccessRightsResult, errors.LDAPStrongerAuthRequiredResult) as problem:
            _close(connection)
            raise DirectoryProblem("PERMISSION_DENIED", _text(problem)) from problem
        except (
            errors.LDAPStartTLSError,
            errors.LDAPSSLConfigurationError,
            errors.LDAPCertificateError,
            ssl.SSLError,
        ) as problem:
            _close(connection)
            raise DirectoryProblem("SETUP_TLS_CONNECTION", _text(problem)) from problem
        except (errors.LDAPException, OSError) as problem:
            _close(connection)
            reason = "SETUP_TLS_CONNECTION" if _is_of_tls(problem) else "UNAVAILABLE"
            raise DirectoryProblem(reason, _text(problem)) from problem
    raise DirectoryProblem("INVALID_TRUSTED_CERTS", f"{host} presents a certificate that the pool does not trust")


def _is_of_tls(problem: BaseException) -> bool:
    text = str(problem).lower()
    return any(word in text for word in ("ssl", "tls", "certificate"))


def _text(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {problem}"[:300]


def _close(connection: Any) -> None:
    with suppress(Exception):  # it is of no use any more, whatever it says
        connection.unbind()


class Link:
    """A connection with the account's rights. What is not found is None."""

    def __init__(self, ldap3: Any, account: Account, trust: Trust, host: str, port: int, connection: Any) -> None:
        self._ldap3 = ldap3
        self._account = account
        self._trust = trust
        self._at = host, port
        self._connection = connection
        self._base: str | None = None

    def check(self) -> None:
        """See that there is something to search in. Raises DirectoryProblem."""
        if self._account.ou and not self._search(self._account.ou, "(objectClass=*)", scope="BASE"):
            raise DirectoryProblem("INVALID_OU", f"there is no {self._account.ou}")
        if not self._search(self.base, "(objectClass=*)", scope="BASE"):
            raise DirectoryProblem("DOMAIN_LOOKUP_FAILED", f"there is no {self.base}")

    @property
    def base(self) -> str:
        """Where the directory's names begin."""
        if self._base is None:
            (root,) = self._search("", "(objectClass=*)", ("defaultNamingContext", "namingContexts"), "BASE") or [{}]
            told = _values(root, "defaultNamingContext") or _values(root, "namingContexts")
            by_name = ",".join(f"dc={part}" for part in self._account.domain.split("."))
            self._base = told[0].decode() if told else by_name
        return self._base

    def authenticate(self, name: str, password: str) -> str | None:
        """The identifier of the user who can bind with this password."""
        entry = self._named(name, users_only=True)
        if entry is None:
            return None
        try:
            _close(_connected(self._ldap3, self._account, self._trust, *self._at, entry["dn"], password))
        except DirectoryProblem as problem:
            if problem.reason in ("WRONG_CREDENTIALS", "PERMISSION_DENIED"):
                return None
            raise
        return _identifier(entry)

    def identifier_of(self, name: str) -> str | None:
        """Of a user or a group."""
        entry = self._named(name)
        return None if entry is None else _identifier(entry)

    def information(self, identifier: str, now: float) -> dict[str, str] | None:
        """What ``subject.other_config`` says."""
        entry = self._identified(identifier)
        if entry is None:
            return None
        name = _first(entry, "sAMAccountName") or _first(entry, "uid") or _first(entry, "cn")
        control, locked = _number(entry, "userAccountControl"), _number(entry, "lockoutTime")
        expires = _number(entry, "accountExpires")
        expired = expires not in _NEVER and expires / 10_000_000 - _EPOCH_OF_WINDOWS < now
        found = {
            "subject-name": name,
            "subject-sid": identifier,
            "subject-upn": _first(entry, "userPrincipalName") or f"{name}@{self._account.domain}",
            "subject-displayname": _first(entry, "displayName") or name,
            "subject-gecos": _first(entry, "gecos") or _first(entry, "displayName") or name,
            "subject-uid": _first(entry, "uidNumber"),
            "subject-gid": _first(entry, "gidNumber"),
            "subject-is-group": _word(_is_group(entry)),
            "subject-account-disabled": _word(bool(control & _DISABLED)),
            "subject-account-locked": _word(locked != _NORMAL_LOCK),
            "subject-account-expired": _word(expired),
        }
        return {key: value for key, value in found.items() if value}

    def groups(self, identifier: str) -> list[str] | None:
        """Those that it is in, through others too."""
        entry = self._identified(identifier)
        if entry is None:
            return None
        (own,) = self._search(entry["dn"], "(objectClass=*)", ("tokenGroups",), "BASE") or [{}]
        if told := _values(own, "tokenGroups"):
            return list(dict.fromkeys(map(_sid, told)))
        found: dict[str, str] = {}
        frontier = [entry["dn"]]
        for _ in range(DEPTH):
            groups = [group for dn in frontier for group in self._containing(dn) if group["dn"] not in found]
            found |= {group["dn"]: _identifier(group) for group in groups}
            frontier = [group["dn"] for group in groups]
            if not frontier:
                break
        return list(dict.fromkeys(found.values()))

    def _containing(self, dn: str) -> list[dict[str, Any]]:
        escaped = self._escaped(dn)
        return self._search(self.base, f"(|(member={escaped})(uniqueMember={escaped}))")

    def _named(self, name: str, users_only: bool = False) -> dict[str, Any] | None:
        r"""A user or group by its plain name, ``DOMAIN\name`` or ``name@domain``; None also if there are several."""
        plain = name.rpartition("\\")[2]
        escaped, local = self._escaped(plain), self._escaped(plain.partition("@")[0])
        either = f"(sAMAccountName={local})(uid={local})(userPrincipalName={escaped})"
        base = self._account.ou or self.base
        found = self._search(base, f"(|{either})") or ([] if users_only else self._search(base, f"(cn={local})"))
        found = [entry for entry in found if not (users_only and _is_group(entry))]
        return found[0] if len(found) == 1 else None

    def _identified(self, identifier: str) -> dict[str, Any] | None:
        if _SID.fullmatch(identifier):
            found = self._search(self.base, f"(objectSid={_escaped_bytes(_packed(identifier))})")
        elif _is_uuid(identifier):
            found = self._search(self.base, f"(entryUUID={self._escaped(identifier)})")
        else:
            found = self._search(identifier, "(objectClass=*)", scope="BASE")
        return found[0] if found else None

    def _search(
        self, base: str, query: str, attributes: Sequence[str] = ATTRIBUTES, scope: str = "SUBTREE"
    ) -> list[dict[str, Any]]:
        errors = self._ldap3.core.exceptions
        try:
            self._connection.search(base, query, search_scope=scope, attributes=list(attributes), time_limit=SECONDS)
        except (errors.LDAPNoSuchObjectResult, errors.LDAPInvalidDNSyntaxResult, errors.LDAPInvalidDnError):
            return []
        return [entry for entry in self._connection.response or () if entry.get("type") == "searchResEntry"]

    def _escaped(self, text: str) -> str:
        return str(self._ldap3.utils.conv.escape_filter_chars(text))


# Entries ---------------------------------------------------------------------------------------------------------------


def _values(entry: Mapping[str, Any], name: str) -> list[bytes]:
    raw = entry.get("raw_attributes", {})
    return next((list(value) for key, value in raw.items() if key.lower() == name.lower()), [])


def _first(entry: Mapping[str, Any], name: str) -> str:
    values = _values(entry, name)
    return values[0].decode("utf-8", "replace") if values else ""


def _number(entry: Mapping[str, Any], name: str) -> int:
    text = _first(entry, name)
    return int(text) if text.lstrip("-").isdecimal() else 0


def _is_group(entry: Mapping[str, Any]) -> bool:
    return any(value.lower() in _GROUPS for value in _values(entry, "objectClass"))


def _identifier(entry: Mapping[str, Any]) -> str:
    sids = _values(entry, "objectSid")
    return _sid(sids[0]) if sids else _first(entry, "entryUUID") or str(entry["dn"])


def _word(value: bool) -> str:
    return "true" if value else "false"


def _sid(raw: bytes) -> str:
    """A security identifier as people write it."""
    if raw.startswith(b"S-1-"):
        return raw.decode()
    authority = int.from_bytes(raw[2:8], "big")
    parts = [int.from_bytes(raw[at : at + 4], "little") for at in range(8, 8 + 4 * raw[1], 4)]
    return "-".join(map(str, ("S", raw[0], authority, *parts)))


def _packed(sid: str) -> bytes:
    """The same as directories keep it."""
    revision, authority, *parts = map(int, sid.split("-")[1:])
    head = bytes((revision, len(parts))) + authority.to_bytes(6, "big")
    return head + b"".join(part.to_bytes(4, "little") for part in parts)


def _escaped_bytes(raw: bytes) -> str:
    return "".join(f"\\{byte:02x}" for byte in raw)


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True

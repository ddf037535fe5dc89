"""Who asks: the credentials in a request to an HTTP action, and what the server needs of those who check them.

In order: the Unix socket (root), a session reference, the pool secret, a name and password, a client certificate. Cookies
count before the query. Requests without any, or with wrong ones, are answered 401; those of a user who lacks the role 403.
What a browser adds by itself does not count in requests that pages of other sites make (:mod:`xapid.http.other_sites`).
"""

from __future__ import annotations

import base64
from typing import Any, Protocol

import attrs

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.http_actions import HttpAction
from xapid.http.head import Head
from xapid.http.other_sites import is_from_elsewhere
from xapid.wire.call import Origin


class UnknownScheme(Exception):
    """An Authorization header of another kind than Basic. The answer is 500."""


@attrs.frozen
class Credentials:
    """What a request offers: at most one of them."""

    is_unix: bool = False
    session: str | None = None
    pool_secret: str | None = attrs.field(default=None, repr=False)
    basic: tuple[str, str] | None = attrs.field(default=None, repr=False)
    """Name and password."""
    certificate: bool = False
    """Nothing but the certificate that the client showed over TLS."""

    def __bool__(self) -> bool:
        said = (self.session, self.pool_secret, self.basic)
        return self.is_unix or self.certificate or any(each is not None for each in said)


def credentials(head: Head, origin: Origin) -> Credentials:
    """The credentials in a request. :class:`UnknownScheme` if it offers only some that nobody knows."""
    if origin.is_unix:
        return Credentials(is_unix=True)
    elsewhere = is_from_elsewhere(head.headers)
    said = head.query.get if elsewhere else head.argument
    session = said("session_id")
    if session is not None:
        return Credentials(session=session)
    secret = said("pool_secret")
    if secret is not None:
        return Credentials(pool_secret=secret)
    authorization = head.headers.get("authorization")
    if authorization is None or elsewhere:
        return Credentials(certificate=not elsewhere and bool(origin.certificates()))
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise UnknownScheme(scheme)
    try:
        name, colon, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except ValueError:  # of the encoding or of the text
        return Credentials()
    return Credentials(basic=(name, password)) if colon else Credentials()


class Authenticator(Protocol):
    """Checks credentials for HTTP actions. Errors are XenAPI's."""

    async def open(self, offered: Credentials, origin: Origin) -> Any:
        """The session that the credentials give; it counts as used. Raises SESSION_INVALID or
        SESSION_AUTHENTICATION_FAILED (401). A name and password, the pool secret and the Unix socket make a session that
        lasts until :meth:`close`.
        """

    def check(self, session: Any, action: HttpAction) -> None:
        """Raises RBAC_PERMISSION_DENIED (403) if the session may not use the action."""

    def note(self, session: Any, action: HttpAction, origin: Origin, outcome: str, user: str = "") -> None:
        """Has the audit log tell that the action was used or refused. Without ``session`` nobody was let in; ``user`` is
        the name that was given. ``outcome`` is ``OK`` or an error code.
        """

    async def close(self, session: Any) -> None:
        """The request is over: ends the session if :meth:`open` made it."""

    def fail_task(self, task: str, error: XenAPIError) -> None:
        """Fails the task that a refused request named; references of no pending task are passed over."""

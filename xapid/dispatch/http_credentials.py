"""Who may use the HTTP handlers beside the calls: :class:`xapid.http.credentials.Authenticator`, from sessions and roles."""

from __future__ import annotations

from typing import Protocol

import attrs

from xapid.auth.sessions import Session
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.http_actions import HttpAction
from xapid.operations.services import Services
from xapid.wire.call import Origin


class Offered(Protocol):
    """At most one kind of credentials."""

    @property
    def is_unix(self) -> bool: ...
    @property
    def session(self) -> str | None: ...
    @property
    def pool_secret(self) -> str | None: ...
    @property
    def basic(self) -> tuple[str, str] | None: ...
    @property
    def certificate(self) -> bool: ...


@attrs.define(eq=False)
class Admitted:
    """The session of one request, and whether the request made it."""

    session: Session
    is_own: bool


@attrs.frozen(eq=False)
class HttpAuthenticator:
    """Checks credentials of requests. Members take sessions of the coordinator here, since clients are redirected to them."""

    services: Services

    async def open(self, offered: Offered, origin: Origin) -> Admitted:
        """The session that the credentials give. Errors: SESSION_INVALID, SESSION_AUTHENTICATION_FAILED."""
        services, host = self.services, origin.host or self.services.role.coordinator
        if offered.is_unix:
            return Admitted(services.logins.as_root(host), True)
        if offered.session is not None:
            coordinator = services.pool.coordinator
            if coordinator is not None:
                return Admitted(await coordinator.session(offered.session), False)
            return Admitted(services.sessions.get(offered.session), False)
        if offered.pool_secret is not None:
            return Admitted(await services.logins.with_pool_secret(offered.pool_secret, host), True)
        if offered.certificate:
            identity = services.logins.by_certificate(origin.certificates())
            if identity is None:
                raise XenAPIError("SESSION_AUTHENTICATION_FAILED", "", "The certificate is not that of a client of this pool")
            return Admitted(services.logins.with_certificate(identity, host), True)
        assert offered.basic is not None
        user, password = offered.basic
        originator = f"{origin.peer} using Basic auth"
        return Admitted(await services.logins.with_password(user, password, host, originator, origin.peer), True)

    def check(self, admitted: Admitted, action: HttpAction) -> None:
        """Errors: RBAC_PERMISSION_DENIED."""
        self.services.rbac.check_http(admitted.session, action.name)

    def note(self, admitted: Admitted | None, action: HttpAction, origin: Origin, outcome: str, user: str = "") -> None:
        """Have the audit log tell what came of a request."""
        session = self.services.sessions.anonymous if admitted is None else admitted.session
        self.services.audit.http(session, action.name, outcome, origin, user)

    async def close(self, admitted: Admitted) -> None:
        """End the session if the request made it, and it has not ended by itself."""
        if admitted.is_own and not admitted.session.ended:
            self.services.sessions.destroy(admitted.session.ref)

    def fail_task(self, task: str, error: XenAPIError) -> None:
        """Fail the task that a refused request named, if there is one to fail."""
        try:
            self.services.tasks.attach(task).fail(error.description)
        except XenAPIError:
            return

"""Stand-ins for what is behind the HTTP side: a dispatcher with a handful of calls, an authenticator with one session."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.http_actions import HttpAction
from xapid.datamodel.types import Int, Map, Ref, Set, String, Void
from xapid.http.credentials import Credentials
from xapid.wire.call import Answer, Call, Codec, Malformed, Origin

SESSION = "OpaqueRef:5e551014-0000-4000-8000-000000000001"
WEAK = "OpaqueRef:5e551014-0000-4000-8000-000000000002"


class StubDispatcher:
    """Answers ``session.logout`` as a server without sessions does, and some calls that tests steer."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.origins: list[Origin] = []
        self.waiting: list[Deferred[None]] = []

    def dispatch(self, call: Call, codec: Codec, origin: Origin) -> Any:
        self.calls.append(call)
        self.origins.append(origin)
        match call.name, call.params:
            case "session.logout", [str(session)]:
                return codec.failure(("SESSION_INVALID", session))
            case "session.logout", [_]:
                return codec.failure(("INTERNAL_ERROR", "not a session"))
            case "session.logout", params:
                return codec.failure(("MESSAGE_PARAMETER_COUNT_MISMATCH", "session.logout", "0", str(len(params) - 1)))
            case "system.listMethods", []:
                return codec.bare(Set(String), ("session.logout",))
            case "test.echo", [text]:
                return codec.success(String, text)
            case "test.void", []:
                return codec.success(Void, None)
            case "test.big", [pieces]:
                return [b"x" * 1000] * int(pieces)
            case "test.wait", _:
                return self._wait(codec)
            case "test.refused", _:
                raise Malformed("refused")
            case "test.broken", _:
                raise ZeroDivisionError("a secret of ours")
            case "test.broken_later", _:
                return self._break()
            case "test.map", _:
                return codec.success(Map(String, Int), {"a<b": 5})
            case "test.refs", _:
                return codec.success(Set(Ref("VM")), ())
        return codec.failure(("MESSAGE_METHOD_UNKNOWN", call.name))

    async def _wait(self, codec: Codec) -> Answer:
        waiter: Deferred[None] = Deferred()
        self.waiting.append(waiter)
        await waiter
        return codec.success(String, "waited")

    async def _break(self) -> Answer:
        raise ZeroDivisionError("a secret of ours")


class StubAuthenticator:
    """Knows root's password, one good session and one that may do nothing."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.failed: list[tuple[str, tuple[str, ...]]] = []

    async def open(self, offered: Credentials, origin: Origin) -> str:
        if offered.is_unix or offered.basic == ("root", "secret"):
            session = "temporary"
        elif offered.session in (SESSION, WEAK):
            session = offered.session
        else:
            raise XenAPIError("SESSION_INVALID", str(offered.session))
        self.opened.append(session)
        return session

    def check(self, session: str, action: HttpAction) -> None:
        if session == WEAK:
            raise XenAPIError("RBAC_PERMISSION_DENIED", action.permission, "no")

    async def close(self, session: str) -> None:
        self.closed.append(session)

    def fail_task(self, task: str, error: XenAPIError) -> None:
        self.failed.append((task, error.description))

"""What comes over a member's Unix socket and is for the pool: the coordinator answers it, and the member passes that on.

On a member, programs of root's use the Unix socket as they do on any host; they need not know which of them leads. Calls go to
the coordinator as they came, command lines too. Who logs in there gets a session of root's whose host is the member. What a
member does by itself, and everything while it has no coordinator, is answered here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import attrs
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from xapid.agent.values import AgentFailure
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import Ref
from xapid.http.exchange import Exchange
from xapid.http.head import Head
from xapid.http.server import HttpServer
from xapid.http.splice import End, join
from xapid.operations.services import Services
from xapid.pool.role import EMERGENCY_CALLS
from xapid.wire.call import Answer, Call, Codec, Dispatcher, Malformed, Origin

log = Logger()

LOGIN: Final = "session.login_with_password"
_SESSION: Final = Ref("session")
_ORIGINATOR: Final = 3
"""Which parameter of a login it is."""
_PASSED_ON: Final = (
    "content-type",
    "originator",
    "user-agent",
    "traceparent",
    "tracestate",
    "baggage",
    "task-id",
    "subtask-of",
)
_OWN_SESSION: Final = b"session_id="

Decode = Callable[[bytes], tuple[Call, Codec]]


@attrs.define
class Kept(Call):
    """A call, with the request that it came in."""

    target: str
    headers: Mapping[str, str]
    body: bytes


class UnixServer(HttpServer):
    """Serves a Unix socket: calls keep the request that they came in, for :class:`Relay`."""

    def decoder(self, head: Head) -> Decode | None:
        decode = super().decoder(head)
        if decode is None:
            return None

        def keep(body: bytes) -> tuple[Call, Codec]:
            call, codec = decode(body)
            return Kept(call.name, call.params, head.target, head.headers, body), codec

        return keep

    async def serve(self, exchange: Exchange) -> None:
        """Who says a session to a member has one of the coordinator's, and counts as whose it is."""
        relay, head = self.dispatcher, exchange.head
        if isinstance(relay, Relay) and relay.is_for_others(exchange.origin) and head.argument("session_id") is not None:
            exchange.origin = attrs.evolve(exchange.origin, is_unix=False)
        await super().serve(exchange)


@attrs.frozen(eq=False)
class Relay:
    """A dispatcher that passes on what is not for this daemon; ``coordinator`` is where the one that it follows speaks HTTP."""

    _dispatcher: Dispatcher
    _services: Services
    _coordinator: Callable[[], IStreamClientEndpoint | None]
    _host: Callable[[], str]
    """The uuid of the host that the socket is on."""

    def dispatch(self, call: Call, codec: Codec, origin: Origin) -> Answer | Deferred[Answer]:
        """See :class:`xapid.wire.call.Dispatcher`."""
        name = call.name if "." in call.name else call.name.replace("_", ".", 1)
        own = name in EMERGENCY_CALLS or name.startswith("system.")
        if own or not isinstance(call, Kept) or not self.is_for_others(origin):
            return self._dispatcher.dispatch(call, codec, origin)
        working = ensureDeferred(self._log_in(call, codec) if name == LOGIN else self._pass_on(call, codec))
        origin.hangup.watch(working.cancel)

        def over(result: Any) -> Any:
            origin.hangup.unwatch(working.cancel)
            return result

        return working.addBoth(over)

    async def command_line(self, exchange: Exchange, body: bytes) -> bool:
        """Pass a command line on, with a session of root's if it has none; False if that is not to be done."""
        endpoint = self._coordinator()
        if endpoint is None or not self.is_for_others(exchange.origin):
            return False
        session = ""
        try:
            if not body.startswith(_OWN_SESSION):
                session = await self._services.pool.coordinator.log_in(self._host(), "cli")
                body = _OWN_SESSION + session.encode() + b"\n" + body
            far = cast(End, await endpoint.connect(Factory.forProtocol(End)))
        except (AgentFailure, XenAPIError, ConnectError, OSError) as problem:
            log.warn("a command line was not passed on to the coordinator: {problem}", problem=problem)
            await self._log_out(session)
            return False
        near = join(exchange, far)
        far.write(b"POST /cli HTTP/1.0\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        if session:
            near.when_over(lambda: ensureDeferred(self._log_out(session)))
        return True

    async def _log_out(self, session: str) -> None:
        coordinator = self._services.pool.coordinator
        if session and coordinator is not None:
            await coordinator.log_out(session)

    def is_for_others(self, origin: Origin) -> bool:
        """Whether root asks a member that has a coordinator."""
        services = self._services
        return origin.is_unix and services.pool.coordinator is not None and services.role.emergency is None

    async def _log_in(self, call: Call, codec: Codec) -> Answer:
        originator = call.params[_ORIGINATOR] if len(call.params) > _ORIGINATOR else ""
        try:
            ref = await self._services.pool.coordinator.log_in(self._host(), str(originator))
        except AgentFailure:
            return codec.failure(("CANNOT_CONTACT_HOST", self._services.role.coordinator))
        except XenAPIError as error:
            return codec.failure(error.description)
        return codec.success(_SESSION, ref)

    async def _pass_on(self, call: Kept, codec: Codec) -> Answer:
        endpoint = self._coordinator()
        if endpoint is None:
            return codec.failure(("HOST_STILL_BOOTING",))
        try:
            asking = cast(_Asking, await endpoint.connect(Factory.forProtocol(_Asking)))
            status, body = await asking.ask(call)
        except (ConnectError, OSError):
            return codec.failure(("CANNOT_CONTACT_HOST", self._services.role.coordinator))
        except CancelledError:
            return []  # nobody is there to read it
        if status != b"200":
            raise Malformed("the coordinator could not serve the request")
        return [body]


class _Asking(Protocol):
    """Asks one thing over a connection of its own."""

    def __init__(self) -> None:
        self._said = b""
        self._ended: Deferred[tuple[bytes, bytes]] = Deferred(lambda _: self._hang_up())

    def ask(self, call: Kept) -> Deferred[tuple[bytes, bytes]]:
        """The status of the answer, and its body. Raises ConnectionError when there is none, or not all of it."""
        headers = {name: call.headers[name] for name in _PASSED_ON if name in call.headers}
        headers |= {"host": "pool", "content-length": str(len(call.body)), "connection": "close"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        transport: Any = self.transport
        transport.write(f"POST {call.target} HTTP/1.1\r\n{lines}\r\n".encode() + call.body)
        return self._ended

    def dataReceived(self, data: bytes) -> None:
        self._said += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._ended.called:
            return
        head, _, body = self._said.partition(b"\r\n\r\n")
        status = head.split(b" ", 2)[1:2]
        lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if not status or lengths != [b" %d" % len(body)]:
            self._ended.errback(ConnectionError("the answer is not whole"))
        else:
            self._ended.callback((status[0], body))

    def _hang_up(self) -> None:
        transport: Any = self.transport
        transport.abortConnection()

"""The HTTP side of one host address: makes the protocols for its listeners, and decides what serves which request.

One :class:`HttpServer` stands for one host of the pool. Its listeners (TLS, plain, Unix socket) share it; a simulated pool
has one per host. Calls go to the dispatcher. Every other action is served by the function given for its name, after its
caller's role has been checked; an action without function answers 501 to those who may use it. Over plain HTTP, nothing
is served while the host is told to use HTTPS only, and the web interface's files never are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol, ServerFactory

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.http_actions import HttpAction
from xapid.http import link, pages
from xapid.http.chunks import Latest
from xapid.http.connection import ClientConnection
from xapid.http.credentials import Authenticator
from xapid.http.exchange import Exchange, Serve
from xapid.http.gate import Gate
from xapid.http.head import Decode, Head
from xapid.http.protocol import HttpProtocol
from xapid.http.routes import Routes
from xapid.http.tls import AGENT_PROTOCOL
from xapid.logs import REQUEST_ID, Doing, doing, number
from xapid.wire import jsonrpc, xmlrpc
from xapid.wire.call import Dispatcher

_XML_CALLS: Final = ("post_root", "post_RPC2", "post_json")
_PORT = re.compile(r":\d*$")
_REMEMBERED: Final = 512
_REMEMBERED_TARGET: Final = 256
_SWEEP_S: Final = 1.0


@attrs.frozen(kw_only=True)
class Limits:
    """What a client may ask of the server's patience. Sizes in bytes, times in seconds."""

    head_size: int = 64 * 1024
    body_size: int = 300 * 1024
    """Of a call."""
    read_time: float = 10.0
    """Between two reads of one head."""
    head_time: float = 60.0
    """For a whole head, and for the first one (with the TLS handshake) to begin."""
    body_time: float = 60.0
    """Between two reads of a call's body."""
    stall_time: float = 300.0
    """For a client that neither reads an answer nor goes on with an upload."""
    idle_time: float = 600.0
    """Between two requests."""
    linger_time: float = 5.0
    """For a client to close after we did."""


class HttpServer(ServerFactory):
    """Serves one host address. ``actions`` maps names of actions to what serves them."""

    noisy = False

    def __init__(
        self,
        dispatcher: Dispatcher,
        host: str,
        authenticator: Authenticator,
        *,
        clock: IReactorTime,
        actions: Mapping[str, Serve] | None = None,
        https_only: Callable[[], bool] = lambda: False,
        https_port: int = 443,
        agents: Callable[[str], Protocol | None] | None = None,
        limits: Limits | None = None,
        routes: Routes | None = None,
        fast: bool = True,
        only: Serve | None = None,
        has_file: Callable[[str], bool] = lambda path: False,
        thumbprints: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        """``host`` is the reference of the host that answers here. ``agents`` makes the protocol for a client that came
        for ``xapid-agent/1`` with the certificate of the given fingerprint, or None if the pool does not know it. Unless
        ``fast``, every request is read as if it were the first of its kind. With ``only``, that serves every ``GET``, and
        nothing else is served. ``has_file`` tells the paths of files that the action ``get_root`` serves although they
        begin like the path of another action. ``thumbprints`` are those of the coordinator's certificate, by algorithm.
        """
        self.dispatcher = dispatcher
        self.host = host
        self.clock = clock
        self.https_only = https_only
        self.thumbprints = thumbprints
        self._https_port = https_port
        self.limits = limits or Limits()
        self.heads: dict[bytes, Head] = {}
        self.latest = Latest()
        self.stopping = False
        self._gate = Gate(authenticator)
        self._actions: Mapping[str, Serve] = {
            "post_root_options": options,
            "post_json_options": options,
            "post_jsonrpc_options": options,
            **(actions or {}),
        }
        self._agents = agents
        self._routes = routes or Routes()
        self._fast = fast
        self._only = only
        self._has_file = has_file
        xml = xmlrpc.decode if fast else xmlrpc.decode_slowly
        self._calls: Mapping[str, Decode] = {"post_jsonrpc": jsonrpc.decode, **dict.fromkeys(_XML_CALLS, xml)}
        self._decoders: dict[tuple[str, str], Decode] = {}
        self._connections: set[ClientConnection] = set()
        self._sweep: IDelayedCall | None = None

    # Connections ----------------------------------------------------------------------------------------------------

    def buildProtocol(self, addr: IAddress | None) -> HttpProtocol:
        return HttpProtocol(self)

    def joined(self, connection: ClientConnection) -> None:
        """A connection has been made."""
        self._connections.add(connection)
        if self._sweep is None:
            self._sweep = self.clock.callLater(_SWEEP_S, self._expire)

    def left(self, connection: ClientConnection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        if not self._connections and self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def _expire(self) -> None:
        self._sweep = self.clock.callLater(_SWEEP_S, self._expire)
        now = self.clock.seconds()
        for connection in [connection for connection in self._connections if connection.deadline <= now]:
            connection.expire()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    def become(self, host: str) -> None:
        """Answers as another host from now on. Connections that took it for the former one are dropped."""
        self.host = host
        for connection in list(self._connections):
            connection.drop()

    def stop(self) -> None:
        """Closes idle connections, and the others after their answers. Listeners are closed by who made them."""
        self.stopping = True
        for connection in list(self._connections):
            connection.shutdown()

    def abort(self) -> None:
        """Drops every connection."""
        self.stopping = True
        for connection in list(self._connections):
            connection.drop()

    def remember(self, block: bytes, head: Head) -> None:
        """Keeps a head that is likely to come again."""
        if self._fast:
            if len(self.heads) >= _REMEMBERED:
                self.heads.clear()
            self.heads[block] = head
            if not head.is_chunked and not head.length_is_bad and 0 < (head.length or 0) <= self.limits.body_size:
                head.decode = self.decoder(head)

    def other_protocol(self, transport: Any) -> Protocol | None:
        """What speaks, in place of HTTP, on a connection whose client came for that; None if it may not."""
        if self._agents is None:
            return None
        fingerprint = link.peer_fingerprint(transport)
        return None if fingerprint is None else self._agents(fingerprint)

    def is_for_others(self, transport: Any) -> bool:
        """Whether the client of a new connection came for another protocol than HTTP."""
        return link.protocol_name(transport) == AGENT_PROTOCOL

    # Requests -------------------------------------------------------------------------------------------------------

    def decoder(self, head: Head) -> Decode | None:
        """What reads the body, if the request is a call."""
        key = head.method, head.target
        if self._only is not None:
            return None
        try:
            return self._decoders[key]
        except KeyError:
            action = self._routes.find(head.method, head.path)
            decode = None if action is None else self._calls.get(action.name)
            if decode is not None and len(self._decoders) < _REMEMBERED and len(head.target) < _REMEMBERED_TARGET:
                self._decoders[key] = decode
            return decode

    async def serve(self, exchange: Exchange) -> None:
        """Serves a request that is no call."""
        await Deferred.fromCoroutine(self._serve(exchange))  # in a context of its own, so that logs tell what it is about

    async def _serve(self, exchange: Exchange) -> None:
        head = exchange.head
        task = head.argument("task_id") or ""
        doing.set(Doing(number(head.headers.get(REQUEST_ID)), f"{head.method} {head.path}", task))
        action = self._routed(head)
        if self._only is not None and head.method == "GET":
            await self._only(exchange)
        elif self._only is not None or not self._routes.knows(head.method):
            exchange.refuse(501)
        elif action is None:
            exchange.refuse(403)
        elif exchange.plain and self.https_only():
            exchange.refuse(403, "this host speaks HTTPS only")
        elif exchange.plain and action.name == "get_root" and "host" in head.headers:
            self._redirect_to_https(exchange)
        elif action.open:
            await self._serve_open(exchange, action)
        else:
            await self._serve_guarded(exchange, action)

    def _routed(self, head: Head) -> HttpAction | None:
        """The action that a request reaches. Files of a web interface may be called what they like: ``/console-1f.js`` is one,
        if it is there, and the console everywhere else.
        """
        action = self._routes.find(head.method, head.path)
        if action is None or head.method != "GET" or head.path[len(action.path) :][:1] in ("", "/") or action.path == "/":
            return action
        return self._routes.find("GET", "/") if self._has_file(head.path) else action

    def _redirect_to_https(self, exchange: Exchange) -> None:
        name = _PORT.sub("", exchange.head.headers["host"])
        port = "" if self._https_port == 443 else f":{self._https_port}"
        exchange.start(
            301,
            [
                ("content-length", "0"),
                ("connection", "close"),
                ("cache-control", pages.NO_CACHE),
                ("location", f"https://{name}{port}{exchange.head.target}"),
            ],
        )

    async def _serve_open(self, exchange: Exchange, action: HttpAction) -> None:
        serve = self._actions.get(action.name)
        if serve is None:
            exchange.refuse(501, f"{action.name} is not there yet")
        else:
            await serve(exchange)

    async def _serve_guarded(self, exchange: Exchange, action: HttpAction) -> None:
        if await self._gate.admit(exchange, action):
            outcome = "INTERNAL_ERROR"
            try:
                await self._serve_open(exchange, action)
                outcome = "OK"
            except XenAPIError as error:
                outcome = error.code
                raise
            finally:
                await self._gate.release(exchange, outcome)


async def options(exchange: Exchange) -> None:
    """Tells a browser that pages from anywhere may call."""
    head = exchange.head
    asked = head.headers.get("access-control-request-headers")
    allowed = "X-Requested-With" if asked is None else f"{asked}, X-Requested-With"
    exchange.keep_alive = head.keep_alive
    exchange.start(
        200,
        [
            ("content-length", "0"),
            ("connection", "keep-alive" if head.keep_alive else "close"),
            ("cache-control", pages.NO_CACHE),
            ("Access-Control-Allow-Origin", "*"),
            ("Access-Control-Allow-Headers", allowed),
            ("Access-Control-Allow-Methods", "PUT"),
        ],
    )

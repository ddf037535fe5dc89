"""``on_host=UUID`` in the query: a host answers for another one of its pool, in place of sending the client there.

Consoles and statistics are served where their VM runs, and each host presents a certificate of its own. A page in a browser
would have to reach every host, and its user to trust every certificate. With ``on_host`` the coordinator, which knows who
runs where, is the only one to be reached. What its own process simulates it serves itself; a request to a host of another
daemon goes there as it came, without ``on_host``, and then bytes are passed on both ways. Whoever asks has been admitted
here, and is looked at again there. Whoever was admitted by a certificate, which nobody can show for somebody else, goes there
with the session of this request, which lasts as long as the two connections do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol, cast
from urllib.parse import parse_qsl, urlencode

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory

from xapid.database import Database
from xapid.http.credentials import credentials
from xapid.http.exchange import Exchange, Serve
from xapid.http.splice import End, join

ARGUMENT: Final = "on_host"
SERVED: Final = ("connect_console_ws", "get_vncsnapshot", "rrd_updates", "host_rrd", "vm_rrd", "sr_rrd")
"""The actions that know it. Each is a GET without a body."""
_PASSED_ON: Final = (
    "accept", "authorization", "connection", "cookie", "origin", "sec-fetch-site", "sec-websocket-key",
    "sec-websocket-protocol", "sec-websocket-version", "upgrade",
)  # fmt: skip


class Neighbours(Protocol):
    """The hosts of the pool that other daemons run."""

    def endpoint(self, host: str) -> IStreamClientEndpoint | None:
        """Where the host with this uuid speaks HTTP, over TLS and with the certificate that it is known by. None: here."""


@attrs.frozen(eq=False)
class OnBehalf:
    """Makes actions answer for other hosts."""

    _database: Database
    _neighbours: Neighbours

    def wrap(self, actions: Mapping[str, Serve]) -> dict[str, Serve]:
        """The same actions, of which those that can know ``on_host``."""
        return {name: self._knowing(serve) if name in SERVED else serve for name, serve in actions.items()}

    def _knowing(self, serve: Serve) -> Serve:
        async def serve_here_or_there(exchange: Exchange) -> None:
            uuid = exchange.head.query.get(ARGUMENT)
            host = None if uuid is None else self._database.table("host").find_uuid(uuid)
            if uuid is None:
                await serve(exchange)
            elif host is None:
                exchange.refuse(404, "there is no such host")
            else:
                endpoint = self._neighbours.endpoint(uuid)
                if endpoint is None:
                    exchange.origin = attrs.evolve(exchange.origin, host=host.ref)
                    await serve(exchange)
                else:
                    await _pass_on(exchange, endpoint)

        return serve_here_or_there


async def _pass_on(exchange: Exchange, endpoint: IStreamClientEndpoint) -> None:
    try:
        far = cast(End, await endpoint.connect(Factory.forProtocol(End)))
    except (ConnectError, OSError):
        exchange.refuse(503, "the host does not answer")
        return
    exchange.started = True
    over: Deferred[None] = Deferred()
    far.when_over(lambda: over.callback(None))
    join(exchange, far)
    session = _session(exchange)
    far.write(_head(exchange, session))
    if session is not None:
        await over


def _session(exchange: Exchange) -> str | None:
    """The session that a request has because of the connection that it came over, and not because of what it says."""
    offered = credentials(exchange.head, exchange.origin)
    return exchange.session.session.ref if offered.certificate or offered.is_unix else None


def _head(exchange: Exchange, session: str | None) -> bytes:
    """The request as the other host gets it. The connection ends with its answer, unless it becomes a WebSocket."""
    path, _, query = exchange.head.target.partition("?")
    pairs = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] != ARGUMENT]
    rest = urlencode(pairs if session is None else [*pairs, ("session_id", session)])
    headers = {name: value for name, value in exchange.head.headers.items() if name in _PASSED_ON}
    if "upgrade" not in headers:
        headers["connection"] = "close"
    host = exchange.head.headers.get("host", "")
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"host": host, **headers}.items())
    return f"GET {path}?{rest} HTTP/1.1\r\n{lines}\r\n".encode()

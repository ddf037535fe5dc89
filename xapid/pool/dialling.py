"""Reaching another host of the pool: TLS with both certificates known beforehand, and one connection for all requests."""

from __future__ import annotations

from typing import Any, Final

from twisted.internet import defer
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory

from xapid.agent.values import AgentFailure
from xapid.pool.link import Answer, HostLink, Unreachable

CONNECT_TIMEOUT: Final = 10


class Peer:
    """Another host, at an address and port. It is called when there is something to ask, and called again when lost."""

    def __init__(
        self, reactor: Any, address: str, port: int, tls: IOpenSSLClientConnectionCreator, uuid: str, answer: Answer
    ) -> None:
        self._uuid = uuid
        self._answer = answer
        self._endpoint = wrapClientTLS(tls, HostnameEndpoint(reactor, address, port, timeout=CONNECT_TIMEOUT))
        self._link: HostLink | None = None
        self._is_dialling = False
        self._waiting: list[defer.Deferred[HostLink]] = []

    async def send(self, path: str, body: bytes) -> bytes:
        """The answer to a request (:data:`xapid.agent.remote.Send`). Raises AgentFailure ``unreachable``."""
        try:
            link = self._link or await self._dial()
            return await link.ask(path, body)
        except Unreachable as problem:
            raise AgentFailure("unreachable", (self._uuid,)) from problem

    async def _dial(self) -> HostLink:
        """Connect, once for all who want to at the same time."""
        turn: defer.Deferred[HostLink] = defer.Deferred()
        self._waiting.append(turn)
        if not self._is_dialling:
            self._is_dialling = True
            factory = Factory.forProtocol(lambda: HostLink(self._answer, self._lost))
            self._endpoint.connect(factory).addCallbacks(self._connected, self._refused)
        return await turn

    def _connected(self, protocol: Any) -> None:
        # TLS only fails once it speaks: a first request tells whether the other side wants us.
        self._is_dialling = False
        self._link = protocol
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            turn.callback(protocol)

    def _refused(self, _: object) -> None:
        self._is_dialling = False
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            turn.errback(Unreachable())

    def _lost(self, link: HostLink) -> None:
        if self._link is link:
            self._link = None

    def close(self) -> None:
        """End the connection; what is asked for is unreachable."""
        if self._link is not None:
            self._link.close()

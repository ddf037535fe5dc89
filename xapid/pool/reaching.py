"""Whether another host answers, and shows the certificate that it should: a handshake, and nothing more."""

from __future__ import annotations

from typing import Any

from twisted.internet import defer
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IHandshakeListener, IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from xapid.agent.values import Neighbour
from xapid.pool.dialling import CONNECT_TIMEOUT


async def reaches(reactor: Any, neighbour: Neighbour, tls: IOpenSSLClientConnectionCreator) -> bool:
    """Shake hands with a neighbour; ``tls`` is the client's side, which knows its certificate."""
    plain = HostnameEndpoint(reactor, neighbour["address"], neighbour["port"], timeout=CONNECT_TIMEOUT)
    try:
        knock: Any = await wrapClientTLS(tls, plain).connect(Factory.forProtocol(_Knock))
    except Exception:  # whatever keeps it from being reached
        return False
    done: defer.Deferred[bool] = knock.done
    try:
        return await done.addTimeout(CONNECT_TIMEOUT, reactor)
    except defer.TimeoutError:
        knock.transport.abortConnection()
        return False


@implementer(IHandshakeListener)
class _Knock(Protocol):
    """Goes when the handshake is over."""

    def __init__(self) -> None:
        self.done: defer.Deferred[bool] = defer.Deferred()

    def handshakeCompleted(self) -> None:
        self._end(True)
        if self.transport is not None:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._end(False)

    def _end(self, reached: bool) -> None:
        if not self.done.called:
            self.done.callback(reached)

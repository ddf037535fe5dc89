"""Requests to servers that are no hosts: a balancer of workloads, or where an administrator tests a connection.

One request, one connection, TLS; the certificate is checked against given ones, or not at all. Bodies of answers are bounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet import defer
from twisted.internet.error import ConnectError, ConnectionLost, ConnectionRefusedError, DNSLookupError, TimeoutError
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IReactorPluggableNameResolver
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates
from twisted.python.failure import Failure
from twisted.web.client import Agent, ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer, IPolicyForHTTPS
from zope.interface import implementer

from xapid.operations.posts import Posted, PostFailed
from xapid.pool.client import UnverifiedPolicy

LARGEST: Final = 16 << 20
"""Bytes of an answer that are read."""


async def post(
    reactor: Any,
    address: str,
    port: int,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    timeout: float,
    trusted: Sequence[str] | None = None,
) -> Posted:
    """Send ``body`` and wait for the answer. Raises PostFailed.

    ``trusted`` are certificates in PEM, one of which must vouch for the server; without them anyone is believed.
    """
    if not _has_network(reactor):
        raise PostFailed("unknown_host", "this process has no network")
    policy = UnverifiedPolicy() if trusted is None else _Verified(trusted)
    agent = Agent(reactor, policy, connectTimeout=timeout)  # type: ignore[no-untyped-call]  # Twisted's
    name = f"[{address}]" if ":" in address else address
    sending = defer.ensureDeferred(_send(agent, f"https://{name}:{port}{path}", headers, body))
    sending.addTimeout(timeout, reactor)
    try:
        return await sending
    except (defer.TimeoutError, TimeoutError) as problem:
        raise PostFailed("timed_out") from problem
    except DNSLookupError as problem:
        raise PostFailed("unknown_host", str(problem)) from problem
    except ConnectionRefusedError as problem:
        raise PostFailed("refused", str(problem)) from problem
    except ResponseFailed as problem:
        raise _failed(problem) from problem
    except (ConnectError, ConnectionLost, OSError) as problem:
        raise PostFailed("unknown_host" if isinstance(problem, ConnectError) else "reset", str(problem)) from problem


def _has_network(reactor: Any) -> bool:
    return IReactorPluggableNameResolver.providedBy(reactor)


async def _send(agent: Any, url: str, headers: Mapping[str, str], body: bytes) -> Posted:
    fields = Headers({name: [value] for name, value in headers.items()})
    response = await agent.request(b"POST", url.encode(), fields, _Body(body))
    collected = _Collected()
    response.deliverBody(collected)
    return Posted(response.code, await collected.done)


def _failed(problem: ResponseFailed) -> PostFailed:
    """Why no answer came, told from the errors that Twisted gathered."""
    for reason in problem.reasons:
        if reason.check(defer.CancelledError):
            return PostFailed("timed_out")
        if reason.check(VerificationError):
            return PostFailed("unverified", "the certificate is for another server")
        if reason.check(SSL.Error):
            return PostFailed("unverified", "; ".join(part for entry in reason.value.args[0] for part in entry if part))
    return PostFailed("reset", str(problem.reasons[0].value))


@implementer(IPolicyForHTTPS)
class _Verified:
    """TLS with a server for which one of ``trusted`` vouches."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self._root = trustRootFromCertificates([Certificate.loadPEM(pem.encode()) for pem in trusted])  # type: ignore[no-untyped-call]

    def creatorForNetloc(self, hostname: bytes, port: int) -> IOpenSSLClientConnectionCreator:
        options: IOpenSSLClientConnectionCreator = optionsForClientTLS(hostname.decode().strip("[]"), trustRoot=self._root)
        return options


@implementer(IBodyProducer)
class _Body:
    """The body of a request, all at once."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length = len(body)

    def startProducing(self, consumer: Any) -> defer.Deferred[None]:
        consumer.write(self._body)
        return defer.succeed(None)

    def pauseProducing(self) -> None:
        """It is out already."""

    def resumeProducing(self) -> None:
        """It is out already."""

    def stopProducing(self) -> None:
        """It is out already."""


class _Collected(Protocol):
    """The body of an answer."""

    def __init__(self) -> None:
        self.done: defer.Deferred[bytes] = defer.Deferred()
        self._parts: list[bytes] = []
        self._held = 0

    def dataReceived(self, data: bytes) -> None:
        self._parts.append(data)
        self._held += len(data)
        if self._held > LARGEST and self.transport is not None:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if reason.check(ResponseDone, PotentialDataLoss):  # type: ignore[no-untyped-call]  # Twisted's
            self.done.callback(b"".join(self._parts))
        elif not self.done.called:
            self.done.errback(ConnectionLost(str(reason.value)))

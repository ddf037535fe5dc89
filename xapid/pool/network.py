"""How daemons reach each other: the one thing in this room that knows sockets. Tests have a network of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import NoRouteError
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IProtocolFactory, IStreamClientEndpoint
from zope.interface import implementer

from xapid.datamodel.errors import XenAPIError
from xapid.pool.client import XenAPIClient
from xapid.pool.dialling import CONNECT_TIMEOUT
from xapid.pool.membership import Place

ClientTls = Callable[[Callable[[str], bool]], IOpenSSLClientConnectionCreator]
"""Makes the TLS of a connection to a daemon whose certificate the given function knows by its SHA-256."""


class Client(Protocol):
    """Calls another server as its clients do."""

    async def call(self, method: str, *params: Any) -> Any:
        """The result of a call. Errors: those that the server answers with, and those for one that does not answer."""


class Network(Protocol):
    """Other daemons, by where they answer."""

    def endpoint(self, place: Place, knows: Callable[[str], bool]) -> IStreamClientEndpoint:
        """Where to connect for the protocol of daemons; ``knows`` is asked about the certificate that is presented there."""

    def client(self, address: str, port: int) -> Client:
        """The XenAPI of a server whose certificate nobody knows yet."""


@implementer(IStreamClientEndpoint)
class _Nobody:
    """An endpoint with nobody at it."""

    def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
        return fail(NoRouteError())  # type: ignore[no-untyped-call]  # Twisted's has no types


class NoNetwork:
    """Reaches nobody: what pools without sockets have."""

    def endpoint(self, place: Place, knows: Callable[[str], bool]) -> IStreamClientEndpoint:
        """See :class:`Network`."""
        return _Nobody()

    def client(self, address: str, port: int) -> Client:
        """See :class:`Network`. Errors: JOINING_HOST_CONNECTION_FAILED."""
        raise XenAPIError("JOINING_HOST_CONNECTION_FAILED")


@attrs.frozen
class TlsNetwork:
    """TCP and TLS."""

    reactor: Any
    tls: ClientTls

    def endpoint(self, place: Place, knows: Callable[[str], bool]) -> IStreamClientEndpoint:
        """See :class:`Network`."""
        plain = HostnameEndpoint(self.reactor, place.address, place.port, timeout=CONNECT_TIMEOUT)
        endpoint: IStreamClientEndpoint = wrapClientTLS(self.tls(knows), plain)
        return endpoint

    def client(self, address: str, port: int) -> Client:
        """See :class:`Network`. Errors of a server that does not answer: JOINING_HOST_CONNECTION_FAILED; of one that does
        not speak XenAPI, JOINING_HOST_SERVICE_FAILED.
        """
        return XenAPIClient(
            self.reactor, address, port, lambda: XenAPIError("JOINING_HOST_CONNECTION_FAILED"),
            lambda: XenAPIError("JOINING_HOST_SERVICE_FAILED"),
        )  # fmt: skip

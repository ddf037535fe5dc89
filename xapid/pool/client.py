"""A XenAPI client, for talking to other pools: one that this host is about to join, or that a VM goes to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import orjson
import treq
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet import defer
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.web.client import Agent, RequestTransmissionFailed, ResponseFailed
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from xapid.datamodel.errors import XenAPIError

TIMEOUT: Final = 60
OK: Final = 200
UNREACHED: Final = (
    ConnectError, RequestTransmissionFailed, ResponseFailed, SSL.Error, defer.TimeoutError, defer.CancelledError, OSError,
)  # fmt: skip
"""What it comes to when there is no server, or none that speaks TLS and HTTP."""


@implementer(IOpenSSLClientConnectionCreator)
class Unverified:
    """TLS with whoever answers: the certificates of the pool are only learnt in the conversation."""

    def __init__(self) -> None:
        self._context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        self._context.set_min_proto_version(SSL.TLS1_2_VERSION)

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        connection.set_connect_state()
        return connection


class Known(Unverified):
    """TLS with a server that presents this very certificate, in PEM. Raises ValueError for what is none."""

    def __init__(self, certificate: str) -> None:
        super().__init__()
        self._known = x509.load_pem_x509_certificate(certificate.encode()).fingerprint(SHA256())
        self._context.set_verify(SSL.VERIFY_PEER, self._verify)

    def _verify(self, connection: SSL.Connection, certificate: X509, error: int, depth: int, accepted: int) -> bool:
        return depth > 0 or certificate.to_cryptography().fingerprint(SHA256()) == self._known


@implementer(IPolicyForHTTPS)
class UnverifiedPolicy:
    """The same, as an agent asks for it."""

    def __init__(self, tls: Unverified | None = None) -> None:
        self._tls = tls

    def creatorForNetloc(self, hostname: bytes, port: int) -> Unverified:
        return self._tls or Unverified()


class XenAPIClient:
    """Calls one server.

    ``failed`` makes the error for a server that cannot be reached, ``garbled`` (or else ``failed`` too) the one for a server
    that answers, but not as XenAPI does.
    """

    def __init__(
        self,
        reactor: Any,
        address: str,
        port: int,
        failed: Callable[[], XenAPIError],
        garbled: Callable[[], XenAPIError] | None = None,
        tls: Unverified | None = None,
    ) -> None:
        host = f"[{address}]" if ":" in address else address
        self._url = f"https://{host}:{port}/jsonrpc"
        agent = Agent(reactor, UnverifiedPolicy(tls))  # type: ignore[no-untyped-call]  # Twisted's
        self._http = treq.client.HTTPClient(agent)
        self._failed = failed
        self._garbled = garbled or failed

    async def call(self, method: str, *params: Any) -> Any:
        """The result of a call. Errors: those that the server answers with, ``failed`` and ``garbled``."""
        body = {"jsonrpc": "2.0", "method": method, "params": list(params), "id": 1}
        try:
            response = await self._http.post(self._url, json=body, timeout=TIMEOUT)
            content = await treq.content(response)
        except UNREACHED as problem:
            raise self._failed() from problem
        try:
            answer = orjson.loads(content) if response.code == OK else {}
        except ValueError as problem:
            raise self._garbled() from problem
        if isinstance(answer, dict) and "result" in answer:
            return answer["result"]
        if isinstance(answer, dict) and "error" in answer:
            raise XenAPIError.relayed(answer["error"]["message"], *answer["error"]["data"])
        raise self._garbled()

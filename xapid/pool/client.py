"""A XenAPI client, for talking to other pools: one that this host is about to join, or that a VM goes to."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from ipaddress import AddressValueError, IPv6Address
from typing import Any, Final

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet import defer
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.web.client import (
    Agent,
    FileBodyProducer,
    PartialDownloadError,
    RequestTransmissionFailed,
    ResponseFailed,
    readBody,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from xapid.datamodel.errors import XenAPIError

TIMEOUT: Final = 60
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}")
PORT: Final = re.compile(r"[0-9]{1,5}")
PORTS: Final = range(1, 1 << 16)
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

    ``failed`` makes the error for a server that cannot be reached, also because its address is none, ``garbled`` (or else
    ``failed`` too) the one for a server that answers, but not as XenAPI does.
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
        self._url = _url(address, port)
        self._agent = Agent(reactor, UnverifiedPolicy(tls))  # type: ignore[no-untyped-call]  # Twisted's
        self._reactor = reactor
        self._failed = failed
        self._garbled = garbled or failed

    async def call(self, method: str, *params: Any) -> Any:
        """The result of a call. Errors: those that the server answers with, ``failed`` and ``garbled``."""
        if self._url is None:
            raise self._failed()
        body = orjson.dumps({"jsonrpc": "2.0", "method": method, "params": list(params), "id": 1})
        try:
            status, content = await self._post(self._url, body)
        except (*UNREACHED, ValueError) as problem:  # a name that looks like one, and yet is none by the rules for names
            raise self._failed() from problem
        try:
            answer = orjson.loads(content) if status == OK else {}
        except ValueError as problem:
            raise self._garbled() from problem
        if isinstance(answer, dict) and "result" in answer:
            return answer["result"]
        match answer:
            case {"error": {"message": str(code), "data": list(details)}}:
                raise XenAPIError.relayed(code, *details)
        raise self._garbled()

    async def _post(self, url: bytes, body: bytes) -> tuple[int, bytes]:
        """The status and the content of the answer, by Twisted's own agent, for treq calls no IPv6 addresses."""
        headers = Headers({"Content-Type": ["application/json"]})
        producer: Any = FileBodyProducer(BytesIO(body))  # type: ignore[no-untyped-call]  # Twisted's
        asked: defer.Deferred[Any] = self._agent.request(b"POST", url, headers, producer)
        response = await asked.addTimeout(TIMEOUT, self._reactor)
        try:
            return response.code, await readBody(response).addTimeout(TIMEOUT, self._reactor)
        except PartialDownloadError as whole:  # without a length: it ended with the connection
            return response.code, whole.response or b""


def _url(address: str, port: int) -> bytes | None:
    """Where calls go; None for what is neither the name of a host nor an address, or no port."""
    try:
        host = f"[{IPv6Address(address)}]" if ":" in address else address.encode("idna").decode()
    except (AddressValueError, UnicodeError):
        return None
    if port not in PORTS or (":" not in address and not NAME.fullmatch(host)):
        return None
    return f"https://{host}:{port}/jsonrpc".encode()


def split_address(text: str, port: int) -> tuple[str, int]:
    """An address and a port, of which the text need not have one. IPv6 addresses with a port stand in brackets."""
    host, colon, number = text.rpartition(":")
    if colon and PORT.fullmatch(number) and (":" not in host or host.endswith("]")):
        return host.removeprefix("[").removesuffix("]"), int(number)
    return text.removeprefix("[").removesuffix("]"), port

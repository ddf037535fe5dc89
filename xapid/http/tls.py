"""How the server speaks TLS: one policy for versions, suites and their order, groups, resumption and certificates.

TLS 1.2 and nothing else, since the clients of the XenAPI pin it. The suites are few and fixed, the server's order counts,
and OpenSSL chooses the group among its defaults (the genuine ``xe`` offers P-384 only, others P-256 only). Sessions are
resumed by ticket or from memory.

Whatever server name a client sends is passed over, but for ``pool``: that is how members of the pool ask for the certificate
that this daemon has for them, and which is another one than clients see.

Members use the same port: a client that offers the protocol ``xapid-agent/1`` (ALPN) must present a certificate that the pool
has pinned. It is asked for in the handshake, and its absence ends it. A resumed session asks for
none, so the connection's owner has to look once more (``link.peer_fingerprint``): what it finds there came from a full
handshake, and is nothing if that was an ordinary one.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet.interfaces import (
    IListeningPort,
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from xapid.certificates.pair import Certificate
from xapid.http.tls_poll import Poll
from xapid.http.tls_port import TlsPort

AGENT_PROTOCOL: Final = b"xapid-agent/1"
HTTP_PROTOCOL: Final = b"http/1.1"
POOL_NAME: Final = b"pool"
"""The server name of those who want to see the certificate for members."""

SUITES: Final = (
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-SHA384",
    "AES256-SHA256",
    "AES128-SHA256",
)
"""In the order of preference; the last three for old clients."""
MEMBER_SUITES: Final = ("ECDHE-ECDSA-AES256-GCM-SHA384", *SUITES)
"""Those between members, whose keys may be on curves."""
_SESSION_SECONDS: Final = 7200
_SESSION_ID: Final = b"xapid"


@implementer(IOpenSSLServerConnectionCreator)
class TlsPolicy:
    """The server's side of TLS, with its certificates, which may be replaced while it runs."""

    def __init__(
        self,
        certificate: Certificate,
        is_pinned: Callable[[str], bool] | None = None,
        internal: Certificate | None = None,
    ) -> None:
        """``is_pinned`` knows the pool's certificates by SHA-256 (lower-case hex); without it there are no agents.

        ``internal`` is for members; without it they see what clients do.
        """
        self._is_pinned = is_pinned
        self._poll: Poll | None = None
        self._internal: SSL.Context | None = None
        self._authorities: list[x509.Certificate] | None = None
        self.use(certificate)
        if internal is not None:
            self.use_internal(internal)

    def use(self, certificate: Certificate) -> None:
        """From now on, new connections get ``certificate``."""
        self.certificate = certificate
        self._renew()

    def use_internal(self, certificate: Certificate) -> None:
        """From now on, new connections of members get ``certificate``."""
        context = _context(certificate, MEMBER_SUITES)
        context.set_alpn_select_callback(self._select)
        self._internal = context

    def ask_clients(self, authorities: list[x509.Certificate] | None) -> None:
        """Ask clients for a certificate from now on, of one of these if they have some. Without a list, do not ask.

        None is refused here: what it is worth is for those to say who look at it (:func:`xapid.http.link.peer_certificates`).
        """
        if authorities != self._authorities:
            self._authorities = authorities
            self._renew()

    def _renew(self) -> None:
        context = _context(self.certificate, SUITES)
        context.set_alpn_select_callback(self._select)
        context.set_tlsext_servername_callback(self._named)
        if self._authorities is not None:
            context.set_verify(SSL.VERIFY_PEER, _take_any)
            context.set_client_ca_list([X509.from_cryptography(each).get_subject() for each in self._authorities])
        self._context = context

    def _named(self, connection: SSL.Connection) -> None:
        if self._internal is not None and connection.get_servername() == POOL_NAME:
            connection.set_context(self._internal)

    def listen(self, listening: socket.socket, factory: IProtocolFactory, reactor: Any) -> IListeningPort:
        """Have ``factory`` serve what comes to a listening socket, which is taken over; its connections speak TLS."""
        if self._poll is None:
            self._poll = Poll(reactor)
        return TlsPort(listening, self._connect, factory, self._poll)

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """For Twisted's own TLS."""
        return SSL.Connection(self._context, None)

    def _connect(self, accepted: socket.socket) -> SSL.Connection:
        return SSL.Connection(self._context, accepted)

    def _select(self, connection: SSL.Connection, offered: list[bytes]) -> Any:
        if AGENT_PROTOCOL in offered and self._is_pinned is not None:
            # Only what is asked of the client changes here. To change the context as well would free the certificate that
            # OpenSSL has already chosen for this handshake.
            connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._verify)
            connection.set_options(SSL.OP_NO_TICKET)
            return AGENT_PROTOCOL
        return HTTP_PROTOCOL if HTTP_PROTOCOL in offered else SSL.NO_OVERLAPPING_PROTOCOLS

    def _verify(self, connection: SSL.Connection, certificate: X509, error: int, depth: int, accepted: int) -> bool:
        """A pinned certificate is good as it is, whoever vouches for it and whatever date it bears."""
        assert self._is_pinned is not None
        return depth > 0 or self._is_pinned(certificate.to_cryptography().fingerprint(SHA256()).hex())


def _take_any(connection: SSL.Connection, certificate: X509, error: int, depth: int, accepted: int) -> bool:
    return True


def _context(certificate: Certificate, suites: tuple[str, ...]) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(":".join(suites).encode())
    context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_session_cache_mode(SSL.SESS_CACHE_SERVER)
    context.set_session_id(_SESSION_ID)
    context.set_timeout(_SESSION_SECONDS)
    context.use_privatekey(certificate.key)
    context.use_certificate(certificate.leaf)
    for each in certificate.chain:
        context.add_extra_chain_cert(each)
    context.check_privatekey()
    return context


@implementer(IOpenSSLClientConnectionCreator)
class PinnedClient:
    """The side of a host that calls another of its pool.

    It presents what ``own`` gives at that moment, and takes no other certificate than the one that ``is_pinned`` knows by its
    SHA-256. What it speaks is the protocol of agents, or ``protocol``.
    """

    def __init__(
        self, own: Callable[[], Certificate], is_pinned: Callable[[str], bool], protocol: bytes = AGENT_PROTOCOL
    ) -> None:
        self._own = own
        self._is_pinned = is_pinned
        self._protocol = protocol
        self._made: tuple[Certificate, SSL.Context] | None = None

    def _context(self) -> SSL.Context:
        own = self._own()
        if self._made is None or self._made[0] is not own:
            self._made = own, self._make(own)
        return self._made[1]

    def _make(self, own: Certificate) -> SSL.Context:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        context.set_alpn_protos([self._protocol])
        context.use_privatekey(own.key)
        context.use_certificate(own.leaf)
        context.set_verify(SSL.VERIFY_PEER, self._verify)
        return context

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """A connection about to shake hands."""
        connection = SSL.Connection(self._context(), None)
        connection.set_tlsext_host_name(POOL_NAME)
        connection.set_connect_state()
        return connection

    def _verify(self, connection: SSL.Connection, certificate: X509, error: int, depth: int, accepted: int) -> bool:
        return depth > 0 or self._is_pinned(certificate.to_cryptography().fingerprint(SHA256()).hex())

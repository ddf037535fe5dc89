"""A directory on loopback, by ldaptor: ``python ldap_server.py LDIF PEM`` prints ports for LDAPS and for LDAP with StartTLS.

It refuses to search or to bind before TLS, and forgets everything at its end, which is the end of its standard input.
"""

from __future__ import annotations

import sys
from io import BytesIO

from ldaptor.inmemory import fromLDIFFile
from ldaptor.interfaces import IConnectedLDAPEntry
from ldaptor.protocols import pureldap
from ldaptor.protocols.ldap import ldaperrors
from ldaptor.protocols.ldap.ldapserver import LDAPServer
from twisted.internet import reactor, ssl
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.stdio import StandardIO
from twisted.python.components import registerAdapter

START_TLS = b"1.3.6.1.4.1.1466.20037"


class Server(LDAPServer):
    """One connection."""

    def __init__(self, is_secure: bool) -> None:
        super().__init__()
        self._is_secure = is_secure

    def handle_LDAPExtendedRequest(self, request, controls, reply):
        if request.requestName != START_TLS:
            return super().handle_LDAPExtendedRequest(request, controls, reply)
        reply(pureldap.LDAPExtendedResponse(resultCode=0, responseName=START_TLS))
        self.transport.startTLS(CONTEXT)
        self._is_secure = True
        return None

    def handle_LDAPBindRequest(self, request, controls, reply):
        self._check()
        return super().handle_LDAPBindRequest(request, controls, reply)

    def handle_LDAPSearchRequest(self, request, controls, reply):
        self._check()
        return super().handle_LDAPSearchRequest(request, controls, reply)

    def getRootDSE(self, request, reply):
        attributes = [(b"supportedLDAPVersion", [b"3"]), (b"namingContexts", [self.factory.root.dn.getText().encode()])]
        reply(pureldap.LDAPSearchResultEntry(objectName="", attributes=attributes))
        return pureldap.LDAPSearchResultDone(resultCode=0)

    def _check(self) -> None:
        if not self._is_secure:
            raise ldaperrors.LDAPConfidentialityRequired


class Factory(ServerFactory):
    def __init__(self, root, is_secure: bool) -> None:
        self.root = root
        self._is_secure = is_secure

    def buildProtocol(self, addr):
        made = Server(self._is_secure)
        made.factory = self
        return made


class UntilEnd(Protocol):
    def connectionLost(self, reason=None) -> None:
        if reactor.running:
            reactor.stop()


def serve(root) -> None:
    secure = reactor.listenSSL(0, Factory(root, True), CONTEXT, interface="127.0.0.1")
    plain = reactor.listenTCP(0, Factory(root, False), interface="127.0.0.1")
    StandardIO(UntilEnd())
    print(secure.getHost().port, plain.getHost().port, flush=True)


if __name__ == "__main__":
    ldif, pem = sys.argv[1:]
    CONTEXT = ssl.DefaultOpenSSLContextFactory(pem, pem)
    registerAdapter(lambda factory: factory.root, Factory, IConnectedLDAPEntry)
    with open(ldif, "rb") as file:
        fromLDIFFile(BytesIO(file.read())).addCallbacks(serve, lambda failure: (failure.printTraceback(), reactor.stop()))
    reactor.run()

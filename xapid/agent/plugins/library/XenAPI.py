"""The stock client library, whose ``xapi_local()`` leads to the server that runs this program.

On the hosts of the reference server, ``XenAPI.xapi_local()`` connects to a Unix socket. Here it connects, with TLS, to the
address in ``XENAPI_URL``, and talks to nobody but the holder of the certificate whose SHA-256 is in ``XENAPI_FINGERPRINT``.
Everything else is the library as it was published; ``XENAPI_CLIENT`` says where it is installed.
"""

import hashlib
import http.client
import importlib.util
import os
import ssl
import sys
import xmlrpc.client
from typing import Any


class Stranger(ssl.SSLError):
    """Who answers is not the server that started this program."""


class Pinned(http.client.HTTPSConnection):
    """Talks to nobody but the holder of one certificate, whoever signed it and whatever name it carries."""

    def __init__(self, host: str, fingerprint: str) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        super().__init__(host, context=context)
        self._fingerprint = fingerprint

    def connect(self) -> None:
        """Connect, and look at the certificate before a word is said."""
        super().connect()
        shown = self.sock.getpeercert(binary_form=True) or b""
        if hashlib.sha256(shown).hexdigest() != self._fingerprint:
            self.close()
            raise Stranger("the server shows another certificate than the one that started this program")


class PinnedTransport(xmlrpc.client.Transport):
    """XML-RPC over such connections."""

    def __init__(self, fingerprint: str) -> None:
        super().__init__()
        self._fingerprint = fingerprint.replace(":", "").lower()

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        """One connection, kept."""
        known, connection = self._connection
        if connection is None or known != host:
            address, self._extra_headers, _ = self.get_host_info(host)
            connection = Pinned(address, self._fingerprint)
            self._connection = host, connection
        return connection


def _published() -> Any:
    """The library itself, under its own name."""
    folder = os.environ["XENAPI_CLIENT"]
    spec = importlib.util.spec_from_file_location(
        "XenAPI", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert spec is not None and spec.loader is not None
    library = importlib.util.module_from_spec(spec)
    sys.modules["XenAPI"] = library
    spec.loader.exec_module(library)
    return library


def xapi_local() -> Any:
    """A session, not logged in, of the server that runs this program."""
    url, fingerprint = os.environ["XENAPI_URL"], os.environ.get("XENAPI_FINGERPRINT", "")
    return _library.Session(url, transport=PinnedTransport(fingerprint) if fingerprint else None)


_library = _published()
if os.environ.get("XENAPI_URL"):
    _library.xapi_local = _library.XenAPI.xapi_local = xapi_local

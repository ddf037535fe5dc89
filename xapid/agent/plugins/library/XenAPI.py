"""The stock client library, whose ``xapi_local()`` leads to the server that runs this program.

On the hosts of the reference server, ``XenAPI.xapi_local()`` connects to a Unix socket. Here it connects, with TLS, to the
address in ``XENAPI_URL``, and talks to nobody but the holder of the certificate whose SHA-256 is in ``XENAPI_FINGERPRINT``.
Over that socket, root logs in without a password; here, who logs in without one goes on with the session of the caller, which
is in ``XENAPI_SESSION`` or was set with :func:`use_session`, and does not end it by logging out.

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


_callers = [os.environ.get("XENAPI_SESSION")]


def use_session(ref: str) -> None:
    """Who logs in without a password goes on with this session from now on."""
    _callers[0] = ref


def xapi_local() -> Any:
    """A session, not logged in, of the server that runs this program."""
    url, fingerprint = os.environ["XENAPI_URL"], os.environ.get("XENAPI_FINGERPRINT", "")
    return _local_class()(url, transport=PinnedTransport(fingerprint) if fingerprint else None)


def _local_class() -> Any:
    """The published class, with another way in."""

    class Session(_library.Session):  # type: ignore[misc, name-defined]  # it is only loaded now
        """A session that begins, and ends, as the caller's."""

        _session: Any

        def _login(self, method: str, params: Any) -> None:
            if method == "login_with_password" and not any(params[1:2]) and _callers[0]:
                self._session = _callers[0]
            else:
                super()._login(method, params)

        def _logout(self) -> Any:
            if self._session == _callers[0]:
                self._session = None
                return ""
            return super()._logout()

    return Session


_library = _published()
_library.use_session = use_session
if os.environ.get("XENAPI_URL"):
    _library.xapi_local = _library.XenAPI.xapi_local = xapi_local

"""Joining what is no pool: a web server with and without TLS."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import XenAPI
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from xapid.testing.processes import Daemons

pytestmark = pytest.mark.daemon


class Web(http.server.BaseHTTPRequestHandler):
    """Knows no XenAPI."""

    def do_POST(self) -> None:
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def key_and_certificate(path: Path) -> Path:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    bare = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, bare)
    path.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def web_server(certificate: Path | None) -> Iterator[str]:
    """Where it answers."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Web)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_web_server_is_no_pool(xapid_daemons: Daemons, tmp_path: Path) -> None:
    """Without TLS it is nobody; with it, it is somebody who does not speak XenAPI. The host stays what it was."""
    host = xapid_daemons.start("--preset", "standalone")
    session = host.session()
    for certificate, expected in (
        (None, "JOINING_HOST_CONNECTION_FAILED"),
        (key_and_certificate(tmp_path / "web.pem"), "JOINING_HOST_SERVICE_FAILED"),
    ):
        with web_server(certificate) as address, pytest.raises(XenAPI.Failure) as caught:
            session.xenapi.pool.join(address, "root", "secret")
        assert caught.value.details == [expected]
    assert len(session.xenapi.host.get_all()) == 1

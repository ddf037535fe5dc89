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


GARBLED = (
    b"",
    b"no JSON",
    b"[]",
    b'{"error": "none"}',
    b'{"error": {"message": "X"}}',
    b'{"error": {"message": 1, "data": []}}',
)


class Web(http.server.BaseHTTPRequestHandler):
    """Knows no XenAPI: answers with what comes next of ``answers``, and then that there is nothing."""

    answers: list[bytes]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.answers:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.answers.pop(0))  # without a length: it ends with the connection
        else:
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
def web_server(certificate: Path | None, *answers: bytes) -> Iterator[str]:
    """Where it answers."""
    server = http.server.HTTPServer(("127.0.0.1", 0), type("Answering", (Web,), {"answers": list(answers)}))
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


def test_neither_is_what_answers_in_json_but_not_as_a_pool_does(xapid_daemons: Daemons, tmp_path: Path) -> None:
    session = xapid_daemons.start("--preset", "standalone").session()
    with web_server(key_and_certificate(tmp_path / "web.pem"), *GARBLED) as address:
        for _ in GARBLED:
            with pytest.raises(XenAPI.Failure) as caught:
                session.xenapi.pool.join(address, "root", "secret")
            assert caught.value.details == ["JOINING_HOST_SERVICE_FAILED"]


def test_errors_of_a_server_are_passed_on_however_it_ends_its_answers(xapid_daemons: Daemons, tmp_path: Path) -> None:
    session = xapid_daemons.start("--preset", "standalone").session()
    refusal = b'{"error": {"message": "SESSION_AUTHENTICATION_FAILED", "data": ["root", "no"]}}'
    with web_server(key_and_certificate(tmp_path / "web.pem"), refusal) as address, pytest.raises(XenAPI.Failure) as caught:
        session.xenapi.pool.join(address, "root", "secret")
    assert caught.value.details == ["SESSION_AUTHENTICATION_FAILED", "root", "no"]

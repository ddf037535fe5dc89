"""A workload balancing server for tests: real HTTPS and SOAP, answers as told, and notes of what it was asked."""

from __future__ import annotations

import base64
import datetime
import http.server
import ipaddress
import ssl
import threading
import time
import xml.sax.saxutils
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from lxml import etree

ADDRESS = "127.0.0.1"
PATH = "/Citrix.Dwm.WorkloadBalance/Service"
ARRAYS = "http://schemas.microsoft.com/2003/10/Serialization/Arrays"


@cache
def certificate(*names: str) -> tuple[str, str]:
    """A self-signed certificate for addresses, and its key, in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "balancer")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
    alternatives = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(text)) for text in names])
    builder = builder.add_extension(alternatives, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )  # fmt: skip
    return pem, private.decode()


def element(name: str, text: str) -> str:
    return f"<{name}>{xml.sax.saxutils.escape(text)}</{name}>"


def listed(name: str, *items: dict[str, str]) -> str:
    """Recommendations of a kind."""
    inner = "".join(f"<{name}>{''.join(element(k, v) for k, v in item.items())}</{name}>" for item in items)
    return f"<Recommendations>{inner}</Recommendations>"


class Balancer:
    """Use as a context manager. ``results`` are the insides of results by method, or whole answers."""

    def __init__(self, directory: Path, user: str = "wlb", password: str = "s3cret") -> None:
        self.account = f"{user}:{password}"
        self.results: dict[str, str] = {"AddXenServer": element("Id", "1")}
        self.whole: dict[str, tuple[int, str]] = {}
        """Status and body to answer a method with, as they are."""
        self.delay = 0.0
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.certificate, key = certificate(ADDRESS)
        (directory / "balancer.pem").write_text(self.certificate + key)
        balancer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                status, body = balancer._answer(self.path, self.headers, self.rfile.read(int(self.headers["content-length"])))
                self.send_response(status)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *args: Any) -> None:
                """Quiet."""

        self._server = http.server.ThreadingHTTPServer((ADDRESS, 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "balancer.pem")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up are part of tests
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        return f"{ADDRESS}:{self._server.server_port}"

    def __enter__(self) -> Balancer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, path: str, headers: Any, body: bytes) -> tuple[int, str]:
        if path == "/":
            return 200, f"you said {body.decode()}"
        if path != PATH:
            return 404, "no such path"
        if base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode() != self.account:
            return 401, "who are you?"
        request = etree.fromstring(body)[0][0]
        method = etree.QName(request).localname
        assert headers["soapaction"] == f'"http://schemas.citrix.com/DWM/IWorkloadBalance/{method}"'
        self.asked.append((method, {etree.QName(part).localname: _value(part) for part in request[0]}))
        time.sleep(self.delay)
        if method in self.whole:
            return self.whole[method]
        inner = self.results.get(method, "")
        return 200, (
            '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
            f'<{method}Response xmlns="http://schemas.citrix.com/DWM"><{method}Result>{inner}</{method}Result>'
            f"</{method}Response></s:Body></s:Envelope>"
        )


def _value(part: etree._Element) -> str | dict[str, str]:
    pairs = part.findall(f"{{{ARRAYS}}}KeyValueOfstringstring")
    if pairs:
        return {str(pair[0].text): str(pair[1].text) for pair in pairs}
    parameters = part.findall("{http://schemas.citrix.com/DWM}ReportParameter")
    if parameters:
        return {str(each[0].text): str(each[1].text) for each in parameters}
    return part.text or ""

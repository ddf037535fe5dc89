"""A report sent to whoever helps the administrator."""

from __future__ import annotations

import io
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import XenAPI


@pytest.fixture
def receiver():
    """Takes uploads; those to ``/refused`` get 403."""
    taken = []

    class Taker(BaseHTTPRequestHandler):
        def do_PUT(self):
            taken.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(403 if self.path == "/refused" else 201)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Taker)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1], taken
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_report_is_sent_where_it_was_asked_to_go(xapid_daemon, receiver):
    port, taken = receiver
    api = xapid_daemon.session().xenapi
    host = api.host.get_all()[0]
    api.host.bugreport_upload(host, f"http://127.0.0.1:{port}/reports/1?a=b", {})
    ((path, data),) = taken
    assert path == "/reports/1?a=b"
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert "system_status/xapid/server.json" in archive.getnames()
    proxied = f"http://reports.invalid:8080/x?{port}"
    api.host.bugreport_upload(host, proxied, {"http_proxy": f"http://127.0.0.1:{port}"})
    assert taken[1][0] == proxied
    for url, error in (
        (f"http://127.0.0.1:{port}/refused", ["SYSTEM_STATUS_RETRIEVAL_FAILED", "127.0.0.1 answered 403"]),
        ("http://127.0.0.1:1/", ["SYSTEM_STATUS_RETRIEVAL_FAILED", "127.0.0.1 cannot be reached: ConnectionRefusedError"]),
        ("file:///etc/passwd", ["INVALID_VALUE", "url", "file:///etc/passwd"]),
        ("", ["INVALID_VALUE", "url", ""]),
    ):
        with pytest.raises(XenAPI.Failure) as failed:
            api.host.bugreport_upload(host, url, {})
        assert failed.value.details == error

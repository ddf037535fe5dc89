"""The servers that are measured: xapid, stock Twisted and nginx, each in a process of its own on the servers' core."""

from __future__ import annotations

import http.client
import json
import os
import select
import socket
import ssl
import subprocess
import sys
import time
import xmlrpc.client
from pathlib import Path
from typing import Any

from machine import HERE, SERVER_CORE, children, cpu_seconds, pinned, resident_kib, tool

PASSWORD = "measured"
_START_S = 240


def tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def body(method: str, *params: Any) -> bytes:
    """A call as clients write it, on one line."""
    return xmlrpc.client.dumps(params, method).replace("\n", "").encode()


class Server:
    """A running server. Use as a context manager."""

    name = ""
    port = 0
    pid = 0
    _process: subprocess.Popen[str]
    _connection: http.client.HTTPSConnection | None = None

    def _run(self, command: list[str], **env: str) -> str:
        """Start ``command`` and return its first line of output."""
        self._process = subprocess.Popen(
            pinned(SERVER_CORE, command),
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **env},
            stderr=subprocess.DEVNULL,
        )
        self.pid = self._process.pid
        ready, _, _ = select.select([self._process.stdout], [], [], _START_S)
        line = self._process.stdout.readline() if ready and self._process.stdout else ""
        if not line:
            self.stop()
            raise SystemExit(f"{self.name} did not start")
        return line

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def cpu(self) -> float:
        return cpu_seconds(self.pid)

    def memory(self) -> int:
        return resident_kib(self.pid)

    def post(self, content: bytes, path: str = "/") -> bytes:
        """The body of an answer that must be 200."""
        for is_last in (False, True):
            if self._connection is None:
                self._connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=tls(), timeout=120)
            try:
                self._connection.request("POST", path, content, {"Content-Type": "text/xml"})
                answer = self._connection.getresponse()
                found = answer.read()
                break
            except (OSError, http.client.HTTPException):
                self._connection = None  # idle for too long, in the opinion of the server
                if is_last:
                    raise
        if answer.status != 200:
            raise SystemExit(f"{self.name} answered {answer.status} to {content[:80]!r}")
        return found

    def call(self, method: str, *params: Any) -> Any:
        """The value of a call that must succeed."""
        value: Any = xmlrpc.client.loads(self.post(body(method, *params)))[0][0]
        if value["Status"] != "Success":
            raise SystemExit(f"{self.name}: {method}: {value}")
        return value["Value"]


class Xapid(Server):
    name = "xapid"

    def __init__(self, certificate: Path, *options: str, state: Path | None = None) -> None:
        where = ["--ephemeral"] if state is None else ["--state", str(state)]
        command = [sys.executable, "-m", "xapid", "serve", *where, "--port", "0", "--ready-json", "--event-batching", "0"]
        begun = time.monotonic()
        line = self._run([*command, "--seed", "1", "--certificate", str(certificate), *options], XAPID_ROOT_PASSWORD=PASSWORD)
        self.started_in = time.monotonic() - begun
        self.port = int(json.loads(line)["url"].rpartition(":")[2])
        self.session: str = self.call("session.login_with_password", "root", PASSWORD, "1.0", "bench")


class Stock(Server):
    name = "stock"

    def __init__(self, certificate: Path, data: Path) -> None:
        self.port = int(self._run([sys.executable, str(HERE / "stock.py"), str(certificate), str(data)]))


_NGINX = """
daemon off; pid {root}/nginx.pid; worker_processes 1; error_log /dev/null crit; user {user};
events {{ worker_connections 4096; multi_accept on; }}
http {{
  access_log off; default_type text/xml; keepalive_requests 1000000000; keepalive_timeout 600s; sendfile off;
  output_buffers 2 256k; client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;
  uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl backlog=1024 reuseport;
    ssl_certificate {certificate}; ssl_certificate_key {certificate};
    ssl_protocols TLSv1.2; ssl_ciphers {suites}; ssl_prefer_server_ciphers on;
    ssl_session_cache shared:SSL:10m; ssl_session_tickets on;
    location = / {{ return 200 '{answer}'; }}
    location /listing {{ root {root}; }}
    location /put/ {{ root {root}; dav_methods PUT; create_full_put_path on; client_max_body_size 0; }}
  }}
}}
"""


class Nginx(Server):
    name = "nginx"

    def __init__(self, certificate: Path, suites: str, root: Path, answer: bytes, listing: bytes) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        root.chmod(0o755)
        (root / "listing").write_bytes(listing)
        config = root / "nginx.conf"
        user = "root" if os.geteuid() == 0 else "nobody"
        config.write_text(
            _NGINX.format(root=root, port=self.port, certificate=certificate, suites=suites, user=user, answer=answer.decode())
        )
        self._process = subprocess.Popen(pinned(SERVER_CORE, [tool("nginx"), "-c", str(config)]), stdout=subprocess.DEVNULL)
        for _ in range(100):
            time.sleep(0.05)
            workers = children(self._process.pid)
            if workers:
                break
        else:
            self.stop()
            raise SystemExit("nginx did not start")
        self.pid = workers[0]
        time.sleep(0.2)

    def get(self, path: str) -> bytes:
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=tls(), timeout=60)
        connection.request("GET", path)
        found = connection.getresponse().read()
        connection.close()
        return found

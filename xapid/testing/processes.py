"""Daemons in processes of their own, for tests that want real sockets, real TLS and real signals.

A daemon is started with ``xapid serve --ready-json``, and is ready when the constructor returns. Every daemon of every
test process gets loopback addresses of its own, so that the simulated hosts of one never meet those of another.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import selectors
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import XenAPI

from xapid.config import PREFIX, variable

PASSWORD: Final = "correct horse"
NO_FAST_PATH: Final = variable("no_fast_path")
"""The one setting that servers under test take from the environment of the tests, so that a whole suite runs with it."""
START_LIMIT: Final = 60.0
STOP_LIMIT: Final = 20.0


class DaemonFailed(Exception):
    """A daemon did not start or did not stop. The text ends with what it said on standard error."""


class Daemon:
    """A running ``xapid serve``. Flags are given as they stand on the command line.

    ``environ`` is added to the environment, from which settings of xapid were taken out; ``directory`` is where it runs;
    ``prefix`` are words before the command, such as those of a program that makes room for it and then becomes it.
    """

    program: Sequence[str] = ("-m", "xapid", "serve")
    """What Python runs, before the flags."""

    def __init__(
        self,
        *flags: str,
        password: str | None = PASSWORD,
        environ: Mapping[str, str] | None = None,
        directory: Path | None = None,
        start_limit: float = START_LIMIT,
        prefix: Sequence[str] = (),
    ) -> None:
        self.flags = flags
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process, closed in stop()
        clean = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX) or key == NO_FAST_PATH}
        if password is not None:
            clean[f"{PREFIX}ROOT_PASSWORD"] = password
        self.process = subprocess.Popen(
            [*prefix, sys.executable, *self.program, "--ready-json", *flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=clean | dict(environ or {}),
            cwd=directory,
        )
        self.password = password
        try:
            self.ready: dict[str, Any] = json.loads(self._first_line(start_limit))
        except ValueError:
            self.process.kill()
            self.process.wait()
            raise DaemonFailed(f"xapid serve {' '.join(flags)} did not start\n{self.log}") from None

    def _first_line(self, limit: float) -> bytes:
        stdout = self.process.stdout
        assert stdout is not None
        deadline, line = time.monotonic() + limit, b""
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n") and selector.select(max(0.0, deadline - time.monotonic())):
                piece = os.read(stdout.fileno(), 4096)
                if not piece:
                    break
                line += piece
        return line

    @property
    def url(self) -> str:
        """``https://ADDRESS:PORT``."""
        return str(self.ready["url"])

    @property
    def address(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 443

    @property
    def log(self) -> str:
        """What the daemon said on standard error so far."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode(errors="replace")

    def session(self, user: str = "root", password: str | None = None, originator: str = "xapid.testing") -> XenAPI.Session:
        """A session of the stock client library, logged in."""
        session = XenAPI.Session(self.url, ignore_ssl=True)
        session.xenapi.login_with_password(user, password or self.password or "", "2.23", originator)
        return session

    def stop(self, limit: float = STOP_LIMIT) -> int:
        """Asks it to stop (SIGTERM), and returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise DaemonFailed(f"the daemon at {self.url} did not stop within {limit:g} s\n{self.log}") from None

    def kill(self) -> None:
        """Ends it at once (SIGKILL), as a power cut would."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """Stops it if it still runs and lets its files go."""
        try:
            self.stop()
        finally:
            if self.process.stdout is not None:
                self.process.stdout.close()
            self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def unverified() -> ssl.SSLContext:
    """A client's TLS context that takes the daemon's self-signed certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


_networks = itertools.count(1)


def loopback_network(process: int | None = None) -> str:
    """The first three numbers of loopback addresses that no other test process uses, ``127.A.B``; another at each call."""
    pid = os.getpid() if process is None else process
    return f"127.{pid % 250 + 2}.{(pid // 250 + 37 * next(_networks)) % 250 + 2}"


class Daemons:
    """Starts daemons, and stops all of them at the end of a ``with``."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self.running: list[Daemon] = []

    def start(self, *flags: str, **options: Any) -> Daemon:
        """One more daemon. Without ``--bind`` it gets an address, without ``--port`` a free port, both of its own."""
        given = list(flags)
        if "--bind" not in given:
            given += ["--bind", f"{loopback_network()}.1"]
        if "--port" not in given:
            given += ["--port", "0"]
        if "--state" not in given and "--ephemeral" not in given:
            given.append("--ephemeral")
        daemon = self._stack.enter_context(Daemon(*given, **options))
        self.running.append(daemon)
        return daemon

    def several(self, number: int, *flags: str, **options: Any) -> list[Daemon]:
        """``number`` single hosts on neighbouring addresses and one port: the makings of a pool."""
        network = loopback_network()
        first = self.start("--bind", f"{network}.1", "--preset", "standalone", *flags, **options)
        others = (
            self.start("--bind", f"{network}.{n}", "--port", str(first.port), "--preset", "standalone", *flags, **options)
            for n in range(2, number + 1)
        )
        return [first, *others]

    def pool(self, number: int, *flags: str, **options: Any) -> list[Daemon]:
        """A pool of ``number`` daemons that have joined it; the coordinator is the first."""
        coordinator, *members = self.several(number, *flags, **options)
        for member in members:
            join(member, coordinator)
        return [coordinator, *members]

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def join(member: Daemon, coordinator: Daemon, limit: float = 60.0) -> None:
    """Has ``member`` join the pool of ``coordinator``, and waits until the coordinator counts it among its live hosts."""
    with session_of(member) as session:
        session.xenapi.pool.join(f"{coordinator.address}:{coordinator.port}", "root", coordinator.password)
    deadline = time.monotonic() + limit
    with session_of(coordinator) as session:
        while not _lives(session, member.address):
            if time.monotonic() > deadline:
                raise DaemonFailed(f"{member.url} did not join {coordinator.url}\n{member.log}\n{coordinator.log}")
            time.sleep(0.05)


def _lives(session: XenAPI.Session, address: str) -> bool:
    metrics = session.xenapi.host_metrics.get_all_records()
    hosts = session.xenapi.host.get_all_records().values()
    return any(h["address"] == address and h["enabled"] and metrics.get(h["metrics"], {}).get("live") for h in hosts)


@contextlib.contextmanager
def session_of(daemon: Daemon) -> Iterator[XenAPI.Session]:
    """A session that is logged out at the end, if the daemon is still there."""
    session = daemon.session()
    try:
        yield session
    finally:
        with contextlib.suppress(OSError, XenAPI.Failure):
            session.xenapi.session.logout()

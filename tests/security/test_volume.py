"""Bad manners in great numbers. Afterwards the daemon runs, knows what it knew, and holds no more than it held."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import socket
import ssl
import statistics
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from xapid.testing.processes import Daemon, Daemons, unverified

CLASSES = ("VM", "VDI", "VBD", "SR", "host", "network", "PIF", "pool", "task")
SETTLES_S = 15.0
"""How long a daemon may take to let go of clients that are gone."""
SPARE_FILES = 8
SPARE_MEMORY = 24 * 2**20
"""What an allocator may keep for the next time."""
QUICK_S = 0.25
"""For a getter, also on a machine that is busy with other tests; without them it is a millisecond."""
CONNECTIONS = 2000


@pytest.fixture(scope="module", autouse=True)
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < CONNECTIONS + 500:
        pytest.skip("this process may not open enough files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with Daemons() as daemons:
        made = Target(daemons, tmp_path_factory.mktemp("volume") / "socket")
        # What an allocator has once got for so many clients it keeps for the next ones: only what comes on top is a leak.
        with contextlib.ExitStack() as stack:
            open_all(stack, made.tls, CONNECTIONS)
        made.listen_without_reading(100)
        yield made


class Target:
    """A daemon with a TLS port, a plain port and a Unix socket, and how it fares."""

    def __init__(self, daemons: Daemons, path: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.plain_port: int = free.getsockname()[1]
        self.path = str(path)
        flags = ("--unix-socket", self.path, "--http-port", str(self.plain_port), "--vms-per-host", "50")
        self.daemon: Daemon = daemons.start(*flags)
        self.api: Any = self.daemon.session().xenapi
        self.session = self.login()
        self._resumed: ssl.SSLSession | None = None

    @property
    def files(self) -> int:
        return len(os.listdir(f"/proc/{self.daemon.process.pid}/fd"))

    @property
    def memory(self) -> int:
        """Resident, in bytes."""
        fields = Path(f"/proc/{self.daemon.process.pid}/statm").read_text().split()
        return int(fields[1]) * resource.getpagesize()

    def state(self) -> dict[str, Any]:
        """What is known of the pool."""
        return {name: getattr(self.api, name).get_all_records() for name in CLASSES}

    def quickness(self) -> float:
        """Seconds that a getter takes, the median of some."""
        host, times = self.api.host.get_all()[0], []
        for _ in range(30):
            began = time.perf_counter()
            self.api.host.get_name_label(host)
            times.append(time.perf_counter() - began)
        return statistics.median(times)

    # Clients ----------------------------------------------------------------------------------------------------------

    def plain(self) -> socket.socket:
        return socket.create_connection((self.daemon.address, self.plain_port), timeout=20)

    def tls(self) -> ssl.SSLSocket:
        raw = socket.create_connection((self.daemon.address, self.daemon.port), timeout=20)
        made = unverified_once().wrap_socket(raw, session=self._resumed)
        self._resumed = made.session
        return made

    def unix(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(20)
        made.connect(self.path)
        return made

    def login(self, originator: str = "volume") -> str:
        with self.unix() as client:
            client.sendall(call("session.login_with_password", "root", "", "", originator))
            return str(answer(client)["result"])

    def listen_without_reading(self, number: int) -> None:
        """So many clients that ask for everything, again and again, and read nothing, while much happens."""
        vm = self.api.VM.get_all()[0]
        name = self.api.VM.get_name_label(vm)
        before = self.memory
        with contextlib.ExitStack() as stack:
            for client in open_all(stack, self.plain, number):
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.sendall(call("event.from", self.session, ["*"], "", 30.0) * 20)
            for count in range(number):
                self.api.VM.set_name_label(vm, f"{name} {count}")
            assert self.quickness() < QUICK_S
            assert self.memory - before < 96 * 2**20
            self.api.VM.set_name_label(vm, name)


_context: list[ssl.SSLContext] = []


def unverified_once() -> ssl.SSLContext:
    if not _context:
        _context.append(unverified())
    return _context[0]


def call(name: str, *params: Any, number: int = 1) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", "method": name, "params": params, "id": number}).encode()
    return b"POST /jsonrpc HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


class Reader:
    """Takes answers off a connection."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self._data = b""

    def answer(self) -> dict[str, Any]:
        while b"\r\n\r\n" not in self._data:
            self._more()
        head, _, rest = self._data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        self._data = rest
        while len(self._data) < length:
            self._more()
        body, self._data = self._data[:length], self._data[length:]
        return dict(json.loads(body))

    def _more(self) -> None:
        data = self._client.recv(2**20)
        assert data, "the connection ended"
        self._data += data


def answer(client: socket.socket) -> dict[str, Any]:
    return Reader(client).answer()


@pytest.fixture
def unharmed(target: Target) -> Iterator[None]:
    """Compares what the daemon is after the test with what it was before."""
    target.quickness()
    state, files, memory = target.state(), target.files, target.memory
    yield
    assert target.daemon.process.poll() is None, target.daemon.log
    deadline = time.monotonic() + SETTLES_S
    while (target.files > files + SPARE_FILES) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert target.files <= files + SPARE_FILES
    assert target.state() == state
    assert target.quickness() < QUICK_S
    grown = target.memory - memory
    assert grown <= SPARE_MEMORY, f"{grown / 2**20:.1f} MiB more than before"
    assert "Traceback" not in target.daemon.log
    assert "failed" not in target.daemon.log


pytestmark = pytest.mark.usefixtures("unharmed")


def open_all(stack: contextlib.ExitStack, connect: Callable[[], socket.socket], number: int) -> list[socket.socket]:
    return [stack.enter_context(contextlib.closing(connect())) for _ in range(number)]


def ended(clients: list[socket.socket], within: float) -> int:
    """How many of the connections the server has ended, after waiting for all."""
    poll, left = select.poll(), {client.fileno(): client for client in clients}
    for number in left:
        poll.register(number, select.POLLIN)
    deadline = time.monotonic() + within
    while left and time.monotonic() < deadline:
        for number, _ in poll.poll(200):
            try:
                gone = not left[number].recv(65536)
            except (ssl.SSLWantReadError, TimeoutError):
                continue
            except OSError:
                gone = True
            if gone:
                poll.unregister(number)
                del left[number]
    return len(clients) - len(left)


def test_two_thousand_idle_connections_cost_little_and_leave_nothing(target: Target) -> None:
    before = target.memory
    with contextlib.ExitStack() as stack:
        clients = open_all(stack, target.tls, CONNECTIONS)
        each = (target.memory - before) / CONNECTIONS
        assert each < 64 * 1024, f"{each / 1024:.1f} KiB for each"
        assert target.quickness() < QUICK_S
        for client in clients[:: CONNECTIONS // 20]:
            client.sendall(call("system.listMethods"))
            assert "VM.start" in answer(client)["result"]


def test_slow_heads_hinder_nobody_and_are_ended(target: Target) -> None:
    with contextlib.ExitStack() as stack:
        clients = open_all(stack, target.plain, 300) + open_all(stack, target.tls, 100)
        for byte in b"POST":
            for client in clients:
                client.sendall(bytes([byte]))
            assert target.quickness() < QUICK_S
        for client in clients:
            client.setblocking(False)
        assert ended(clients, 18.0) == len(clients)


def test_requests_that_break_off_leave_nothing(target: Target) -> None:
    whole = call("VM.get_all_records", target.session)
    for connect in (target.plain, target.tls):
        for at in range(0, len(whole), 2):
            with connect() as client:
                client.sendall(whole[:at])


def test_handshakes_that_break_off_or_never_begin_leave_nothing(target: Target) -> None:
    with contextlib.ExitStack() as stack:
        for garbage in (b"", b"\x16", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n\r\n", os.urandom(2000)):
            for client in open_all(stack, lambda: socket.create_connection((target.daemon.address, target.daemon.port)), 60):
                client.sendall(garbage)
        assert target.quickness() < QUICK_S


def hello() -> bytes:
    """What a client says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = unverified_once().wrap_bio(incoming, outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_ten_thousand_handshakes_and_requests_that_break_off_leave_memory_and_files_as_they_were(target: Target) -> None:
    greeting, half = hello(), call("VM.get_all_records", target.session)[:-20]
    secure, plain = (target.daemon.address, target.daemon.port), (target.daemon.address, target.plain_port)
    aborted = struct.pack("ii", 1, 0)

    def break_off(number: int) -> None:
        for count in range(number):
            client = socket.create_connection((secure, plain)[count % 2], timeout=20)
            client.sendall((greeting, half, greeting[: count % len(greeting)], half[: count % len(half)])[count % 4])
            if count % 8 < 4:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, aborted)
            client.close()

    break_off(2000)  # an allocator keeps what it has got once
    settle(target, target.files)
    before, files = target.memory, target.files
    break_off(10_000)
    settle(target, files)
    assert target.files <= files
    assert target.memory <= 1.05 * before


def settle(target: Target, files: int) -> None:
    """Wait until the daemon has let go of clients that are gone."""
    deadline = time.monotonic() + SETTLES_S
    while target.files > files and time.monotonic() < deadline:
        time.sleep(0.1)


def test_hundreds_of_pipelined_calls_are_answered_in_order(target: Target) -> None:
    with target.tls() as client:
        client.sendall(b"".join(call("host.get_all", target.session, number=number) for number in range(800)))
        reader = Reader(client)
        assert [reader.answer()["id"] for _ in range(800)] == list(range(800))


def test_who_pipelines_without_reading_is_not_read_any_more(target: Target) -> None:
    before = target.memory
    many = b"".join(call("VM.get_all_records", target.session, number=number) for number in range(200))
    with contextlib.ExitStack() as stack:
        clients = open_all(stack, target.plain, 20)
        for client in clients:
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                for _ in range(2000):
                    client.send(many)
        assert target.quickness() < QUICK_S
        assert target.memory - before < 64 * 2**20


def test_sessions_by_the_thousand_open_and_end(target: Target) -> None:
    with target.unix() as client:
        reader = Reader(client)
        client.sendall(b"".join(call("session.login_with_password", "root", "", "", f"o{n % 7}") for n in range(3000)))
        sessions = [reader.answer()["result"] for _ in range(3000)]
        assert len(set(sessions)) == 3000
        assert target.quickness() < QUICK_S
        client.sendall(b"".join(call("session.logout", session) for session in sessions))
        assert all(reader.answer()["result"] == "" for _ in sessions)


def test_listeners_that_never_read_hold_up_nobody(target: Target) -> None:
    target.listen_without_reading(100)


def test_parked_listeners_that_go_leave_nothing(target: Target) -> None:
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(target.plain())
        first.sendall(call("event.from", target.session, ["vm"], "", 1.0))
        token = answer(first)["result"]["token"]
        for client in open_all(stack, target.tls, 300):
            client.sendall(call("event.from", target.session, ["vm"], token, 3600.0))
        assert target.quickness() < QUICK_S


def test_clients_that_go_in_the_middle_of_an_answer_leave_nothing(target: Target) -> None:
    for number in range(200):
        client = (target.plain, target.tls)[number % 2]()
        client.sendall(call("VM.get_all_records", target.session))
        client.recv(1000)
        if number % 4 < 2:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()


def test_half_closed_clients_get_their_answers_and_the_end(target: Target) -> None:
    for _ in range(100):
        with target.plain() as client:
            client.sendall(call("host.get_all", target.session) * 3)
            client.shutdown(socket.SHUT_WR)
            reader = Reader(client)
            assert all(reader.answer()["result"] for _ in range(3))
            assert client.recv(1) == b""


def test_bodies_beyond_the_limit_are_refused_unread(target: Target) -> None:
    for _ in range(50):
        with target.plain() as client:
            client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 2000000000\r\n\r\n" + b"x" * 100_000)
            assert client.recv(1000).startswith(b"HTTP/1.1 500 ")

"""TLS as the server speaks it, seen by OpenSSL's own client over loopback."""

from __future__ import annotations

import contextlib
import gc
import socket
import ssl
import subprocess
import time
import weakref
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_twisted
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.threads import deferToThread

from http_in_memory import StubAuthenticator, StubDispatcher, call
from slow_reader import size_of_all
from xapid.certificates import pair as certificate
from xapid.certificates.pair import Certificate
from xapid.http.server import HttpServer
from xapid.http.tls import AGENT_PROTOCOL, SUITES, TlsPolicy
from xapid.listening import bind

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def minted(name: str) -> Certificate:
    return certificate.self_signed([name, "127.0.0.1"], NOW)


class Agent(Protocol):
    """Says who it thinks it talks to."""

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(f"agent {self.fingerprint}\n".encode())


def hexadecimal(made: Certificate) -> str:
    return made.leaf.fingerprint(SHA256()).hex()


class Listening:
    """A server on a port of its own."""

    def __init__(self, reactor: Any) -> None:
        self.pinned = {hexadecimal(minted("member"))}
        self.known = set(self.pinned)
        self.server = HttpServer(StubDispatcher(), "OpaqueRef:host", StubAuthenticator(), clock=reactor, agents=self._agent)
        self.tls = TlsPolicy(minted("server"), self.pinned.__contains__)
        self._port = self.tls.listen(bind("127.0.0.1", 0), self.server, reactor)
        self.port: int = self._port.getHost().port

    def _agent(self, fingerprint: str) -> Protocol | None:
        return Agent(fingerprint) if fingerprint in self.known else None

    async def stop(self) -> None:
        await self._port.stopListening()
        self.server.abort()

    def connect(self, **options: Any) -> ssl.SSLSocket:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if "chain" in options:
            context.load_cert_chain(options.pop("chain"))
        if "alpn" in options:
            context.set_alpn_protocols(options.pop("alpn"))
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        return options.pop("context", context).wrap_socket(plain, **options)


@pytest.fixture
def listening() -> Iterator[Listening]:
    from twisted.internet import reactor

    made = Listening(reactor)
    yield made
    pytest_twisted.blockon(Deferred.fromCoroutine(made.stop()))


Handshake = Callable[..., str]


@pytest.fixture
def handshake(listening: Listening, tool: Callable[[str], str]) -> Handshake:
    openssl = tool("openssl")

    def run(*options: str) -> str:
        command = [openssl, "s_client", "-connect", f"127.0.0.1:{listening.port}", *options]
        return subprocess.run(command, input="", capture_output=True, text=True, timeout=20, check=False).stdout

    return run


@pytest_twisted.ensureDeferred
async def test_tls_1_2_and_nothing_else_is_spoken(handshake: Handshake) -> None:
    assert "New, TLSv1.2" in await deferToThread(handshake)
    for version in ("-tls1_1", "-tls1_3"):
        assert "Cipher is (NONE)" in await deferToThread(handshake, version, "-cipher", "ALL:@SECLEVEL=0")


@pytest_twisted.ensureDeferred
async def test_four_suites_are_spoken_and_no_other_in_the_servers_order(handshake: Handshake) -> None:
    offered = list(SUITES)
    for suite in SUITES:
        assert f"Cipher is {suite}" in await deferToThread(handshake, "-tls1_2", "-cipher", ":".join(reversed(offered)))
        offered.remove(suite)
    others = "ALL:" + ":".join(f"!{suite}" for suite in SUITES)
    assert "Cipher is (NONE)" in await deferToThread(handshake, "-tls1_2", "-cipher", others)


@pytest_twisted.ensureDeferred
async def test_a_client_with_one_curve_only_is_served(handshake: Handshake) -> None:
    for group, name in (("P-256", "prime256v1"), ("P-384", "secp384r1")):
        found = await deferToThread(handshake, "-tls1_2", "-groups", group)
        assert f"Cipher is {SUITES[0]}" in found
        assert name in found


@pytest_twisted.ensureDeferred
async def test_sessions_are_resumed_by_ticket_and_from_memory(handshake: Handshake) -> None:
    for how in ([], ["-no_ticket"]):
        assert (await deferToThread(handshake, "-tls1_2", "-reconnect", *how)).count("Reused, TLSv1.2") == 5


@pytest_twisted.ensureDeferred
async def test_odd_server_names_and_protocols_are_passed_over(handshake: Handshake) -> None:
    for option in (["-servername", "_odd..name_"], ["-servername", "127.0.0.1"], ["-alpn", "h2"]):
        assert "New, TLSv1.2" in await deferToThread(handshake, "-tls1_2", *option)
    assert "ALPN protocol: http/1.1" in await deferToThread(handshake, "-tls1_2", "-alpn", "h2,http/1.1")


@pytest_twisted.ensureDeferred
async def test_the_certificate_is_rsa_signed_with_sha256_and_can_be_replaced(listening: Listening) -> None:
    def served() -> x509.Certificate:
        with listening.connect() as client:
            der = client.getpeercert(binary_form=True)
            assert der is not None
            return x509.load_der_x509_certificate(der)

    assert await deferToThread(served) == minted("server").leaf
    listening.tls.use(minted("other"))
    assert await deferToThread(served) == minted("other").leaf


@pytest_twisted.ensureDeferred
async def test_calls_go_through_and_the_end_is_announced_with_close_notify(listening: Listening) -> None:
    def ask() -> tuple[bytes, bytes]:
        with listening.connect() as client:
            client.sendall(call("test.echo", "x" * 200_000) + call("test.big", "3000", headers="Connection: close\r\n"))
            data = b""
            while chunk := client.recv(1 << 16):
                data += chunk
            return data[:15], data[-1000:]

    # Without close_notify the last recv would have raised SSLEOFError.
    assert await deferToThread(ask) == (b"HTTP/1.1 200 OK", b"x" * 1000)


@pytest_twisted.ensureDeferred
async def test_a_refused_upload_still_gets_its_answer(listening: Listening) -> None:
    def ask() -> bytes:
        with listening.connect() as client:
            client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n" + bytes(2_000_000))
            return client.recv(1 << 16)

    assert (await deferToThread(ask)).startswith(b"HTTP/1.1 500 Internal Error")


@pytest_twisted.ensureDeferred
async def test_a_connection_that_ended_leaves_no_garbage(listening: Listening) -> None:
    def ask() -> weakref.ref[Any]:
        with listening.connect() as client:
            client.sendall(call("test.echo", "x"))
            client.recv(1 << 16)
            (connection,) = listening.server._connections
            return weakref.ref(connection)

    gc.disable()
    try:
        known = await deferToThread(ask)
        for _ in range(100):
            if known() is None:
                break
            await deferToThread(time.sleep, 0.02)
        assert known() is None
    finally:
        gc.enable()


@pytest_twisted.ensureDeferred
async def test_noise_in_place_of_a_handshake_is_dropped(listening: Listening) -> None:
    def ask() -> bytes:
        with socket.create_connection(("127.0.0.1", listening.port), timeout=10) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            data = b""
            while chunk := client.recv(1000):
                data += chunk
            return data

    assert b"HTTP" not in await deferToThread(ask)


@pytest_twisted.ensureDeferred
async def test_a_client_that_stops_in_the_middle_of_a_handshake_or_a_record_keeps_nobody_waiting(listening: Listening) -> None:
    def ask() -> bytes:
        with (
            socket.create_connection(("127.0.0.1", listening.port), timeout=10) as slow,
            listening.connect() as half,
            listening.connect() as other,
        ):
            slow.sendall(b"\x16\x03\x01\x02\x00\x01")
            plain = socket.socket(fileno=half.detach())
            with plain:
                plain.sendall(b"\x17\x03\x03\x40\x00half")
                other.sendall(call("test.void"))
                return other.recv(1000)

    assert (await deferToThread(ask)).startswith(b"HTTP/1.1 200 OK")


@pytest.fixture
def chain(tmp_path: Path) -> Callable[[str], Path]:
    def write(name: str) -> Path:
        minted(name).save(tmp_path / name)
        return tmp_path / name

    return write


def line(listening: Listening, **options: Any) -> bytes:
    with listening.connect(alpn=[AGENT_PROTOCOL.decode()], **options) as client:
        return client.recv(1000)


@pytest_twisted.ensureDeferred
async def test_a_member_with_a_pinned_certificate_reaches_the_agent(listening: Listening, chain: Callable[[str], Path]) -> None:
    found = await deferToThread(line, listening, chain=chain("member"))
    assert found == f"agent {hexadecimal(minted('member'))}\n".encode()


@pytest_twisted.ensureDeferred
async def test_without_a_pinned_certificate_nobody_reaches_the_agent(
    listening: Listening, chain: Callable[[str], Path]
) -> None:
    for options in ({}, {"chain": chain("stranger")}):
        with pytest.raises(OSError):  # an alert or an end, as it happens
            await deferToThread(line, listening, **options)


@pytest_twisted.ensureDeferred
async def test_a_certificate_that_is_pinned_no_more_is_refused_at_once(
    listening: Listening, chain: Callable[[str], Path]
) -> None:
    listening.known.clear()
    with pytest.raises((OSError, AssertionError)):
        assert await deferToThread(line, listening, chain=chain("member"))


@pytest_twisted.ensureDeferred
async def test_a_session_resumed_from_an_ordinary_connection_does_not_reach_the_agent(listening: Listening) -> None:
    reused: list[bool | None] = []

    def attempt() -> bytes:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["http/1.1"])
        with listening.connect(context=context) as client:
            client.sendall(call("test.void"))
            client.recv(1000)
            session = client.session
        context.set_alpn_protocols([AGENT_PROTOCOL.decode()])
        with listening.connect(context=context, session=session) as client:
            reused.append(client.session_reused)
            return client.recv(1000)

    with contextlib.suppress(OSError):
        assert await deferToThread(attempt) == b""
    assert reused == [True]


@pytest_twisted.ensureDeferred
async def test_a_client_that_reads_slowly_gets_all_of_an_answer_after_which_the_connection_ends(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xapid.http.server._SWEEP_S", 0.01)
    listening.server.limits = attrs.evolve(listening.server.limits, linger_time=0.03)

    def read() -> int:
        with listening.connect() as client:
            client.sendall(call("test.big", "8000", headers="Connection: close\r\n"))
            return size_of_all(client)

    assert await deferToThread(read) > 8_000_000

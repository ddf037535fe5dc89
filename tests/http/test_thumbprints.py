"""Clients that pin certificates learn at a member whom to trust where it sends them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock

from http_in_memory import Client, StubAuthenticator, StubDispatcher, call
from xapid.http.server import HttpServer
from xapid.wire.call import Call, Codec, Origin

ASKS = "X-XenAPI-Request-Host-Certificate-Thumbprint"
TELLS = "x-xenapi-response-host-certificate-thumbprint"
KNOWN = {"sha-256": "AA:BB", "sha-1": "CC:DD"}


class Member(StubDispatcher):
    """Sends logins to another host."""

    def dispatch(self, call: Call, codec: Codec, origin: Origin) -> Any:
        if call.name == "session.login_with_password":
            return codec.failure(("HOST_IS_SLAVE", "10.0.0.1"))
        return super().dispatch(call, codec, origin)


@pytest.fixture
def client(clock: Clock) -> Iterator[Client]:
    server = HttpServer(Member(), "OpaqueRef:h", StubAuthenticator(), clock=clock, thumbprints=lambda: KNOWN)
    made = Client(server, clock)
    yield made
    made.lose()


def login(asked: str = "") -> bytes:
    return call("session.login_with_password", "root", "x", headers=f"{ASKS}: {asked}\r\n" if asked else "")


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-1"])
def test_a_client_that_asks_learns_the_coordinators_thumbprint(client: Client, algorithm: str) -> None:
    answer = client.ask(login(f"{algorithm}:master"))
    assert answer.header_list[-1] == (TELLS, KNOWN[algorithm])
    assert answer.status == 200
    assert b"HOST_IS_SLAVE" in answer.body


def test_it_learns_it_over_json(client: Client) -> None:
    body = '{"jsonrpc":"2.0","method":"session.login_with_password","params":["root","x"],"id":1}'
    answer = client.ask(f"POST /jsonrpc HTTP/1.1\r\n{ASKS}: sha-256:master\r\nContent-Length: {len(body)}\r\n\r\n{body}")
    assert answer.headers[TELLS] == "AA:BB"


@pytest.mark.parametrize("asked", ["", "sha-512:master", "sha-256", "sha-256:10.0.0.1"])
def test_one_that_asks_for_nothing_that_there_is_learns_nothing(client: Client, asked: str) -> None:
    assert TELLS not in client.ask(login(asked)).headers


def test_other_answers_tell_none_on_the_same_connection_and_with_the_same_head(client: Client) -> None:
    asks = f"{ASKS}: sha-256:master\r\n"
    assert TELLS not in client.ask(call("session.logout", "bogus", headers=asks)).headers
    assert TELLS not in client.ask(call("test.echo", "hello", headers=asks)).headers
    assert client.ask(login("sha-256:master")).headers[TELLS] == "AA:BB"

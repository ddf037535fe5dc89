"""Fixtures of the HTTP tests: a server in memory on a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.task import Clock

from http_in_memory import Site, StubAuthenticator, StubDispatcher, Web


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def dispatcher() -> StubDispatcher:
    return StubDispatcher()


@pytest.fixture
def authenticator() -> StubAuthenticator:
    return StubAuthenticator()


@pytest.fixture
def site(dispatcher: StubDispatcher, authenticator: StubAuthenticator, clock: Clock) -> Iterator[Site]:
    made = Site(dispatcher, authenticator, clock)
    yield made
    for client in made.clients:
        if not client.is_lost:
            client.lose()
    assert clock.getDelayedCalls() == []


@pytest.fixture
def web(xapid_server) -> Web:
    """The HTTP side of the pool in this process."""
    return Web(xapid_server)

"""``on_host``: which actions know it, and what they make of it. Hosts of other daemons: tests/daemons/test_on_behalf.py."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from http_in_memory import SESSION, WEAK, Answered, Site
from xapid.http.exchange import Exchange
from xapid.http.on_behalf import SERVED, OnBehalf


class Database:
    """Two hosts."""

    def table(self, name: str) -> Any:
        assert name == "host"
        return self

    def find_uuid(self, uuid: str) -> Any:
        known = {"one": "OpaqueRef:host", "two": "OpaqueRef:second"}
        return SimpleNamespace(ref=known[uuid]) if uuid in known else None


class Nobody:
    """No other daemon runs a host."""

    def endpoint(self, host: str) -> None:
        return None


@pytest.fixture
def asked(site: Site) -> list[str]:
    """The hosts that actions answered for."""
    hosts: list[str] = []

    async def serve(exchange: Exchange) -> None:
        hosts.append(exchange.origin.host)
        exchange.refuse(404)

    actions = dict.fromkeys(("rrd_updates", "get_vncsnapshot", "get_export"), serve)
    site.serve(actions=OnBehalf(Database(), Nobody()).wrap(actions))  # type: ignore[arg-type]
    return hosts


def get(site: Site, target: str, session: str = SESSION) -> Answered:
    return site.client().ask(f"GET {target}&session_id={session} HTTP/1.1\r\n\r\n")


def test_a_host_answers_for_itself_unless_it_is_told_otherwise(site: Site, asked: list[str]) -> None:
    get(site, "/rrd_updates?start=0")
    get(site, "/rrd_updates?start=0&on_host=one")
    get(site, "/vncsnapshot?on_host=two")
    assert asked == ["OpaqueRef:host", "OpaqueRef:host", "OpaqueRef:second"]


def test_the_next_request_of_a_connection_is_for_the_host_itself_again(site: Site, asked: list[str]) -> None:
    for target in ("/rrd_updates?on_host=two", "/rrd_updates?start=0"):
        get(site, target)
    assert asked == ["OpaqueRef:second", "OpaqueRef:host"]


def test_an_unknown_host_is_not_found_and_other_actions_know_no_hosts(site: Site, asked: list[str]) -> None:
    assert b"there is no such host" in get(site, "/rrd_updates?on_host=three").body
    get(site, "/export?on_host=two")
    assert asked == ["OpaqueRef:host"]
    assert "get_export" not in SERVED


def test_only_who_may_ask_the_host_itself_may_ask_for_another(site: Site, asked: list[str]) -> None:
    assert get(site, "/rrd_updates?on_host=two", "OpaqueRef:unknown").status == 401
    assert get(site, "/rrd_updates?on_host=two", WEAK).status == 403
    assert asked == []

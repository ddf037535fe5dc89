"""Who may speak to a daemon: a certificate that is pinned and the pool's secret, both, and then only what its part allows."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from twisted.internet import defer

from xapid.pool.dialling import Peer
from xapid.pool.membership import Place
from xapid.testing.neighbours import Neighbour, Street, _Network


def dial(street: Street, stranger: Neighbour, host: Neighbour) -> Peer:
    """A connection of one daemon to another that takes it for what it is not."""
    place = Place(host.host, host.address, host.port)
    peer: Peer = stranger.federation.common.peers.stranger(place, lambda fingerprint: True)
    return peer


def outcome(street: Street, working: Any) -> Any:
    results: list[Any] = []
    defer.ensureDeferred(working).addBoth(results.append)
    street.clock.until(lambda: bool(results), 60)
    return results[0]


def test_a_stranger_with_a_valid_login_cannot_call_an_agent(street: Street) -> None:
    """Root's password opens the API; the members' own protocol wants a certificate of the pool."""
    pool, member, stranger = street.add(), street.add(), street.add()
    street.join(member, pool)
    assert pool.session().xenapi.pool.get_all()
    for host in (pool, member):
        failure = outcome(street, dial(street, stranger, host).send(f"/agent/{host.host}/power/shutdown", b"[]"))
        assert "unreachable" in str(failure.value)


def test_a_certificate_without_the_secret_opens_nothing(street: Street) -> None:
    """A host that was let knock as one about to join, but does not know the pool's secret."""
    pool, stranger = street.add(), street.add()
    pool.by_itself("pool.exchange_certificates_on_join", stranger.host, stranger.certificate)
    failure = outcome(street, dial(street, stranger, pool).send("/pool/hello", b"{}"))
    assert "secret" in str(failure.value)


def test_the_secret_without_a_place_opens_nothing_but_joining(street: Street) -> None:
    pool, stranger = street.add(), street.add()
    pool.by_itself("pool.exchange_certificates_on_join", stranger.host, stranger.certificate)
    place = Place(pool.host, pool.address, pool.port)
    peer = stranger.federation.common.peers.stranger(place, lambda fingerprint: True, pool.federation.secret)
    for path in (f"/agent/{pool.host}/power/shutdown", "/coordinator/session", "/observer/domain_changed", "/pool/reset"):
        failure = outcome(street, peer.send(path, b"{}"))
        assert "follows another" in str(failure.value), path
    told = outcome(street, peer.send("/pool/hello", orjson.dumps({"hosts": [{"host": "x", "address": "y", "port": 1}]})))
    assert orjson.loads(told) == {"value": {"answer": "unknown_host"}}


def test_a_member_obeys_its_coordinator_and_nobody_else(street: Street) -> None:
    a, b, c = street.pool(3)
    for daemon in (b, c):
        assert outcome(street, a.federation.common.tell(place_of(daemon), "/pool/beat", b""))
    failure = outcome(street, b.federation.common.tell(place_of(c), f"/agent/{c.host}/power/shutdown", b"[]"))
    assert "follows another" in str(failure.value)
    failure = outcome(street, b.federation.common.tell(place_of(a), f"/agent/{a.host}/power/shutdown", b"[]"))
    assert "follows another" in str(failure.value)


def place_of(daemon: Neighbour) -> Place:
    return Place(daemon.host, daemon.address, daemon.port)


def test_one_who_left_is_a_stranger(street: Street) -> None:
    pool, member = street.pool(2)
    ref = pool.pool.db.table("host").by_uuid(member.host).ref
    was = member.host
    pool.by_itself("pool.eject", ref)
    street.clock.pass_time(5)
    assert was not in pool.federation.membership.pins()
    assert was not in pool.federation.membership.leaving()
    failure = outcome(street, dial(street, member, pool).send("/pool/hello", b"{}"))
    assert "unreachable" in str(failure.value)


def test_what_is_no_certificate_is_not_pinned(street: Street) -> None:
    pool = street.add()
    with pytest.raises(Exception, match="INVALID_VALUE"):
        pool.by_itself("pool.exchange_certificates_on_join", "some-host", "no certificate")
    assert pool.federation.membership.expected() == {}


def test_daemons_of_the_network_are_the_real_ones() -> None:
    """The in-process network offers what daemons use of the real one."""
    from xapid.pool.network import Network

    assert {"endpoint", "client"} <= set(dir(_Network)) & set(dir(Network))

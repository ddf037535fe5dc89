"""Where calls to other pools go."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet import defer
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IHostnameResolver
from twisted.internet.testing import MemoryReactorClock
from zope.interface import implementer

from xapid.datamodel.errors import XenAPIError
from xapid.pool.client import XenAPIClient, split_address


@implementer(IHostnameResolver)
class Literally:
    """Takes every name for an address."""

    def resolveHostName(self, resolutionReceiver: Any, hostName: str, portNumber: int = 0, *more: Any, **other: Any) -> Any:
        resolutionReceiver.resolutionBegan(self)
        kind = IPv6Address if ":" in hostName else IPv4Address
        resolutionReceiver.addressResolved(kind("TCP", hostName, portNumber))
        resolutionReceiver.resolutionComplete()
        return resolutionReceiver


def called(address: str, port: int = 443) -> tuple[list[tuple[str, int]], list[str]]:
    """To where a call connects, and the errors that it ends with."""
    reactor, codes = MemoryReactorClock(), []
    reactor.installNameResolver(Literally())
    client = XenAPIClient(reactor, address, port, lambda: XenAPIError("JOINING_HOST_CONNECTION_FAILED"))

    def failed(failure: Any) -> None:
        failure.trap(XenAPIError)
        codes.append(failure.value.code)

    defer.ensureDeferred(client.call("pool.get_all")).addErrback(failed)
    return [(host, port) for host, port, *_ in reactor.tcpClients], codes


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a b",
        "http://192.0.2.1",
        "192.0.2.1:",
        "192.0.2.1:abc",
        "a..b",
        "a/b",
        "u@h",
        "x" * 300,
        "%s",
        "\n",
        "[::1",
        "\udc80",
        "host_1.example",
        "a-.example",
    ],
)
def test_what_is_no_address_cannot_be_reached(address: str) -> None:
    assert called(address) == ([], ["JOINING_HOST_CONNECTION_FAILED"])


@pytest.mark.parametrize("port", [0, 65536, -1])
def test_neither_can_what_is_no_port(port: int) -> None:
    assert called("192.0.2.1", port) == ([], ["JOINING_HOST_CONNECTION_FAILED"])


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::1"),
        ("host-1.example", "host-1.example"), ("bücher.example", "xn--bcher-kva.example"),
    ],
)  # fmt: skip
def test_names_and_addresses_of_both_kinds_are_called(address: str, meant: str) -> None:
    assert called(address, 8443) == ([(meant, 8443)], [])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("pool.example", ("pool.example", 443)), ("pool.example:8443", ("pool.example", 8443)),
        ("192.0.2.1", ("192.0.2.1", 443)), ("192.0.2.1:1", ("192.0.2.1", 1)),
        ("2001:db8::1", ("2001:db8::1", 443)), ("[2001:db8::1]", ("2001:db8::1", 443)),
        ("[2001:db8::1]:8443", ("2001:db8::1", 8443)),
    ],
)  # fmt: skip
def test_an_address_may_carry_a_port(text: str, parts: tuple[str, int]) -> None:
    assert split_address(text, 443) == parts


@pytest.mark.parametrize("text", ["192.0.2.1:abc", "192.0.2.1:", "192.0.2.1:²", "192.0.2.1:" + "9" * 5000, "192.0.2.1:70000"])
def test_what_carries_no_port_behind_its_colon_is_no_address(text: str) -> None:
    assert called(*split_address(text, 443)) == ([], ["JOINING_HOST_CONNECTION_FAILED"])

"""Wake-on-LAN: the magic packet, and repeating it until the host is there."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Final

PORT: Final = 9
EVERY: Final = 5.0
ATTEMPTS: Final = 60

Send = Callable[[bytes, str, int], None]
"""Sends a datagram to an address and a port. Raises OSError."""


def magic_packet(mac: str) -> bytes:
    """What makes the network card with this address switch its machine on. Raises ValueError."""
    address = bytes.fromhex(mac.replace(":", "").replace("-", ""))
    if len(address) != 6:
        raise ValueError(f"{mac!r} is no MAC address")
    return b"\xff" * 6 + address * 16


def broadcast_address(ip: str, netmask: str) -> str:
    """The address of everyone on the network of ``ip``. Raises ValueError."""
    return str(ipaddress.IPv4Network(f"{ip}/{netmask}", strict=False).broadcast_address)


def broadcast(packet: bytes, address: str, port: int) -> None:
    """Sends one datagram to everyone on a network. It waits for nobody. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sender.sendto(packet, (address, port))

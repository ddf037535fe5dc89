"""Checks of IP, MAC and web addresses as calls give them, and of lists of name servers."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from xapid.datamodel.errors import XenAPIError

_MAC = re.compile("[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")


def is_address(text: str, version: int) -> bool:
    """Whether ``text`` is an IP address of that version."""
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False


def is_http_url(text: str) -> bool:
    """Whether ``text`` is a URL that names a web server."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def check_address(parameter: str, text: str, version: int) -> None:
    """Errors: INVALID_IP_ADDRESS_SPECIFIED, unless ``text`` is an address of that version."""
    if not is_address(text, version):
        raise XenAPIError("INVALID_IP_ADDRESS_SPECIFIED", parameter)


def check_cidr(parameter: str, text: str, version: int) -> None:
    """Errors: INVALID_CIDR_ADDRESS_SPECIFIED, unless ``text`` is an address and the length of its prefix."""
    address, slash, length = text.partition("/")
    if not (slash and length.isdecimal() and int(length) <= (32 if version == 4 else 128) and is_address(address, version)):
        raise XenAPIError("INVALID_CIDR_ADDRESS_SPECIFIED", parameter)


def check_mac(mac: str) -> None:
    """Errors: MAC_INVALID."""
    if not _MAC.fullmatch(mac):
        raise XenAPIError("MAC_INVALID", mac)


def merged_dns(present: str, given: str, version: int) -> str:
    """The name servers ``given`` (joined by commas), with those of the other IP version that are ``present``."""
    check_dns(given, version)
    kept = [server for server in present.split(",") if server and not is_address(server, version)]
    return ",".join([*(server for server in given.split(",") if server), *kept])


def check_dns(given: str, version: int) -> None:
    """Errors: INVALID_IP_ADDRESS_SPECIFIED, for a name server that is no address of that version."""
    for server in given.split(","):
        if server:
            check_address("DNS", server, version)

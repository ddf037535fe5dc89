"""Where a host sends its log: ``host.logging``, key ``syslog_destination``.

``collector``, ``collector:5140``, ``tcp://collector:601``, ``udp://[2001:db8::1]``: UDP and the usual port unless said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import urlsplit

import attrs

from xapid.datamodel.errors import XenAPIError

KEY: Final = "syslog_destination"
PORTS: Final[Mapping[str, int]] = {"udp": 514, "tcp": 601}


@attrs.frozen
class Destination:
    """A collector."""

    transport: Literal["udp", "tcp"]
    host: str
    port: int


def destination(text: str) -> Destination:
    """What an administrator wrote. Errors: INVALID_VALUE."""
    url = text
    if "://" not in text:
        url = f"udp://[{text}]" if text.count(":") > 1 and "[" not in text else f"udp://{text}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise XenAPIError("INVALID_VALUE", KEY, text) from None
    if parts.scheme not in PORTS or not parts.hostname or parts.path not in ("", "/") or port == 0 or " " in text:
        raise XenAPIError("INVALID_VALUE", KEY, text)
    return Destination("tcp" if parts.scheme == "tcp" else "udp", parts.hostname, port or PORTS[parts.scheme])


def configured(logging: Mapping[str, str]) -> str:
    """The collector that a host's settings name; empty if none."""
    return logging.get(KEY, "")

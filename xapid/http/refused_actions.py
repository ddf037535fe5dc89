"""What the reference server has for its own hosts and programs, and this one has not: refused as it refuses strangers.

Hosts of a pool of daemons talk over connections of their own, so nobody runs commands or uses the database by these paths, and
there are no other programs behind a host.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from xapid.http.exchange import Exchange, Serve

_FORBIDDEN: Final = ("connect_remotecmd", "post_remote_db_access", "post_remote_db_access_v2")
_ABSENT: Final = tuple(f"{method}_services{service}" for method in ("get", "put", "post") for service in ("", "_xenops", "_sm"))


async def _forbid(exchange: Exchange) -> None:
    exchange.refuse(403)


async def _miss(exchange: Exchange) -> None:
    exchange.refuse(404)


REFUSED: Final[Mapping[str, Serve]] = dict.fromkeys(_FORBIDDEN, _forbid) | dict.fromkeys(_ABSENT, _miss)
"""For the server."""

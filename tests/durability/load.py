"""Many clients that write at once, and remember what was acknowledged to them."""

from __future__ import annotations

import asyncio
import contextlib
import re
import xmlrpc.client
from typing import Any

import attrs
import XenAPI

from xapid.testing.processes import Daemon, unverified

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Refused(Exception):
    """The daemon answered with an error."""


@attrs.define
class Acknowledged:
    """What clients were promised, and what they asked for beyond that."""

    named: dict[str, int] = attrs.Factory(dict)
    """VM → number of the last name that was acknowledged."""
    asked: dict[str, int] = attrs.Factory(dict)
    """VM → number of the last name that was sent."""
    made: set[str] = attrs.Factory(set)
    """Secrets that were made, and not asked to be destroyed."""
    destroyed: set[str] = attrs.Factory(set)
    answers: int = 0


class Client:
    """One connection that stays open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, session: str) -> None:
        self._reader, self._writer, self._session = reader, writer, session

    async def call(self, method: str, *args: Any) -> Any:
        """The value of the answer. Raises OSError, EOFError when the daemon is gone."""
        body = xmlrpc.client.dumps((self._session, *args), method).encode()
        self._writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        assert length is not None, head
        (answer,), _ = xmlrpc.client.loads(await self._reader.readexactly(int(length[1])))
        assert isinstance(answer, dict)
        if answer["Status"] != "Success":
            raise Refused(answer["ErrorDescription"])
        return answer["Value"]


async def _name(client: Client, vm: str, seen: Acknowledged) -> None:
    """Give a VM one name after the other."""
    while True:
        seen.asked[vm] += 1
        await client.call("VM.set_name_label", vm, f"name {seen.asked[vm]}")
        seen.named[vm] = seen.asked[vm]
        seen.answers += 1


async def _make(client: Client, seen: Acknowledged) -> None:
    """Make secrets, and destroy every other one."""
    while True:
        keep, lose = [await client.call("secret.create", {"value": "v", "other_config": {}}) for _ in range(2)]
        seen.made.add(keep)
        await client.call("secret.destroy", lose)
        seen.destroyed.add(lose)
        seen.answers += 3


async def _write(daemon: Daemon, session: str, vms: list[str], makers: int, seen: Acknowledged) -> None:
    tls = unverified()

    async def connected() -> Client:
        return Client(*await asyncio.open_connection(daemon.address, daemon.port, ssl=tls), session)

    clients = await asyncio.gather(*(connected() for _ in range(len(vms) + makers)))
    work = [_name(client, vm, seen) for client, vm in zip(clients, vms, strict=False)]
    work += [_make(client, seen) for client in clients[len(vms) :]]
    results = await asyncio.gather(*work, return_exceptions=True)
    for problem in results:
        if not isinstance(problem, OSError | EOFError):
            raise problem


def write_until_it_is_gone(daemon: Daemon, vms: list[str], makers: int, seen: Acknowledged) -> None:
    """Writes with a connection for each of ``vms`` and for each maker of secrets, until the daemon hangs up on them all."""
    session = daemon.session()
    with contextlib.suppress(OSError, EOFError):
        asyncio.run(_write(daemon, session._session, vms, makers, seen))


def some_vms(session: XenAPI.Session, number: int) -> list[str]:
    """``number`` new VMs."""
    (template,) = session.xenapi.VM.get_by_name_label("Other install media")
    return [session.xenapi.VM.clone(template, "name 0") for _ in range(number)]

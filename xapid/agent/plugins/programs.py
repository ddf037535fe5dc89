"""Running programs for clients: so many at a time, each for so long, and telling how one ended."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import attrs
import XenAPI
from twisted.internet import defer
from twisted.internet.interfaces import IReactorTime

from xapid.agent.children import MOST_OUTPUT, Children, Ended, signal_name
from xapid.config import Config
from xapid.datamodel.errors import XenAPIError

LIBRARY: Final = Path(__file__).with_name("library")
"""What every program can import."""
NOT_STARTED: Final = "not started"
UNPARSABLE: Final = "failed to parse plugin output"
LONGEST_ARGUMENT: Final = 128 * 1024 - 1
"""Bytes that Linux passes to a program as one argument, at most."""


@attrs.frozen
class Door:
    """How a program reaches the server that runs it, or the coordinator of that server's pool."""

    url: str
    fingerprint: str
    """SHA-256 of the certificate to expect, in hexadecimal digits, colons or not; empty without TLS."""

    @classmethod
    def at(cls, address: str, port: int, fingerprint: str) -> Door:
        """The door that listens with TLS on ``address``; a wildcard is reached through the loopback address."""
        ip = ip_address(address)
        if ip.is_unspecified:
            ip = ip_address("127.0.0.1" if ip.version == 4 else "::1")
        return cls(f"https://{ip}:{port}" if ip.version == 4 else f"https://[{ip}]:{port}", fingerprint)

    def environment(self) -> dict[str, str]:
        """What ``XenAPI.xapi_local()`` needs to know, and where Python finds it."""
        search = [str(LIBRARY), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {
            "PYTHONPATH": os.pathsep.join(search),
            "XENAPI_CLIENT": str(Path(XenAPI.__file__).parent),
            "XENAPI_URL": self.url,
            "XENAPI_FINGERPRINT": self.fingerprint,
        }


NO_DOOR: Final = Door("", "")


class Programs:
    """Runs at most ``most`` programs at a time, each for at most ``limit`` seconds; more wait, for as long at most."""

    def __init__(self, children: Children, clock: IReactorTime, limit: float, most: int) -> None:
        self.limit = limit
        self._children = children
        self._clock = clock
        self._places = defer.DeferredSemaphore(most)

    @classmethod
    def from_config(cls, config: Config, reactor: Any) -> Programs:
        """As ``config`` sets it."""
        return cls(Children(reactor, reactor), reactor, float(config.plugin_time_limit), config.plugin_processes)

    async def run(
        self, command: Sequence[str], *, given: bytes = b"", environment: Mapping[str, str], longest_output: int | None = None
    ) -> Ended:
        """Run ``command``, with ``given`` as its standard input, until it ends. When this is cancelled, or it prints more than
        ``longest_output`` bytes, it is killed.

        Errors: XENAPI_PLUGIN_FAILURE, for what could not be started or was not finished in time.
        """
        await self._place()
        try:
            ended = await self._children.run(
                command, limit=self.limit, given=given, environment=environment, longest_output=longest_output
            )
        except (OSError, ValueError) as problem:
            raise failure(NOT_STARTED, "", str(problem)) from problem
        finally:
            self._places.release()
        if not ended.in_time:
            raise failure(f"not finished after {self.limit:g} s", ended.output, ended.errors)
        if ended.too_long:
            raise failure(UNPARSABLE, ended.output, f"it is longer than {longest_output} bytes")
        return ended

    async def _place(self) -> None:
        place = self._places.acquire()
        patience = self._clock.callLater(self.limit, place.cancel)
        try:
            await place
        except defer.CancelledError:
            if patience.active():
                raise
            raise failure(NOT_STARTED, "", f"too many others did not finish within {self.limit:g} s") from None
        finally:
            if patience.active():
                patience.cancel()


def assert_succeeded(ended: Ended) -> None:
    """Errors: XENAPI_PLUGIN_FAILURE, for a program that failed, in the words of the reference server."""
    if ended.signal is not None:
        raise failure(f"signal: {signal_name(ended.signal)}", ended.output, ended.errors)
    if ended.status != 0:
        raise failure("non-zero exit", ended.output, ended.errors)


def failure(status: str, output: str, errors: str) -> XenAPIError:
    """XENAPI_PLUGIN_FAILURE, with no more of the output than fits into an error."""
    return XenAPIError("XENAPI_PLUGIN_FAILURE", status, output[-MOST_OUTPUT:], errors[-MOST_OUTPUT:])

"""Scripts of the administrator, called with a session of their own in a process of their own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import attrs
from twisted.logger import Logger

from xapid.agent.children import Children, Ended, readable, signal_name
from xapid.agent.power.folders import Folders
from xapid.auth.sessions import ROOT, Sessions
from xapid.datamodel.errors import XenAPIError

log = Logger()

INSIDE: Final = Path(__file__).with_name("inside.py")
MAIN: Final = "main"
"""What clients are told as the name of the function that failed, as of the reference server's own plugin."""


@attrs.frozen
class Door:
    """How a script reaches this server."""

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


@attrs.frozen(kw_only=True)
class Scripts:
    """Calls functions of files. ``door`` is asked at every call, because certificates change."""

    children: Children
    folders: Folders
    sessions: Sessions
    door: Callable[[], Door]
    limit: float
    """Seconds that a call may take."""

    async def call(self, name: str, function: str, arguments: Sequence[Any], host: str) -> str:
        """Call ``function(session, *arguments)`` of the script ``name``; returns its result as text.

        ``arguments`` are what JSON can say. The session is root's, logged in at ``host``, and ends with the call. Errors:
        XENAPI_PLUGIN_FAILURE, and what a ``Failure`` with a code says.
        """
        file = self.folders.find(name)
        door = self.door()
        session = self.sessions.open(ROOT, host, originator=f"power-on {name}"[:100])
        job = {
            "name": name,
            "path": None if file is None else str(file),
            "function": function,
            "arguments": arguments,
            "session": session.ref,
            "url": door.url,
            "fingerprint": door.fingerprint,
            "search": [str(folder) for folder in self.folders.paths],
        }
        # -P: what lies beside inside.py cannot be imported; -u: what is printed before a kill is not lost.
        command = [sys.executable, "-P", "-B", "-u", str(INSIDE)]
        try:
            ended = await self.children.run(command, limit=self.limit, given=json.dumps(job).encode())
        except OSError as problem:
            raise _failure("not started", "", str(problem)) from problem
        finally:
            if not session.ended:
                self.sessions.destroy(session.ref)
        if ended.errors:
            log.info("script {name}: {errors}", name=name, errors=ended.errors)
        return outcome(ended, self.limit)


def outcome(ended: Ended, limit: float) -> str:
    """What the function returned. Errors: whatever else happened, in the words of the reference server where it has any."""
    if not ended.in_time:
        raise _failure(f"not finished after {limit:g} s", ended.output, ended.errors)
    if ended.signal is not None:
        raise _failure(f"signal: {signal_name(ended.signal)}", ended.output, ended.errors)
    if ended.status != 0:
        raise _failure("non-zero exit", ended.output, ended.errors)
    match _said(ended.result):
        case {"returned": str(text)}:
            return readable(text)
        case {"raised": [str(name), str(text)]}:
            raise _failure(MAIN, readable(name), readable(text))
        case {"failed": [str(code), *params]} if all(isinstance(param, str) for param in params):
            raise XenAPIError.relayed(readable(code), *map(readable, params))
    raise _failure("failed to parse plugin output", ended.output, "the script ended without a result")


def _said(result: bytes) -> object:
    try:
        return json.loads(result)
    except ValueError:
        return None


def _failure(status: str, output: str, errors: str) -> XenAPIError:
    return XenAPIError("XENAPI_PLUGIN_FAILURE", status, output, errors)

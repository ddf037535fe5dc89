"""Log lines for collectors elsewhere: RFC 5424, over UDP (RFC 5426) or TCP with counted frames (RFC 6587).

Every host may have a collector of its own (:mod:`xapid.operations.syslog_destination`). What the daemon logs and what the audit
log gets goes to the collectors of all hosts that this daemon runs, under each host's name. A collector that cannot be reached
costs nothing but lines: over TCP the latest are kept until it can, and the log says so, once.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import attrs
from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet import defer
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import DatagramProtocol, Factory, connectionDone
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from xapid.operations.addressing import is_address
from xapid.operations.syslog_destination import Destination, destination

log = Logger()

KEPT: Final = 1000
"""Lines that wait for a collector."""
LONGEST: Final = 8000
"""Bytes of a line; more may not arrive in one datagram."""
_DAEMON: Final = 3
_AUDIT: Final = 10
_SEVERITIES: Final = {
    LogLevel.critical: 2, LogLevel.error: 3, LogLevel.warn: 4, LogLevel.info: 6, LogLevel.debug: 7,
}  # fmt: skip
_UNFIT = re.compile(r"[^!-~]")
_NO_HOST: Final = "-"


def line(severity: int, facility: int, moment: datetime, hostname: str, kind: str, text: str) -> bytes:
    """One message of RFC 5424. ``kind`` is its MSGID."""
    head = f"<{facility * 8 + severity}>1 {moment.isoformat(timespec='milliseconds').replace('+00:00', 'Z')}"
    name, kind = _UNFIT.sub("?", hostname)[:255] or _NO_HOST, _UNFIT.sub("?", kind)[:32] or _NO_HOST
    said = text.replace("\n", " | ").encode("utf-8", "replace")
    return f"{head} {name} xapid {os.getpid()} {kind} - ".encode("ascii", "replace") + b"\xef\xbb\xbf" + said[:LONGEST]


class _Sender(Protocol):
    def send(self, data: bytes) -> None: ...

    def stop(self) -> defer.Deferred[None] | None: ...


class Syslog:
    """Sends to the collectors of hosts. ``reactor`` has the sockets."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._senders: dict[Destination, _Sender] = {}
        self._hosts: dict[str, tuple[str, Destination]] = {}
        self._observer = _Observer(self._logged)

    def start(self) -> None:
        """Send what is logged from now on."""
        globalLogPublisher.addObserver(self._observer)

    def stop(self) -> None:
        """Send no more."""
        globalLogPublisher.removeObserver(self._observer)
        self._hosts.clear()
        self._prune()

    def set(self, host: str, hostname: str, wanted: str) -> None:
        """From now on the host with this uuid has that collector, or none. Errors: INVALID_VALUE, with nothing changed."""
        if not wanted:
            self._hosts.pop(host, None)
        else:
            where = destination(wanted)
            self._hosts[host] = (hostname, where)
            if where not in self._senders:
                make: Callable[[Any, Destination], _Sender] = _Stream if where.transport == "tcp" else _Datagrams
                self._senders[where] = make(self._reactor, where)
        self._prune()

    def audit(self, text: str) -> None:
        """A line of the audit log."""
        self._send(6, _AUDIT, datetime.fromtimestamp(self._reactor.seconds(), UTC), "audit", text)

    def _logged(self, event: LogEvent) -> None:
        if self._hosts:
            moment = datetime.fromtimestamp(event.get("log_time", 0.0), UTC)
            failure = event.get("log_failure")
            text = formatEvent(event) + ("" if failure is None else f" {failure.getTraceback()}")
            severity = _SEVERITIES.get(event.get("log_level", LogLevel.info), 6)
            self._send(severity, _DAEMON, moment, str(event.get("log_namespace", "")), text)

    def _send(self, severity: int, facility: int, moment: datetime, kind: str, text: str) -> None:
        for hostname, where in self._hosts.values():
            self._senders[where].send(line(severity, facility, moment, hostname, kind, text))

    def _prune(self) -> None:
        used = {where for _, where in self._hosts.values()}
        for where in [where for where in self._senders if where not in used]:
            self._senders.pop(where).stop()


@implementer(ILogObserver)
class _Observer:
    def __init__(self, logged: Callable[[LogEvent], None]) -> None:
        self._logged = logged

    def __call__(self, event: LogEvent) -> None:
        # Nobody asked for these to be logged, and what is said of sending must not be sent.
        if event.get("log_level") is not LogLevel.debug and not str(event.get("log_namespace", "")).startswith("twisted."):
            self._logged(event)


class _Datagrams(DatagramProtocol):
    """Each line a datagram, once the collector's address is known."""

    def __init__(self, reactor: Any, where: Destination) -> None:
        self._reactor = reactor
        self._where = where
        self._waiting: deque[bytes] = deque(maxlen=KEPT)
        self._port: Any = None
        self._stopped = False
        defer.ensureDeferred(self._open())

    async def _open(self) -> None:
        address = self._where.host
        if not (is_address(address, 4) or is_address(address, 6)):
            try:
                address = await self._reactor.resolve(address)
            except Exception:
                return
        if not self._stopped:
            self._port = self._reactor.listenUDP(0, self, interface="::" if ":" in address else "")
            assert self.transport is not None
            self.transport.connect(address, self._where.port)
            while self._waiting:
                self.send(self._waiting.popleft())

    def send(self, data: bytes) -> None:
        if self.transport is None or self._port is None:
            self._waiting.append(data)
            return
        with suppress(OSError):
            self.transport.write(data)  # type: ignore[call-arg]  # it is connected

    def connectionRefused(self) -> None:
        """Nobody listens there now."""

    def stop(self) -> defer.Deferred[None] | None:
        self._stopped = True
        return None if self._port is None else self._port.stopListening()


class _Stream:
    """Lines with their lengths before them, over a connection that is made again when it breaks."""

    def __init__(self, reactor: Any, where: Destination) -> None:
        self._waiting: deque[bytes] = deque(maxlen=KEPT)
        self._connection: _Connection | None = None
        self._reactor = reactor
        self._where = where
        endpoint = HostnameEndpoint(reactor, where.host, where.port)
        factory = Factory.forProtocol(lambda: _Connection(self._connected))
        self._service = ClientService(endpoint, factory, backoffPolicy(0.5, 30.0), clock=reactor)
        self._service.startService()
        self._look()

    def _look(self) -> None:
        """Say so if the next attempt does not reach the collector."""
        self._service.whenConnected(failAfterFailures=1).addCallbacks(lambda _: None, self._away)

    def _away(self, failure: Failure) -> None:
        if not isinstance(failure.value, defer.CancelledError):  # it is still wanted
            why = failure.getErrorMessage()
            log.warn("the collector of logs at {host}:{port} is not reached: {why}", **attrs.asdict(self._where), why=why)

    def send(self, data: bytes) -> None:
        if self._connection is None or self._connection.transport is None:
            self._waiting.append(data)
        else:
            self._connection.transport.write(b"%d %s" % (len(data), data))

    def stop(self) -> defer.Deferred[None] | None:
        stopping: defer.Deferred[None] = self._service.stopService()
        return stopping

    def _connected(self, connection: _Connection | None) -> None:
        self._connection = connection
        if connection is None:
            self._reactor.callLater(0, self._look)  # when the service knows it, too
        while connection is not None and self._waiting:
            self.send(self._waiting.popleft())


class _Connection(TwistedProtocol):
    def __init__(self, connected: Callable[[_Connection | None], None]) -> None:
        self._tell = connected

    def connectionMade(self) -> None:
        self._tell(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._tell(None)

"""From the bytes of a connection to the bytes of its answers, through the real server, short of sockets and TLS.

An input begins with a letter: ``X`` is followed by the body of an XML-RPC call, ``J`` by that of a JSON-RPC call, ``R`` by
everything that a client sends. :func:`WholePath.check` has one server carry it out and raises if anything happens that no
client may bring about.
"""

from __future__ import annotations

import contextlib
import gc
import re
from typing import Any, cast

from argon2 import PasswordHasher
from twisted.internet.defer import Deferred

from fuzz.answers import check_answers
from fuzz.consistency import assert_consistent
from http_in_memory import Socket
from xapid.auth.rbac import permissions
from xapid.auth.sessions import Identity
from xapid.dispatch.http_credentials import HttpAuthenticator
from xapid.http.blob_actions import BlobActions
from xapid.http.protocol import HttpProtocol
from xapid.http.server import HttpServer
from xapid.http.web_console import WebConsole
from xapid.testing.in_process import Server, config
from xapid.testing.logged import LoggedFailures
from xapid.testing.virtual_time import Stuck
from xapid.wire.call import Answer, Call, Codec, Origin

WAIT = 3 * 3600.0
"""Virtual seconds after which everything but waiting for events has been answered."""
CHANGES_KEPT = 40
"""So many inputs may change one server before a new one takes its place: what they do together is tried too."""
DAY = 20 * 3600.0
_PLACE = re.compile(rb"@(uuid:)?([A-Za-z_]+?)(\d?)@")
_WAITING = re.compile(r"(Async\.|InternalAsync\.)?event[._](from|next)")


class Trouble(AssertionError):
    """What must not be."""


class WholePath:
    """One server after the other, and clients of it that send whatever they are told to.

    It has sessions of root (``@session@``), of somebody who may only read (``@reader@``), of somebody who may nothing
    (``@nobody@``) and of a member of the pool (``@member@``).
    """

    def __init__(self, *, no_fast_path: bool = False) -> None:
        self._logged = LoggedFailures().__enter__()
        self._no_fast_path = no_fast_path
        self._changes = 0
        self._renew()

    def close(self) -> None:
        """Ends the server."""
        self.server.close()
        self._logged.__exit__(None, None, None)

    def _renew(self) -> None:
        settings = config(preset="pool3", vms_per_host=2, duration_profile="instant", no_fast_path=self._no_fast_path)
        self.server = Server(settings)
        self._changes, self._began = 0, self.server.clock.seconds()
        self._place()

    def _place(self) -> None:
        pool = self.server.pool
        services = pool.services
        cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        services.passwords._hasher = cheap
        services.passwords.set_hash(cheap.hash("correct horse"))
        services.power = _NoPower()
        for row in pool.hosts():  # to sum up a terabyte of zeroes takes its time, in a thread where there are threads
            cast(Any, services.agents.get(row.ref)).storage._summing = lambda opened, size: lambda: f"{size:032x}"
        self.admitted = False
        for name in ("get", "get_on_member", "open", "open_local"):
            self._watch(services.sessions, name)
        host = services.role.coordinator
        self.session = services.logins.as_root(host, "fuzz").ref
        reads = frozenset(right.label for right in permissions(services.api) if "read-only" in right.roles)
        reader = Identity(user="reader", auth_user_sid="S-1", permissions=reads)
        nobody = Identity(user="nobody", auth_user_sid="S-2")
        self.sessions = {
            b"session": self.session,
            b"reader": services.sessions.open(reader, host).ref,
            b"nobody": services.sessions.open(nobody, host).ref,
            b"member": services.sessions.open_pool(host).ref,
        }
        authenticator = HttpAuthenticator(services)
        blobs = BlobActions(pool.db, services.blobs, authenticator, pool.clock)
        self.calls: list[str] = []
        self.http = HttpServer(
            _Noting(pool.dispatcher, self.calls),
            services.role.coordinator,
            authenticator,
            clock=pool.clock,
            actions={"get_root": WebConsole().serve, **blobs.actions},
            https_only=lambda: False,
            fast=not self._no_fast_path,
        )

    def _watch(self, sessions: Any, name: str) -> None:
        original = getattr(sessions, name)

        def noting(*args: Any, **options: Any) -> Any:
            found = original(*args, **options)
            self.admitted = True
            return found

        setattr(sessions, name, noting)

    def filled(self, data: bytes) -> bytes:
        """``data`` with references of this server in it."""
        return _PLACE.sub(self._fill, data)

    def _fill(self, match: re.Match[bytes]) -> bytes:
        wanted, name, number = match.groups()
        if name in self.sessions:
            return self.sessions[name].encode()
        table = self.server.pool.db.tables.get(name.decode())
        if not table:
            return match[0]
        rows = table.rows()
        row = rows[int(number or 0) % len(rows)]
        return str(row.uuid if wanted and "uuid" in table.stored else row.ref).encode()

    def renew_if_due(self) -> None:
        """Starts with a new server if the present one has changed much, is old, or has lost the session. Looks at it once
        more: objects that nothing needs any more may have a failure to tell.
        """
        alive = all(self.server.pool.services.sessions.find(ref) for ref in self.sessions.values())
        if not alive or self._changes > CHANGES_KEPT or self.server.clock.seconds() - self._began > DAY:
            assert_consistent(self.server.pool.db)
            self.server.close()
            gc.collect()
            self._check_log()
            self._renew()

    def check(self, data: bytes) -> bytes:
        """What came back. Raises Trouble, or whatever escaped."""
        self.renew_if_due()
        server, clock = self.server, self.server.clock
        request = framed(self.filled(data))
        before = server.pool.db.generation
        self.admitted = False
        self.calls.clear()
        socket = Socket()
        protocol: HttpProtocol = self.http.buildProtocol(None)
        protocol.makeConnection(socket)  # type: ignore[no-untyped-call]
        protocol.dataReceived(request)
        if protocol._taken is None and protocol._state in (3, 4):  # an answer is to be waited for
            with contextlib.suppress(Stuck):
                clock.until(lambda: protocol._state not in (3, 4), WAIT)
        state, answers = protocol._state, socket.value()
        if state == 3 and self.calls and not _WAITING.fullmatch(self.calls[-1]):
            raise Trouble(f"{self.calls[-1]} was never answered")
        if state not in (3, 4, 6):
            check_answers(answers, ended=not socket.is_open, request=request)
        if b"Traceback (most recent" in answers:
            raise Trouble("a traceback was shown")
        protocol.connectionLost()
        clock.pass_time(0.0)
        if server.pool.db.generation != before:
            if not self.admitted:
                raise Trouble("something changed without a session")
            self._changes += 1
        if self.http._connections:
            raise Trouble("a connection was kept after it was lost")
        if len(self.http.heads) > 512 or len(self.http._decoders) > 512:
            raise Trouble("what the server remembers of requests has no bounds")
        self._check_log()
        return answers

    def _check_log(self) -> None:
        if self._logged.events:
            text = self._logged.text()
            self._logged.events.clear()
            raise Trouble(f"failures were logged: {text}")


def framed(data: bytes) -> bytes:
    """What is sent."""
    kind, body = data[:1], data[1:]
    if kind == b"R":
        return body
    path = b"/jsonrpc" if kind == b"J" else b"/"
    return b"POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s" % (path, len(body), body)


class _Noting:
    """A dispatcher that remembers what was called."""

    def __init__(self, dispatcher: Any, calls: list[str]) -> None:
        self._dispatcher = dispatcher
        self._calls = calls

    def dispatch(self, call: Call, codec: Codec, origin: Origin) -> Answer | Any:
        self._calls.append(call.name)
        return self._dispatcher.dispatch(call, codec, origin)


class _NoPower:
    """Where there are no processes, no script runs."""

    def __getattr__(self, name: str) -> Any:
        def refuse(*_: Any, **__: Any) -> Deferred[None]:
            from xapid.datamodel.errors import XenAPIError

            raise XenAPIError("INTERNAL_ERROR", "no scripts here")

        return refuse

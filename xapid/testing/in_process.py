"""A whole pool in the test's own process: no sockets, no threads, no waiting.

The stock client library talks to it through a transport of its own, so scripts under test notice nothing. Every reply is
checked against the type that the API declares for it. A call that takes time makes the server's clock jump to where it is
done. What needs another process (plugins) or HTTP (consoles, imports) needs a daemon: :mod:`xapid.testing.processes`.
"""

from __future__ import annotations

import os
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from unittest import mock

import attrs
import XenAPI
from twisted.internet import defer

from xapid.assembly import Nowhere, Pool, assemble
from xapid.config import Config
from xapid.database.journal import CopiedJournal, NoJournal
from xapid.datamodel.types import Type
from xapid.dispatch.faults import Fault
from xapid.http.blobs import BlobStore
from xapid.ids import Ids
from xapid.testing.conformity import check
from xapid.testing.processes import NO_FAST_PATH, PASSWORD
from xapid.testing.virtual_time import Stuck, VirtualClock
from xapid.wire import xmlrpc as notation
from xapid.wire.call import Answer, Codec, Origin
from xapid.wire.events import EventBatch

T = TypeVar("T")

SEED: Final = 1


def config(**settings: Any) -> Config:
    """The settings of an in-process server: those of a daemon, except that it is repeatable and forgets everything.

    Work takes its time, since that time costs nothing here.
    """
    chosen: dict[str, Any] = {"seed": SEED, "root_password": PASSWORD, "duration_profile": "realistic"}
    chosen |= {"no_fast_path": NO_FAST_PATH in os.environ} | settings | {"ephemeral": True}
    return Config(**chosen)


class Server:
    """A pool that answers in this process."""

    def __init__(self, settings: Config | None = None) -> None:
        self.config = config() if settings is None else settings
        self.pool: Pool
        self.clock: VirtualClock
        self._start()

    def _start(self) -> None:
        self.clock = VirtualClock()
        self.pool = _assemble(self.config, self.clock, _pristine(self.config), _seed(self.config) + 1)
        self.pool.start()

    def reset(self) -> None:
        """Makes everything as it was at the start: objects, sessions, simulated hosts, time. Takes milliseconds."""
        self.close()
        self._start()

    def close(self) -> None:
        """Ends what happens by itself."""
        self.pool.stop()

    @property
    def url(self) -> str:
        """What a session is made for. There is nothing behind it but this process."""
        return f"https://{self.pool.hosts()[0].address}"

    def session(self, user: str = "root", password: str | None = None, originator: str = "xapid.testing") -> XenAPI.Session:
        """A session of the stock client library, logged in."""
        session = self.client()
        session.xenapi.login_with_password(user, password or self.config.root_password or "", "2.23", originator)
        return session

    def fail(self, pattern: str, code: str, *params: str, times: int | None = None) -> Fault:
        """Has calls whose name matches ``pattern`` (``VM.start``, ``VDI.*``) fail, ``times`` times or until :meth:`heal`."""
        return self.pool.dispatcher.faults.add(pattern, code, *params, times=times)

    def heal(self, fault: Fault) -> None:
        """Has calls that were made to fail do again what they should."""
        self.pool.dispatcher.faults.remove(fault)

    def client(self, url: str | None = None) -> XenAPI.Session:
        """The stock client library before it is logged in, for the coordinator or for the host at ``url``."""
        return XenAPI.Session(url or self.url, transport=Transport(self))

    @contextmanager
    def answering(self, *urls: str) -> Iterator[None]:
        """Answers what scripts send to ``urls``, and to the addresses of this pool's hosts, with their own transports."""
        hosts = {url.partition("://")[2].partition("/")[0] for url in urls} | {row.address for row in self.pool.hosts()}
        original, transport = xmlrpc.client.Transport.request, Transport(self)

        def request(client: xmlrpc.client.Transport, host: Any, handler: str, body: bytes, verbose: bool = False) -> Any:
            if host in hosts and client is not transport:
                return transport.request(host, handler, body, verbose)
            return original(client, host, handler, body, verbose)

        with mock.patch.object(xmlrpc.client.Transport, "request", request):
            yield

    def post(self, body: bytes, address: str = "", headers: Mapping[str, str] | None = None) -> bytes:
        """The body of the answer to an XML-RPC request, checked. ``address`` is that of the host it is sent to."""
        call, codec = notation.decode(body)
        checked = _Checked(codec, call.name)
        hosts = {row.address: row.ref for row in self.pool.hosts()}
        host = hosts.get(address.partition(":")[0], self.pool.services.role.coordinator)
        origin = Origin("127.0.0.1", host=host, headers=headers or {})
        answer = self.pool.dispatcher.dispatch(call, checked, origin)
        try:
            return b"".join(answer if isinstance(answer, list) else self.clock.wait_for(answer))
        except Stuck:
            origin.hangup.happen()
            raise


class Transport(xmlrpc.client.Transport):
    """Carries calls of the standard library's XML-RPC client to a server in this process."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server

    def request(self, host: Any, handler: str, request_body: Any, verbose: bool = False) -> Any:
        """The answer's parameters, or a Fault."""
        address = host if isinstance(host, str) else host[0]
        answer = self._server.post(bytes(request_body), address, {"user-agent": self.user_agent})
        return xmlrpc.client.loads(answer)[0]


@attrs.frozen
class _Checked:
    """A codec that checks what it writes."""

    codec: Codec
    name: str

    @property
    def content_type(self) -> bytes:
        return self.codec.content_type

    def success(self, type_: Type, value: Any) -> Answer:
        answer = self.codec.success(type_, value)
        (envelope,), _ = xmlrpc.client.loads(b"".join(answer))
        if not isinstance(value, EventBatch):  # which is more than its message declares
            check(self.name, type_, envelope["Value"])  # type: ignore[call-overload, index]
        return answer

    def failure(self, description: tuple[str, ...]) -> Answer:
        return self.codec.failure(description)

    def bare(self, type_: Type, value: Any) -> Answer:
        return self.codec.bare(type_, value)


# Starting again in milliseconds ----------------------------------------------------------------------------------------


_made: dict[tuple[Any, ...], CopiedJournal] = {}


def _pristine(settings: Config) -> CopiedJournal:
    key = (settings.preset, *sorted(settings.counters.items()), settings.seed, settings.root_password)
    if key not in _made:
        _made[key] = CopiedJournal(_assemble(settings, VirtualClock(), NoJournal(), _seed(settings)).db)
    return _made[key]


def _assemble(settings: Config, clock: VirtualClock, journal: NoJournal, seed: int) -> Pool:
    ids = Ids(seed, repeatable_secrets=True)
    return clock.wait_for(assemble(settings, clock, ids, run=_at_once, blobs=BlobStore(), site=Nowhere(), journal=journal))


def _seed(settings: Config) -> int:
    return SEED if settings.seed is None else settings.seed


def _at_once(function: Callable[[], T]) -> defer.Deferred[T]:
    return defer.execute(function)

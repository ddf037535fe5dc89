"""What is not of this pool: other pools that VMs move to, and files that are fetched by their address.

Other pools are called with a session that they gave out, over TLS whose certificate nobody here can know, as the reference does
it. Addresses come from callers, so this server goes wherever a caller with the right to import or to migrate VMs tells it to;
it follows at most five redirects, to nothing but ``http`` and ``https``, and tells nothing of an answer but its status.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterable, Callable, Mapping
from contextlib import suppress
from typing import IO, Any, Final, cast
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from twisted.internet import defer
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.web.client import Agent, ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from zope.interface import implementer

from xapid.datamodel.errors import XenAPIError
from xapid.operations.posts import Posted
from xapid.pool.client import TIMEOUT, Known, Unverified, UnverifiedPolicy, XenAPIClient, split_address
from xapid.pool.posting import post
from xapid.pool.uploading import upload
from xapid.wire.xmlrpc import parse_value

HTTPS: Final = 443
REDIRECTS: Final = 5
STALLED: Final = 600.0
"""Seconds without a byte after which a file counts as broken off."""
_HELD: Final = 1 << 20
_LARGEST_HEAD: Final = 64 << 10
_POLL: Final = 0.1
_OK: Final = 200
_MOVED: Final = (301, 302, 303, 307, 308)


class Elsewhere:
    """Reaches other servers. ``port`` is where the hosts of this one answer."""

    def __init__(self, reactor: Any, port: Callable[[], int]) -> None:
        self._reactor = reactor
        self._port = port

    def url(self, address: str) -> str:
        """How others reach the host of ours that has this address."""
        name = f"[{address}]" if ":" in address else address
        port = self._port()
        return f"http://{name}" if port in (0, HTTPS) else f"http://{name}:{port}"

    def pool(self, url: str, session: str) -> OtherPool:
        """The pool whose coordinator answers at ``url``, as the session ``session`` of it."""
        return OtherPool(self._reactor, url, session)

    def pinned(self, address: str, certificate: str) -> XenAPIClient:
        """The coordinator that answers at an address, which may carry a port, with this certificate, in PEM.

        Its calls fail with TLS_CONNECTION_FAILED where it does not.
        """
        host, port = split_address(address, self._port())

        def failed() -> XenAPIError:
            return XenAPIError("TLS_CONNECTION_FAILED", host, str(port))

        return XenAPIClient(self._reactor, host, port, failed, tls=Known(certificate))

    async def post(self, *args: Any, **options: Any) -> Posted:
        """What :func:`xapid.pool.posting.post` does, from here."""
        return await post(self._reactor, *args, **options)

    async def upload(self, url: str, file: IO[bytes], proxy: str = "") -> None:
        """What :func:`xapid.pool.uploading.upload` does, from here."""
        await upload(self._reactor, url, file, proxy)

    async def fetch(self, url: str) -> Fetched:
        """The file at ``url``. Errors: IMPORT_ERROR."""
        agent = Agent(self._reactor, UnverifiedPolicy(), connectTimeout=TIMEOUT)  # type: ignore[no-untyped-call]
        for _ in range(REDIRECTS + 1):
            parts = _checked(url)
            headers = Headers({"User-Agent": ["xapid"]})
            if parts.username is not None:
                pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
                headers.addRawHeader("Authorization", f"Basic {b64encode(pair.encode()).decode()}")
            bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()
            try:
                asking = agent.request(b"GET", quote(bare, safe="%/:=&?~#+!$,;'@()*[]").encode(), headers)
                response: Any = await asking.addTimeout(TIMEOUT, self._reactor)
            except (ConnectError, ResponseFailed, defer.TimeoutError, OSError, ValueError) as problem:
                raise XenAPIError("IMPORT_ERROR", f"{_shown(parts)} cannot be reached") from problem
            if response.code in _MOVED and response.headers.hasHeader("location"):
                url = urljoin(bare, response.headers.getRawHeaders("location")[0])
                response.deliverBody(_Dropped())
                continue
            if response.code != _OK:
                response.deliverBody(_Dropped())
                raise XenAPIError("IMPORT_ERROR", f"{_shown(parts)} answered {response.code}")
            fetched = Fetched(self._reactor)
            response.deliverBody(fetched)
            return fetched
        raise XenAPIError("IMPORT_ERROR", f"more than {REDIRECTS} redirects")


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise XenAPIError("IMPORT_ERROR", "only http and https addresses can be fetched")
    return parts


def _shown(parts: SplitResult) -> str:
    """An address as errors may show it: without credentials, which may also be in its query."""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


class _Dropped(Protocol):
    """A body that nobody wants."""

    def connectionMade(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()


class Fetched(Protocol):
    """A body, read as fast as it is wanted."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._parts: list[bytes] = []
        self._held = 0
        self._over: Failure | None = None
        self._waiting: defer.Deferred[None] | None = None

    def dataReceived(self, data: bytes) -> None:
        self._parts.append(data)
        self._held += len(data)
        if self._held > _HELD and self.transport is not None:
            IPushProducer(self.transport).pauseProducing()
        self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._over = reason
        self._wake()

    async def read(self) -> bytes:
        """Some of it; empty at the end. Errors: IMPORT_ERROR_PREMATURE_EOF, when the other side breaks off or falls silent."""
        while not self._parts and self._over is None:
            self._waiting = defer.Deferred()
            try:
                await self._waiting.addTimeout(STALLED, self._reactor)
            except defer.TimeoutError as problem:
                self._waiting = None
                self.close()
                raise XenAPIError("IMPORT_ERROR_PREMATURE_EOF") from problem
        data, self._parts = b"".join(self._parts), []
        if self._held > _HELD and self.transport is not None and self._over is None:
            IPushProducer(self.transport).resumeProducing()
        self._held = 0
        if not data and self._over is not None and not isinstance(self._over.value, ResponseDone | PotentialDataLoss):
            raise XenAPIError("IMPORT_ERROR_PREMATURE_EOF")
        return data

    def close(self) -> None:
        """It is not wanted any more."""
        if self._over is None and self.transport is not None:
            self.transport.loseConnection()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)


class OtherPool:
    """Another pool, through its coordinator. All errors are those that it answers with, or that it cannot be reached."""

    def __init__(self, reactor: Any, url: str, session: str) -> None:
        parts = _checked(url)
        self._reactor = reactor
        self._session = session
        self._address, self._port = parts.hostname or "", parts.port or HTTPS
        self._client = XenAPIClient(reactor, self._address, self._port, unreachable)

    async def call(self, method: str, *params: Any) -> Any:
        """The result of a call, as JSON has it."""
        try:
            return await self._client.call(method, self._session, *params)
        except XenAPIError as error:
            if error.code == "SESSION_INVALID":
                # The session of our own caller is another one, and must not look ended.
                raise unreachable() from error
            raise

    async def put(self, path: str, query: Mapping[str, str], pieces: AsyncIterable[bytes]) -> Any:
        """Upload to ``path``, at whichever host the coordinator sends it to; returns the result of the task."""
        task = await self.call("task.create", f"upload to {path}", "")
        try:
            arguments = {"session_id": self._session, "task_id": task, **query}
            target = f"{path}?" + "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in arguments.items())
            upload = await self._open(target)
            try:
                async for piece in pieces:
                    await upload.write(piece)
                await upload.finish()
                return await self._outcome(task)
            finally:
                upload.close()
        finally:
            with suppress(XenAPIError):
                await self.call("task.destroy", task)

    async def _open(self, target: str) -> _Upload:
        address, port = self._address, self._port
        for _ in range(REDIRECTS + 1):
            endpoint = wrapClientTLS(Unverified(), HostnameEndpoint(self._reactor, address, port, timeout=TIMEOUT))
            try:
                upload = cast(_Upload, await endpoint.connect(Factory.forProtocol(lambda: _Upload(self._reactor))))
            except (ConnectError, OSError) as problem:
                raise unreachable() from problem
            status, location = await upload.begin(target, address)
            if status == _OK:
                return upload
            upload.close()
            if status not in _MOVED or not location:
                # The task tells why; the body was not wanted.
                return upload
            parts = _checked(location)
            address, port = parts.hostname or "", parts.port or HTTPS
            target = f"{parts.path}?{parts.query}"
        raise unreachable()

    async def _outcome(self, task: str) -> Any:
        while True:
            record = await self.call("task.get_record", task)
            if record["status"] == "success":
                return parse_value(record["result"]) if record["result"] else ""
            if record["status"] != "pending":
                raise XenAPIError.relayed(*record["error_info"])
            await deferLater(self._reactor, _POLL)


def unreachable() -> XenAPIError:
    """The other pool does not answer."""
    return XenAPIError("VM_MIGRATE_CONTACT_REMOTE_SERVICE_FAILED")


@implementer(IPushProducer)
class _Upload(Protocol):
    """One upload: a request of no stated length, which ends with the connection."""

    _wire: Any

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._received = b""
        self._head: defer.Deferred[None] = defer.Deferred()
        self._drained: defer.Deferred[None] | None = None
        self._paused = False

    def connectionMade(self) -> None:
        self._wire = self.transport
        self._wire.registerProducer(self, True)

    async def begin(self, target: str, host: str) -> tuple[int, str]:
        """Send the head; returns the status of the answer and where it points. Servers answer before they read the body."""
        self._wire.write(f"PUT {target} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: xapid\r\n\r\n".encode())
        try:
            await self._head.addTimeout(TIMEOUT, self._reactor)
        except defer.TimeoutError as problem:
            self.close()
            raise unreachable() from problem
        head = self._received.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        words = head[0].split()
        if len(words) < 2 or not words[1].isdigit():
            raise unreachable()
        fields = (line.partition(":") for line in head[1:])
        places = [value.strip() for name, _, value in fields if name.lower() == "location"]
        return int(words[1]), places[0] if places else ""

    def dataReceived(self, data: bytes) -> None:
        if not self._head.called:
            self._received += data
            if b"\r\n\r\n" in self._received or len(self._received) > _LARGEST_HEAD:
                self._head.callback(None)

    async def write(self, data: bytes) -> None:
        """Send some of the body, once the other side has read enough of what came before. Dropped when it has hung up."""
        if self._paused and self._wire is not None and data:
            self._drained = defer.Deferred()
            await self._drained
        if self._wire is not None and data:
            self._wire.write(data)

    async def finish(self) -> None:
        """The body is complete."""
        if self._wire is not None:
            self._wire.unregisterProducer()
            self._wire.loseConnection()

    def close(self) -> None:
        """Hang up."""
        if self._wire is not None:
            self._wire.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._wire = None
        if not self._head.called:
            self._head.errback(unreachable())
        self._wake()

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self._wake()

    def stopProducing(self) -> None:
        """``connectionLost`` follows."""

    def _wake(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None:
            drained.callback(None)

"""Sends files to addresses on the web: reports to whoever helps the administrator. Certificates are checked."""

from __future__ import annotations

from typing import IO, Any, Final
from urllib.parse import quote, urlsplit

from twisted.internet import defer
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Protocol
from twisted.web.client import Agent, FileBodyProducer, ProxyAgent, ResponseFailed
from twisted.web.http_headers import Headers

from xapid.operations.posts import UploadFailed

PATIENCE: Final = 600.0
_CONNECTING: Final = 30.0


class _Dropped(Protocol):
    """An answer that nobody reads."""

    def connectionMade(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()


async def upload(reactor: Any, url: str, file: IO[bytes], proxy: str = "") -> None:
    """PUT what there is to read of ``file`` to ``url``, perhaps through an HTTP proxy. Raises UploadFailed.

    Through a proxy, only ``http`` addresses can be reached.
    """
    parts = urlsplit(url)
    agent: Any = Agent(reactor, connectTimeout=_CONNECTING)  # type: ignore[no-untyped-call]
    if proxy:
        if parts.scheme != "http":
            raise UploadFailed("only http addresses can be reached through a proxy")
        place = urlsplit(proxy if "//" in proxy else f"//{proxy}")
        endpoint = HostnameEndpoint(reactor, place.hostname or "", place.port or 80, timeout=_CONNECTING)
        agent = ProxyAgent(endpoint)  # type: ignore[no-untyped-call]
    producer: Any = FileBodyProducer(file)  # type: ignore[no-untyped-call]
    headers = Headers({"User-Agent": ["xapid"], "Content-Type": ["application/octet-stream"]})
    address = quote(parts._replace(fragment="").geturl(), safe="%/:=&?~#+!$,;'@()*[]").encode()
    sending: defer.Deferred[Any] = agent.request(b"PUT", address, headers, producer)
    sending.addTimeout(PATIENCE, reactor)
    try:
        response = await sending
    except (ConnectError, ResponseFailed, defer.TimeoutError, OSError, ValueError) as problem:
        raise UploadFailed(f"{parts.hostname} cannot be reached: {type(problem).__name__}") from problem
    response.deliverBody(_Dropped())
    if not 200 <= response.code < 300:
        raise UploadFailed(f"{parts.hostname} answered {response.code}")

r"""The connection between two hosts of a pool, once TLS has settled who both are.

Either side may ask at any time and as often as it likes without waiting; answers come in any order. A frame is
``<number> <kind> <path>\n<body>``, where the kind is ``ask`` or ``answer`` and the number ties the two together.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

from twisted.internet import defer
from twisted.logger import Logger
from twisted.protocols.basic import Int32StringReceiver
from twisted.python.failure import Failure

log = Logger()

Answer = Callable[[str, bytes], Awaitable[bytes]]
"""What carries out a request: takes its path and body, gives the body of the answer. It raises nothing."""


class Unreachable(Exception):
    """The other side is not there, or went before it answered."""


class HostLink(Int32StringReceiver):
    """One connection."""

    MAX_LENGTH = 64 * 1024 * 1024

    def __init__(self, answer: Answer, lost: Callable[[HostLink], None] = lambda link: None) -> None:
        self._answer = answer
        self._lost = lost
        self._numbers = count(1)
        self._asked: dict[int, defer.Deferred[bytes]] = {}
        self._is_lost = False

    def connectionMade(self) -> None:
        """Let the kernel notice when the other machine is gone without a word."""
        set_keep_alive = getattr(self.transport, "setTcpKeepAlive", None)
        if set_keep_alive is not None:
            set_keep_alive(1)

    def ask(self, path: str, body: bytes) -> defer.Deferred[bytes]:
        """The answer to a request. Raises Unreachable when the connection is lost before it comes."""
        if self._is_lost:
            return defer.fail(Unreachable())
        number = next(self._numbers)
        done: defer.Deferred[bytes] = defer.Deferred()
        self._asked[number] = done
        self._frame(number, "ask", path, body)
        return done

    def stringReceived(self, string: bytes) -> None:
        """A whole frame has come."""
        head, _, body = string.partition(b"\n")
        number, kind, path = head.decode("utf-8", "replace").split(" ", 2)
        if kind == "ask":
            defer.ensureDeferred(self._carry_out(int(number), path, body))
        else:
            waiting = self._asked.pop(int(number), None)
            if waiting is not None:
                waiting.callback(body)

    async def _carry_out(self, number: int, path: str, body: bytes) -> None:
        try:
            answer = await self._answer(path, body)
        except Exception:
            log.failure("a request of another host failed unexpectedly: {path}", path=path)
            self.close()
            return
        if not self._is_lost:
            self._frame(number, "answer", path, answer)

    def _frame(self, number: int, kind: str, path: str, body: bytes) -> None:
        self.sendString(b"%d %s %s\n%s" % (number, kind.encode(), path.encode(), body))  # type: ignore[no-untyped-call]  # Twisted's

    def close(self) -> None:
        """End the connection."""
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Everyone who waits for an answer is told that none will come."""
        self._is_lost = True
        log.info("the connection to another host is lost: {reason}", reason=reason and reason.getErrorMessage())
        asked, self._asked = list(self._asked.values()), {}
        for waiting in asked:
            waiting.errback(Unreachable())
        self._lost(self)

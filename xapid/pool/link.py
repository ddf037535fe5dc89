r"""The connection between two hosts of a pool, once TLS has settled who both are.

Either side may ask at any time and as often as it likes without waiting; answers come in any order. A frame is
``<number> <kind> <path>\n<body>``, where the kind is ``ask`` or ``answer`` and the number ties the two together; or
``cancel``, when nobody waits for that answer any more; or ``ping``, which is answered with ``pong``.
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
        self._working: dict[int, defer.Deferred[None]] = {}
        self._is_lost = False
        self._is_retired = False
        self.received = 0
        """How often something came from the other side."""

    def connectionMade(self) -> None:
        """Let the kernel notice when the other machine is gone without a word."""
        set_keep_alive = getattr(self.transport, "setTcpKeepAlive", None)
        if set_keep_alive is not None:
            set_keep_alive(1)

    @property
    def is_lost(self) -> bool:
        """Whether the connection is no more."""
        return self._is_lost

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is outstanding."""
        return bool(self._asked)

    def ask(self, path: str, body: bytes, *, patiently: bool = False) -> defer.Deferred[bytes]:
        """The answer to a request. Raises Unreachable when the connection is lost before it comes.

        Cancelling it cancels what the other side does for it. Who asks ``patiently`` gets the answer even then: it may have
        been too late to cancel. After that, losing the connection raises CancelledError.
        """
        if self._is_lost:
            return defer.fail(Unreachable())
        number = next(self._numbers)
        done: defer.Deferred[bytes]
        if patiently:
            done = _Patient(lambda: self._frame(number, "cancel", "", b""))
        else:
            done = defer.Deferred(lambda _: self._cancel(number))
        self._asked[number] = done
        self._frame(number, "ask", path, body)
        return done

    def ping(self) -> None:
        """Ask for a sign of life: :attr:`received` goes up when it comes."""
        if not self._is_lost:
            self._frame(0, "ping", "", b"")

    def _cancel(self, number: int) -> None:
        if self._asked.pop(number, None) is not None and not self._is_lost:
            self._frame(number, "cancel", "", b"")

    def dataReceived(self, data: bytes) -> None:
        """Something has come."""
        self.received += 1
        super().dataReceived(data)  # type: ignore[no-untyped-call]  # Twisted's

    def stringReceived(self, string: bytes) -> None:
        """A whole frame has come."""
        head, _, body = string.partition(b"\n")
        number, kind, path = head.decode("utf-8", "replace").split(" ", 2)
        match kind:
            case "ask":
                self._begin(int(number), path, body)
            case "cancel":
                working = self._working.get(int(number))
                if working is not None:
                    working.cancel()
            case "ping":
                self._frame(0, "pong", "", b"")
            case "answer":
                waiting = self._asked.pop(int(number), None)
                if waiting is not None:
                    waiting.callback(body)
                if self._is_retired and not self._asked:
                    self.close()

    def _begin(self, number: int, path: str, body: bytes) -> None:
        working = defer.ensureDeferred(self._carry_out(number, path, body))
        if not working.called:
            self._working[number] = working
            working.addBoth(self._ended, number)

    def _ended(self, result: object, number: int) -> object:
        self._working.pop(number, None)
        return result

    async def _carry_out(self, number: int, path: str, body: bytes) -> None:
        try:
            answer = await self._answer(path, body)
        except defer.CancelledError:
            return
        except Exception:
            log.failure("a request of another host failed unexpectedly: {path}", path=path)
            self.close()
            return
        if not self._is_lost:
            self._frame(number, "answer", path, answer)

    def _frame(self, number: int, kind: str, path: str, body: bytes) -> None:
        self.sendString(b"%d %s %s\n%s" % (number, kind.encode(), path.encode(), body))  # type: ignore[no-untyped-call]  # Twisted's

    def retire(self) -> None:
        """End the connection when nobody waits for an answer any more."""
        self._is_retired = True
        if not self._asked:
            self.close()

    def close(self) -> None:
        """End the connection."""
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Everyone who waits for an answer is told that none will come. What is being done for the other side goes on."""
        self._is_lost = True
        log.info("the connection to another host is lost: {reason}", reason=reason and reason.getErrorMessage())
        asked, self._asked = list(self._asked.values()), {}
        self._lost(self)
        for waiting in asked:
            is_cancelled = isinstance(waiting, _Patient) and waiting.is_cancelled
            waiting.errback(defer.CancelledError() if is_cancelled else Unreachable())


class _Patient(defer.Deferred[bytes]):
    """An answer that comes even when it was cancelled; ``tell`` tells the other side, once."""

    def __init__(self, tell: Callable[[], None]) -> None:
        super().__init__()
        self._tell = tell
        self.is_cancelled = False

    def cancel(self) -> None:
        """Ask for what is asked for to stop."""
        if not self.called and not self.is_cancelled:
            self.is_cancelled = True
            self._tell()

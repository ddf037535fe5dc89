"""What became of requests: each is carried out once, however often it is sent, and its answer can be fetched again.

A request carries a key, which its sender keeps over lost connections. While it is being carried out, and for some time after,
the same key gets the same answer. A daemon that was restarted in between remembers nothing and carries the request out again;
that is why all steps that an agent can be told may be repeated.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, Final

from twisted.internet import defer

KEPT: Final = 1024
"""Answers that are remembered."""
LARGEST: Final = 64 * 1024
"""Longer answers are not remembered: they are data that was read, and can be read again."""


class Outcomes:
    """Answers by key."""

    def __init__(self) -> None:
        self._done: OrderedDict[str, bytes] = OrderedDict()
        self._working: dict[str, tuple[defer.Deferred[bytes], list[defer.Deferred[bytes]]]] = {}

    async def once(self, key: str, carry_out: Callable[[], Coroutine[Any, Any, bytes]]) -> bytes:
        """The answer of ``carry_out``, which is called unless that was done for this key. It raises nothing.

        Cancelling what this returns cancels the work, whoever else waits for it.
        """
        if key in self._done:
            return self._done[key]
        turn: defer.Deferred[bytes] = defer.Deferred(lambda _: working.cancel())
        known = self._working.get(key)
        if known is None:
            working = defer.ensureDeferred(carry_out())
            self._working[key] = (working, [turn])
            working.addBoth(self._ended, key)
        else:
            working, waiting = known
            waiting.append(turn)
        return await turn

    def _ended(self, result: object, key: str) -> None:
        _, waiting = self._working.pop(key)
        if isinstance(result, bytes):
            self._keep(key, result)
        for turn in waiting:
            if not turn.called:
                turn.callback(result)  # type: ignore[arg-type]  # a Failure goes down the errback chain

    def _keep(self, key: str, answer: bytes) -> None:
        if len(answer) <= LARGEST:
            self._done[key] = answer
            while len(self._done) > KEPT:
                self._done.popitem(last=False)

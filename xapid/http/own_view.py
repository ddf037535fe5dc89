"""What the server shows of itself: ``/metrics``, ``/healthz`` and ``/readyz``.

``/healthz`` answers 200 as long as the process answers at all; ``/readyz`` 200 while it can do its work, else 503 with the
reason. Both say nothing else, and are there for everybody. ``/metrics`` is for whoever may read statistics; at the address
of ``--monitor`` for whoever can reach it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from twisted.internet.interfaces import IReactorTime

from xapid.datamodel.http_actions import BY_NAME
from xapid.http import pages
from xapid.http.chunks import gathered
from xapid.http.exchange import Exchange, Serve
from xapid.http.gate import Gate
from xapid.http.measures import CONTENT_TYPE, Measures, Missing

STATISTICS: Final = BY_NAME["host_rrd"]
"""The right to read them is the right to read ``/metrics``."""
_TEXT: Final = "text/plain; charset=utf-8"


class OwnView:
    """Serves these three paths, and leaves the others to ``otherwise``. ``problem`` says why the server cannot work, if so."""

    def __init__(
        self,
        measures: Measures,
        problem: Callable[[], str | None],
        clock: IReactorTime,
        *,
        gate: Gate | None = None,
        otherwise: Serve | None = None,
    ) -> None:
        """With a ``gate``, only those whom it admits get figures."""
        self._measures = measures
        self._problem = problem
        self._clock = clock
        self._gate = gate
        self._otherwise = otherwise
        self._paths: Mapping[str, Serve] = {"/metrics": self.metrics, "/healthz": self.health, "/readyz": self.readiness}

    async def serve(self, exchange: Exchange) -> None:
        """Serves a ``GET``."""
        serve = self._paths.get(exchange.head.path, self._otherwise)
        if serve is None:
            exchange.refuse(404)
        else:
            await serve(exchange)

    async def health(self, exchange: Exchange) -> None:
        """Serves ``GET /healthz``."""
        await _answer(exchange, 200, _TEXT, [b"ok\n"])

    async def readiness(self, exchange: Exchange) -> None:
        """Serves ``GET /readyz``."""
        problem = self._problem()
        if problem is None:
            await _answer(exchange, 200, _TEXT, [b"ready\n"])
        else:
            await _answer(exchange, 503, _TEXT, [f"{problem}\n".encode()])

    async def metrics(self, exchange: Exchange) -> None:
        """Serves ``GET /metrics``."""
        if self._gate is None:
            await self._metrics(exchange)
        elif await self._gate.admit(exchange, STATISTICS, realm="metrics"):
            try:
                await self._metrics(exchange)
            finally:
                await self._gate.release(exchange)

    async def _metrics(self, exchange: Exchange) -> None:
        try:
            pieces = await gathered(self._measures.page(), self._clock)
        except Missing:
            exchange.refuse(501, "install xapid[metrics]")
            return
        await _answer(exchange, 200, CONTENT_TYPE, pieces)


async def _answer(exchange: Exchange, status: int, content_type: str, pieces: list[bytes]) -> None:
    head = exchange.head
    exchange.keep_alive = head.keep_alive
    exchange.start(
        status,
        [
            ("content-length", str(sum(map(len, pieces)))),
            ("connection", "keep-alive" if head.keep_alive else "close"),
            ("cache-control", pages.NO_CACHE),
            ("content-type", content_type),
        ],
    )
    await exchange.send(pieces)

"""Reaching another daemon of the pool: one connection for all requests, made when there is something to ask, and made again.

A request that was under way when its connection was lost is sent again over the next one, with the key that it had: whoever
carries it out does so once (:mod:`xapid.pool.outcomes`). Only when there is no next connection is the other unreachable.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

from twisted.internet import defer
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from xapid.agent.values import AgentFailure
from xapid.pool.link import Answer, HostLink, Unreachable

log = Logger()

CONNECT_TIMEOUT: Final = 10
GREETING_TIMEOUT: Final = 20.0
TRIES: Final = 3
"""How often a request is sent, each time over a new connection."""
PING_EVERY: Final = 10.0
SILENCE: Final = 3
"""After so many pings without a sign of life, a connection on which an answer is outstanding counts as lost."""

NOT_OURS: Final = b'{"failure":["unreachable"'
"""How the answer of a daemon begins that follows another coordinator."""


class Refused(Exception):
    """The other side is there, and wants nothing to do with us."""


Greet = Callable[[HostLink], Coroutine[Any, Any, None]]
"""The first words over a new connection. Raises Refused, Unreachable."""


class Peer:
    """Another daemon. ``greet`` introduces us; ``answer`` carries out what it asks of us over the same connection."""

    def __init__(
        self, clock: IReactorTime, endpoint: IStreamClientEndpoint, uuid: str, greet: Greet, answer: Answer, keys: Iterator[str]
    ) -> None:
        """``uuid`` is what failures name. ``keys`` gives each request of this daemon one that none ever had before."""
        self._clock = clock
        self._endpoint = endpoint
        self._uuid = uuid
        self._greet = greet
        self._answer = answer
        self._keys = keys
        self._link: HostLink | None = None
        self._dialling: list[defer.Deferred[HostLink]] | None = None
        self._loop = LoopingCall(self._ping)
        self._loop.clock = clock
        self._heard: tuple[int, int] = (0, 0)
        self.is_closed = False
        self.lost: Callable[[], None] = lambda: None
        """Called when a connection that worked is no more."""

    async def send(self, path: str, body: bytes, *, patiently: bool = False) -> bytes:
        """The answer to a request (:data:`xapid.agent.remote.Send`); ``patiently``: see :meth:`HostLink.ask`.

        Raises AgentFailure ``unreachable``, with a word as its second detail if the other is there but refuses us.
        """
        path = f"{path}?{next(self._keys)}"
        for _ in range(TRIES):
            try:
                link = self._link or await self._dial()
            except Unreachable:
                break
            except Refused as refusal:
                raise AgentFailure("unreachable", (self._uuid, str(refusal))) from refusal
            try:
                answer = await link.ask(path, body, patiently=patiently)
            except Unreachable:
                continue
            if answer.startswith(NOT_OURS):
                if self._link is link:
                    self._link = None  # the next greeting tells whom it follows
                link.retire()
                raise AgentFailure("unreachable", (self._uuid, "follows another"))
            return answer
        raise AgentFailure("unreachable", (self._uuid,))

    async def connect(self) -> None:
        """Be connected. Raises AgentFailure as :meth:`send` does."""
        try:
            if self._link is None:
                await self._dial()
        except Unreachable as problem:
            raise AgentFailure("unreachable", (self._uuid,)) from problem
        except Refused as refusal:
            raise AgentFailure("unreachable", (self._uuid, str(refusal))) from refusal

    async def _dial(self) -> HostLink:
        """Connect, once for all who want to at the same time."""
        if self.is_closed:
            raise Unreachable
        turn: defer.Deferred[HostLink] = defer.Deferred()
        if self._dialling is None:
            self._dialling = [turn]
            defer.ensureDeferred(self._connect()).addBoth(self._connected)
        else:
            self._dialling.append(turn)
        return await turn

    async def _connect(self) -> HostLink:
        link: HostLink | None = None
        try:
            factory = Factory.forProtocol(lambda: HostLink(self._answer, self._lost))
            protocol = await self._endpoint.connect(factory)
            assert isinstance(protocol, HostLink)
            link = protocol
            # TLS only fails once it speaks: the greeting tells whether the other side wants us.
            greeting = defer.ensureDeferred(self._greet(link))
            await greeting.addTimeout(GREETING_TIMEOUT, self._clock)
        except (Refused, Unreachable):
            if link is not None:
                link.close()
            raise
        except Exception as problem:
            log.debug("{uuid} cannot be reached: {problem}", uuid=self._uuid, problem=problem)
            if link is not None:
                link.close()
            raise Unreachable from problem
        return link

    def _connected(self, result: object) -> None:
        waiting, self._dialling = self._dialling or [], None
        if isinstance(result, HostLink):
            if result.is_lost or self.is_closed:
                result.close()
            else:
                self._link = result
                if not self._loop.running:
                    self._loop.start(PING_EVERY, now=False)
        for turn in waiting:
            turn.callback(result)  # type: ignore[arg-type]  # a Failure goes down the errback chain

    def _ping(self) -> None:
        link = self._link
        if link is None or not link.is_waiting:
            self._heard = (0, 0)
            return
        received, silent = self._heard
        self._heard = (link.received, silent + 1 if received == link.received else 0)
        if self._heard[1] >= SILENCE:
            log.warn("{uuid} is silent; its connection is given up", uuid=self._uuid)
            self._heard = (0, 0)
            link.close()
        else:
            link.ping()

    def _lost(self, link: HostLink) -> None:
        if self._link is link:
            self._link = None
            if self._loop.running:
                self._loop.stop()
            if not self.is_closed:
                self.lost()

    def hang_up(self) -> None:
        """End the connection, if there is one; the next request makes another."""
        if self._link is not None:
            self._link.close()

    def close(self) -> None:
        """End the connection; what is asked for is unreachable from now on."""
        self.is_closed = True
        if self._loop.running:
            self._loop.stop()
        self.hang_up()

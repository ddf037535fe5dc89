"""The context of one call: :class:`xapid.operations.context.Context`, as dispatch provides it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any, cast

import attrs
from twisted.internet.interfaces import IReactorTime

from xapid.agent.interface import IHostAgent
from xapid.auth.sessions import Session
from xapid.config import Config
from xapid.database import Database
from xapid.ids import Ids
from xapid.operations.services import Services
from xapid.tasks.running import RunningTask
from xapid.wire.call import Origin


@attrs.frozen(eq=False)
class CallContext:
    """What an operation sees of its call."""

    db: Database
    clock: IReactorTime
    ids: Ids
    config: Config
    services: Services
    session: Session
    task: RunningTask
    host: str
    origin: Origin
    _call: Callable[[CallContext, str, tuple[Any, ...]], Awaitable[Any]]

    def now(self) -> datetime:
        """The time in UTC, in whole seconds."""
        return datetime.fromtimestamp(int(self.clock.seconds()), UTC)

    def agent(self, host: str | None = None) -> IHostAgent:
        """The agent of a host, or of :attr:`host`. Errors: HANDLE_INVALID, HOST_OFFLINE, CANNOT_CONTACT_HOST."""
        return self.services.agents.get(self.host if host is None else host)

    async def call(self, message: str, *args: Any) -> Any:
        """Another message, as the same session, under locks of its own."""
        return await self._call(self, message, args)

    def uninterrupted(self) -> CallContext:
        """The same, with a task that cannot be cancelled."""
        return attrs.evolve(self, task=cast(RunningTask, _Steady(self.task)))


class _Steady:
    """A task that nobody can cancel."""

    def __init__(self, task: RunningTask) -> None:
        self._task = task

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def progress(self, fraction: float) -> None:
        """What is only part of the work says nothing of the whole."""

    def check_cancelled(self) -> None:
        """It goes on."""

    def cancellable(self, interrupt: Callable[[], None] | None = None) -> AbstractContextManager[None]:
        """No such section."""
        return nullcontext()

"""What an operation is given: the database, the clock, who calls, the task it runs under, and the host it runs on.

What lower rooms need from higher ones (calling another message under its locks, reaching an agent) comes through here, so
that no operation imports dispatch, the pool or the daemon.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from xapid.agent.interface import IHostAgent
    from xapid.auth.sessions import Session
    from xapid.config import Config
    from xapid.database import Database
    from xapid.ids import Ids
    from xapid.operations.services import Services
    from xapid.wire.call import Origin


class Task(Protocol):
    """The task that a call runs under."""

    @property
    def ref(self) -> str:
        """Its reference; a ``DummyRef:`` where the call has no task in the database."""

    def progress(self, fraction: float) -> None:
        """How much is done, from 0 to 1."""

    def check_cancelled(self) -> None:
        """Errors: TASK_CANCELLED, when somebody asked for it."""

    def cancellable(self, interrupt: Callable[[], None] | None = None) -> AbstractContextManager[None]:
        """A section in which clients see that the task can be cancelled, and ``interrupt`` is called when it is."""


class Context(Protocol):
    """One call, as its operation sees it."""

    @property
    def db(self) -> Database: ...
    @property
    def clock(self) -> IReactorTime: ...
    @property
    def ids(self) -> Ids: ...
    @property
    def config(self) -> Config: ...
    @property
    def services(self) -> Services: ...

    @property
    def session(self) -> Session:
        """Who calls."""

    @property
    def origin(self) -> Origin:
        """Where the call came from."""

    @property
    def task(self) -> Task: ...

    @property
    def host(self) -> str:
        """Reference of the host that the message's declaration sends it to; the coordinator's where it says nothing."""

    def now(self) -> datetime:
        """The time in UTC, in whole seconds, from the clock."""

    def agent(self, host: str | None = None) -> IHostAgent:
        """The agent of a host, or of :attr:`host`. Errors: HANDLE_INVALID, HOST_OFFLINE, CANNOT_CONTACT_HOST."""

    async def call(self, message: str, *args: Any) -> Any:
        """Another message, as the same session, under locks of its own: ``await context.call("VBD.plug", vbd)``."""

    def uninterrupted(self) -> Context:
        """The same, for work that is not to be cancelled once it has begun: its task cannot be."""

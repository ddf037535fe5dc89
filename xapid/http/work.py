"""HTTP actions that run under a task: uploads and downloads whose outcome a client reads off the task it named.

``task_id`` names a task of the caller's own; without one the server makes one and says which in its answer. When the work is
over the task has ended, however it went. A caller who may not change the task that was named is refused.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import attrs
from twisted.logger import Logger

from xapid.auth.rbac import ANY_TASK
from xapid.auth.sessions import Session
from xapid.database import Database
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.dispatch.pipeline import Dispatcher
from xapid.http.exchange import Disconnected, Exchange
from xapid.http.pages import BARE
from xapid.operations.services import Services
from xapid.tasks.running import RunningTask

log = Logger()

FUSE: Final = 1.0
"""Seconds between the end of a restore and the new start, in which clients see their tasks end."""


@attrs.define
class Work:
    """One request under its task. ``result`` is what the task shows in the end: one XML-RPC value, or nothing."""

    task: RunningTask
    session: Session
    result: str = ""


@attrs.frozen(eq=False)
class Works:
    """What HTTP actions need of the server. ``port`` is where every host of this process answers."""

    db: Database
    services: Services
    dispatcher: Dispatcher
    port: Callable[[], int]

    def begin(self, exchange: Exchange, label: str) -> Work | None:
        """The work that a request asks for; None if it was refused and answered. To be carried out in :meth:`carried`."""
        session: Session = exchange.session.session
        try:
            return Work(self._task(exchange, session, label), session)
        except XenAPIError as refusal:
            exchange.refuse(403 if refusal.code == "RBAC_PERMISSION_DENIED" else 500, " ".join(refusal.description))
            return None

    @asynccontextmanager
    async def carried(self, exchange: Exchange, work: Work) -> AsyncIterator[None]:
        """Around serving the request: errors end the task, and the request if nothing was answered yet."""
        task = work.task
        try:
            yield
            await self.db.durable()
        except XenAPIError as error:
            self._fail(exchange, task, error.description)
        except Disconnected:
            task.fail(("INTERNAL_ERROR", "the client hung up"))
        except Exception as fault:
            log.failure("{label} failed unexpectedly", label=task.origin.label)
            self._fail(exchange, task, ("INTERNAL_ERROR", f"{type(fault).__name__} in {task.origin.label}"))
        else:
            task.succeed_text(work.result)

    def _task(self, exchange: Exchange, session: Session, label: str) -> RunningTask:
        tasks, host = self.services.tasks, self.host(exchange)
        named, parent = exchange.head.argument("task_id"), exchange.head.argument("subtask_of")
        if named is None:
            subtask_of = NULL_REF if parent is None else parent
            return tasks.named(label, session, host, subtask_of=subtask_of, other_config=exchange.origin.notes)
        self.db.get("task", named)
        if not session.unrestricted and not (session.auth_user_sid and session.auth_user_sid == tasks.owner(named)):
            self.services.rbac.require(session, ANY_TASK)
        tasks.update_row(named, {"progress": 0.0})
        return tasks.attach(named)

    @staticmethod
    def _fail(exchange: Exchange, task: RunningTask, description: tuple[str, ...]) -> None:
        task.fail(description)
        if not exchange.started:
            exchange.refuse(500, " ".join(description))

    # Where it is served -------------------------------------------------------------------------------------------------

    def host(self, exchange: Exchange) -> str:
        """The host whose address was called."""
        return exchange.origin.host or self.services.role.coordinator

    def elsewhere(self, exchange: Exchange, hosts: list[str]) -> bool:
        """Send the client to one of ``hosts``, unless the host that was called is one; whether that happened.

        Only hosts of this process take requests. Where none of ``hosts`` is one, the request is served here: agents reach
        what is on other machines.
        """
        far = {place.host for place in self.services.pool.membership.members()}
        near = [ref for ref in hosts if (row := self.db.table("host").find(ref)) is not None and row.uuid not in far]
        if not near or self.host(exchange) in near:
            return False
        address = self.db.get("host", min(near)).address
        name = f"[{address}]" if ":" in address else address
        port = "" if self.port() == 443 else f":{self.port()}"
        exchange.start(302, [*BARE, ("Location", f"https://{name}{port}{exchange.head.target}")], "HTTP/1.1")
        return True

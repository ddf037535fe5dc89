"""What a member asks its coordinator in order to serve HTTP requests, or root on its own machine: both halves.

Clients go straight to members for consoles and statistics, with sessions and tasks of the coordinator's. A question is one
request, ``/coordinator/<question>`` with a JSON object; the answer is ``{"value": …}`` or ``{"error": [code, …]}``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
import orjson

from xapid.agent.remote import Send, read_answer
from xapid.agent.values import AgentFailure
from xapid.auth.rbac import ANY_TASK
from xapid.auth.sessions import Session
from xapid.database import Database
from xapid.datamodel.errors import XenAPIError
from xapid.operations.console_lookup import FoundConsole, admits_one, find_console
from xapid.operations.services import Services

INQUIRY: Final = "/coordinator/"
_SESSION: Final = ("ref", "user", "is_local_superuser", "originator", "subject", "auth_user_sid", "pool", "local_to")


class Coordinator:
    """The half that asks. Errors: whatever the coordinator says, and AgentFailure ``unreachable``."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def _ask(self, question: str, **about: Any) -> Any:
        return read_answer(await self._send(f"{INQUIRY}{question}", orjson.dumps(about)))

    async def session(self, ref: str) -> Session:
        """A session of the pool, as it is now; it counts as used. Errors: SESSION_INVALID, also if nobody can be asked."""
        try:
            told = await self._ask("session", ref=ref)
        except AgentFailure:
            raise XenAPIError("SESSION_INVALID", ref) from None
        return Session(**{**told, "permissions": frozenset(told["permissions"])})

    async def console(self, named: Mapping[str, str], host: str) -> tuple[FoundConsole, bool]:
        """A console on the host with this uuid, and whether it takes only one connection at a time."""
        told = await self._ask("console", named={name: named[name] for name in ("ref", "uuid") if name in named}, host=host)
        return FoundConsole(**told["console"]), told["admits_one"]

    async def log_in(self, host: str, originator: str) -> str:
        """A session of root's for who is root on the host with this uuid, which is this daemon's."""
        return str(await self._ask("log_in", host=host, originator=originator))

    async def log_out(self, ref: str) -> None:
        """End a session that was opened so. A coordinator that is away does not get to know."""
        try:
            await self._ask("log_out", ref=ref)
        except (AgentFailure, XenAPIError):
            return

    async def end_task(self, ref: str, session: Session, may_any: bool, failure: tuple[str, ...] | None) -> None:
        """End a task that a client named, if its session may. A coordinator that is away does not get to know."""
        try:
            await self._ask("end_task", ref=ref, user=session.auth_user_sid, may_any=may_any, failure=failure)
        except (AgentFailure, XenAPIError):
            return


class Inquiries:
    """The half that answers."""

    def __init__(self, db: Database, services: Services) -> None:
        self._db = db
        self._services = services

    async def answer(self, path: str, body: bytes) -> bytes:
        """Answer a question of a member that is known to be one."""
        questions: dict[str, Callable[..., Any]] = {
            "session": self._session, "console": self._console, "end_task": self._end_task, "log_in": self._log_in,
            "log_out": self._log_out,
        }  # fmt: skip
        question = questions.get(path.removeprefix(INQUIRY))
        if question is None:
            return orjson.dumps({"failure": ["not_supported", path]})
        try:
            return orjson.dumps({"value": question(**orjson.loads(body))})
        except XenAPIError as error:
            return orjson.dumps({"error": error.description})

    def _session(self, ref: str) -> dict[str, Any]:
        session = self._services.sessions.get(ref)
        return {name: getattr(session, name) for name in _SESSION} | {"permissions": list(session.permissions)}

    def _console(self, named: dict[str, str], host: str) -> dict[str, Any]:
        found = find_console(self._db, named, self._db.table("host").by_uuid(host).ref)
        return {"console": attrs.asdict(found), "admits_one": admits_one(self._db)}

    def _log_in(self, host: str, originator: str) -> str:
        return self._services.logins.as_root(self._db.table("host").by_uuid(host).ref, originator).ref

    def _log_out(self, ref: str) -> None:
        self._services.sessions.destroy(ref)

    def _end_task(self, ref: str, user: str, may_any: bool, failure: list[str] | None) -> None:
        end_task(self._services, ref, user, may_any, None if failure is None else tuple(failure))


def end_task(services: Services, ref: str, user: str, may_any: bool, failure: tuple[str, ...] | None) -> None:
    """End a task for the directory user ``user``: it succeeded, or failed as ``failure`` says.

    Tasks that are not there, or not the user's to change, are passed over.
    """
    if not may_any and not (user and services.tasks.owner(ref) == user):
        return
    try:
        task = services.tasks.attach(ref)
    except XenAPIError:
        return
    if failure is None:
        task.succeed_text("")
    else:
        task.fail(failure)


def may_end_any(services: Services, session: Session) -> bool:
    """Whether a session may end tasks of others."""
    return services.rbac.allows(session, ANY_TASK)

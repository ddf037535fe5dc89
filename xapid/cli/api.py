"""The API as commands use it: messages called through the dispatcher, in this process, as the user's session.

Nothing goes around the dispatcher: rights, locks, tasks and the audit log are those of any other client. What is read of
objects on the way is kept for the length of a command, and forgotten when the command changes something.
"""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Awaitable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

from twisted.internet.defer import Deferred, ensureDeferred

from xapid.database import Row
from xapid.datamodel.catalogue import Catalogue, catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, Type, Void
from xapid.wire.call import Answer, Call, DateText, Dispatcher, Origin
from xapid.wire.marshal import decoder

VERSION: Final = "2.23"
TASK_WAIT_S: Final = 30.0
ORIGINATOR: Final = "cli"


class _Values:
    """A codec that keeps values as they are."""

    content_type = b""
    value: Any = None
    error: XenAPIError | None = None

    def success(self, type_: Type, value: Any) -> Answer:
        self.value = value
        return []

    def failure(self, description: tuple[str, ...]) -> Answer:
        self.error = XenAPIError.relayed(*description)
        return []

    def bare(self, type_: Type, value: Any) -> Answer:
        return self.success(type_, value)

    @property
    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


class Api:
    """Calls messages as one session. Errors are XenAPI's."""

    def __init__(self, dispatcher: Dispatcher, origin: Origin) -> None:
        self.catalogue: Catalogue = catalogue()
        self.session = ""
        self.here = origin.host
        """Reference of the host whose address was called."""
        self._logout = ""
        self._dispatcher = dispatcher
        self._origin = origin
        self._rows: dict[str, Row | None] = {}

    # Sessions -------------------------------------------------------------------------------------------------------------

    async def login(self, user: str, password: str) -> None:
        """Opens a session. Errors: SESSION_AUTHENTICATION_FAILED, HOST_IS_SLAVE."""
        self.session = await self._call("session.login_with_password", user, password, VERSION, ORIGINATOR)
        self._logout = "session.logout"

    async def login_locally(self, user: str, password: str) -> None:
        """Opens a session that only this host knows."""
        self.session = await self._call("session.slave_local_login_with_password", user, password)
        self._logout = "session.local_logout"

    async def logout(self) -> None:
        """Ends the session that was opened here, unless it has ended by itself."""
        message, self._logout = self._logout, ""
        if message:
            try:
                await self._call(message, self.session)
            except XenAPIError:
                return

    # Calls ----------------------------------------------------------------------------------------------------------------

    async def call(self, message: str, *params: Any) -> Any:
        """The result of a message. Parameters are typed by the message itself, from text where it needs be."""
        self._rows.clear()
        return await self._call(message, self.session, *params)

    async def ask(self, message: str, *params: Any) -> Any:
        """As :meth:`call`, for messages that change nothing."""
        return await self._call(message, self.session, *params)

    async def ask_as(self, session: str, message: str, *params: Any) -> Any:
        """As :meth:`call`, in another session."""
        self._rows.clear()
        return await self._call(message, session, *params)

    async def long(self, message: str, *params: Any) -> Any:
        """The result of a message that takes its time: carried out as a task, which is waited for and destroyed."""
        task = await self.call(f"Async.{message}", *params)
        return await self.wait(task, self.catalogue.messages[message].message.result)

    async def wait(self, task: str, result: Type | None = None) -> Any:
        """Waits for a task, destroys it, and gives its result as a value of the type. Errors: the task's."""
        row = await self.ended(task)
        await self.call("task.destroy", task)
        if row.status == "cancelled":
            raise XenAPIError("TASK_CANCELLED", task)
        if row.status == "failure":
            raise XenAPIError.relayed(*(row.error_info or ("INTERNAL_ERROR", "unknown error")))
        return None if result is None else self.result(row, result)

    async def ended(self, task: str) -> Row:
        """Waits until a task is over; its record. Errors: HANDLE_INVALID."""
        token = ""
        while True:
            token = (await self.ask("event.from", [f"task/{task}"], token, TASK_WAIT_S)).token
            self._rows.clear()
            row = self.row("task", task)
            if row is None:
                raise XenAPIError("HANDLE_INVALID", "task", task)
            if row.status not in ("pending", "cancelling"):
                return row

    @staticmethod
    def result(task: Row, type_: Type) -> Any:
        """What a task came to, as a value of the type; None if it says nothing."""
        return _value(task.result, type_) if task.result else None

    async def _call(self, message: str, *params: Any) -> Any:
        values = _Values()
        answer = self._dispatcher.dispatch(Call(message, [_loose(param) for param in params]), values, self._origin)
        if not isinstance(answer, list):
            await answer
        return values.result

    # Objects --------------------------------------------------------------------------------------------------------------

    def row(self, cls: str, ref: str) -> Row | None:
        """An object, or None if there is none."""
        try:
            return self._rows[ref]
        except KeyError:
            pass
        row = None
        if ref and ref != NULL_REF:
            values = _Values()
            answer = self._dispatcher.dispatch(Call(f"{cls}.get_record", [self.session, ref]), values, self._origin)
            row = values.result if _is_done(answer) and values.error is None else None
        self._rows[ref] = row
        return row

    def now(self, cls: str, ref: str) -> Row | None:
        """An object as it is at this moment, or None if there is none."""
        self._rows.pop(ref, None)
        return self.row(cls, ref)

    async def ref(self, cls: str, uuid: str) -> str:
        """The object with this uuid. Errors: UUID_INVALID."""
        return str(await self.ask(f"{cls}.get_by_uuid", uuid))

    async def get(self, cls: str, uuid: str) -> Row:
        """The record of the object with this uuid. Errors: UUID_INVALID."""
        row = self.row(cls, await self.ref(cls, uuid))
        if row is None:
            raise XenAPIError("UUID_INVALID", cls, uuid)
        return row

    async def records(self, cls: str, expression: str = "true") -> list[Row]:
        """The objects of a class that an expression selects, as they are now."""
        found: dict[str, Row] = await self.ask(f"{cls}.get_all_records_where", expression)
        self._rows.update(found)
        return list(found.values())

    def rows(self, cls: str, refs: Iterable[str]) -> list[Row]:
        """Those of the objects that exist."""
        return [row for row in (self.row(cls, ref) for ref in refs) if row is not None]

    def uuid(self, cls: str, ref: str) -> str | None:
        """An object's uuid; None if there is no such object."""
        row = self.row(cls, ref)
        return None if row is None else str(row.uuid)

    def named(self, ref: str) -> str | None:
        """For people: the uuid and name of whatever object a reference points at."""
        for name, cls in self.catalogue.classes.items():
            if cls.in_database and name != "session" and (row := self._anything(name, ref)) is not None:
                label = getattr(row, "name_label", None)
                return str(row.uuid) if label is None else f"{row.uuid} ({label})"
        return None

    def _anything(self, cls: str, ref: str) -> Row | None:
        self._rows.pop(ref, None)
        row = self.row(cls, ref)
        return row if row is not None and hasattr(row, "uuid") else None

    @property
    def pool(self) -> Row:
        """The pool."""
        return self._all("pool")[0]

    @property
    def hosts(self) -> list[Row]:
        """Every host."""
        return self._all("host")

    def _all(self, cls: str) -> list[Row]:
        values = _Values()
        self._dispatcher.dispatch(Call(f"{cls}.get_all_records", [self.session]), values, self._origin)
        return list(values.result.values())

    @property
    def coordinator(self) -> str:
        """Reference of the coordinator's host."""
        return str(self.pool.master)


def _loose(value: Any) -> Any:
    """A value as a codec would have read it: lists and plain dicts all the way down."""
    if isinstance(value, tuple | list):
        return [_loose(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _loose(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return DateText(f"{value.astimezone(UTC):%Y%m%dT%H:%M:%SZ}")
    return value


def _is_done(answer: Answer | Awaitable[Answer]) -> bool:
    """Whether an answer is there; what is not is a mistake of ours, for getters do not wait."""
    if isinstance(answer, list):
        return True
    working: Deferred[Any] = ensureDeferred(answer)  # type: ignore[arg-type]  # awaitables of dispatch are coroutines or Deferreds
    working.addErrback(lambda _: None)
    return bool(working.called)


def _value(text: str, type_: Type) -> Any:
    """A task's result, which is text in the notation of XML-RPC."""
    if type_ is Void:
        return None
    try:
        (loose,), _ = xmlrpc.client.loads(f"<params><param>{text}</param></params>")
    except Exception:  # a result that a client has set itself
        return None
    return decoder(type_)(loose)

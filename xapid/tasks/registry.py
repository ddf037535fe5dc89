"""All tasks: begun, found again, cancelled, destroyed, and forgotten when they are old.

Serves class ``task``, the task of every call, and the tasks that HTTP handlers complete. Rows of tasks do not outlive the
daemon.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from xapid.database import Database
from xapid.database.database import UNSTORABLE
from xapid.database.row import Row as DatabaseRow
from xapid.datamodel.catalogue import Entry
from xapid.datamodel.types import EMPTY_MAP, NULL_REF, Type, frozenmap
from xapid.ids import Ids
from xapid.tasks.running import NO_TYPE, Origin, Row, RunningTask

log = Logger()

COLLECT_EVERY: Final = 30.0
FINISHED_KEPT: Final = 65 * 60.0
"""Seconds for which the outcome of a task can be read."""
IDLE_KEPT: Final = 24 * 3600.0
"""Seconds without progress after which an unfinished task is given up."""
FINISHED_LIMIT: Final = 200
UNFINISHED: Final = frozenset({"pending", "cancelling"})
TASKLESS: Final = frozenset({"task", "event"})
"""Classes whose plain calls have no task: they are how tasks are watched."""

ValueText = Callable[[Type, Any], str]
"""Writes a value as one XML-RPC ``<value>`` element."""


class Caller(Protocol):
    """What a task needs to know of a session."""

    @property
    def ref(self) -> str: ...
    @property
    def auth_user_sid(self) -> str: ...


@attrs.define
class _Note:
    """What is known of a row beside its fields."""

    owner: str
    active: float
    """When it was made or last moved, in seconds of the clock."""
    doomed: bool = False
    """Whether somebody destroyed it before its end."""


class Tasks:
    """The tasks of the pool. ``value_text`` writes results."""

    def __init__(self, db: Database, ids: Ids, clock: IReactorTime, value_text: ValueText) -> None:
        self.value_text = value_text
        self._db = db
        self._ids = ids
        self._clock = clock
        self._table = db.table("task")
        self._running: dict[str, RunningTask] = {}
        self._notes: dict[str, _Note] = {}
        self._loop = LoopingCall(self.collect)
        self._loop.clock = clock

    # Beginning --------------------------------------------------------------------------------------------------------

    def for_call(
        self, entry: Entry, caller: Caller, host: str, *, parent: RunningTask | None = None, subtask_of: str = NULL_REF
    ) -> RunningTask:
        """The task of a plain call. Call :meth:`RunningTask.publish` when the call outlasts the turn that it began in."""
        origin = _origin(entry.name, caller, host, parent, subtask_of)
        if not entry.message.asynchronous or entry.cls.name in TASKLESS:
            return RunningTask(self, origin, Row.NONE, None, parent)
        return self._run(RunningTask(self, origin, Row.WHILE_RUNNING, self._ids.ref(), parent))

    def for_async(
        self,
        entry: Entry,
        caller: Caller,
        host: str,
        *,
        parent: RunningTask | None = None,
        subtask_of: str = NULL_REF,
        other_config: Mapping[str, str] = EMPTY_MAP,
    ) -> RunningTask:
        """The task of an asynchronous call, visible from now on."""
        label = f"Async.{entry.name}"
        return self.named(label, caller, host, parent=parent, subtask_of=subtask_of, other_config=other_config)

    def named(
        self,
        label: str,
        caller: Caller,
        host: str,
        *,
        description: str = "",
        parent: RunningTask | None = None,
        subtask_of: str = NULL_REF,
        other_config: Mapping[str, str] = EMPTY_MAP,
    ) -> RunningTask:
        """A task of the server's own with any name, visible from now on and kept with its outcome."""
        origin = attrs.evolve(_origin(label, caller, host, parent, subtask_of, description), other_config=other_config)
        task = RunningTask(self, origin, Row.KEPT, self._ids.ref(), parent)
        self.put_row(task.ref, origin)
        return self._run(task)

    def attach(self, ref: str, *, complete: bool = True) -> RunningTask:
        """Work under a task that exists: an upload with ``task_id``, or a call that another host forwarded.

        ``complete`` says whether the end of the work ends the task; that of other work which goes on never does, so nobody
        can end a call by naming its task. Errors: HANDLE_INVALID.
        """
        row = self._table.get(ref)
        origin = Origin(
            label=row.name_label,
            session=row.session,
            owner=self.owner(ref) or "",
            host=row.resident_on,
            description=row.name_description,
            subtask_of=row.subtask_of,
        )
        running = self._running.get(ref)
        task = RunningTask(self, origin, Row.KEPT if complete and running is None else Row.BORROWED, ref, running)
        return task if running is not None else self._run(task)

    def create(self, label: str, description: str, caller: Caller, host: str) -> str:
        """A task that a client drives itself (``task.create``). Returns its reference."""
        ref = self._ids.ref()
        self.put_row(ref, _origin(label, caller, host, None, NULL_REF, description))
        return ref

    def dummy_ref(self, label: str) -> str:
        """A reference for work without a row."""
        return f"DummyRef:|{self._ids.uuid()}|{label}"

    def find(self, ref: str) -> RunningTask | None:
        """The work that goes on under this task, or None."""
        return self._running.get(ref)

    def under_way(self) -> list[RunningTask]:
        """The work that goes on, borrowed tasks included."""
        return list(self._running.values())

    # What clients do to tasks -----------------------------------------------------------------------------------------

    def owner(self, ref: str) -> str | None:
        """The directory identifier of the user whose task it is, empty for local ones; None when nobody knows."""
        note = self._notes.get(ref)
        return None if note is None else note.owner

    def cancel(self, ref: str, by: str) -> None:
        """Ask a task to stop; ``by`` is the task that asks. One that cannot stop, or has ended, takes no notice.

        Errors: HANDLE_INVALID.
        """
        row = self._table.get(ref)
        if row.status in UNFINISHED:
            with self._db.transaction() as tx:
                tx.add_to(row, "current_operations", by, "cancel")
        running = self._running.get(ref)
        if running is not None:
            running.cancel()

    def cancel_all_of(self, host: str) -> None:
        """Ask everything to stop that goes on for calls to a host."""
        for task in [task for task in self._running.values() if task.origin.host == host]:
            task.cancel()

    def destroy(self, ref: str) -> None:
        """Remove a task's row; that of an unfinished one goes when it has ended. Errors: HANDLE_INVALID."""
        row = self._table.get(ref)
        if row.status not in UNFINISHED:
            self.drop_row(ref)
            return
        with self._db.transaction() as tx:
            tx.add_to(row, "current_operations", "task", "destroy")
        self._note(ref).doomed = True

    def set(self, ref: str, **fields: Any) -> None:
        """Change fields of a row as a client wants them. Errors: HANDLE_INVALID."""
        row = self._table.get(ref)
        with self._db.transaction() as tx:
            tx.update(row, **fields)
        self._note(ref).active = self._clock.seconds()

    # Forgetting -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Collect every half minute from now on."""
        self._loop.start(COLLECT_EVERY, now=False).addErrback(lambda failure: log.failure("Tasks", failure))

    def stop(self) -> None:
        """Collect no more."""
        if self._loop.running:
            self._loop.stop()

    def collect(self) -> None:
        """Remove rows that ended long ago, that were destroyed before they ended, that stand still, or are too many."""
        now = self._clock.seconds()
        finished: list[tuple[float, str]] = []
        gone: list[str] = []
        for row in self._table.rows():
            note = self._note(row.ref)
            if row.status in UNFINISHED:
                if now - note.active > IDLE_KEPT:
                    gone.append(row.ref)
                continue
            ended = max(row.finished.timestamp(), note.active)
            if note.doomed or now - ended > FINISHED_KEPT:
                gone.append(row.ref)
            else:
                finished.append((ended, row.ref))
        finished.sort(key=lambda item: item[0])
        gone += [ref for _, ref in finished[: max(0, len(finished) - FINISHED_LIMIT)]]
        if gone:
            with self._db.transaction():
                for ref in gone:
                    self.drop_row(ref)
        for ref in [ref for ref in self._notes if ref not in self._table]:
            del self._notes[ref]

    # Rows, for RunningTask --------------------------------------------------------------------------------------------

    def put_row(self, ref: str, origin: Origin, **fields: Any) -> None:
        """Make the row of a task that begins, unless it is there."""
        if ref in self._table:
            return
        self._notes[ref] = _Note(origin.owner, self._clock.seconds())
        with self._db.transaction() as tx:
            tx.create(
                "task",
                ref=ref,
                name_label=origin.label,
                name_description=origin.description,
                created=self._now(),
                session=origin.session,
                resident_on=origin.host,
                subtask_of=origin.subtask_of,
                other_config=frozenmap(origin.other_config),
                type=NO_TYPE,
                **fields,
            )

    def update_row(self, ref: str, changes: Mapping[str, Any]) -> None:
        """Change the row of a task that goes on, if there is one."""
        row = self._table.find(ref)
        if row is not None:
            self._note(ref).active = self._clock.seconds()
            with self._db.transaction() as tx:
                tx.update(row, **changes)

    def finish_row(self, ref: str, outcome: Mapping[str, Any]) -> None:
        """Write the outcome, all at once. A row that is gone, or that a client has ended itself, stays as it is.

        An error may repeat what a client sent, so what the database cannot hold of its text is left out.
        """
        row: DatabaseRow | None = self._table.find(ref)
        if row is None or row.status not in UNFINISHED:
            return
        self._note(ref).active = self._clock.seconds()
        if "error_info" in outcome:
            outcome = {**outcome, "error_info": tuple(UNSTORABLE.sub("", part) for part in outcome["error_info"])}
        with self._db.transaction() as tx:
            tx.update(row, finished=self._now(), allowed_operations=(), current_operations=EMPTY_MAP, **outcome)

    def drop_row(self, ref: str) -> None:
        """Remove the row, if there is one."""
        self._notes.pop(ref, None)
        row = self._table.find(ref)
        if row is not None:
            with self._db.transaction() as tx:
                tx.destroy(row)

    def forget(self, task: RunningTask) -> None:
        """The work has ended."""
        if self._running.get(task.ref) is task:
            del self._running[task.ref]

    def _run(self, task: RunningTask) -> RunningTask:
        self._running[task.ref] = task
        return task

    def _note(self, ref: str) -> _Note:
        note = self._notes.get(ref)
        if note is None:
            note = self._notes[ref] = _Note("", self._clock.seconds())
        return note

    def _now(self) -> datetime:
        return datetime.fromtimestamp(int(self._clock.seconds()), UTC)


def _origin(
    label: str, caller: Caller, host: str, parent: RunningTask | None, subtask_of: str, description: str = ""
) -> Origin:
    if subtask_of == NULL_REF and parent is not None and parent.row is not Row.NONE:
        subtask_of = parent.ref
    return Origin(
        label=label,
        session=caller.ref,
        owner=caller.auth_user_sid,
        host=host,
        description=description,
        subtask_of=subtask_of,
    )

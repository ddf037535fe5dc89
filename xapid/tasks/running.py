"""One call or other piece of work, and its object of class ``task``.

Most calls end in the turn in which they began, so nobody could ever see their task. Therefore the task of a plain call
gets its reference at once, and its row only when :meth:`RunningTask.publish` says that the call goes on; an object that
comes and goes within one turn would be no event either.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import attrs

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import EMPTY_MAP, NULL_REF, Type

if TYPE_CHECKING:
    from xapid.tasks.registry import Tasks

NO_TYPE: Final = "<none/>"
STEP: Final = 0.01
"""Progress is written when it is this much further, so that a busy operation does not flood listeners."""


class Row(enum.Enum):
    """What becomes of the row."""

    NONE = enum.auto()
    """There is none: calls that only read."""
    WHILE_RUNNING = enum.auto()
    """It is there while the call runs: plain calls."""
    KEPT = enum.auto()
    """It stays with the outcome: asynchronous calls, tasks that a client made for an upload."""
    BORROWED = enum.auto()
    """It is somebody else's, who completes it: calls forwarded from another host."""


@attrs.frozen(kw_only=True)
class Origin:
    """Where a task comes from."""

    label: str
    session: str
    owner: str
    """The directory identifier of the user; empty for local ones."""
    host: str
    description: str = ""
    subtask_of: str = NULL_REF
    other_config: Mapping[str, str] = EMPTY_MAP


class RunningTask:
    """Work that goes on: its progress, whether it was cancelled, and its end."""

    __slots__ = ("_cancelled", "_interrupts", "_parent", "_progress", "_ref", "_sections", "_tasks", "ended", "origin", "row")

    def __init__(self, tasks: Tasks, origin: Origin, row: Row, ref: str | None, parent: RunningTask | None = None) -> None:
        self.origin = origin
        self.row = row
        self.ended = False
        self._tasks = tasks
        self._ref = ref
        self._parent = parent
        self._progress = 0.0
        self._sections = 0
        self._cancelled = False
        self._interrupts: dict[object, Callable[[], None]] = {}

    @property
    def ref(self) -> str:
        """Its reference; a ``DummyRef:`` where it has no row."""
        if self._ref is None:
            self._ref = self._tasks.dummy_ref(self.origin.label)
        return self._ref

    # While it runs ----------------------------------------------------------------------------------------------------

    def publish(self) -> None:
        """Make the row, if one is due: the work will be seen. Harmless when it is there."""
        if self.row is Row.WHILE_RUNNING and not self.ended:
            self._tasks.put_row(self.ref, self.origin, progress=self._progress, allowed_operations=self._allowed)

    def progress(self, fraction: float) -> None:
        """How much is done, from 0 to 1. It shows in the row in steps of a hundredth."""
        fraction = min(max(fraction, 0.0), 1.0)
        if abs(fraction - self._progress) >= STEP or fraction == 1.0:
            self._progress = fraction
            self._update(progress=fraction)

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked for it, or what it is part of, to stop."""
        return self._cancelled or (self._parent is not None and self._parent.cancelled)

    def check_cancelled(self) -> None:
        """Errors: TASK_CANCELLED, when somebody asked for it."""
        if self.cancelled:
            raise XenAPIError("TASK_CANCELLED", self.ref)

    @contextmanager
    def cancellable(self, interrupt: Callable[[], None] | None = None) -> Iterator[None]:
        """A section in which clients see that the task can be cancelled.

        ``interrupt`` is called when that happens, to cut short what the section waits for; the section should then let
        :meth:`check_cancelled` speak. Errors: TASK_CANCELLED, if it happened before.
        """
        self.check_cancelled()
        key = object()
        chain = list(self._chain())
        if interrupt is not None:
            for task in chain:
                task._interrupts[key] = interrupt
        self._enter(1)
        try:
            yield
        finally:
            self._enter(-1)
            for task in chain:
                task._interrupts.pop(key, None)

    def cancel(self) -> None:
        """Ask it to stop at its next checkpoint, and cut short what it waits for."""
        if self.ended or self._cancelled:
            return
        self._cancelled = True
        interrupts, self._interrupts = list(self._interrupts.values()), {}
        for interrupt in interrupts:
            interrupt()

    # How it ends ------------------------------------------------------------------------------------------------------

    def succeed(self, type_: Type, value: Any) -> None:
        """It is done, with a result of type ``type_``."""
        self.succeed_text(self._tasks.value_text(type_, value) if self.row is Row.KEPT else "")

    def succeed_text(self, result: str) -> None:
        """It is done; ``result`` is the text that the row shows, usually one XML-RPC value."""
        self._end(progress=1.0, result=result, status="success")

    def fail(self, description: tuple[str, ...]) -> None:
        """It failed with an error code and its parameters; TASK_CANCELLED means that it was cancelled."""
        if description[:1] == ("TASK_CANCELLED",):
            self._end(progress=1.0, error_info=("TASK_CANCELLED", self.ref), status="cancelled")
        else:
            self._end(progress=1.0, error_info=tuple(description), status="failure")

    @contextmanager
    def ending(self) -> Iterator[None]:
        """It ends with the block, unless it has ended before: it fails with what the block raises, or is done."""
        try:
            yield
        except XenAPIError as error:
            self.fail(error.description)
            raise
        except BaseException as fault:
            self.fail(("INTERNAL_ERROR", f"{type(fault).__name__} in {self.origin.label}"))
            raise
        self.succeed_text("")

    def _end(self, **outcome: Any) -> None:
        if self.ended:
            return
        self.ended = True
        if self.row is Row.NONE:
            return
        self._tasks.forget(self)
        if self.row is Row.KEPT:
            self._tasks.finish_row(self.ref, outcome)
        elif self.row is Row.WHILE_RUNNING:
            self._tasks.drop_row(self.ref)

    @property
    def _allowed(self) -> tuple[str, ...]:
        return ("cancel",) if self._sections else ()

    def _enter(self, change: int) -> None:
        before = self._allowed
        self._sections += change
        if self._allowed != before:
            self._update(allowed_operations=self._allowed)

    def _update(self, **changes: Any) -> None:
        if self.row is not Row.NONE and not self.ended:
            self._tasks.update_row(self.ref, changes)

    def _chain(self) -> Iterator[RunningTask]:
        task: RunningTask | None = self
        while task is not None:
            yield task
            task = task._parent

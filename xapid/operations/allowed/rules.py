"""How one class of objects decides which operations it allows: an ordered list of rules over a few facts.

Serves every class with ``allowed_operations``. The modules beside this one say, for a class each, which operations are
advertised and which rules apply, in the order in which the API refuses. A rule looks at :class:`Facts` and answers with a
*refusal* (an error code and its parameters) or None. Nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from functools import cached_property
from typing import Any, Final, Generic, TypeVar

import attrs

from xapid.database import Database, Row
from xapid.datamodel.types import EMPTY_MAP

SHAPES: Final = 4096
"""Of how many kinds of objects it is remembered what they allow."""

Refusal = tuple[str, ...]
"""An error code and its parameters."""


@attrs.frozen(eq=False, slots=False)
class Facts:
    """What rules know: the object as it is now. Subclasses work out more, each thing when it is first asked for."""

    db: Database
    row: Row
    strict: bool = True
    """Whether rules apply that a caller may waive by force."""
    args: Mapping[str, Any] = EMPTY_MAP
    """The parameters of the message, by name, where there is one."""

    @cached_property
    def current(self) -> tuple[str, ...]:
        """The operations under way on the object."""
        return tuple(self.row.current_operations.values())

    @cached_property
    def pool(self) -> Row | None:
        """The pool, or None while the database is being filled."""
        return next(iter(self.db.table("pool")), None)

    @cached_property
    def upgrading(self) -> bool:
        """Whether hosts of the pool run different versions just now."""
        return self.pool is not None and "rolling_upgrade_in_progress" in self.pool.other_config

    def shape(self) -> Hashable:
        """All that decides about what is allowed, as one value: for two objects of the same shape it is the same. None where
        finding that out is no easier than asking every rule.
        """
        return None

    def find(self, cls: str, ref: str) -> Row | None:
        """An object that this one refers to; references may lead nowhere."""
        return self.db.table(cls).find(ref)

    def all(self, cls: str, refs: Iterable[str]) -> list[Row]:
        """Those of the objects that are there."""
        table = self.db.table(cls)
        return [row for row in map(table.find, refs) if row is not None]


F = TypeVar("F", bound=Facts)
Chain = tuple[Callable[[F, str], Refusal | None], ...]
"""Rules in their order."""


@attrs.frozen(eq=False)
class Rule(Generic[F]):
    """One reason to refuse ``operations`` (None: any)."""

    refusal: Callable[[F, str], Refusal | None]
    operations: Collection[str] | None = None


@attrs.frozen(eq=False)
class Rules(Generic[F]):
    """The rules of class ``cls``, and the operations that may show up in ``allowed_operations``, in the API's order."""

    cls: str
    advertised: tuple[str, ...]
    facts: Callable[[Database, Row, bool, Mapping[str, Any]], F]
    rules: tuple[Rule[F], ...]
    dependants: Callable[[Database, Row], Iterable[Row]] = lambda db, row: ()
    """The objects whose allowed operations follow from those of an object of this class."""
    published: Callable[[F, str], bool] = lambda facts, operation: True
    """Whether an operation may stand in ``allowed_operations`` just now. One that does not stand there may still be called."""
    _chains: dict[str, Chain[F]] = attrs.field(factory=dict, init=False)
    _known: dict[Hashable, tuple[str, ...]] = attrs.field(factory=dict, init=False)

    def chain(self, operation: str) -> Chain[F]:
        """The rules for one operation, in order."""
        chain = self._chains.get(operation)
        if chain is None:
            chain = tuple(r.refusal for r in self.rules if r.operations is None or operation in r.operations)
            self._chains[operation] = chain
        return chain

    def refusal(self, facts: F, operation: str) -> Refusal | None:
        """The first reason to refuse ``operation``, or None."""
        for rule in self.chain(operation):
            refusal = rule(facts, operation)
            if refusal is not None:
                return refusal
        return None

    def allowed(self, db: Database, row: Row) -> tuple[str, ...]:
        """The advertised operations that nothing speaks against now."""
        facts = self.facts(db, row, True, EMPTY_MAP)
        shape = facts.shape()  # this runs after every locked call, for each object that it may have changed
        if shape is None:
            return self.asked(facts)
        known = self._known.get(shape)
        if known is None:
            if len(self._known) >= SHAPES:
                self._known.clear()
            known = self._known[shape] = self.asked(facts)
        return known

    def asked(self, facts: F) -> tuple[str, ...]:
        """The same, as the rules themselves say it."""
        return tuple(
            operation
            for operation in self.advertised
            if self.published(facts, operation) and self.refusal(facts, operation) is None
        )


def in_progress(row: Row, *, cls: str | None = None, ref: str | None = None) -> Refusal:
    """The refusal because of the first operation under way on ``row``; ``cls`` and ``ref`` name another object instead."""
    task, operation = next(iter(row.current_operations.items()))
    return "OTHER_OPERATION_IN_PROGRESS", cls or row.kind, ref or row.ref, operation, task


def one_at_a_time(facts: Facts, operation: str) -> Refusal | None:
    """Refuses everything while anything is under way."""
    return in_progress(facts.row) if facts.current else None

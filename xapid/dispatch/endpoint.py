"""A message made ready to be called: its parameters' decoders, its function, and what kind of work it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import attrs

from xapid.database import Database
from xapid.datamodel.catalogue import Catalogue, Entry
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import Type
from xapid.dispatch.derived import derive
from xapid.dispatch.tally import Tally
from xapid.operations.binding import Bound
from xapid.wire.call import Loose
from xapid.wire.marshal import decoder, record_decoder

Kind = Literal["read", "write", "operation", "removed", "refused", "missing"]
"""``read`` and ``write`` follow from the declaration and never wait; an ``operation`` has a function; the others refuse."""

MISMATCH: Final = "MESSAGE_PARAMETER_COUNT_MISMATCH"
READING: Final = "get_"
"""What the names of messages begin with that only look."""
LISTENS: Final = "event.from"
"""The other one that does."""
READS: Final = 1.0
CHANGES: Final = 3.0
WORKS: Final = 10.0
"""Tokens (:mod:`xapid.auth.callers`) that a call costs which only reads, changes something, or has a host work."""


@attrs.frozen(eq=False)
class Endpoint:
    """What a wire name leads to."""

    entry: Entry
    kind: Kind
    run: Callable[..., Any]
    """Of a ``read`` or ``write``: takes the arguments. Of an ``operation``: takes the context first."""
    decoders: tuple[Callable[[Loose], Any], ...]
    defaults: tuple[Any, ...]
    """Of the trailing parameters that have one."""
    required: int
    result: Type
    is_async: bool = False
    name: str = attrs.field(init=False)
    takes_session: bool = attrs.field(init=False)
    is_internal: bool = attrs.field(init=False)
    """Whether only hosts of the pool may call it."""
    locks: bool = attrs.field(init=False)
    """Whether it marks anything as busy."""
    only_looks: bool = attrs.field(init=False)
    """Whether it is an operation that has no task, locks nothing, changes nothing and runs on no certain host."""
    cost: float = attrs.field(init=False)
    """Tokens."""
    tally: Tally = attrs.field(init=False, factory=Tally)
    """The calls that came here."""

    @name.default
    def _name(self) -> str:
        return self.entry.name

    @takes_session.default
    def _takes_session(self) -> bool:
        return self.entry.message.session

    @is_internal.default
    def _is_internal(self) -> bool:
        return self.entry.message.pool_internal

    @locks.default
    def _locks(self) -> bool:
        return self.entry.message.operation is not None or bool(self.entry.message.also_locks)

    @only_looks.default
    def _only_looks(self) -> bool:
        message, name = self.entry.message, self.name
        is_plain = self.kind == "operation" and message.session and not self.is_async and not self.locks
        has_place = message.forward is not None or message.pool_internal
        return is_plain and not has_place and not message.asynchronous and (message.name.startswith(READING) or name == LISTENS)

    @cost.default
    def _cost(self) -> float:
        if self.kind == "operation" and self.entry.message.effect:
            return CHANGES if self.entry.message.forward is None else WORKS
        return READS if self.kind == "read" or not self.entry.message.effect else CHANGES

    def arguments(self, spelled: str, params: list[Loose]) -> list[Any]:
        """Typed arguments from what came after the session; ``spelled`` is the name that the client used.

        Errors: MESSAGE_PARAMETER_COUNT_MISMATCH, and those of the types.
        """
        given, accepted = len(params), len(self.decoders)
        if given != accepted and (given < self.required or self.required == accepted):
            raise XenAPIError(MISMATCH, spelled, str(self.required), str(given))
        args = [decode(value) for decode, value in zip(self.decoders, params, strict=False)]
        if given < accepted:
            args += self.defaults[given - accepted :]
        return args

    def arguments_missing_session(self, spelled: str) -> list[Any]:
        """A call without even a session. Errors: MESSAGE_PARAMETER_COUNT_MISMATCH, always."""
        raise XenAPIError(MISMATCH, spelled, str(self.required), "-1")


def endpoints(api: Catalogue, db: Database, bound: Mapping[str, Bound]) -> dict[str, Endpoint]:
    """An endpoint for every message, by wire name."""
    return {name: _endpoint(db, entry, bound.get(name)) for name, entry in api.messages.items()}


def by_name(endpoints: Mapping[str, Endpoint]) -> dict[str, Endpoint]:
    """Endpoints by every name under which they are called: with a dot or an underscore, and as manuals print them."""
    dotted = dict(endpoints)
    for end in endpoints.values():
        dotted |= {f"{end.entry.cls.name}.{name}": end for name in end.entry.message.also}
    return dotted | {name.replace(".", "_", 1): end for name, end in dotted.items()}


def kind_of(entry: Entry, bound: Bound | None) -> Kind:
    """What calling a message comes to. A function wins over everything else."""
    message = entry.message
    if bound is not None:
        return "operation"
    if entry.removed or message.refused == "MESSAGE_REMOVED":
        return "removed"
    if message.refused is not None:
        return "refused"
    if not message.implicit:
        return "missing"
    return "read" if message.name.startswith(READING) else "write"


def _endpoint(db: Database, entry: Entry, bound: Bound | None) -> Endpoint:
    message = entry.message
    kind = kind_of(entry, bound)
    is_constructor = message.implicit and message.name == "create"
    decoders: tuple[Callable[[Loose], Any], ...] = tuple(
        _as_it_is if kind == "removed" else record_decoder(entry.cls) if is_constructor else decoder(param.type)
        for param in message.params
    )
    derived = derive(db, entry) if bound is None and kind in ("read", "write") else None
    return Endpoint(
        entry,
        kind,
        bound.function if bound is not None else derived or _refusal(entry, kind),
        decoders,
        tuple(param.default for param in message.params if not param.required),
        message.required,
        message.result,
        bound is not None and bound.is_async,
    )


def _as_it_is(value: Loose) -> Any:
    """What a message takes that nobody will carry out."""
    return value


def _refusal(entry: Entry, kind: Kind) -> Callable[..., Any]:
    if kind == "removed":
        error = XenAPIError("MESSAGE_REMOVED")
    elif entry.message.refused not in (None, "NOT_IMPLEMENTED"):
        assert entry.message.refused is not None
        error = XenAPIError(entry.message.refused)
    else:
        error = XenAPIError("NOT_IMPLEMENTED", entry.name[0].upper() + entry.name[1:])

    def refuse(*_: Any) -> None:
        raise error

    return refuse

"""What changed since when: the history behind ``event.from``, ``event.next`` and ``event.inject``.

A *token* names a generation of the database (and, apart, of the messages). ``since`` tells what happened after it, at
most one event per object; ``watch`` and ``wait`` tell, after the turn, that something may have. Nothing is queued for
listeners: what they missed is read off the tables when they ask, so a slow listener costs nothing.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import attrs
from twisted.internet import defer

from xapid.database.database import Change, Database
from xapid.database.row import Row
from xapid.database.table import Table
from xapid.datamodel.errors import XenAPIError

T = TypeVar("T")
SHARED = 1000
"""How many answers are shared at most."""
WOKEN = 256
"""How many listeners are woken in one turn."""
_TOKEN = re.compile(r"\s*(\d+)\s*,\s*(\d+)\s*\Z")


@attrs.frozen(order=True)
class Token:
    """A point in history: generations of the last change and of the last message that its holder has seen."""

    generation: int = 0
    messages: int = 0

    @classmethod
    def parse(cls, text: str) -> Token:
        """The token in ``text``; empty text is the beginning. Errors: EVENT_FROM_TOKEN_PARSE_FAILURE."""
        if not text:
            return cls()
        match = _TOKEN.match(text)
        if match is None:
            raise XenAPIError("EVENT_FROM_TOKEN_PARSE_FAILURE", text)
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.generation:020d},{self.messages:020d}"


@attrs.frozen
class Event:
    """One thing that happened to one object."""

    id: int
    cls: str
    """The class in lower case."""
    operation: str
    ref: str
    snapshot: Row | None
    """The object now; None when it is gone."""


@attrs.frozen(cache_hash=True)
class Subscription:
    """What a listener wants to hear of: everything, classes, or single objects."""

    everything: bool
    classes: frozenset[str]
    objects: frozenset[tuple[str, str]]
    _names: frozenset[str] = attrs.field(init=False, eq=False, repr=False)
    """Of the classes of which it wants to hear anything, unless that is all."""

    @_names.default
    def _all_names(self) -> frozenset[str]:
        return self.classes | {name for name, _ in self.objects}

    @classmethod
    def parse(cls, words: Iterable[str]) -> Subscription:
        """``*``, ``class`` or ``class/reference``; the class in any case. Words that name nothing match nothing."""
        return _parsed(tuple(words))

    @classmethod
    def _of(cls, words: Iterable[str]) -> Subscription:
        classes, objects = set(), set()
        everything = False
        for word in words:
            name, slash, ref = word.partition("/")
            if word == "*":
                everything = True
            elif slash:
                objects.add((name.lower(), ref))
            else:
                classes.add(name.lower())
        return cls(everything, frozenset(classes), frozenset(objects))

    def wants_class(self, name: str) -> bool:
        """Whether every object of the class matches."""
        return self.everything or name in self.classes

    def wants_some(self, name: str) -> bool:
        """Whether any object of the class could match."""
        return self.everything or name in self._names

    def wants(self, name: str, ref: str) -> bool:
        """Whether this object matches."""
        return self.wants_class(name) or (name, ref) in self.objects


_parsed = lru_cache(Subscription._of)
"""Clients say the same words with every call, and many say the same as others: equal subscriptions are one object."""


class EventLog:
    """Reads history off the tables of ``database`` and wakes listeners."""

    def __init__(self, database: Database, later: Callable[[Callable[[], None]], object] | None = None) -> None:
        """``later`` has something done in the next turn of the reactor; without it, everybody is woken at once."""
        self._database = database
        self._later = later
        self._tables = {
            table.cls.name.lower(): table for table in database.tables.values() if table.cls.events and table.cls.name != "role"
        }
        self._counted = {table.cls.name.lower(): table for name, table in database.tables.items() if name != "message"}
        self._waiting: dict[Subscription, dict[Callable[[], None], None]] = {}
        self._due: set[Callable[[], None]] = set()
        """Those who are to be woken, in one of the next turns."""
        self._order: deque[Callable[[], None]] = deque()
        self.listeners: list[Callable[[list[Event]], None]] = []
        """Called with the events of each commit as it happens; deletions carry the last snapshot (``event.next``)."""
        self._shared: dict[Hashable, Any] = {}
        database.observers.append(self._committed)

    def shared(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` makes, or made for whoever shared it under the same key since the last commit."""
        if key not in self._shared:
            if len(self._shared) >= SHARED:
                self._shared.clear()
            self._shared[key] = make()
        known: T = self._shared[key]
        return known

    @property
    def waiting(self) -> int:
        """How many listeners wait for something to happen."""
        return sum(map(len, self._waiting.values()))

    def counts(self) -> dict[str, int]:
        """How many objects each table holds, by class name in lower case."""
        return {name: len(table) for name, table in self._counted.items()}

    def since(self, subscription: Subscription, token: Token) -> tuple[list[Event], Token]:
        """The events after ``token``, and the token that follows them."""
        messages: list[Event] = []
        added: list[Event] = []
        changed: list[Event] = []
        gone: list[Event] = []
        latest, latest_message = token.generation, token.messages
        for name, table in self._tables.items():
            if not subscription.wants_some(name):
                continue
            is_message = name == "message"
            start = token.messages if is_message else token.generation
            for ref, generation in _after(table, start):
                if not subscription.wants(name, ref):
                    continue
                row = table.get(ref)
                if is_message:
                    messages.append(Event(0, name, "add", ref, row))
                    latest_message = max(latest_message, generation)
                    continue
                latest = max(latest, generation)
                if row._created > start:
                    added.append(Event(generation, name, "add", ref, row))
                else:
                    changed.append(Event(generation, name, "mod", ref, row))
            for deletion in reversed(table.deletions):
                if deletion.deleted <= start:
                    break
                if deletion.created > start or not subscription.wants(name, deletion.ref):
                    continue
                if is_message:
                    messages.append(Event(0, name, "del", deletion.ref, None))
                    latest_message = max(latest_message, deletion.deleted)
                else:
                    gone.append(Event(deletion.deleted, name, "del", deletion.ref, None))
                    latest = max(latest, deletion.deleted)
        for events in (messages, added, changed, gone):
            events.reverse()
        return messages + added + changed + gone, Token(latest, latest_message)

    def watch(self, subscription: Subscription, touched: Callable[[], None]) -> None:
        """Calls ``touched`` once, after the next commit that touches what ``subscription`` wants."""
        alike = self._waiting.get(subscription)
        if alike is None:
            alike = self._waiting[subscription] = {}
        alike[touched] = None

    def unwatch(self, subscription: Subscription, touched: Callable[[], None]) -> None:
        """Does not call it any more, if it was to be."""
        self._due.discard(touched)
        alike = self._waiting.get(subscription)
        if alike is not None:
            alike.pop(touched, None)
            if not alike:
                del self._waiting[subscription]

    def wait(self, subscription: Subscription) -> defer.Deferred[None]:
        """Fires after the next commit that touches what ``subscription`` wants. Cancel it to stop waiting."""
        done: defer.Deferred[None] = defer.Deferred(lambda _: self.unwatch(subscription, touched))

        def touched() -> None:
            done.callback(None)

        self.watch(subscription, touched)
        return done

    def inject(self, cls: str, ref: str) -> Token:
        """Make a ``mod`` event of an object, and return the token just before it. Errors: HANDLE_INVALID."""
        table = self._database.tables.get(cls)
        if table is None or ref not in table:
            raise XenAPIError("HANDLE_INVALID", cls, ref)
        with self._database.transaction() as tx:
            tx.touch(table.get(ref))
        return Token(self._database.generation - 1, 0)

    def _committed(self, generation: int, changes: Sequence[Change]) -> None:
        self._shared.clear()
        if not self._waiting and not self.listeners:
            return
        touched = {(change.table.cls.name.lower(), _ref(change)) for change in changes if change.table.cls.events}
        if not touched:
            return
        for listener in self.listeners:
            listener([_event(generation, change) for change in changes if change.table.cls.events])
        is_waking = bool(self._order)
        for subscription in list(self._waiting):
            if any(subscription.wants(name, ref) for name, ref in touched):
                ready = self._waiting.pop(subscription)
                self._due.update(ready)
                self._order.extend(ready)
        if not is_waking:
            self._wake_later()

    def _wake_later(self) -> None:
        """In another turn: whoever made the change has the answer before those who listen."""
        if self._later is None:
            self._wake()
        else:
            self._later(self._wake)

    def _wake(self) -> None:
        """Wake some, and let what they do leave before the others are woken: it is seen sooner, and nobody waits for all."""
        woken = 0
        while self._order:
            if woken == WOKEN and self._later is not None:
                self._wake_later()
                return
            callback = self._order.popleft()
            if callback in self._due:
                self._due.discard(callback)
                woken += 1
                callback()


def _after(table: Table, generation: int) -> list[tuple[str, int]]:
    """References changed after ``generation``, latest first."""
    found = []
    for ref, modified in reversed(table.modified.items()):
        if modified <= generation:
            break
        found.append((ref, modified))
    return found


def _ref(change: Change) -> str:
    row = change.after or change.before
    assert row is not None
    return row.ref


def _event(generation: int, change: Change) -> Event:
    operation = "add" if change.before is None else "mod" if change.after is not None else "del"
    return Event(generation, change.table.cls.name.lower(), operation, _ref(change), change.after or change.before)

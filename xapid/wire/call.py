"""What a call is between the bytes of a request and the bytes of its answer, whichever notation it came in.

The HTTP side makes an :class:`Origin`, a codec's ``decode`` makes a :class:`Call` and the :class:`Codec` that its answer
must be written in, and a :class:`Dispatcher` turns the three into an :data:`Answer`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs

from xapid.datamodel.types import Type

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

Loose = Any
"""A value as the notation gave it, before any type is known: str, int, float, bool, None, list, dict with text keys,
:class:`DateText` or bytes (from ``<base64>``). Text is a plain ``str``, or :class:`BrokenText`."""

_NOTE: Final = "x-http-other-config-"

Answer = list[bytes]
"""The body of an answer, in pieces that are never joined: its length is the sum of theirs."""


class Malformed(Exception):
    """A body that is no call at all. Over HTTP the answer is status 500 with a page; the text is for that page."""


class DateText(str):
    """Text that came as a date (``<dateTime.iso8601>``), which only a date parameter may take."""

    __slots__ = ()


class BrokenText(str):
    """Text that was not valid UTF-8. The value is fit to be shown: what could not be decoded is replaced."""

    __slots__ = ()


@attrs.define
class Call:
    """A message's wire name, as spelled by the client, and its parameters, a session first where it takes one."""

    name: str
    params: list[Loose]


class Hangup:
    """Tells those who wait on a client's behalf that its connection is gone."""

    __slots__ = ("_watchers", "happened")

    def __init__(self) -> None:
        self.happened = False
        self._watchers: dict[Callable[[], None], None] = {}

    def watch(self, callback: Callable[[], None]) -> None:
        """Calls ``callback`` once when the connection goes, at once if it has gone."""
        if self.happened:
            callback()
        else:
            self._watchers[callback] = None

    def unwatch(self, callback: Callable[[], None]) -> None:
        """Does not call it any more, if it was to be."""
        self._watchers.pop(callback, None)

    def happen(self) -> None:
        """The connection is gone."""
        self.happened = True
        watchers, self._watchers = self._watchers, {}
        for callback in watchers:
            callback()


@attrs.frozen
class Origin:
    """Where a request came from."""

    peer: str = ""
    """The client's IP address; empty on a Unix socket."""
    is_unix: bool = False
    """Came over the Unix socket from root or from the daemon's own user, who is the local superuser."""
    host: str = ""
    """Reference of the host whose address was called."""
    headers: Mapping[str, str] = attrs.field(factory=dict, eq=False, repr=False)
    """Request headers under lower-case names: ``task-id``, ``subtask-of``, ``originator``, ``user-agent``…"""
    hangup: Hangup = attrs.field(factory=Hangup, eq=False, repr=False)
    certificates: Callable[[], Sequence[Any]] = attrs.field(default=tuple, eq=False, repr=False)
    """The certificate that the client proved to own over TLS, and those that it sent along; mostly there is none."""

    @property
    def notes(self) -> dict[str, str]:
        """What the ``other_config`` of its task is to hold: headers ``x-http-other-config-KEY``, as ``http:KEY``."""
        return {f"http:{name[len(_NOTE) :]}": text for name, text in self.headers.items() if name.startswith(_NOTE)}


class Codec(Protocol):
    """Writes the answer to one call, in the notation and with the id that it came with."""

    @property
    def content_type(self) -> bytes:
        """Of the answer, exactly as clients compare it."""

    def success(self, type_: Type, value: Any) -> Answer:
        """The result of a call that succeeded. ``value`` is of ``type_``; an object may be a row or a dict."""

    def failure(self, description: tuple[str, ...]) -> Answer:
        """An error code and its parameters."""

    def bare(self, type_: Type, value: Any) -> Answer:
        """A result without XenAPI's envelope, where the notation has one (``system.listMethods``)."""


class Dispatcher(Protocol):
    """Carries out calls."""

    def dispatch(self, call: Call, codec: Codec, origin: Origin) -> Answer | Deferred[Answer]:
        """The answer, at once or later. What a client does wrong is an answer too.

        Raises :class:`Malformed` for the few calls that are refused like bodies that are none (status 500); anything else
        that it raises is a fault of ours (status 500, and logged).
        """

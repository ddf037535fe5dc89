"""What the guest does on its console: it boots before the viewer's eyes, asks for a login, and echoes what is typed.

Nothing happens while nobody looks; who looks later finds everything that should have been drawn by then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from xapid.agent.simulator.console.terminal import Terminal, Viewer

BEAT: Final = 0.5
"""Seconds between two looks at what is new; the cursor blinks with them."""
LONGEST_LINE: Final = 200


class Watcher(Viewer, Protocol):
    """A viewer who wants to know when a number of changes is complete."""

    def refresh(self) -> None:
        """Show what has changed."""


class GuestConsole:
    """One guest's console, from its boot to its end.

    ``script`` has what it writes, and how many seconds after ``started``. ``awake`` says whether it takes keys, ``alive``
    whether it is still there.
    """

    def __init__(
        self,
        clock: IReactorTime,
        name: str,
        script: Sequence[tuple[float, str]],
        prompt: str,
        started: float,
        alive: Callable[[], bool],
        awake: Callable[[], bool],
    ) -> None:
        self.name = name
        self.screen = Terminal(name)
        self._clock = clock
        self._script = list(script)
        self._prompt = prompt
        self._started = started
        self._alive = alive
        self._awake = awake
        self._typed = 0
        self._watchers: list[Watcher] = []
        self._beat: IDelayedCall | None = None

    @property
    def watched(self) -> bool:
        """Whether anybody looks."""
        return bool(self._watchers)

    def join(self, watcher: Watcher) -> None:
        """Somebody looks. Is told what changes from now on."""
        self.catch_up()
        self._watchers.append(watcher)
        self.screen.viewers.append(watcher)
        if self._beat is None:
            self._beat = self._clock.callLater(BEAT, self._next_beat)

    def leave(self, watcher: Watcher) -> None:
        """Somebody looks no more. Harmless for who never did."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)
            self.screen.viewers.remove(watcher)
        if not self._watchers and self._beat is not None:
            self._beat.cancel()
            self._beat = None

    def press(self, keys: str) -> None:
        """Keys are pressed: the guest echoes them, once it has booted and unless it is paused."""
        self.catch_up()
        if self._script or not self._awake():
            return
        for key in keys:
            if key == "\n":
                self._typed = 0
                self.screen.write(f"\n{self._prompt}")
            elif key == "\b":
                if self._typed:
                    self._typed -= 1
                    self.screen.write("\b \b")
            elif key >= " " and self._typed < LONGEST_LINE:
                self._typed += 1
                self.screen.write(key)
        self._refresh()

    def catch_up(self) -> None:
        """Write what is due."""
        since = self._clock.seconds() - self._started
        while self._script and self._script[0][0] <= since and self._awake():
            self.screen.write(self._script.pop(0)[1])

    def _next_beat(self) -> None:
        self._beat = None
        if not self._alive():
            for watcher in list(self._watchers):
                watcher.ended()
            return
        self._beat = self._clock.callLater(BEAT, self._next_beat)
        self.catch_up()
        if self._awake():
            self.screen.blink()
        self._refresh()

    def _refresh(self) -> None:
        for watcher in list(self._watchers):
            watcher.refresh()

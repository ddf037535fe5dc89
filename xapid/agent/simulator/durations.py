"""How long things take on a simulated host: profiles in seconds of the clock that it was given."""

from __future__ import annotations

from collections.abc import Awaitable

import attrs
from twisted.internet.defer import succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater


@attrs.frozen(kw_only=True)
class Durations:
    """Seconds that each step takes. Nought is at once, without a turn of the reactor."""

    build: float = 0
    """Making a domain."""
    pause: float = 0
    shutdown: float = 0
    """A guest switching itself off."""
    destroy: float = 0
    save: float = 0
    restore: float = 0
    migrate: float = 0
    plug: float = 0
    disk: float = 0
    """Making or removing a disk, or attaching an SR."""
    boot: float = 1
    """From the restart of a host until its agent reports. Clients wait for a host to come back after the call has ended."""
    restart: float = 1
    """The same when only its agent is restarted."""
    agent: float = 2
    """From boot to the first report of the agent inside the guest."""
    agent_again: float = 0
    """The same after a resume or a migration."""


PROFILES = {
    "instant": Durations(),
    "realistic": Durations(
        build=4,
        pause=0.2,
        shutdown=8,
        destroy=1,
        save=15,
        restore=12,
        migrate=20,
        plug=1,
        disk=1,
        boot=90,
        restart=5,
        agent=20,
        agent_again=1,
    ),
}


def passing(clock: IReactorTime, seconds: float) -> Awaitable[None]:
    """Wait so long."""
    return deferLater(clock, seconds) if seconds > 0 else succeed(None)

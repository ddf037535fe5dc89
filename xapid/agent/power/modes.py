"""Power modes: what ``host.power_on_mode`` can say, and who carries it out.

=================  =====================================================================================================
``wake-on-lan``    in any case: a magic packet every five seconds, until the host is there or five minutes have passed
any other          the script of that name: ``custom(session, remote_host, power_on_config)`` switches the host on, and it has
                   ten minutes to come up; ``power_off`` and ``power_status``, with the same parameters, need not be there
=================  =====================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from xapid.agent.plugins.folders import plugin_folders
from xapid.agent.plugins.programs import Door, Programs, failure
from xapid.agent.plugins.scripts import MAIN, Scripts
from xapid.agent.power.wake_on_lan import ATTEMPTS, EVERY, PORT, Send, broadcast, broadcast_address, magic_packet
from xapid.auth.sessions import Sessions
from xapid.config import Config

log = Logger()

NOT_CONFIGURED: Final = "HOST_POWER_ON_NOT_CONFIGURED"
WAKE_ON_LAN: Final = "wake-on-lan"
ON, OFF, STATUS = "custom", "power_off", "power_status"
"""Names of functions of scripts."""
COMES_UP_WITHIN: Final = 600.0
LOOK_EVERY: Final = 1.0


@attrs.frozen(kw_only=True)
class Target:
    """The host that is to be switched on or off, and who asks."""

    ref: str
    mac: str
    """Of its management interface."""
    mode: str
    config: Mapping[str, str]
    coordinator: str
    """Reference of the host that does it."""
    ip: str
    netmask: str
    """Of the coordinator's management interface."""
    is_live: Callable[[], bool]
    simulated: bool = False
    """Whether its power is in the hands of a simulator: no packet would find it."""
    hidden: tuple[str, ...] = attrs.field(default=(), repr=False)
    """Values of the secrets that ``config`` names: they show in no log and no error."""


class Mode(Protocol):
    """A way to switch hosts on, and perhaps off."""

    @property
    def comes_up_within(self) -> float:
        """Seconds that a host may take afterwards."""

    async def switch_on(self, target: Target) -> str:
        """Do it; returns what there is to say about it. Errors: XENAPI_PLUGIN_FAILURE, and what a script raises."""

    async def switch_off(self, target: Target) -> str | None:
        """The same the other way round; None: this mode has no way to do it."""

    async def status(self, target: Target) -> str | None:
        """``on`` or ``off`` as the mode sees it; None: it does not see it."""


@attrs.frozen
class WakeOnLan:
    """Magic packets."""

    clock: IReactorTime
    send: Send
    comes_up_within: float = 0.0

    async def switch_on(self, target: Target) -> str:
        """Send packets until the host is there, or that has become unlikely; one, if it is simulated."""
        try:
            packet, everyone = magic_packet(target.mac), broadcast_address(target.ip, target.netmask)
            for attempt in range(ATTEMPTS):
                self.send(packet, everyone, PORT)
                if target.simulated:
                    return "a magic packet was sent"
                if await until(self.clock, target.is_live, EVERY):
                    return f"the host woke up at packet {attempt + 1}"
        except (ValueError, OSError) as problem:
            if target.simulated:
                log.info("no magic packet for {mac}: {problem}", mac=target.mac, problem=problem)
                return ""
            raise failure(MAIN, type(problem).__name__, str(problem)) from problem
        return f"{ATTEMPTS} magic packets to {target.mac} did not wake it up"

    async def switch_off(self, target: Target) -> str | None:
        """Network cards only wake machines up."""
        return None

    async def status(self, target: Target) -> str | None:
        """Nobody answers a magic packet."""
        return None


@attrs.frozen
class Script:
    """A script of the administrator's, or one that ships with xapid."""

    scripts: Scripts
    comes_up_within: float = COMES_UP_WITHIN

    async def switch_on(self, target: Target) -> str:
        """Call its function ``custom``."""
        return await self._call(ON, target) or ""

    async def switch_off(self, target: Target) -> str | None:
        """Call its function ``power_off``, if it has one."""
        return await self._call(OFF, target, optional=True)

    async def status(self, target: Target) -> str | None:
        """Call its function ``power_status``, if it has one."""
        said = await self._call(STATUS, target, optional=True)
        return said.lower() if said is not None and said.lower() in ("on", "off") else None

    async def _call(self, function: str, target: Target, *, optional: bool = False) -> str | None:
        arguments = [target.ref, dict(target.config)]
        return await self.scripts.call(
            target.mode, function, arguments, target.coordinator, hidden=target.hidden, optional=optional
        )


class PowerOn:
    """Switches hosts on and off, in the way that is set for each (``services.power``)."""

    def __init__(self, clock: IReactorTime, scripts: Scripts, send: Send = broadcast) -> None:
        self._clock = clock
        self._script: Mode = Script(scripts)
        self._built_in: dict[str, Mode] = {WAKE_ON_LAN: WakeOnLan(clock, send)}

    @classmethod
    def from_config(cls, config: Config, reactor: Any, sessions: Sessions, door: Callable[[], Door]) -> PowerOn:
        """As ``config`` sets it. ``door`` says where this server can be reached."""
        programs, folders = Programs.from_config(config, reactor), plugin_folders(config.plugins)
        return cls(reactor, Scripts(programs=programs, folders=folders, sessions=sessions, door=door))

    async def switch_on(self, target: Target) -> str:
        """Do what the host's mode says; returns what there is to say about it.

        Errors: XENAPI_PLUGIN_FAILURE (for a mode of "", with HOST_POWER_ON_NOT_CONFIGURED); what a script raises.
        """
        return await self._mode(target).switch_on(target)

    async def switch_off(self, target: Target) -> str | None:
        """Cut the power; returns what there is to say about it, or None if the host's mode has no way to do it.

        Errors: as for :meth:`switch_on`.
        """
        return await self._mode(target).switch_off(target)

    async def status(self, target: Target) -> str | None:
        """``on`` or ``off``; None if the host's mode does not tell. Errors: as for :meth:`switch_on`."""
        return await self._mode(target).status(target)

    async def comes_up(self, target: Target) -> bool:
        """Wait until the host is live, as long as its mode allows; whether it is."""
        return await until(self._clock, target.is_live, self._mode(target).comes_up_within)

    def _mode(self, target: Target) -> Mode:
        if not target.mode:
            raise failure(MAIN, NOT_CONFIGURED, "")
        return self._built_in.get(target.mode.lower(), self._script)


def is_wake_on_lan(mode: str) -> bool:
    """Whether nothing has to be run for this mode."""
    return mode.lower() == WAKE_ON_LAN


async def until(clock: IReactorTime, condition: Callable[[], bool], limit: float) -> bool:
    """Wait until ``condition`` holds, looking every second, for at most ``limit`` seconds; whether it does."""
    deadline = clock.seconds() + limit
    while not condition():
        left = deadline - clock.seconds()
        if left <= 0:
            return False
        pause: Deferred[None] = Deferred()
        timer = clock.callLater(min(LOOK_EVERY, left), pause.callback, None)
        try:
            await pause
        finally:
            if timer.active():
                timer.cancel()
    return True

"""What the composition root hands to operations: the parts of the daemon that live longer than a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from xapid.agent.plugins.programs import NO_DOOR, Door
from xapid.stats import Store
from xapid.updates.offers import Offers

if TYPE_CHECKING:
    from xapid.agent.interface import IHostAgent
    from xapid.agent.power.modes import PowerOn
    from xapid.auth.callers import Callers
    from xapid.auth.logins import Logins
    from xapid.auth.passwords import Passwords, Run
    from xapid.auth.rbac import Rbac
    from xapid.auth.sessions import Sessions
    from xapid.database.event_log import EventLog
    from xapid.database.event_queue import EventQueue
    from xapid.datamodel.catalogue import Catalogue
    from xapid.datamodel.errors import XenAPIError
    from xapid.http.blobs import BlobStore
    from xapid.operations.presence import Presence
    from xapid.tasks.registry import Tasks


class Agents(Protocol):
    """The agents of all hosts of the pool."""

    def get(self, host: str) -> IHostAgent:
        """The agent of a host. Errors: HANDLE_INVALID, HOST_OFFLINE, CANNOT_CONTACT_HOST."""

    def add(self, host: str, agent: IHostAgent) -> None:
        """``agent`` is the hand of the host with this reference from now on."""

    def remove(self, host: str) -> IHostAgent | None:
        """The host has no agent any more; returns the one that it had."""

    def all(self) -> list[tuple[str, IHostAgent]]:
        """Every host that has an agent, and that agent."""

    def assert_live(self, host: str) -> None:
        """Errors: HOST_OFFLINE, CANNOT_CONTACT_HOST, if the host cannot do anything now."""


class PoolRole(Protocol):
    """What this daemon is in its pool, and what each of its hosts is."""

    def admit(self, message: str) -> None:
        """Errors: while the daemon is in emergency mode, what put it there, for all but a few messages."""

    @property
    def emergency(self) -> XenAPIError | None:
        """What put the daemon into emergency mode; None: it is not in it."""

    def admit_login(self, message: str, host: str) -> None:
        """Errors: HOST_IS_SLAVE, for logging in to the pool at a member."""

    def is_member(self, host: str) -> bool:
        """Whether the host whose address was called is a member."""

    @property
    def leader(self) -> str | None:
        """As a member: the address of the daemon that leads the pool. None: this one does."""

    @property
    def coordinator(self) -> str:
        """Reference of the coordinator's host object."""

    @property
    def coordinator_address(self) -> str:
        """What HOST_IS_SLAVE tells clients."""

    @property
    def thumbprints(self) -> Mapping[str, str]:
        """Of the certificate that clients see at the coordinator, by the algorithm's name; empty while nobody knows it."""


@attrs.define(kw_only=True)
class Services:
    """Everything at once; :mod:`xapid.daemon` makes it."""

    api: Catalogue
    sessions: Sessions
    passwords: Passwords
    logins: Logins
    rbac: Rbac
    tasks: Tasks
    events: EventLog
    event_queue: EventQueue
    agents: Agents
    role: PoolRole
    presence: Presence
    blobs: BlobStore
    audit: Any
    tracing: Any
    """Traces of calls (:class:`xapid.dispatch.tracing.Tracing`)."""
    callers: Callers
    run: Run
    """Where what takes its time is done, away from everything else."""
    directories: Any = None
    """Which directory the pool asks about users (:class:`xapid.auth.directories.Directories`)."""
    observer: Any = None
    """Where agents report what they notice (:class:`xapid.agent.interface.IAgentObserver`)."""
    pool: Any = None
    """Joining and leading a pool of daemons (:class:`xapid.pool.federation.Federation`)."""
    elsewhere: Any = None
    """Other pools, and files at addresses (:class:`xapid.pool.elsewhere.Elsewhere`)."""
    offers: Offers = attrs.field(factory=Offers)
    """What repositories of updates offer."""
    archives: Any = None
    """Sessions with databases of dumps (:class:`xapid.dispatch.archives.Archives`)."""
    tallies: Callable[[], Iterator[tuple[str, Any]]] = lambda: iter(())
    """The calls of every message that was called (:class:`xapid.dispatch.tally.Tally`)."""
    user_agents: dict[str, str] = attrs.field(factory=dict)
    """Programs of clients that logged in, and the version that each said."""
    restart: Callable[[float], None] = lambda seconds: None
    """Have the server start again with what is in the database now, after so many seconds."""
    power: PowerOn | None = None
    """Switching hosts on and off."""
    door: Callable[[str], Door] = lambda host: NO_DOOR
    """How a plugin that runs on the host with this uuid reaches the coordinator."""
    is_extension: Callable[[str], bool] = lambda name: False
    """Whether the coordinator has an API extension of that name."""
    stats: Store = attrs.field(factory=Store)
    """What was measured, over time."""
    guests_asked: dict[str, float] = attrs.field(factory=dict)
    """When each VM's guest was last asked something through a plugin, by reference."""
    rearranging: dict[str, str] = attrs.field(factory=dict)
    """Hosts whose VMs the plugin ``maintenance`` moves about just now, and its task, by reference."""
    schedules_at_work: set[str] = attrs.field(factory=set)
    """Snapshot schedules that take their snapshots just now, by reference."""
    making: set[str] = attrs.field(factory=set)
    """Disks that storage has begun to make and that have no record yet, by uuid."""
    starting: set[str] = attrs.field(factory=set)
    """Hosts that have begun to start and are not done with it, by reference."""

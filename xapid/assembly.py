"""The rooms put together, short of the sockets: a pool that answers calls in this process.

:mod:`xapid.daemon` adds listeners and signals; tests use it as it is, on a clock of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, Protocol

import attrs
from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from xapid.agent.interface import ICertificates
from xapid.agent.simulator.disks import BlockStore
from xapid.agent.simulator.machine import Surroundings
from xapid.agent.simulator.others import Process
from xapid.auth import password_reset, roles
from xapid.auth.audit import AuditLog, FileStore, MemoryStore
from xapid.auth.callers import Callers
from xapid.auth.directories import Directories
from xapid.auth.initial_password import InitialPassword
from xapid.auth.logins import Logins
from xapid.auth.passwords import Passwords, Run
from xapid.auth.rbac import Rbac
from xapid.auth.sessions import Sessions
from xapid.config import Config, ConfigError
from xapid.database import Database, Row
from xapid.database.dump import DumpError
from xapid.database.event_log import EventLog
from xapid.database.event_queue import EventQueue
from xapid.database.journal import Journal
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.dispatch.pipeline import Dispatcher
from xapid.dispatch.tracing import Tracing
from xapid.http.blobs import BlobStore
from xapid.ids import Ids
from xapid.inventory import dumped
from xapid.inventory.build import HostCertificate
from xapid.inventory.populate import addresses_from, populate
from xapid.inventory.presets import preset
from xapid.inventory.simulated import PluginsOf, simulated_host
from xapid.operations import adoption, allowed, hooks, host_settling
from xapid.operations.auto_scan import AutoScan
from xapid.operations.binding import bind
from xapid.operations.cables import Cables
from xapid.operations.certificate_rows import put_on_record
from xapid.operations.directories import trust_for_directories
from xapid.operations.host_cycles import come_back, went_down
from xapid.operations.host_mirrors import HostMirrors
from xapid.operations.host_settings import clock_offset
from xapid.operations.presence import Presence
from xapid.operations.replication import Replication
from xapid.operations.reports import Reports
from xapid.operations.routine_checks import RoutineChecks
from xapid.operations.services import Services
from xapid.operations.start_up import put_in_order
from xapid.operations.sweep import Sweep
from xapid.operations.update_schedule import UpdateSchedule
from xapid.operations.vmss_schedule import Schedules
from xapid.operations.watching import Watching
from xapid.placement.checks import is_live
from xapid.pool.agents import HostAgents
from xapid.pool.copies import clear
from xapid.pool.elsewhere import Elsewhere
from xapid.pool.federation import Federation
from xapid.pool.inquiry import Inquiries
from xapid.pool.membership import Membership
from xapid.pool.role import Role
from xapid.pool.secrets import PoolSecrets
from xapid.tasks.registry import Tasks
from xapid.updates.offers import Offers
from xapid.wire import xmlrpc
from xapid.wire.call import Origin

log = Logger()

MIB: Final = 1 << 20
DRAIN_TRIES: Final = 300
DRAIN_EVERY: Final = 0.1
DESIGNATION: Final = "pool.designate_new_master"


class Site(Protocol):
    """Where the hosts of this process answer."""

    def open(self, hosts: int) -> Sequence[str]:
        """Take an address for each of so many hosts, the coordinator's first."""

    def serve_as(self, host: str) -> None:
        """What answered for the coordinator's host answers for this one now."""

    @property
    def port(self) -> int:
        """At which they all answer; known once :meth:`open` was called."""

    @property
    def certificate(self) -> HostCertificate | None:
        """What they present; known once :meth:`open` was called."""

    def certificates(self, host: str, address: str) -> ICertificates | None:
        """Those of the host with this uuid, which answers at ``address``; None: it has made-up ones that nobody sees."""

    @property
    def process(self) -> Process | None:
        """The process that comes and goes with the first of them; None if it is somebody else's."""


@attrs.frozen
class Nowhere:
    """A site without sockets: addresses that nobody listens on."""

    port: int = 443
    certificate: HostCertificate | None = None
    process: Process | None = None

    def open(self, hosts: int) -> Sequence[str]:
        """Successive loopback addresses."""
        return addresses_from("127.0.0.1", hosts)

    def serve_as(self, host: str) -> None:
        """Nobody answers."""

    def certificates(self, host: str, address: str) -> ICertificates | None:
        """Nobody sees any."""
        return None


@attrs.define(kw_only=True)
class Pool:
    """A pool in this process."""

    config: Config
    clock: IReactorTime
    ids: Ids
    db: Database
    services: Services
    dispatcher: Dispatcher
    surroundings: Surroundings
    sweep: Sweep
    schedules: Schedules
    checks: RoutineChecks
    update_schedule: UpdateSchedule
    replication: Replication
    watching: Watching
    auto_scan: AutoScan
    made_up_password: str | None
    """Root's password, if it was made up just now: the only time that it is known."""

    def start(self) -> None:
        """Begin what happens by itself: sessions and tasks are collected, directory users revalidated."""
        self.services.sessions.start()
        self.services.tasks.start()
        self.services.logins.start()
        self.sweep.start()
        self.schedules.start()
        self.checks.start()
        self.update_schedule.start()
        self.replication.start()
        self.watching.start()
        self.auto_scan.start()
        self.services.tracing.start()
        self.services.presence.start()

        for host in self.hosts()[:1]:
            if self.services.pool.membership.leader is None and went_down(self.db, host):
                self.take_back(host.ref)

    def take_back(self, host: str) -> None:
        """A host has started: it takes up its storage and is enabled, under a task that clients see."""
        session = self.services.sessions.local_superuser
        task = self.services.tasks.named("host start", session, self.services.role.coordinator)

        async def work() -> None:
            with suppress(XenAPIError), task.ending():
                async with self.dispatcher.work(session, task, Origin(host=self.services.role.coordinator)) as context:
                    await come_back(context, host)

        self.clock.callLater(0, lambda: ensureDeferred(work()).addErrback(lambda f: log.failure("A host did not start", f)))

    def stop(self) -> None:
        """End what happens by itself."""
        self.services.sessions.stop()
        self.services.tasks.stop()
        self.services.logins.stop()
        self.services.callers.stop()
        self.sweep.stop()
        self.schedules.stop()
        self.checks.stop()
        self.services.presence.stop()
        self.update_schedule.stop()
        self.replication.stop()
        self.watching.stop()
        self.auto_scan.stop()
        self.services.tracing.stop()
        self.services.audit.flush()

    def hosts(self) -> list[Row]:
        """The hosts that answer from this process, the coordinator first."""
        elsewhere = {place.host for place in self.services.pool.membership.members()}
        return _ordered(self.db, elsewhere)


async def assemble(
    config: Config,
    clock: IReactorTime,
    ids: Ids,
    *,
    run: Run,
    in_thread: Run | None = None,
    blobs: BlobStore,
    blocks: BlockStore | None = None,
    site: Site,
    journal: Journal | None = None,
    plugins: PluginsOf | None = None,
) -> Pool:
    """Load the pool that the journal kept, or make the one that ``config`` asks for, and give its hosts agents.

    ``site`` is where the hosts will answer; hosts that were kept move there. ``run`` is where passwords are hashed,
    ``in_thread`` (the same, unless it is given) where everything else is done that takes its time, such as work on disks.
    ``plugins`` makes the plugins of hosts; without it they have none. ``blocks`` is what is on disks, where that is taken over.
    """
    api = catalogue()
    db = Database(api, ids, journal)
    db.encodings.limit = config.encoded_records * MIB
    roles.install(db)
    events = EventLog(db, lambda wake: clock.callLater(0, wake))
    kept = db.load()
    elsewhere = {place.host for place in Membership(db).members()}
    now = datetime.fromtimestamp(int(clock.seconds()), UTC)
    if kept:
        ids.go_on(db.generation)
        db.begin_life()
        _move(db, site, elsewhere)
    elif config.dump is not None:
        try:
            dumped.load(db, config.dump)
        except DumpError as problem:
            raise ConfigError(f"dump: {config.dump}: {problem}") from problem
        ids.go_on(db.generation)
        _move(db, site, elsewhere)
    else:
        counts = preset(config.preset, **config.counters)
        addresses = site.open(counts.hosts)
        populate(db, counts, addresses, now, ids, port=site.port, certificate=site.certificate)
    if Membership(db).leader is None:
        put_in_order(db)
    secrets = PoolSecrets(db)
    secrets.ensure(ids)
    sessions = Sessions(db, ids, clock, config.session_lifetime)
    passwords = Passwords(db, run)
    rbac = Rbac(api, db)
    role = Role(db, with_ports=config.allow_mixed_ports)
    agents = HostAgents(db)
    state = config.state_directory
    audit = AuditLog(db, clock, MemoryStore() if state is None else FileStore(state / "audit.log"))
    tasks = Tasks(db, ids, clock, xmlrpc.value_text)
    presence = Presence(db, clock, tasks.cancel_all_of)
    services = Services(
        api=api,
        sessions=sessions,
        passwords=passwords,
        logins=Logins(db, sessions, passwords, rbac, clock, secrets),
        rbac=rbac,
        tasks=tasks,
        events=events,
        event_queue=EventQueue(events, clock.seconds),
        agents=agents,
        role=role,
        presence=presence,
        blobs=blobs,
        audit=audit,
        tracing=Tracing(db, None if state is None else state / "traces", in_thread or run),
        run=in_thread or run,
        offers=Offers(None if state is None else state / "repositories", config.repositories),
        callers=Callers(db, clock, register=config.register_callers),
    )
    HostMirrors(db, clock)
    if blocks is None:
        blocks = BlockStore(None if state is None else state / "disks", services.run)
    blocks.in_thread = services.run
    surroundings = Surroundings(blocks=blocks)
    reports = Reports(db, clock, services)
    Cables(db, clock, reports)
    federation = Federation(db, clock, config, ids, role, agents, secrets, passwords, reports, lambda: site.port)
    federation.common.left = lambda: sessions.destroy_where(lambda session: True)
    federation.liveness.presence = presence
    presence.leads = lambda: federation.membership.leader is None
    presence.simulated = lambda: _beating(pool)
    services.pool = federation
    services.directories = Directories(db, services.run, run, clock.seconds, lambda: trust_for_directories(db, agents))
    services.logins.find_directory = lambda: services.directories.current
    federation.answer_inquiry = Inquiries(db, services).answer
    services.elsewhere = Elsewhere(clock, lambda: site.port)
    for number, row in enumerate(_ordered(db, elsewhere)):
        agent = simulated_host(db, row, clock, federation, surroundings, config, number, plugins, site.certificates)
        if number == 0:
            agent.belongs_to(site.process)
        elif kept and not is_live(db, row):
            surroundings.switched_off.add(row.uuid)
        agents.add(row.ref, agent)
        if federation.stands_alone:  # else others know better what runs here than the database does
            await adoption.take_up(db, agent, row.ref, now)
        if site.certificate is not None and federation.membership.leader is None:
            await put_on_record(db, agent, row.ref)
    allowed.fill_in(db)
    dispatcher = Dispatcher(db, services, bind(api), config, clock, ids)

    def follows() -> bool:
        return federation.membership.leader is not None

    pool = Pool(
        config=config,
        clock=clock,
        ids=ids,
        db=db,
        services=services,
        dispatcher=dispatcher,
        surroundings=surroundings,
        sweep=Sweep(db, clock),
        schedules=Schedules(
            db,
            clock,
            lambda ref: dispatcher.by_itself("VMSS.snapshot_now", ref),
            follows,
        ),
        checks=RoutineChecks(db, clock, services.logins.failed, agents.all),
        replication=Replication(db, clock, services),
        update_schedule=UpdateSchedule(
            db,
            clock,
            lambda ref: dispatcher.by_itself("pool.sync_updates", ref, False),
            follows,
        ),
        watching=Watching(db, clock, services, follows),
        auto_scan=AutoScan(db, clock, lambda ref, known: dispatcher.by_itself("SR.scan", ref, unless=known), follows),
        made_up_password=await _initialise_password(db, passwords, config),
    )
    federation.common.start_afresh = lambda: start_afresh(pool, site, secrets, plugins)
    federation.common.role_changed = lambda leads: tell_role(pool, ids, leads)
    federation.common.settle = lambda host: settle_host(pool, host)
    federation.common.drained = lambda: drained(services.tasks, clock)
    presence.returned = pool.take_back
    return pool


def tell_role(pool: Pool, ids: Ids, leads: bool) -> None:
    """This daemon begins to lead its pool, or leads none any more: its host does what is to be done then."""
    services = pool.services
    agent = dict(services.agents.all()).get(pool.hosts()[0].ref)
    if agent is not None:
        telling = ensureDeferred(hooks.tell_role(services, ids, agent, leads=leads))
        telling.addErrback(lambda failure: log.failure("A hook failed", failure))


async def settle_host(pool: Pool, host: str) -> None:
    """Give a host that has just joined what the pool has."""
    session, services = pool.services.sessions.local_superuser, pool.services
    task = services.tasks.named("settle", session, host)
    with task.ending():
        async with pool.dispatcher.work(session, task, Origin(host=services.role.coordinator)) as context:
            await host_settling.settle(context, host)


async def drained(tasks: Tasks, clock: IReactorTime) -> bool:
    """Wait until no call is under way but the change of coordinator itself; whether that came to be within half a minute."""
    for _ in range(DRAIN_TRIES):
        if all(task.origin.label.endswith(DESIGNATION) for task in tasks.under_way()):
            return True
        await deferLater(clock, DRAIN_EVERY)
    return False


async def start_afresh(pool: Pool, site: Site, secrets: PoolSecrets, plugins: PluginsOf | None = None) -> None:
    """Make the daemon of an ejected host a new pool of one host, at the address where it was. Root's password stays."""
    db, services, config = pool.db, pool.services, pool.config
    (address, *_) = [row.address for row in pool.hosts()]
    services.sessions.destroy_where(lambda session: True)
    now = datetime.fromtimestamp(int(pool.clock.seconds()), UTC)
    counts = preset("standalone", processors=config.processors[:1] or None)
    with db.transaction():
        services.pool.membership.forget_everything()
        secrets.renew(pool.ids)
        clear(db)
        (host,) = populate(db, counts, [address], now, pool.ids, port=site.port, certificate=site.certificate)
    await db.durable()
    for old, _ in services.agents.all():
        services.agents.remove(old)
    pool.surroundings = Surroundings(send_logs=pool.surroundings.send_logs)
    row = db.get("host", host)
    agent = simulated_host(
        db, row, pool.clock, services.pool, pool.surroundings, config, plugins=plugins, certificates=site.certificates
    )
    agent.belongs_to(site.process)
    services.agents.add(host, agent)
    site.serve_as(host)
    await adoption.take_up(db, agent, host, now)
    if site.certificate is not None:
        await put_on_record(db, agent, host)
    with db.transaction() as tx:
        allowed.refresh(tx, db, *(row for table in db.tables.values() if "allowed_operations" in table.stored for row in table))


def _beating(pool: Pool) -> dict[str, float]:
    """The simulated hosts of a pool whose agents run, and what their clocks show."""
    now = pool.clock.seconds()
    running = [host for host in pool.hosts() if host.uuid not in pool.surroundings.switched_off]
    return {host.uuid: now + clock_offset(pool.db, host) for host in running}


def _ordered(db: Database, elsewhere: Collection[str]) -> list[Row]:
    """The hosts of this process, the coordinator first. ``elsewhere`` are the uuids of those that other daemons run."""
    coordinators = {str(pool.master) for pool in db.table("pool")}
    hosts = [row for row in db.table("host") if row.uuid not in elsewhere]
    return sorted(hosts, key=lambda row: row.ref not in coordinators)


def _move(db: Database, site: Site, elsewhere: Collection[str]) -> None:
    """The hosts answer at the addresses of ``site`` now: their records, and the consoles on them, are to say so."""
    hosts = _ordered(db, elsewhere)
    with db.transaction() as tx:
        for host, address in zip(hosts, site.open(len(hosts)), strict=True):
            if host.address != address:
                tx.update(host, address=address)
                for vm in (db.get("VM", ref) for ref in host.resident_VMs):
                    for console in (db.get("console", ref) for ref in vm.consoles):
                        tx.update(console, location=console.location.replace(f"//{host.address}", f"//{address}", 1))


async def _initialise_password(db: Database, passwords: Passwords, config: Config) -> str | None:
    """Give root a password if there is none, or the one that ``config`` has. One that was made up stands in a file.

    Returns it in that case. The file is there before the password holds, and goes when another one is durable. Raises
    ConfigError for a password that cannot be one.
    """
    state = config.state_directory
    file = None if state is None else InitialPassword(state / "initial-password")
    try:
        made_up = passwords.initialise(config.root_password, (lambda made_up: None) if file is None else file.write)
    except XenAPIError as refusal:
        raise ConfigError(f"root password: {refusal.params[0]}") from refusal
    if file is not None:
        if config.root_password is not None:
            await db.durable()
            file.forget()
        passwords.observers.append(file.forget)
    if state is not None:
        try:
            if await password_reset.take_up(state, passwords):
                made_up = None
        except (OSError, ValueError) as problem:
            raise ConfigError(f"state: {state / password_reset.FILE}: {problem}") from problem
    return made_up

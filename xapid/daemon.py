"""The composition root: a pool, its listeners, and its life from the first line to SIGTERM."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
from cryptography.hazmat.primitives import hashes
from twisted.internet import defer
from twisted.logger import Logger

from xapid import logs, sd_notify
from xapid.agent.interface import ICertificates
from xapid.agent.plugins.folders import extension_folders
from xapid.agent.plugins.host_plugins import HostPlugins, trusted
from xapid.agent.plugins.programs import Door
from xapid.agent.power.modes import PowerOn
from xapid.agent.simulator.disks import BlockStore
from xapid.assembly import Pool, assemble
from xapid.auth import password_reset
from xapid.auth.passwords import Threads
from xapid.config import Config, ConfigError
from xapid.database import garbage
from xapid.database.journal import CopiedJournal, Journal, JournalError, SQLiteJournal
from xapid.datamodel.errors import XenAPIError
from xapid.http.blobs import BlobStore, DirectoryBlobStore
from xapid.http.files import WebRoot
from xapid.ids import Ids
from xapid.inventory.build import HostCertificate
from xapid.listeners import Listeners
from xapid.listening import Sockets, allow_many_connections
from xapid.operations.keeping import Keeping
from xapid.operations.measuring import Measuring
from xapid.operations.services import Services
from xapid.operations.syslog_destination import configured
from xapid.pool.network import TlsNetwork
from xapid.pool.syslog import Syslog
from xapid.showing import Showing
from xapid.state import StateDirectory, crashes
from xapid.state.restore import put_in_place
from xapid.stats import kept

log = Logger()

GRACE: Final = 1.0
"""Seconds between the call that ends the process and its end."""
JOURNAL_FAILED: Final = 74
"""Exit status when what was acknowledged could no longer be kept (EX_IOERR)."""


class Daemon:
    """A running server. ``start`` brings it up, ``stop`` takes it down; ``status`` is what the process should end with."""

    pool: Pool
    _showing: Showing

    def __init__(self, config: Config, reactor: Any, former: Daemon | None = None) -> None:
        """``former`` is a daemon of the same process that was stopped: this one goes on where it was, with what it kept."""
        self.config: Config = config if former is None else attrs.evolve(former.config, port=former.port)
        self.restart: Callable[[], None] = lambda: None
        """Called when the daemon is to be stopped and another to follow it."""
        self._former = former
        self.status = 0
        self._is_up = False
        self._reactor = reactor
        self._sockets = Sockets(self.config)
        self._listeners: Listeners | None = None
        self._threads = Threads(reactor, "passwords")
        self._workers = Threads(reactor, "work")
        self._keeping: Keeping | None = None
        directory = self.config.state_directory
        self._state = None if directory is None else StateDirectory(directory)
        self._files = None if config.web_root is None else WebRoot(config.web_root)
        self._showing = Showing(self.config, self._state, reactor, None if former is None else former._showing)
        if directory is not None and put_in_place(directory):
            log.info("a backup was put in the place of what was kept")

    # As the site of the pool --------------------------------------------------------------------------------------------

    def open(self, hosts: int) -> Sequence[str]:
        """Bind an address for each host, and get the certificate for them all."""
        addresses = self._sockets.open(hosts)
        names = list(dict.fromkeys([*addresses, self.config.bind, "localhost"]))
        self._showing.open(names)
        return addresses

    def serve_as(self, host: str) -> None:
        """What answered for the coordinator's host answers for this one now."""
        if self._listeners is not None:
            self._listeners.serve_as(host)

    @property
    def port(self) -> int:
        """At which every host answers."""
        return self._sockets.port

    @property
    def certificate(self) -> HostCertificate:
        """What the certificate says of itself."""
        shown = self._showing.first.current
        leaf = shown.leaf
        return HostCertificate(
            fingerprint_sha256=shown.fingerprint,
            fingerprint_sha1=leaf.fingerprint(hashes.SHA1()).hex(":").upper(),  # noqa: S303 - the API has a field for it
            not_before=leaf.not_valid_before_utc,
            not_after=leaf.not_valid_after_utc,
        )

    def certificates(self, host: str, address: str) -> ICertificates:
        """Those of a host that answers at ``address``, by its uuid."""
        return self._showing.certificates(host, address)

    # As the process of the first host ------------------------------------------------------------------------------------

    @property
    def process(self) -> Daemon:
        """The first host comes and goes with this process."""
        return self

    def begin_anew(self) -> None:
        """The host restarts, or its agent: so does the daemon, when what is being answered has been answered."""
        self._reactor.callLater(GRACE, self.restart)

    def end(self) -> None:
        """The host was switched off, or its agent ended: nothing is to start the process again."""
        self._reactor.callLater(GRACE, self._reactor.stop)

    # Life ---------------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Load or make the pool, and listen. Raises ConfigError, JournalError."""
        config, state = self.config, self._state
        journal: Journal | None = None
        if state is not None:
            journal = SQLiteJournal(state.database, self._reactor, self._journal_failed, seal=state.seal())
        blobs = BlobStore() if state is None else DirectoryBlobStore(state.path / "blobs")
        blocks: BlockStore | None = None
        if state is None and self._former is not None:  # what is not kept anywhere is taken over
            former = self._former.pool
            journal, blobs, blocks = CopiedJournal(former.db, lasting=True), former.services.blobs, former.surroundings.blocks
        self._former = None
        self.pool = await assemble(
            config,
            self._reactor,
            Ids(config.seed),
            run=self._threads,
            in_thread=self._workers,
            blobs=blobs,
            blocks=blocks,
            site=self,
            journal=journal,
            plugins=HostPlugins.from_config(config, self._reactor),
        )
        federation = self.pool.services.pool
        if state is not None:
            federation.seal_copies(state.seal())
        services = self.pool.services
        services.restart = lambda seconds: self._reactor.callLater(seconds, self.restart)
        services.door = self._door
        services.logins.vouches_for = self._showing.trusted.vouches_for
        extensions = extension_folders(config.extensions)
        services.is_extension = lambda name: trusted(extensions, name) is not None
        services.power = PowerOn.from_config(config, self._reactor, services.sessions, lambda: self._door(self._own_host()))
        self._listeners = Listeners(config, self._reactor, self.pool, self._showing, self._sockets, self._files, self._problem)
        self._listeners.open()
        self._showing.watch(self.pool.db)
        await federation.start(self._showing.internal.current.leaf_pem, TlsNetwork(self._reactor, self._showing.client_tls))
        self.pool.start()
        if state is not None:
            folder = kept.Folder(state.path / "statistics")
            self._keeping = Keeping(services.stats, folder, self._reactor, self._workers)
            self._keeping.start()
        self._send_logs(services)
        if state is not None:
            self._look_at_crashes(state.path)
        self._measuring = Measuring(self.pool.db, self._reactor, services)
        self._measuring.start()
        await self.pool.db.durable()
        garbage.settle()
        self._is_up = True

    def _look_at_crashes(self, state: Path) -> None:
        left = crashes.watch(state)
        if left is not None:
            log.warn("the last process died of a fault; {file} says where", file=str(left))
        crashes.record(self.pool.db, self.pool.hosts()[0].ref, state)

    def _send_logs(self, services: Services) -> None:
        """To the collectors that hosts have already."""
        self._syslog = Syslog(self._reactor)
        self.pool.surroundings.send_logs = self._syslog.set
        services.audit.listeners.append(self._syslog.audit)
        self._syslog.start()
        for host in self.pool.hosts():
            try:
                self._syslog.set(host.uuid, host.hostname, configured(host.logging))
            except XenAPIError as refusal:
                log.warn("{host} has no collector of logs: {refusal}", host=host.hostname, refusal=refusal)

    def _door(self, host: str) -> Door:
        """Where a plugin that runs on the host with this uuid reaches the coordinator, which is this daemon."""
        elsewhere = {place.host for place in self.pool.services.pool.membership.members()}
        address = self.config.host_address if host in elsewhere else self.config.bind
        return Door.at(address, self.port, self._showing.first.current.fingerprint)

    def _own_host(self) -> str:
        return str(self.pool.hosts()[0].uuid)

    def _problem(self) -> str | None:
        """Why the daemon cannot do its work now."""
        if not self._is_up:
            return "starting or stopping"
        try:
            self.pool.services.role.admit("pool.get_all")
        except XenAPIError as refusal:
            return refusal.code
        return None

    async def stop(self) -> None:
        """Answer what is being answered, keep what was acknowledged, and end."""
        self._is_up = False
        if self._listeners is not None:
            await self._listeners.close()
        self._sockets.close()
        if hasattr(self, "pool"):
            self.pool.stop()
            self._measuring.stop()
            if self._keeping is not None:
                await self._keeping.stop()
            self._syslog.stop()
            await self.pool.services.pool.following.say_farewell()
            self.pool.services.pool.stop()
            if self.status != JOURNAL_FAILED:
                await self.pool.db.close()
        if self._listeners is not None:
            self._listeners.abort()
        self._threads.stop()
        self._workers.stop()
        if self._state is not None:
            crashes.unwatch(self._state.path)
            self._state.release()

    async def reload(self) -> None:
        """SIGHUP: take up a new password that was left in the state directory."""
        if self._state is not None and self._is_up:
            try:
                if await password_reset.take_up(self._state.path, self.pool.services.passwords):
                    log.info("root has the password that was left in the state directory")
            except (OSError, ValueError) as problem:
                log.error("the password that was left cannot be taken up: {problem}", problem=problem)

    def _journal_failed(self, problem: BaseException) -> None:
        self.status = JOURNAL_FAILED
        if self._listeners is not None:
            self._listeners.abort()
        self._reactor.stop()

    # What people and programs are told ------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where the coordinator answers."""
        address = self.config.host_address
        return f"https://[{address}]:{self.port}" if ":" in address else f"https://{address}:{self.port}"

    def announce(self) -> None:
        """Say where the daemon is, how to know it, and where root's password is."""
        fingerprint = self._showing.first.current.fingerprint
        made_up = self.pool.made_up_password
        if self._state is None and made_up is not None:
            print(f"root's password: {made_up}", file=sys.stderr, flush=True)
        if self.config.ready_json:
            facts = {
                "url": self.url,
                "user": "root",
                "fingerprint": fingerprint,
                "pid": os.getpid(),
                "state": None if self._state is None else str(self._state.path),
            }
            print(json.dumps(facts), flush=True)
        else:
            print(f"xapid answers at {self.url}\nits certificate: SHA-256 {fingerprint}", flush=True)
            if self._state is not None and (self._state.path / "initial-password").exists():
                print(f"root's password is in {self._state.path / 'initial-password'}", flush=True)
        sd_notify.ready(f"answers at {self.url}")


def run(config: Config) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status. Raises ConfigError."""
    from twisted.internet import reactor

    logs.begin(config.log_level, form=config.log_format)
    os.umask(0o077)
    allow_many_connections()
    return Process(config, reactor).run()


class Process:
    """Runs a daemon, and another one after it when the first wants to start again."""

    def __init__(self, config: Config, reactor: Any) -> None:
        self._reactor = reactor
        self._daemon = Daemon(config, reactor)
        self._daemon.restart = self._restart
        self._problem: BaseException | None = None
        self._restarting: defer.Deferred[None] | None = None

    def run(self) -> int:
        """Until SIGTERM or SIGINT; returns the exit status. Raises ConfigError."""
        self._reactor.addSystemEventTrigger("before", "shutdown", lambda: defer.ensureDeferred(self._end()))
        self._reactor.callWhenRunning(lambda: defer.ensureDeferred(self._begin()))
        signal.signal(signal.SIGHUP, lambda number, frame: self._reactor.callFromThread(self._reload))
        self._reactor.run()
        if isinstance(self._problem, JournalError):
            raise ConfigError(str(self._problem)) from self._problem
        if self._problem is not None:
            raise self._problem
        return self._daemon.status

    def _reload(self) -> None:
        defer.ensureDeferred(self._daemon.reload()).addErrback(lambda fault: log.failure("SIGHUP", fault))

    async def _begin(self) -> None:
        try:
            await self._daemon.start()
            self._daemon.announce()
        except BaseException as problem:
            self._problem = problem
            self._reactor.stop()

    def _restart(self) -> None:
        if self._restarting is None and self._reactor.running:
            log.info("starting again with what is in the database")
            self._restarting = defer.ensureDeferred(self._start_again())

    async def _start_again(self) -> None:
        try:
            await self._daemon.stop()
            garbage.unsettle()
            self._daemon = Daemon(self._daemon.config, self._reactor, self._daemon)
            self._daemon.restart = self._restart
            await self._daemon.start()
        except BaseException as problem:
            log.failure("the daemon could not start again")
            self._problem = problem
            self._reactor.stop()
        finally:
            self._restarting = None

    async def _end(self) -> None:
        sd_notify.stopping()
        if self._restarting is not None:
            await self._restarting
        await self._daemon.stop()

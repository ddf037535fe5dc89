"""Hosts and their agents that go down and come back (class ``host``).

A host that goes down is not live from that moment; when it is back it reports, takes up its storage, and is enabled unless
something speaks against it. Daemons of their own say so when they are back; simulated hosts are back after the time that
starting takes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.logger import Logger

from xapid.agent.values import AgentFailure
from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations import allowed, hooks
from xapid.operations.context import Context
from xapid.operations.enabling import consider_enabling
from xapid.operations.evacuation import leave_no_vms
from xapid.operations.evacuation_plan import resident_vms
from xapid.operations.host_boot import started
from xapid.operations.host_local import attach_all_static, detach_all_static
from xapid.operations.host_roles import assert_in_maintenance
from xapid.operations.host_settling import catch_up
from xapid.operations.levelling import take_facts
from xapid.operations.local_facts import AGENT_BEGAN, RESTARTED_CLEANLY, UNTIL_REBOOT, fact, keep
from xapid.operations.power_state import set_halted
from xapid.operations.remote_power import cut_power
from xapid.operations.syslog_destination import configured

log = Logger()


# Going down --------------------------------------------------------------------------------------------------------------


async def shutdown(context: Context, host: str) -> None:
    """Hooks may object before anything is done."""
    tell = await _get_ready(context, host)
    await context.agent(host).power.shutdown()
    _went_down(context, host)
    await cut_power(context, host)
    await tell()


async def reboot(context: Context, host: str) -> None:
    """The host is not live when this returns, unless starting takes no time. Hooks may object before anything is done."""
    tell = await _get_ready(context, host)
    agent = context.agent(host)
    seconds = await agent.power.reboot()
    _went_down(context, host)
    try:
        await tell()
    finally:
        await _be_back(context, host, seconds, rebooted=True)


async def _get_ready(context: Context, host: str) -> Callable[[], Awaitable[None]]:
    """Returns what runs the hooks for when the host is down. The coordinator runs them before it goes down itself."""
    await hooks.before_death(context, host, hooks.CLEAN_SHUTDOWN)
    await prepare_for_poweroff(context, host)
    if host != context.services.role.coordinator:
        return lambda: hooks.after_death(context, host, hooks.CLEAN_SHUTDOWN)
    await hooks.after_death(context, host, hooks.CLEAN_SHUTDOWN)
    return _nothing


async def _nothing() -> None:
    """There are no hooks left to run."""


async def prepare_for_poweroff(context: Context, host: str) -> None:
    """What a host does before its power goes: no VMs, no storage. It stays disabled until it has started anew."""
    await leave_no_vms(context, host)
    await detach_all_static(context, host)
    db = context.db
    for pbd in (db.get("PBD", ref) for ref in db.get("host", host).PBDs):
        if pbd.currently_attached:
            await context.agent(host).storage.sr_detach(db.get("SR", pbd.SR).uuid)
            with db.transaction() as tx:
                tx.update(db.get("PBD", pbd.ref), currently_attached=False)
                allowed.refresh(tx, db, db.get("SR", pbd.SR))
    with db.transaction() as tx:
        row = db.get("host", host)
        keep(tx, row, UNTIL_REBOOT, "true")
        keep(tx, row, RESTARTED_CLEANLY, "true")


async def restart_agent(context: Context, host: str) -> None:
    """VMs run on. The host is disabled until its agent is back."""
    db = context.db
    assert_in_maintenance(db.get("host", host))
    seconds = await context.agent(host).power.restart_agent()
    context.services.presence.agent_leaves(context.db.get("host", host))
    await _be_back(context, host, seconds, rebooted=False)


async def shutdown_agent(context: Context) -> None:
    """Of the host that is called; VMs run on. Nothing but somebody on the machine brings it back."""
    agent = context.agent()
    await hooks.run_hook(context, hooks.PRE_SHUTDOWN, agent, context.host)
    await agent.power.shutdown_agent()
    context.services.presence.agent_leaves(context.db.get("host", context.host))


async def tickle_heartbeat(context: Context, host: str, stuff: Any) -> Any:
    """A host says that it is there, or that it is about to leave, of which hooks are told once."""
    row = context.db.get("host", host)
    try:
        time = float(stuff["time"]) if "time" in stuff else None
    except ValueError:
        raise XenAPIError("INVALID_VALUE", "time", stuff["time"]) from None
    if stuff.get("shutting-down") == "true":
        is_news = not context.services.presence.has_left(row)
        if is_news:
            await hooks.before_death(context, host, hooks.CLEAN_SHUTDOWN)
        context.services.presence.leaves(context.db.get("host", host))
        if is_news:
            await hooks.after_death(context, host, hooks.CLEAN_SHUTDOWN)
    else:
        context.services.presence.beat(row, time)
    return frozenmap()


def _went_down(context: Context, host: str) -> None:
    """The power is gone, and with it VMs that were left to look after themselves."""
    for vm in resident_vms(context.db, host):
        set_halted(context.db, vm)
    context.services.presence.leaves(context.db.get("host", host))


# Coming back -------------------------------------------------------------------------------------------------------------


async def _be_back(context: Context, host: str, seconds: float | None, *, rebooted: bool) -> None:
    """The host is back after so many seconds; None: it says so by itself."""
    if seconds is None:
        return
    if seconds <= 0:
        await come_back(context, host, rebooted=rebooted)
        return

    def back() -> None:
        returning = ensureDeferred(come_back(context, host, rebooted=rebooted))
        returning.addErrback(lambda failure: log.failure("A host did not come back", failure))

    context.clock.callLater(seconds, back)


async def come_back(context: Context, host: str, *, rebooted: bool = True) -> None:
    """What a host does when it starts, ``rebooted`` or with its agent alone. What it cannot plug is an alert."""
    db, starting = context.db, context.services.starting
    if host not in db.table("host"):
        return
    starting.add(host)
    try:
        row = db.get("host", host)
        with db.transaction() as tx:
            for key in ("boot_time", "agent_start_time") if rebooted else ("agent_start_time",):
                tx.add_to(db.get("host", host), "other_config", key, f"{int(context.clock.seconds())}.")
            if rebooted:
                keep(tx, row, UNTIL_REBOOT, None)
                keep(tx, row, RESTARTED_CLEANLY, None)
            started(tx, db, db.get("host", host), rebooted=rebooted)
            context.services.presence.arrives(row)
        facts = await context.agent(host).metrics.facts()
        with suppress(XenAPIError):  # what cannot be a collector is refused when it is to be used, and keeps no host down
            await context.agent(host).metrics.send_logs(row.hostname, configured(row.logging))
        with db.transaction() as tx:
            take_facts(tx, db, db.get("host", host), facts)
        await catch_up(context, host)
        await attach_all_static(context, host)
    except AgentFailure as failure:
        log.warn("{host} went away again: {failure}", host=host, failure=failure)
        with db.transaction() as tx:
            keep(tx, db.get("host", host), AGENT_BEGAN, "")  # so that it counts as begun anew when it is heard next
        return
    finally:
        starting.discard(host)
    with db.transaction() as tx:
        consider_enabling(tx, db, db.get("host", host))


def went_down(db: Database, host: Row) -> bool:
    """Whether a host lost its power, or its agent was ended, in due form and is not back yet."""
    metrics = db.table("host_metrics").find(host.metrics)
    return fact(db, host, RESTARTED_CLEANLY) == "true" or (metrics is not None and not metrics.live)

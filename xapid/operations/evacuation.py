"""Emptying a host: moving its VMs as planned, and what has to be done before a host goes down.

Serves ``host.evacuate`` and the plugin ``maintenance``.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred, DeferredList

from xapid.database import Database
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations.context import Context
from xapid.operations.evacuation_plan import Plan, plan_evacuation, resident_vms
from xapid.operations.evacuation_record import note_moved, note_start
from xapid.operations.migration_network import address_on

DEFAULT_BATCH: Final = 10
"""How many VMs move at the same time."""
LARGEST_BATCH: Final = 1000
PATIENCE: Final = 60.0
"""Seconds that guests of a host that goes down have to switch off."""
LEAST_TO_MOVE: Final = 240.0
"""Seconds."""
SLOW_LINE: Final = 1000 * 1024 * 1024 / 8
"""Bytes that a network moves in a second."""
LEFT_ALONE: Final = "auto_poweroff"
"""Key in ``other_config`` of VMs that look after themselves when their host goes down."""


async def empty(context: Context, host: str, network: str, batch: int, plan: Plan | None = None) -> None:
    """Move every VM of a host away, ``batch`` at a time (0: ten). Nothing moves if one cannot. What moved is on record.

    Errors: INVALID_VALUE; the first refusal of the plan; whatever moving a VM fails with, save VM_BAD_POWER_STATE (it stopped
    meanwhile); INTERNAL_ERROR if VMs are left nevertheless. After a failure the VMs that have moved stay where they are now.
    """
    if not 0 <= batch <= LARGEST_BATCH:
        raise XenAPIError("INVALID_VALUE", "evacuate_batch_size", str(batch))
    db = context.db
    plan = plan_evacuation(db, host) if plan is None else plan
    for refusal in plan.refusals.values():
        raise XenAPIError.relayed(*refusal)
    if network != NULL_REF:
        _check_network(db, network, set(plan.moves.values()))
    note_start(db, host)
    await _move_all(context, host, plan.moves, network, batch or DEFAULT_BATCH)
    if resident_vms(db, host):
        raise XenAPIError("INTERNAL_ERROR", "VMs came to the host while it was evacuated")


async def _move_all(context: Context, host: str, moves: dict[str, str], network: str, batch: int) -> None:
    db = context.db
    options = frozenmap({"live": "true"} if network == NULL_REF else {"live": "true", "network": network})
    waiting, done = list(moves.items()), 0
    waiting.reverse()

    async def mover() -> None:
        nonlocal done
        while waiting:
            context.task.check_cancelled()
            vm, target = waiting.pop()
            try:
                await context.call("VM.pool_migrate", vm, target, options)
                note_moved(db, host, db.get("VM", vm))
            except XenAPIError as error:
                if error.code not in ("VM_BAD_POWER_STATE", "HANDLE_INVALID"):
                    waiting.clear()
                    raise
            done += 1
            context.task.progress(done / len(moves))

    movers = [Deferred.fromCoroutine(mover()) for _ in range(min(batch, len(moves)))]
    outcomes: list[tuple[bool, Any]] = await DeferredList(movers, consumeErrors=True)
    for succeeded, outcome in outcomes:
        if not succeeded:
            outcome.raiseException()


async def leave_no_vms(context: Context, host: str) -> None:
    """See to it that no VM runs on a host that goes down: those that cannot move are shut down, the rest moves, and what runs
    even then is stopped. VMs that look after themselves are left alone. Nothing here fails.
    """
    db = context.db
    left_alone = {vm.ref for vm in resident_vms(db, host) if LEFT_ALONE in vm.other_config}
    plan = plan_evacuation(db, host)
    await _stop(context, [vm for vm in plan.refusals if vm not in left_alone])
    moves = {vm: target for vm, target in plan.moves.items() if vm not in left_alone}
    if moves:
        moving = Deferred.fromCoroutine(_move_all(context, host, moves, NULL_REF, DEFAULT_BATCH))
        timer = context.clock.callLater(_time_to_move(db, host), moving.cancel)
        with suppress(XenAPIError, CancelledError):  # what could not move, or not in time, is stopped
            await moving
        if timer.active():
            timer.cancel()
    await _stop(context, [vm.ref for vm in resident_vms(db, host) if vm.ref not in left_alone])


def _time_to_move(db: Database, host: str) -> float:
    """Seconds that VMs of a host that goes down have to get away: as long as all of its memory takes on a slow line."""
    metrics = db.table("host_metrics").find(db.get("host", host).metrics)
    used = 0 if metrics is None else metrics.memory_total - metrics.memory_free
    return max(LEAST_TO_MOVE, used / SLOW_LINE)


async def _stop(context: Context, vms: list[str]) -> None:
    """Switch VMs off: their guests are asked at the same time, and get a minute."""
    await DeferredList([Deferred.fromCoroutine(_stop_one(context, vm)) for vm in vms])


async def _stop_one(context: Context, vm: str) -> None:
    asking = Deferred.fromCoroutine(_tried(context, "VM.clean_shutdown", vm))
    timer = context.clock.callLater(PATIENCE, asking.cancel)
    await asking
    if timer.active():
        timer.cancel()
    row = context.db.table("VM").find(vm)
    if row is not None and row.power_state in ("Running", "Paused"):
        await _tried(context, "VM.hard_shutdown", vm)


async def _tried(context: Context, message: str, vm: str) -> None:
    try:
        await context.call(message, vm)
    except (XenAPIError, CancelledError):
        return


def _check_network(db: Database, network: str, hosts: set[str]) -> None:
    """Errors: HOST_CANNOT_ATTACH_NETWORK, PIF_HAS_NO_NETWORK_CONFIGURATION, INTERFACE_HAS_NO_IP."""
    for host in hosts:
        address_on(db, host, network)

"""Emptying a host: where its VMs could go, why some cannot, and moving them.

Serves ``host.evacuate`` and its kin, and what has to be done before a host goes down.
"""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.defer import Deferred, DeferredList

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations import allowed
from xapid.operations.allowed.rules import Refusal
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.placement.checks import Question, assert_can_boot_here, is_live
from xapid.placement.memory import free, needed_to_start

DEFAULT_BATCH = 10
"""How many VMs move at the same time."""


@attrs.frozen
class Plan:
    """Where each VM of a host goes, and why the others cannot."""

    moves: dict[str, str]
    refusals: dict[str, Refusal]


def resident_vms(db: Database, host: str) -> list[Row]:
    """The VMs on a host, its own system left out."""
    vms = [vm for ref in db.get("host", host).resident_VMs if (vm := db.table("VM").find(ref)) is not None]
    return [vm for vm in vms if not vm.is_control_domain]


def plan_evacuation(db: Database, host: str) -> Plan:
    """Largest VMs first, each to the host with the most memory left. Errors: HANDLE_INVALID."""
    vms = resident_vms(db, host)
    targets = [row for row in db.table("host") if row.ref != host and row.enabled and is_live(db, row)]
    plan = Plan({}, {})
    left = {row.ref: free(db, row.ref) for row in targets}
    for vm in sorted(vms, key=needed_to_start, reverse=True):
        refusal = _refusal(db, vm, targets)
        if refusal is None:
            best = max(targets, key=lambda row: left[row.ref]).ref
            if left[best] < needed_to_start(vm):
                refusal = ("HOST_NOT_ENOUGH_FREE_MEMORY", vm.ref)
            else:
                left[best] -= needed_to_start(vm)
                plan.moves[vm.ref] = best
        if refusal is not None:
            plan.refusals[vm.ref] = refusal
    return plan


def _refusal(db: Database, vm: Row, targets: list[Row]) -> Refusal | None:
    if not targets:
        return "NO_HOSTS_AVAILABLE", vm.ref
    if the_pool(db).ha_enabled and not (vm.ha_always_run and vm.ha_restart_priority == "restart"):
        return "HOST_EVACUATE_VM_NOT_HA_PROTECTED", vm.ref
    for target in targets:
        try:
            assert_can_boot_here(Question(db=db, vm=vm, host=target, memory=False))
        except XenAPIError as error:
            return error.description
    return allowed.refusal(db, vm, "pool_migrate")


async def empty(context: Context, host: str, network: str, batch: int) -> None:
    """Move every VM of a host away, ``batch`` at a time. Nothing moves if one cannot.

    Errors: the first refusal of the plan; whatever moving a VM fails with, save VM_BAD_POWER_STATE (it stopped meanwhile).
    """
    db = context.db
    plan = plan_evacuation(db, host)
    for refusal in plan.refusals.values():
        raise XenAPIError.relayed(*refusal)
    if network != NULL_REF:
        _check_network(db, network, set(plan.moves.values()))
    options = frozenmap({"live": "true"} if network == NULL_REF else {"live": "true", "network": network})
    waiting, done = list(plan.moves.items()), 0
    waiting.reverse()

    async def mover() -> None:
        nonlocal done
        while waiting:
            context.task.check_cancelled()
            vm, target = waiting.pop()
            try:
                await context.call("VM.pool_migrate", vm, target, options)
            except XenAPIError as error:
                if error.code not in ("VM_BAD_POWER_STATE", "HANDLE_INVALID"):
                    waiting.clear()
                    raise
            done += 1
            context.task.progress(done / len(plan.moves))

    movers = [Deferred.fromCoroutine(mover()) for _ in range(min(batch or DEFAULT_BATCH, len(plan.moves)))]
    outcomes: list[tuple[bool, Any]] = await DeferredList(movers, consumeErrors=True)
    for succeeded, outcome in outcomes:
        if not succeeded:
            outcome.raiseException()
    if resident_vms(db, host):
        raise XenAPIError("INTERNAL_ERROR", "VMs came to the host while it was evacuated")


async def stop_all(context: Context, host: str) -> None:
    """See to it that no VM runs on a host that goes down: move what can be moved, stop the rest."""
    plan = plan_evacuation(context.db, host)
    for vm, target in plan.moves.items():
        try:
            await context.call("VM.pool_migrate", vm, target, frozenmap({"live": "true"}))
        except XenAPIError:
            await context.call("VM.hard_shutdown", vm)
    for vm in plan.refusals:
        try:
            await context.call("VM.clean_shutdown", vm)
        except XenAPIError:
            await context.call("VM.hard_shutdown", vm)


def _check_network(db: Database, network: str, hosts: set[str]) -> None:
    """Errors: HOST_CANNOT_ATTACH_NETWORK, PIF_HAS_NO_NETWORK_CONFIGURATION, INTERFACE_HAS_NO_IP."""
    pifs = {pif.host: pif for pif in (db.get("PIF", ref) for ref in db.get("network", network).PIFs)}
    for host in hosts:
        pif = pifs.get(host)
        if pif is None or not pif.currently_attached:
            raise XenAPIError("HOST_CANNOT_ATTACH_NETWORK", host, network)
        address = pif.IP if pif.primary_address_type == "IPv4" else "".join(pif.IPv6)
        mode = pif.ip_configuration_mode if pif.primary_address_type == "IPv4" else pif.ipv6_configuration_mode
        if not address:
            raise XenAPIError("PIF_HAS_NO_NETWORK_CONFIGURATION" if mode == "None" else "INTERFACE_HAS_NO_IP", pif.ref)

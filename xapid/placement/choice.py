"""Which host is to run a VM. Serves ``VM.start``, ``VM.resume`` and ``VM.get_possible_hosts``."""

from __future__ import annotations

from random import Random

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.placement.checks import Needs, Question, assert_memory, can_boot_here, disks_of, is_live, networks_of
from xapid.placement.graphics import is_spread, room_for
from xapid.placement.memory import free, overhead_of
from xapid.placement.virtual_functions import may_be_sriov, remaining_capacity, sriov_of

_EMPTYING = ("evacuate", "shutdown", "reboot")


def choose_host(db: Database, random: Random, vm: Row, *, force: bool = False) -> Row:
    """The host for a VM that is to start or resume. A host that lacks nothing but memory is better than none.

    Errors: NO_HOSTS_AVAILABLE.
    """
    needs = Needs(db, vm)
    for memory in (True, False):
        candidates = _feasible(needs, memory=memory, force=force)
        if candidates:
            return _best(needs, random, candidates)
    raise XenAPIError("NO_HOSTS_AVAILABLE")


def reserve(db: Database, vm: Row, host: str) -> None:
    """Keep memory for a VM on a host, in the same breath as it was found free. Errors: HOST_NOT_ENOUGH_FREE_MEMORY."""
    assert_memory(db, vm, host)
    with db.transaction() as tx:
        tx.update(vm.ref, scheduled_to_be_resident_on=host)


def possible_hosts(db: Database, vm: Row) -> tuple[str, ...]:
    """References of the hosts on which a VM could run now."""
    if vm.scheduled_to_be_resident_on != NULL_REF:
        return (vm.scheduled_to_be_resident_on,)
    hosts, needs = [host for host in db.table("host") if is_live(db, host)], Needs(db, vm)
    questions = (Question(db=db, vm=vm, host=host, needs=needs, cpu_features=False, boots=True) for host in hosts)
    return tuple(question.host.ref for question in questions if can_boot_here(question))


def assert_agile(db: Database, vm: Row) -> None:
    """That nothing ties a VM to one host. Errors: HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED, …_NETWORK_NOT_SHARED."""
    for disk in disks_of(db, vm):
        sr = db.table("SR").find(disk.SR)
        if sr is None or not sr.shared:
            raise XenAPIError("HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED", disk.SR)
    everywhere = set(db.table("host").refs())
    for network in networks_of(db, vm):
        if network.other_config.get("assume_network_is_shared") == "true":
            continue
        if not network.managed and not network.PIFs:
            continue
        if not everywhere <= {db.get("PIF", ref).host for ref in network.PIFs}:
            raise XenAPIError("HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED", network.ref)


def _feasible(needs: Needs, *, memory: bool, force: bool) -> list[Row]:
    return [
        host
        for host in needs.db.table("host")
        if not any(operation in _EMPTYING for operation in host.current_operations.values())
        and can_boot_here(
            Question(db=needs.db, vm=needs.vm, host=host, needs=needs, memory=memory, cpu_features=not force, boots=True)
        )
    ]


def _best(needs: Needs, random: Random, candidates: list[Row]) -> Row:
    """The one where most speaks for it: the VM's group or what cards have left, its affinity, then room to grow."""
    db, vm = needs.db, needs.vm
    if any(_keeps_apart(db, group) for group in vm.groups):
        candidates = _lowest([(_crowd(db, vm, host), host) for host in candidates])
    elif vm.VGPUs or needs.functions:
        candidates = _lowest([(_cards(needs, host), host) for host in candidates])
    for host in candidates:
        if host.ref == vm.affinity:
            return host
    for bound in ("memory_static_max", "memory_dynamic_max"):
        roomy = [h for h in candidates if free(db, h.ref, vm.ref, bound) >= getattr(vm, bound) + overhead_of(vm)]
        if roomy:
            return random.choice(_spared(db, roomy))
    return random.choice(_spared(db, candidates))


def _spared(db: Database, candidates: list[Row]) -> list[Row]:
    """Without the coordinator, if the pool wants that and there are others."""
    pool = next(iter(db.table("pool")), None)
    if pool is None or not pool.coordinator_bias:
        return candidates
    return [host for host in candidates if host.ref != pool.master] or candidates


def _lowest(rated: list[tuple[int, Row]]) -> list[Row]:
    least = min(rate for rate, _ in rated)
    return [host for rate, host in rated if rate == least]


def _cards(needs: Needs, host: Row) -> int:
    """What speaks against a host as for its cards: how much room they have for the VM's virtual GPU, where cards are to be
    filled one by one; how little, where VMs are to be spread over them, as they are over virtual functions.
    """
    db, vm = needs.db, needs.vm
    vgpu = next((row for ref in vm.VGPUs if (row := db.table("VGPU").find(ref)) is not None), None)
    if vgpu is not None:
        room = sum(room for room, _ in room_for(db, vgpu, host))
        return -room if is_spread(db, vgpu) else room
    networks = [reach.network for reach in needs.networks if may_be_sriov(db, reach.network)]
    found = (sriov_of(db, network, host.ref) for network in networks)
    return -sum(remaining_capacity(db, sriov) for sriov in found if sriov is not None)


def _keeps_apart(db: Database, group: str) -> bool:
    row = db.table("VM_group").find(group)
    return row is not None and bool(row.placement == "anti_affinity")


def _crowd(db: Database, vm: Row, host: Row) -> int:
    """How many VMs of the same anti-affinity group a host has already, or is about to have."""
    members: set[str] = set()
    for ref in vm.groups:
        if _keeps_apart(db, ref):
            members.update(db.get("VM_group", ref).VMs)
    others = (db.get("VM", ref) for ref in members if ref != vm.ref)
    return sum(host.ref in (other.resident_on, other.scheduled_to_be_resident_on) for other in others)

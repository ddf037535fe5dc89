"""Where the VMs of a host could go, and why some cannot go anywhere. Changes nothing.

Serves ``host.evacuate``, ``assert_can_evacuate``, ``get_vms_which_prevent_evacuation`` and ``pool.check_update_readiness``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

import attrs

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations import allowed
from xapid.operations.allowed.rules import Refusal
from xapid.operations.cabling import the_pool
from xapid.operations.licences import is_licensed
from xapid.placement.checks import Needs, Question, assert_can_boot_here, is_live
from xapid.placement.memory import free, needed_to_start
from xapid.placement.roles import takes_vms
from xapid.placement.versions import version_of

_ENOUGH_TO_SPREAD: Final = 3
"""With fewer hosts, the members of an anti-affinity group have nowhere to go from each other."""


@attrs.frozen
class Plan:
    """Where each VM of a host goes, and why the others cannot."""

    moves: dict[str, str]
    refusals: dict[str, Refusal]


def resident_vms(db: Database, host: str) -> list[Row]:
    """The VMs on a host, its own system left out."""
    vms = [vm for ref in db.get("host", host).resident_VMs if (vm := db.table("VM").find(ref)) is not None]
    return [vm for vm in vms if not vm.is_control_domain]


def plan_evacuation(db: Database, host: str, to: str | None = None) -> Plan:
    """Spread the VMs of a host over the others, or move all ``to`` one. Errors: HANDLE_INVALID.

    Every VM must be able to run on every host that comes into question, as the reference server demands it; then the largest
    VMs are placed first, each where most memory is left.
    """
    source = db.get("host", host)
    targets = [row for row in db.table("host") if _comes_into_question(db, source, row) and to in (None, row.ref)]
    refusals: dict[str, Refusal] = {}
    movable = []
    for vm in resident_vms(db, host):
        refusal = _refusal(db, vm, targets)
        if refusal is None:
            movable.append(vm)
        else:
            refusals[vm.ref] = refusal
    moves = _Packing(db, targets, movable).best()
    refusals |= {vm.ref: ("HOST_NOT_ENOUGH_FREE_MEMORY", vm.ref) for vm in movable if vm.ref not in moves}
    return Plan(moves, refusals)


def _comes_into_question(db: Database, source: Row, row: Row) -> bool:
    if row.ref == source.ref or not row.enabled or not is_live(db, row) or not takes_vms(row):
        return False
    if version_of(row.software_version) < version_of(source.software_version):
        return False
    return "evacuate" not in row.current_operations.values()


def _refusal(db: Database, vm: Row, targets: list[Row]) -> Refusal | None:
    if not targets:
        return "NO_HOSTS_AVAILABLE", vm.ref
    if the_pool(db).ha_enabled and not (vm.ha_always_run and vm.ha_restart_priority == "restart"):
        return "HOST_EVACUATE_VM_NOT_HA_PROTECTED", vm.ref
    needs = Needs(db, vm)
    for target in targets:
        try:
            assert_can_boot_here(Question(db=db, vm=vm, host=target, needs=needs, memory=False))
        except XenAPIError as error:
            return error.description
    return allowed.refusal(db, vm, "pool_migrate")


Preference = Callable[[Row, str, dict[str, int]], tuple[int, ...]]
"""How much speaks for a host, given what each has left: the least is the best."""


class _Packing:
    """Puts VMs onto hosts by the memory that they need, the largest first."""

    def __init__(self, db: Database, targets: list[Row], vms: list[Row]) -> None:
        self._free = {row.ref: free(db, row.ref) for row in targets}
        self._needs = {vm.ref: needed_to_start(vm) for vm in vms}
        self._vms = sorted(vms, key=lambda vm: self._needs[vm.ref], reverse=True)
        self._groups = {vm.ref: [g for g in vm.groups if _keeps_apart(db, g)] for vm in vms}
        self._crowds = _crowds(db, {group for groups in self._groups.values() for group in groups}, set(self._needs))
        self._apart = len(db.table("host")) >= _ENOUGH_TO_SPREAD and any(self._groups.values()) and is_licensed(db, "VM_groups")

    def best(self) -> dict[str, str]:
        """The host for each VM, by the first preference with which all find room; those that find none are left out."""
        found: dict[str, str] = {}
        for preference in (self._spread, self._not_all_together, _roomiest, _tightest):
            if self._apart or preference in (_roomiest, _tightest):
                moves = self._place(preference)
                if len(moves) == len(self._vms):
                    return moves
                found = max(found, moves, key=len)
        return found

    def _place(self, preference: Preference) -> dict[str, str]:
        left, moves = dict(self._free), {}
        self._now = {group: Counter(crowd) for group, crowd in self._crowds.items()}
        for vm in self._vms:
            need = self._needs[vm.ref]
            roomy = [host for host in left if left[host] >= need]
            if roomy:
                host = min(roomy, key=lambda host: preference(vm, host, left))
                left[host] -= need
                moves[vm.ref] = host
                for group in self._groups[vm.ref]:
                    self._now[group][host] += 1
        return moves

    def _spread(self, vm: Row, host: str, left: dict[str, int]) -> tuple[int, ...]:
        return sum(self._now[group][host] for group in self._groups[vm.ref]), -left[host]

    def _not_all_together(self, vm: Row, host: str, left: dict[str, int]) -> tuple[int, ...]:
        """Better some of a group elsewhere than all in one place."""
        breaches = sum(
            0 < self._now[group][host] == self._now[group].total() for group in self._groups[vm.ref]
        )  # fmt: skip
        return breaches, -left[host]


def _roomiest(vm: Row, host: str, left: dict[str, int]) -> tuple[int, ...]:
    return (-left[host],)


def _tightest(vm: Row, host: str, left: dict[str, int]) -> tuple[int, ...]:
    """Even spreading may leave no room for the last; packing tightly sometimes does."""
    return (left[host],)


def _keeps_apart(db: Database, ref: str) -> bool:
    group = db.table("VM_group").find(ref)
    return group is not None and group.placement == "anti_affinity"


def _crowds(db: Database, groups: set[str], leaving: set[str]) -> dict[str, Counter[str]]:
    """For each group, how many of its VMs are on each host and stay there."""
    members = {group: [db.get("VM", ref) for ref in db.get("VM_group", group).VMs if ref not in leaving] for group in groups}
    return {
        group: Counter(str(vm.resident_on) for vm in vms if vm.resident_on in db.table("host"))
        for group, vms in members.items()
    }

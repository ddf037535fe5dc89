"""A migration with storage, as it was asked for: where to, what goes where, and why it cannot be.

Serves ``VM.migrate_send``, ``assert_can_migrate`` and ``assert_can_migrate_sender``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Final

import attrs

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.operations import allowed
from xapid.operations.allowed.sr_facts import features_of
from xapid.operations.vm_archive import own_disks
from xapid.placement.checks import reaches

LIMIT: Final = 3
"""How many VMs may leave a host with their storage at once."""
FEATURES: Final = ("VDI_SNAPSHOT", "VDI_MIRROR")
"""What a backend must be able to do for disks to leave it or come to it."""
_KEYS: Final = ("host", "master", "session_id", "SM", "xenops")


@attrs.frozen(slots=False, kw_only=True)
class Journey:
    """What was asked for. ``disks`` and ``networks`` are the maps of the call: VDI → SR and VIF → network."""

    db: Database
    vm: Row
    dest: Mapping[str, str]
    live: bool
    disks: Mapping[str, str]
    networks: Mapping[str, str]
    options: Mapping[str, str]

    @property
    def force(self) -> bool:
        return self.options.get("force") == "true"

    @property
    def copy(self) -> bool:
        """Whether the VM stays and another one is made of it."""
        return self.options.get("copy") == "true"

    @property
    def running(self) -> bool:
        """Whether a domain moves along."""
        return self.vm.power_state in ("Running", "Paused")

    @cached_property
    def within(self) -> bool:
        """Whether the destination is of this pool."""
        return self.dest["host"] in self.db.table("host")

    @cached_property
    def vms(self) -> list[Row]:
        """The VM and its snapshots, which go with it."""
        return [self.vm, *(self.db.get("VM", ref) for ref in self.vm.snapshots)]

    @cached_property
    def places(self) -> dict[str, str]:
        """The SR for each disk, of those that move. Errors: VDI_NOT_IN_MAP.

        A snapshot's disk goes where the disk goes that it was taken of, an image of memory where the VM keeps such. Within the
        pool, disks that the new host reaches stay.
        """
        table, found = self.db.table("VDI"), {}
        for disk in [disk for vm in self.vms for disk in own_disks(self.db, vm)]:
            place = self.disks.get(disk.ref) or self.disks.get(disk.snapshot_of)
            if place is None and self.within and reaches(self.db, self.dest["host"], disk.SR):
                continue
            if place is None and disk.type == "suspend" and self.within and self.vm.suspend_SR in self.db.table("SR"):
                place = self.vm.suspend_SR
            if place is None and disk.type == "suspend" and self.disks:
                place = next(iter(self.disks.values()))
            if place is None:
                raise XenAPIError("VDI_NOT_IN_MAP", disk.ref)
            if not self.within or place != disk.SR:
                found[disk.ref] = place
        for ref in self.disks:
            if ref not in table:
                raise XenAPIError("HANDLE_INVALID", "VDI", ref)
        return found

    @cached_property
    def nics(self) -> dict[str, str]:
        """The network for each VIF, between pools. A snapshot's VIF goes with the VM's that has its address.

        Errors: VIF_NOT_IN_MAP.
        """
        db, by_address = self.db, {}
        for ref in self.vm.VIFs:
            if ref not in self.networks:
                raise XenAPIError("VIF_NOT_IN_MAP", ref)
            by_address[db.get("VIF", ref).MAC] = self.networks[ref]
        found = {ref: self.networks[ref] for ref in self.vm.VIFs}
        for ref in [ref for vm in self.vms[1:] for ref in vm.VIFs]:
            network = self.networks.get(ref) or by_address.get(db.get("VIF", ref).MAC)
            if network is None:
                raise XenAPIError("VIF_NOT_IN_MAP", ref)
            found[ref] = network
        return found


def assert_may_leave(journey: Journey) -> None:
    """The checks that need nothing but this pool, in the order in which clients see them.

    Errors: VM_BAD_POWER_STATE and whatever keeps the VM from migrating, OPERATION_NOT_ALLOWED, VDI_NOT_IN_MAP,
    VIF_NOT_IN_MAP, VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION, VDI_CBT_ENABLED, VDI_IS_ENCRYPTED,
    SR_DOES_NOT_SUPPORT_MIGRATION, TOO_MANY_STORAGE_MIGRATES.
    """
    db, vm = journey.db, journey.vm
    for key in _KEYS[:3]:
        if not journey.dest.get(key):
            raise XenAPIError("INVALID_VALUE", "dest", f"there is no {key}")
    if "migrate_send" not in vm.current_operations.values():
        allowed.check(db, vm, "migrate_send", strict=not journey.force)
    if journey.copy and journey.within:
        raise XenAPIError("OPERATION_NOT_ALLOWED", "A copy can only be sent to another pool")
    if journey.copy and vm.power_state != "Halted":
        raise XenAPIError("VM_BAD_POWER_STATE", vm.ref, "halted", vm.power_state.lower())
    if journey.running and not journey.live:
        raise XenAPIError("VM_BAD_POWER_STATE", vm.ref, "halted", vm.power_state.lower())
    if journey.within and journey.networks:
        raise XenAPIError("OPERATION_NOT_ALLOWED", "Interfaces keep their networks within a pool")
    if not journey.within:
        _ = journey.nics
    moving = [db.get("VDI", ref) for ref in journey.places]
    for disk in moving:
        if disk.on_boot == "reset":
            raise XenAPIError("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION")
        if disk.cbt_enabled:
            raise XenAPIError("VDI_CBT_ENABLED", disk.ref)
        if disk.sm_config.get("key_hash"):
            raise XenAPIError("VDI_IS_ENCRYPTED", disk.ref)
    for sr in dict.fromkeys(disk.SR for disk in moving):
        assert_moves(sr, features_of(db, db.get("SR", sr).type))
    leaving = [row for row in db.table("VM") if "migrate_send" in row.current_operations.values() and row.ref != vm.ref]
    if moving and len([row for row in leaving if row.resident_on == vm.resident_on]) >= LIMIT:
        raise XenAPIError("TOO_MANY_STORAGE_MIGRATES", str(LIMIT))


def assert_moves(sr: str, features: frozenset[str]) -> None:
    """That disks can leave an SR, or come to it, with these features. Errors: SR_DOES_NOT_SUPPORT_MIGRATION."""
    missing = [name for name in FEATURES if name not in features]
    if missing:
        raise XenAPIError("SR_DOES_NOT_SUPPORT_MIGRATION", sr, ", ".join(missing))


def name_of_host(journey: Journey) -> str:
    """The host that the VM leaves; null for one that is nowhere."""
    ref: str = journey.vm.resident_on
    return ref if ref in journey.db.table("host") else NULL_REF

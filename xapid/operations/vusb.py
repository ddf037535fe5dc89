"""Virtual USB ports of VMs (class ``VUSB``): each takes a group of USB devices, and its VM to the host that has one."""

from __future__ import annotations

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations import allowed
from xapid.operations.context import Context
from xapid.operations.devices import assert_idle

MOST = 6
"""How many ports a VM may have."""


def create(context: Context, VM: str, USB_group: str, other_config: frozenmap) -> str:
    db = context.db
    vm, group = db.get("VM", VM), db.get("USB_group", USB_group)
    if vm.power_state != "Halted":
        raise XenAPIError("VM_BAD_POWER_STATE", VM, "halted", vm.power_state.lower())
    if len(vm.VUSBs) >= MOST:
        raise XenAPIError("TOO_MANY_VUSBS", str(MOST))
    if group.VUSBs:
        raise XenAPIError("USB_GROUP_CONFLICT", USB_group)
    with db.transaction() as tx:
        ref = tx.create("VUSB", VM=VM, USB_group=USB_group, other_config=other_config)
        allowed.refresh(tx, db, db.get("VUSB", ref), vm)
    return ref


def unplug(context: Context, self: str) -> None:
    with context.db.transaction() as tx:
        tx.update(context.db.get("VUSB", self), currently_attached=False)


def destroy(context: Context, self: str) -> None:
    db = context.db
    vusb = db.get("VUSB", self)
    assert_idle(vusb)
    if vusb.currently_attached:
        raise XenAPIError("OPERATION_NOT_ALLOWED", f"VUSB {self} is attached to a running VM")
    vm = db.table("VM").find(vusb.VM)
    with db.transaction() as tx:
        tx.destroy(vusb)
        if vm is not None:
            allowed.refresh(tx, db, vm)

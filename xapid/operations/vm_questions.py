"""What can be asked about a VM, and asked of its guest: places to run, operations, devices, plugins."""

from __future__ import annotations

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import EMPTY_MAP, frozenmap
from xapid.operations import allowed, attachments
from xapid.operations.balancing import for_vm
from xapid.operations.context import Context
from xapid.operations.devices import allowed_vbd_devices, allowed_vif_devices
from xapid.placement import checks, choice


def get_possible_hosts(context: Context, vm: str) -> tuple[str, ...]:
    return choice.possible_hosts(context.db, context.db.get("VM", vm))


def assert_can_boot_here(context: Context, self: str, host: str) -> None:
    vm, row = context.db.get("VM", self), context.db.get("host", host)
    checks.assert_can_boot_here(checks.Question(db=context.db, vm=vm, host=row, boots=True))


def assert_agile(context: Context, self: str) -> None:
    choice.assert_agile(context.db, context.db.get("VM", self))


def assert_operation_valid(context: Context, self: str, op: str) -> None:
    allowed.check(context.db, context.db.get("VM", self), op)


def update_allowed_operations(context: Context, self: str) -> None:
    vm = context.db.get("VM", self)
    with context.db.transaction() as tx:
        allowed.refresh(tx, context.db, vm)


def get_boot_record(context: Context, self: str) -> Row:
    return context.db.get("VM", self)


def get_allowed_VBD_devices(context: Context, vm: str) -> tuple[str, ...]:
    return allowed_vbd_devices(context.db, context.db.get("VM", vm))


def get_allowed_VIF_devices(context: Context, vm: str) -> tuple[str, ...]:
    return allowed_vif_devices(context.db, context.db.get("VM", vm))


async def retrieve_wlb_recommendations(context: Context, vm: str) -> dict[str, tuple[str, ...]]:
    """How good each host is for the VM; for those on which it cannot start, why."""
    db = context.db
    row = db.get("VM", vm)
    advice = await for_vm(context, row)
    for host in advice:
        try:
            checks.assert_can_boot_here(checks.Question(db=db, vm=row, host=db.get("host", host)))
        except XenAPIError as error:
            advice[host] = error.description
    return advice


def create_new_blob(context: Context, vm: str, name: str, mime_type: str, public: bool) -> str:
    return attachments.hang_blob(context, "VM", vm, name, mime_type, public)


def query_services(context: Context, self: str) -> frozenmap:
    """System domains of ours offer nothing."""
    context.db.get("VM", self)
    return EMPTY_MAP


def send_sysrq(context: Context, vm: str, key: str) -> None:
    """No hypervisor passes system requests on; what guards the call answers first."""
    raise XenAPIError("NOT_IMPLEMENTED", "VM.send_sysrq")


def send_trigger(context: Context, vm: str, trigger: str) -> None:
    """As :func:`send_sysrq`."""
    raise XenAPIError("NOT_IMPLEMENTED", "VM.send_trigger")


def add_to_VCPUs_params_live(context: Context, self: str, key: str, value: str) -> None:
    """Refused like the reference does, which looks at the VM first."""
    allowed.check(context.db, context.db.get("VM", self), "changing_VCPUs_live")
    raise XenAPIError("NOT_IMPLEMENTED", "VM.add_to_VCPUs_params_live")


def hard_reboot_internal(context: Context, vm: str) -> None:
    """A step between hosts of the reference, which nobody needs to take here."""
    raise XenAPIError("INTERNAL_ERROR", "VM.hard_reboot_internal is not for clients")

"""How VMs get a domain: ``VM.start``, ``start_on``, ``resume`` and ``resume_on``."""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.task import deferLater

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations.agent_errors import translated
from xapid.operations.alerts import tell_of_vm
from xapid.operations.anti_affinity import watch_groups
from xapid.operations.balancing import advised_host
from xapid.operations.context import Context
from xapid.operations.domain_config import image_config, vm_config
from xapid.operations.marks import marked
from xapid.operations.power_state import forget_guest, set_halted, set_live
from xapid.operations.vm_bios import GENERIC_BIOS_STRINGS
from xapid.placement.checks import Question, assert_can_boot_here, assert_sane
from xapid.placement.choice import choose_host, reserve
from xapid.placement.memory import domain_type_of, overhead_of

_BOOLEAN: Final = ("true", "false", "1", "0")
_LOADERS: Final = ("pygrub", "eliloader")
_DEVICE_MODEL: Final = {"bios": "qemu-upstream-compat", "uefi": "qemu-upstream-uefi"}


async def start(context: Context, vm: str, start_paused: bool, force: bool) -> None:
    row = _prepared(context, vm)
    host = await _chosen(context, row, force)
    with marked(context, host, "vm_start"):
        await boot(context, row, host.ref, start_paused)


async def start_on(context: Context, vm: str, host: str, start_paused: bool, force: bool) -> None:
    row = _prepared(context, vm)
    _assert_takes(context.db, row, host, force=force)
    await boot(context, row, host, start_paused)


async def resume(context: Context, vm: str, start_paused: bool, force: bool) -> None:
    row = context.db.get("VM", vm)
    _assert_has_image(context.db, row)
    host = await _chosen(context, row, force)
    with marked(context, host, "vm_resume"):
        await wake(context, row, host.ref, start_paused)


async def resume_on(context: Context, vm: str, host: str, start_paused: bool, force: bool) -> None:
    row = context.db.get("VM", vm)
    _assert_has_image(context.db, row)
    _assert_takes(context.db, row, host, force=force)
    await wake(context, row, host, start_paused)


async def boot(context: Context, vm: Row, host: str, paused: bool) -> None:
    """Make a domain for a halted VM on ``host`` and boot it. The VM has its final state when this returns."""
    db = context.db
    reserve(db, vm, host)
    try:
        with db.transaction() as tx:
            forget_guest(db, vm)
            if vm.ha_restart_priority == "restart":
                tx.update(vm.ref, ha_always_run=True)
        with translated(db, vm.ref):
            state = await context.agent(host).hypervisor.start(vm_config(db, db.get("VM", vm.ref)), paused)
    except BaseException:
        _give_up(db, vm)
        raise
    set_live(db, vm, host, state, context.now())
    tell_of_vm(db, context.now(), "VM_STARTED", vm, "was started", host)
    watch_groups(db, context.now(), vm.groups)
    if vm.start_delay > 0:
        await deferLater(context.clock, vm.start_delay)


async def wake(context: Context, vm: Row, host: str, paused: bool, *, alert: bool = True) -> None:
    """Make the domain of a suspended VM again on ``host``; its suspend image goes away."""
    db = context.db
    image = db.get("VDI", vm.suspend_VDI)
    reserve(db, vm, host)
    try:
        with translated(db, vm.ref):
            config = image_config(db, image)
            state = await context.agent(host).hypervisor.resume(vm_config(db, vm), config, paused)
    except BaseException:
        _give_up(db, vm)
        raise
    set_live(db, vm, host, state, context.now())
    with db.transaction() as tx:
        tx.update(vm.ref, suspend_VDI=NULL_REF)
    await discard_image(context, image.ref)
    if alert:
        tell_of_vm(db, context.now(), "VM_RESUMED", vm, "was resumed", host)
    watch_groups(db, context.now(), vm.groups)


async def discard_image(context: Context, image: str) -> None:
    """Destroy a suspend image, if that is possible: what nobody needs must not keep a VM from running."""
    if image in context.db.table("VDI"):
        try:
            await context.call("VDI.destroy", image)
        except XenAPIError as error:
            if error.code == "TASK_CANCELLED":
                raise


async def _chosen(context: Context, vm: Row, force: bool) -> Row:
    """The host for a VM that says nothing of where. Errors: NO_HOSTS_AVAILABLE."""
    advised = await advised_host(context, vm, force=force)
    vm = context.db.get("VM", vm.ref)
    return choose_host(context.db, context.ids.random, vm, force=force) if advised is None else advised


def _prepared(context: Context, ref: str) -> Row:
    """A VM with the settings filled in that it needs to start. Errors: what no host could start."""
    db = context.db
    vm = db.get("VM", ref)
    assert_sane(vm)
    assert_bootable(db, vm)
    changes: dict[str, Any] = {"domain_type": domain_type_of(vm), "memory_overhead": overhead_of(vm)}
    if not vm.bios_strings:
        changes["bios_strings"] = GENERIC_BIOS_STRINGS
    if changes["domain_type"] == "hvm" and "device-model" not in vm.platform:
        firmware = vm.HVM_boot_params.get("firmware", "bios")
        changes["platform"] = vm.platform.with_item("device-model", _DEVICE_MODEL[firmware])
    with db.transaction() as tx:
        tx.update(vm, **changes)
    return db.get("VM", ref)


def assert_bootable(db: Database, vm: Row) -> None:
    """Errors: INVALID_VALUE and VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE for settings, UNKNOWN_BOOTLOADER."""
    platform: frozenmap = vm.platform
    nested = platform.get("nested-virt", "false")
    if nested.lower() not in _BOOLEAN:
        raise XenAPIError("INVALID_VALUE", "platform:nested-virt", nested)
    model = platform.get("device-model", "")
    if vm.VUSBs and model and not model.startswith("qemu-upstream"):
        raise XenAPIError("INVALID_VALUE", "platform:device-model when vm has VUSBs", model)
    cores = platform.get("cores-per-socket")
    if cores is not None:
        if not cores.isascii() or not cores.isdigit() or int(cores) < 1:
            raise XenAPIError("INVALID_VALUE", "platform:cores-per-socket", cores)
        if vm.VCPUs_max % int(cores):
            raise XenAPIError("VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE", str(vm.VCPUs_max), cores)
    firmware = vm.HVM_boot_params.get("firmware", "bios")
    if domain_type_of(vm) == "hvm" and firmware not in _DEVICE_MODEL:
        raise XenAPIError("INVALID_VALUE", "HVM-boot-params['firmware']", firmware)
    if domain_type_of(vm) != "hvm" and vm.PV_bootloader and vm.PV_bootloader.rpartition("/")[2] not in _LOADERS:
        raise XenAPIError("UNKNOWN_BOOTLOADER", vm.ref, vm.PV_bootloader)


def _assert_takes(db: Database, vm: Row, host: str, *, force: bool) -> None:
    row = db.get("host", host)
    if "evacuate" in row.current_operations.values():
        raise XenAPIError("HOST_EVACUATE_IN_PROGRESS", host)
    assert_can_boot_here(Question(db=db, vm=vm, host=row, cpu_features=not force, boots=True))


def _assert_has_image(db: Database, vm: Row) -> None:
    """A suspended VM without its memory can only be switched off. Errors: VM_HAS_NO_SUSPEND_VDI."""
    if vm.suspend_VDI not in db.table("VDI"):
        set_halted(db, vm)
        raise XenAPIError("VM_HAS_NO_SUSPEND_VDI", "VM", vm.ref)


def _give_up(db: Database, vm: Row) -> None:
    if vm.ref in db.table("VM"):
        with db.transaction() as tx:
            tx.update(vm.ref, scheduled_to_be_resident_on=NULL_REF)

"""VMs made from templates, and destroyed with their disks."""

from __future__ import annotations

import re
from typing import Final

from lxml import etree

from xapid.cli import selectors
from xapid.cli.api import Api
from xapid.cli.command import Run, command
from xapid.cli.failures import CommandFailed
from xapid.cli.rows import show
from xapid.database import Row
from xapid.datamodel.types import NULL_REF, Ref

_MIB = 1 << 20
_VENDOR_DEVICE: Final = "has-vendor-device"
_SR = re.compile(r'\bsr="[^"]*"')


@command("vm-create", "name-label [name-description] |hidden")
async def vm_create(run: Run) -> None:
    """Make a VM without disks, and print its uuid."""
    memory = 256 * _MIB
    record = {
        "name_label": run["name-label"],
        "name_description": run["name-description"],
        "user_version": 0,
        "is_a_template": False,
        "affinity": NULL_REF,
        "memory_target": memory,
        "memory_static_max": memory,
        "memory_dynamic_max": memory,
        "memory_dynamic_min": 128 * _MIB,
        "memory_static_min": 128 * _MIB,
        "VCPUs_params": {},
        "VCPUs_max": 1,
        "VCPUs_at_startup": 1,
        "actions_after_shutdown": "destroy",
        "actions_after_reboot": "restart",
        "actions_after_crash": "destroy",
        "HVM_boot_policy": "",
        "HVM_boot_params": {},
        "platform": {},
        "PCI_bus": "",
        "other_config": {},
        "recommendations": "",
        "hardware_platform_version": 0,
        "generation_id": "",
        "has_vendor_device": False,
        **{f"PV_{name}": "" for name in ("bootloader", "kernel", "ramdisk", "args", "bootloader_args", "legacy_args")},
    }
    show(run, Ref("VM"), await run.api.call("VM.create", record))


@command("vm-install", "new-name-label [sr-name-label] [sr-uuid] [template] [copy-bios-strings-from] |standard")
async def vm_install(run: Run) -> None:
    """Make a VM from a template, with the disks that it asks for, and print its uuid."""
    api = run.api
    template = await _template(run)
    if template.is_a_snapshot and ("sr-uuid" in run.args or "sr-name-label" in run.args):
        raise CommandFailed("Disks of a snapshot go to the SRs that they are in: sr-uuid and sr-name-label do not apply")
    sr = await _chosen_sr(run)
    where = sr or api.row("SR", api.pool.default_SR)
    if where is None and "disks" in template.other_config:
        raise CommandFailed("The pool has no default SR. sr-uuid or sr-name-label is needed.")
    if sr is None:
        vm = await api.long("VM.clone", template.ref, run["new-name-label"])
    else:
        vm = await api.long("VM.copy", template.ref, run["new-name-label"], sr.ref)
    try:
        await api.call("VM.set_name_description", vm, "Installed via xe CLI")
        await api.call("VM.set_suspend_SR", vm, template.suspend_SR if sr is None else sr.ref)
        await _provision(run, vm, where, _recommended(template, _VENDOR_DEVICE) and not api.pool.policy_no_vendor_device)
    except Exception:
        await api.call("VM.destroy", vm)
        raise
    show(run, Ref("VM"), vm)


async def _provision(run: Run, vm: str, sr: Row | None, vendor_device: bool) -> None:
    api = run.api
    asked = await api.ask("VM.get_other_config", vm)
    if "disks" in asked and sr is not None:
        await api.call("VM.remove_from_other_config", vm, "disks")
        await api.call("VM.add_to_other_config", vm, "disks", _SR.sub(f'sr="{sr.uuid}"', asked["disks"]))
    await api.call("VM.set_has_vendor_device", vm, vendor_device)
    await api.long("VM.provision", vm)
    donor = run.args.find("copy-bios-strings-from")
    if donor is not None:
        await api.call("VM.copy_bios_strings", vm, await api.ref("host", donor))


def _recommended(template: Row, field: str) -> bool:
    """Whether a template recommends that its VMs have something."""
    try:
        advice = etree.fromstring(template.recommendations.encode())
    except etree.XMLSyntaxError:
        return False
    return any(each.get("field") == field and each.get("value") == "true" for each in advice.iter("restriction"))


async def _template(run: Run) -> Row:
    """The template that is meant by its uuid or its name. Raises :class:`CommandFailed`."""
    vms = await run.api.records("VM")
    uuid = run.args.find("template-uuid")
    wanted = uuid or run.args.find("template-name-label") or run.args.find("template-name") or run.args.find("template")
    if wanted is None:
        raise CommandFailed("No template: template is needed")
    found = [vm for vm in vms if vm.uuid == wanted]
    if not found and uuid is None:
        found = [vm for vm in vms if vm.name_label == wanted and vm.is_a_template and not vm.is_control_domain]
    if len(found) != 1:
        raise CommandFailed("More than one matching template found" if found else "No templates matched")
    if not found[0].is_a_template:
        raise CommandFailed("VMs can only be installed from templates")
    return found[0]


async def _chosen_sr(run: Run) -> Row | None:
    uuid, name = run.args.find("sr-uuid"), run.args.find("sr-name-label")
    chosen = None if uuid is None else await run.api.get("SR", uuid)
    if name is None:
        return chosen
    found = [sr for sr in await run.api.records("SR") if sr.name_label == name]
    if chosen is not None and found and chosen.name_label != name:
        raise CommandFailed(f"The SR with that sr-uuid is not called '{name}'")
    if chosen is None and len(found) != 1:
        raise CommandFailed("Multiple SRs with that name-label found" if found else "No SR with that name-label found")
    return chosen or found[0]


# Destroyed ---------------------------------------------------------------------------------------------------------------


@command("vm-uninstall", "[force] <vm> |standard")
async def vm_uninstall(run: Run) -> None:
    """Destroy VMs with their disks. Asks first, unless --force is given."""
    vms = await selectors.select(run)
    snapshots = run.api.rows("VM", [ref for vm in vms for ref in vm.snapshots])
    await _uninstall(run, [*vms, *snapshots])


@command("template-uninstall", "template-uuid [force] |standard")
async def template_uninstall(run: Run) -> None:
    """Destroy a template with its disks. Asks first, unless --force is given."""
    await _uninstall(run, [await selectors.template(run)])


@command("snapshot-uninstall", "[uuid] [snapshot-uuid] [force] |standard")
async def snapshot_uninstall(run: Run) -> None:
    """Destroy a snapshot with its disks. Asks first, unless --force is given."""
    await _uninstall(run, [await selectors.snapshot(run)])


async def _uninstall(run: Run, vms: list[Row]) -> None:
    """Destroys VMs, and of their disks those that were made for them: the drive says that it owns what is in it."""
    api = run.api
    disks = {vm.ref: _own_disks(api, vm) for vm in vms}
    lines = []
    for vm in vms:
        lines.append(f"VM : {vm.uuid} ({vm.name_label})")
        for vdi in disks[vm.ref]:
            warning = " ** WARNING: disk is shared by other VMs" if len(vdi.VBDs) > 1 else ""
            lines.append(f"VDI: {vdi.uuid} ({vdi.name_label}) {warning}")
    for line in ("The following items are about to be destroyed", *lines):
        run.terminal.print(line)
    if not await run.confirm():
        return
    for vm in vms:
        if vm.power_state != "Halted":
            await api.long("VM.hard_shutdown", vm.ref)
        await api.call("VM.destroy", vm.ref)
        for vdi in disks[vm.ref]:
            if api.now("VDI", vdi.ref) is not None:
                await api.call("VDI.destroy", vdi.ref)
    run.terminal.print("All objects destroyed")


def _own_disks(api: Api, vm: Row) -> list[Row]:
    owned = [vbd.VDI for vbd in api.rows("VBD", vm.VBDs) if "owner" in vbd.other_config]
    return api.rows("VDI", dict.fromkeys([*owned, vm.suspend_VDI]))

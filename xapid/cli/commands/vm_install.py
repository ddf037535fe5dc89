"""VMs made from templates, and destroyed with their disks."""

from __future__ import annotations

import re

from xapid.cli import selectors
from xapid.cli.api import Api
from xapid.cli.command import Run, command
from xapid.cli.failures import CommandFailed
from xapid.cli.rows import show
from xapid.database import Row
from xapid.datamodel.types import NULL_REF, Ref

_MIB = 1 << 20
_SR = re.compile(r'\bsr="[^"]*"')


@command("vm-create", "name-label [name-description] |hidden")
async def vm_create(run: Run) -> None:
    """Make a VM without disks, and print its uuid."""
    memory = 256 * _MIB
    record = {
        "name_label": run["name-label"],
        "name_description": run["name-description"],
        "user_version": 1,
        "is_a_template": False,
        "affinity": NULL_REF,
        "memory_target": memory,
        "memory_static_max": memory,
        "memory_dynamic_max": memory,
        "memory_dynamic_min": memory,
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
        **{f"PV_{name}": "" for name in ("bootloader", "kernel", "ramdisk", "args", "bootloader_args", "legacy_args")},
    }
    show(run, Ref("VM"), await run.api.call("VM.create", record))


@command("vm-install", "new-name-label [sr-name-label] [sr-uuid] [template] [copy-bios-strings-from] |standard")
async def vm_install(run: Run) -> None:
    """Make a VM from a template, with the disks that it asks for, and print its uuid."""
    api = run.api
    template = await _template(run)
    sr = await _chosen_sr(run)
    if sr is not None and _disks(api, template):
        vm = await api.long("VM.copy", template.ref, run["new-name-label"], sr.ref)
    else:
        vm = await api.long("VM.clone", template.ref, run["new-name-label"])
    try:
        await _provision(run, vm, sr)
    except Exception:
        await api.call("VM.destroy", vm)
        raise
    show(run, Ref("VM"), vm)


async def _provision(run: Run, vm: str, sr: Row | None) -> None:
    api = run.api
    donor = run.args.find("copy-bios-strings-from")
    if donor is not None:
        await api.call("VM.copy_bios_strings", vm, await api.ref("host", donor))
    asked = await api.ask("VM.get_other_config", vm)
    if "disks" in asked and "<disk" in asked["disks"]:
        where = sr or api.row("SR", api.pool.default_SR)
        if where is None:
            raise CommandFailed("The pool has no default SR. sr-uuid or sr-name-label is needed.")
        if sr is not None or 'sr=""' in asked["disks"]:
            await api.call("VM.remove_from_other_config", vm, "disks")
            await api.call("VM.add_to_other_config", vm, "disks", _SR.sub(f'sr="{where.uuid}"', asked["disks"]))
    await api.long("VM.provision", vm)


async def _template(run: Run) -> Row:
    wanted = run.args.find("template-uuid") or run.args.find("template-name") or run.args.find("template")
    if wanted is None:
        raise CommandFailed("No template: template is needed")
    templates = [vm for vm in await run.api.records("VM") if vm.is_a_template and not vm.is_control_domain]
    found = [vm for vm in templates if vm.uuid == wanted] or [vm for vm in templates if vm.name_label == wanted]
    if len(found) != 1:
        raise CommandFailed("More than one matching template found" if found else "No templates matched")
    return found[0]


async def _chosen_sr(run: Run) -> Row | None:
    uuid, name = run.args.find("sr-uuid"), run.args.find("sr-name-label")
    if uuid is not None:
        return await run.api.get("SR", uuid)
    if name is None:
        return None
    found = [sr for sr in await run.api.records("SR") if sr.name_label == name]
    if len(found) != 1:
        raise CommandFailed("More than one matching SR found" if found else "No SRs matched")
    return found[0]


def _disks(api: Api, vm: Row) -> list[Row]:
    drives = [vbd for vbd in api.rows("VBD", vm.VBDs) if vbd.type == "Disk"]
    return api.rows("VDI", [vbd.VDI for vbd in drives])


# Destroyed ---------------------------------------------------------------------------------------------------------------


@command("vm-uninstall", "[force] <vm> |standard")
async def vm_uninstall(run: Run) -> None:
    """Destroy VMs with their disks. Asks first, unless --force is given."""
    await _uninstall(run, await selectors.select(run))


@command("template-uninstall", "template-uuid [force] |standard")
async def template_uninstall(run: Run) -> None:
    """Destroy a template with its disks. Asks first, unless --force is given."""
    await _uninstall(run, [await run.api.get("VM", run["template-uuid"])])


@command("snapshot-uninstall", "[uuid] [snapshot-uuid] [force] |standard")
async def snapshot_uninstall(run: Run) -> None:
    """Destroy a snapshot with its disks. Asks first, unless --force is given."""
    uuid = run.args.find("snapshot-uuid") or run.args.find("uuid")
    if uuid is None:
        raise CommandFailed("Required parameter not found: snapshot-uuid")
    await _uninstall(run, [await run.api.get("VM", uuid)])


async def _uninstall(run: Run, vms: list[Row]) -> None:
    api = run.api
    going = {vm.ref for vm in vms}
    vdis = {
        vdi.ref: vdi
        for vm in vms
        for vdi in [*_disks(api, vm), *api.rows("VDI", [vm.suspend_VDI])]
        if all(vbd.VM in going for vbd in api.rows("VBD", vdi.VBDs))
    }
    lines = [f"VM : {vm.uuid} ({vm.name_label})" for vm in vms]
    lines += [f"VDI: {vdi.uuid} ({vdi.name_label})" for vdi in vdis.values()]
    if not await run.confirm("The following items are about to be destroyed", *lines):
        return
    for vm in vms:
        if vm.power_state != "Halted":
            await api.long("VM.hard_shutdown", vm.ref)
        await api.call("VM.destroy", vm.ref)
    for vdi in vdis:
        if api.row("VDI", vdi) is not None:
            await api.call("VDI.destroy", vdi)
    run.printer.message("All objects destroyed")

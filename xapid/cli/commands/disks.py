"""Drives and disks of VMs, seen from the VM: ``vm-disk-list``, ``vm-cd-insert`` and so on."""

from __future__ import annotations

from contextlib import suppress

import attrs

from xapid.cli import selectors, values
from xapid.cli.api import Api
from xapid.cli.command import Run, command
from xapid.cli.failures import CommandFailed
from xapid.cli.generic import print_rows
from xapid.cli.records.declared import Parameter
from xapid.cli.records.tables import RECORDS
from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF

_DISK = ("uuid vm-name-label userdevice", "uuid name-label sr-name-label virtual-size")
_EMPTY = "<EMPTY>"
_CD = ("uuid vm-name-label empty userdevice", "uuid name-label sr-name-label virtual-size")


@command("vm-disk-list", "[vbd-params] [vdi-params] <vm> |standard")
async def vm_disk_list(run: Run) -> None:
    """List the disks of VMs."""
    await selectors.for_each(run, lambda vm: _list(run, vm, "Disk", _DISK))


@command("vm-cd-list", "[vbd-params] [vdi-params] <vm> |standard")
async def vm_cd_list(run: Run) -> None:
    """List the CD drives of VMs, and what is in them."""
    await selectors.for_each(run, lambda vm: _list(run, vm, "CD", _CD))


@command("snapshot-disk-list", "[uuid] [snapshot-uuid] [vbd-params] [vdi-params] <vm> |standard")
async def snapshot_disk_list(run: Run) -> None:
    """List the disks of a snapshot."""
    await _list(run, await selectors.snapshot(run), "Disk", _DISK)


async def _list(run: Run, vm: Row, kind: str, default: tuple[str, str]) -> None:
    drives = [vbd for vbd in run.api.rows("VBD", vm.VBDs) if vbd.type == kind]
    drives.sort(key=lambda vbd: (len(vbd.userdevice), vbd.userdevice))
    for number, vbd in enumerate(drives):
        run.printer.message(f"{kind} {number} VBD:")
        await print_rows(run, RECORDS["VBD"], [vbd], _columns(run, "VBD", "vbd-params", default[0]))
        vdi = run.api.row("VDI", vbd.VDI)
        if vdi is not None:
            run.printer.message(f"{kind} {number} VDI:")
            await print_rows(run, RECORDS["VDI"], [vdi], _columns(run, "VDI", "vdi-params", default[1]))


def _columns(run: Run, cls: str, name: str, default: str) -> list[Parameter]:
    wanted = run.args.find(name)
    visible = [parameter for parameter in RECORDS[cls].parameters if not parameter.is_hidden]
    if wanted == "all":
        return visible
    names = default.split() if wanted is None else values.comma_separated(wanted)
    return [parameter for parameter in visible if parameter.name in names]


@command("vm-vif-list", "<vm> |standard")
async def vm_vif_list(run: Run) -> None:
    """List the network interfaces of VMs, however many these are."""
    shown = _columns(run, "VIF", "params", "uuid vm-name-label device MAC network-uuid network-name-label")
    others = (each for each in run.args.params if each[0] != "params")
    listing = attrs.evolve(run, args=attrs.evolve(run.args, params=(("multiple", "true"), *others)))
    await selectors.for_each(listing, lambda vm: print_rows(run, RECORDS["VIF"], run.api.rows("VIF", vm.VIFs), shown))


@command("vm-crashdump-list", "<vm>")
async def vm_crashdump_list(run: Run) -> None:
    """List the crash dumps of VMs."""

    async def show(vm: Row) -> None:
        await print_rows(
            run, RECORDS["crashdump"], run.api.rows("crashdump", vm.crash_dumps), list(RECORDS["crashdump"].parameters)
        )

    await selectors.for_each(run, show)


@command("cd-list", "[params] |standard")
async def cd_list(run: Run) -> None:
    """List the CDs that VMs can be given."""
    await print_rows(run, RECORDS["VDI"], await _cds(run.api), _columns(run, "VDI", "params", "uuid name-label"))


async def _cds(api: Api) -> list[Row]:
    isos = {sr.ref for sr in await api.records("SR") if sr.content_type == "iso"}
    return [vdi for vdi in await api.records("VDI") if vdi.SR in isos]


async def _cd(run: Run) -> Row:
    found = [vdi for vdi in await _cds(run.api) if run["cd-name"] in (vdi.name_label, vdi.uuid)]
    if len(found) != 1:
        raise CommandFailed(f"{'Several CDs are' if found else 'No CD is'} called '{run['cd-name']}'")
    return found[0]


@command("vm-cd-add", "cd-name device <vm> |standard")
async def vm_cd_add(run: Run) -> None:
    """Give VMs a CD drive with a CD in it."""
    vdi = await _cd(run)
    await selectors.for_each(run, lambda vm: _attach(run, vm, vdi.ref, "CD", "RO", {}))


@command("vm-cd-remove", "cd-name <vm> |standard")
async def vm_cd_remove(run: Run) -> None:
    """Take the CD drive with a CD in it from VMs, or with cd-name=<EMPTY> one without."""

    async def remove(vm: Row) -> None:
        for vbd in run.api.rows("VBD", vm.VBDs):
            vdi = run.api.row("VDI", vbd.VDI)
            names = (_EMPTY,) if vdi is None else (vdi.name_label, vdi.uuid)
            if vbd.type == "CD" and run["cd-name"] in names:
                await run.api.call("VBD.destroy", vbd.ref)
                return
        raise CommandFailed(f"No CD called '{run['cd-name']}' is in a drive of the VM")

    await selectors.for_each(run, remove)


@command("vm-cd-insert", "cd-name <vm> |standard")
async def vm_cd_insert(run: Run) -> None:
    """Put a CD into the empty CD drive of VMs."""
    vdi = await _cd(run)

    async def insert(vm: Row) -> None:
        drives = [vbd for vbd in run.api.rows("VBD", vm.VBDs) if vbd.type == "CD" and vbd.empty]
        if len(drives) != 1:
            raise CommandFailed("The VM has several empty CD drives" if drives else "The VM has no empty CD drive")
        await run.api.call("VBD.insert", drives[0].ref, vdi.ref)

    await selectors.for_each(run, insert)


@command("vm-cd-eject", "<vm> |standard")
async def vm_cd_eject(run: Run) -> None:
    """Take the CD out of the CD drive of VMs."""

    async def eject(vm: Row) -> None:
        drives = [vbd for vbd in run.api.rows("VBD", vm.VBDs) if vbd.type == "CD"]
        full = [vbd for vbd in drives if not vbd.empty] or drives
        if len(full) != 1:
            raise CommandFailed("The VM has several CD drives" if full else "The VM has no CD drive")
        await run.api.call("VBD.eject", full[0].ref)

    await selectors.for_each(run, eject)


@command("vm-disk-add", "disk-size device [sr-uuid] <vm> |standard")
async def vm_disk_add(run: Run) -> None:
    """Give VMs a new disk."""
    size = values.size("disk-size", run["disk-size"])
    sr = run.args.find("sr-uuid")
    where = run.api.pool.default_SR if sr is None else await run.api.ref("SR", sr)
    if run.api.row("SR", where) is None:
        raise CommandFailed("The pool has no default SR. sr-uuid is needed.")

    async def add(vm: Row) -> None:
        record: dict[str, object] = {
            "name_label": "Created by xe",
            "name_description": "Created by xe",
            "SR": where,
            "virtual_size": size,
            "type": "user",
            "sharable": False,
            "read_only": False,
            "other_config": {},
            "sm_config": {"vmhint": vm.uuid},
        }
        vdi = await run.api.call("VDI.create", record)
        try:
            await _attach(run, vm, vdi, "Disk", "RW", {"owner": ""})
        except Exception:
            await run.api.call("VDI.destroy", vdi)
            raise

    await selectors.for_each(run, add)


@command("vm-disk-remove", "device <vm> |standard")
async def vm_disk_remove(run: Run) -> None:
    """Destroy a disk of VMs, and take its drive from them."""

    async def remove(vm: Row) -> None:
        for vbd in run.api.rows("VBD", vm.VBDs):
            if vbd.type == "Disk" and vbd.userdevice == run["device"]:
                await run.api.call("VBD.destroy", vbd.ref)
                if vbd.VDI != NULL_REF:
                    await run.api.call("VDI.destroy", vbd.VDI)
                return
        raise CommandFailed(f"The VM has no disk at device {run['device']}")

    await selectors.for_each(run, remove)


async def _attach(run: Run, vm: Row, vdi: str, kind: str, mode: str, config: dict[str, str]) -> None:
    """Gives a VM a drive with a disk in it, and plugs it in if the VM can take it now."""
    record: dict[str, object] = {
        "VM": vm.ref,
        "VDI": vdi,
        "userdevice": run["device"],
        "bootable": False,
        "mode": mode,
        "type": kind,
        "unpluggable": True,
        "empty": False,
        "other_config": config,
        "qos_algorithm_type": "",
        "qos_algorithm_params": {},
    }
    vbd = await run.api.call("VBD.create", record)
    with suppress(XenAPIError):
        await run.api.call("VBD.plug", vbd)

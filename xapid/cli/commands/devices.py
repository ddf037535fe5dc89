"""Making and unplugging virtual devices."""

from __future__ import annotations

from twisted.internet.task import deferLater

from xapid.cli import values
from xapid.cli.command import Run, command
from xapid.cli.failures import CommandFailed
from xapid.cli.records.writing import typed
from xapid.cli.rows import show
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, Ref

_REFUSED = ("DEVICE_DETACH_REJECTED", "DEVICE_DETACH_TIMEOUT")


@command("vif-create", "device network-uuid vm-uuid [mac]")
async def vif_create(run: Run) -> None:
    """Give a VM a network interface, and print its uuid. mac=random chooses an address."""
    api, mac = run.api, run["mac"]
    vm, network = await api.ref("VM", run["vm-uuid"]), await api.get("network", run["network-uuid"])
    record = {
        "VM": vm,
        "network": network.ref,
        "device": run["device"],
        "MAC": "" if mac == "random" else mac,
        "MTU": network.MTU,
        "other_config": {},
        "qos_algorithm_type": "",
        "qos_algorithm_params": {},
    }
    show(run, Ref("VIF"), await api.call("VIF.create", record))


@command("vif-unplug", "uuid [force]")
async def vif_unplug(run: Run) -> None:
    """Take a network interface from its running VM."""
    vif = await run.api.ref("VIF", run["uuid"])
    await run.api.call("VIF.unplug_force" if run.is_forced else "VIF.unplug", vif)


@command("vbd-create", "vm-uuid device [vdi-uuid] [bootable] [type] [mode] [unpluggable]")
async def vbd_create(run: Run) -> None:
    """Give a VM a drive, and print its uuid. Without a disk, it is an empty CD drive."""
    api = run.api
    classes = {field.name: field.type for field in api.catalogue.classes["VBD"].fields}
    vdi, vm = run.args.find("vdi-uuid"), await api.ref("VM", run["vm-uuid"])
    disk = NULL_REF if vdi is None else await api.ref("VDI", vdi)
    kind = await typed(api, classes["type"], "type", run.args.get("type", "Disk"))
    if kind == "Disk" and vdi is None:
        raise CommandFailed("Only CD drives can be empty: vdi-uuid is needed, or type=CD")
    record = {
        "VM": vm,
        "VDI": disk,
        "userdevice": run["device"],
        "bootable": values.boolean("bootable", run.args.get("bootable", "false")),
        "mode": await typed(api, classes["mode"], "mode", run.args.get("mode", "RW")),
        "type": kind,
        "unpluggable": values.boolean("unpluggable", run.args.get("unpluggable", "true")),
        "empty": vdi is None,
        "other_config": {},
        "qos_algorithm_type": "",
        "qos_algorithm_params": {},
    }
    show(run, Ref("VBD"), await api.call("VBD.create", record))


@command("vbd-unplug", "uuid [timeout] [force]")
async def vbd_unplug(run: Run) -> None:
    """Take a drive from its running VM; for so many seconds, ask again while the guest refuses."""
    vbd = await run.api.ref("VBD", run["uuid"])
    timeout = values.number("timeout", run.args.get("timeout", "0"))
    until = run.clock.seconds() + timeout
    while True:
        try:
            await run.api.call("VBD.unplug_force" if run.is_forced else "VBD.unplug", vbd)
            return
        except XenAPIError as error:
            if error.code not in _REFUSED or run.clock.seconds() >= until:
                raise
        await deferLater(run.clock, 5.0)


@command("vbd-destroy", "uuid")
async def vbd_destroy(run: Run) -> None:
    """Take a drive from its VM for good."""
    await run.api.call("VBD.destroy", await run.api.ref("VBD", run["uuid"]))


@command("vgpu-create", "vm-uuid gpu-group-uuid [vgpu-type-uuid] [device]")
async def vgpu_create(run: Run) -> None:
    """Give a VM a virtual GPU, and print its uuid."""
    api = run.api
    kind = run.args.find("vgpu-type-uuid")
    made = await api.call(
        "VGPU.create",
        await api.ref("VM", run["vm-uuid"]),
        await api.ref("GPU_group", run["gpu-group-uuid"]),
        run.args.get("device", "0"),
        {},
        NULL_REF if kind is None else await api.ref("VGPU_type", kind),
    )
    show(run, Ref("VGPU"), made)

"""Copies and moves of disks, locks on them, and binary objects."""

from __future__ import annotations

from xapid.cli import values
from xapid.cli.command import Run, command
from xapid.cli.failures import CommandFailed
from xapid.cli.rows import show
from xapid.datamodel.types import Ref


@command("vdi-clone", "uuid [driver-params-] [new-name-label] [new-name-description]")
async def vdi_clone(run: Run) -> None:
    """Make a disk that shares its blocks with another, and print its uuid."""
    made = await run.api.long("VDI.clone", await run.api.ref("VDI", run["uuid"]), run.args.map("driver-params"))
    for field in ("name_label", "name_description"):
        value = run.args.find(f"new-{field.replace('_', '-')}")
        if value is not None:
            await run.api.call(f"VDI.set_{field}", made, value)
    show(run, Ref("VDI"), made)


@command("vdi-pool-migrate", "uuid sr-uuid [dest-img-format]")
async def vdi_pool_migrate(run: Run) -> None:
    """Move a disk to another SR while its VM runs, and print its new uuid."""
    vdi, sr = await run.api.ref("VDI", run["uuid"]), await run.api.ref("SR", run["sr-uuid"])
    format_ = run.args.find("dest-img-format")
    options = {} if format_ is None else {"dest_img_format": format_}
    show(run, Ref("VDI"), await run.api.long("VDI.pool_migrate", vdi, sr, options))


@command("vdi-unlock", "uuid [force]")
async def vdi_unlock(run: Run) -> None:
    """Break the lock of a disk that its host did not give up. Needs --force."""
    if not run.is_forced:
        raise CommandFailed("WARNING: forcibly unlocking a VDI can cause data loss. Use --force to go on.")
    await run.api.call("VDI.force_unlock", await run.api.ref("VDI", run["uuid"]))


_OWNERS = {"vm": "VM", "host": "host", "sr": "SR", "network": "network", "pool": "pool"}


@command("blob-create", "name [mime-type] [vm-uuid] [host-uuid] [sr-uuid] [network-uuid] [pool-uuid] [public] |hidden")
async def blob_create(run: Run) -> None:
    """Attach a new, empty binary object to another object, and print its uuid."""
    given = [(cls, value) for name, cls in _OWNERS.items() if (value := run.args.find(f"{name}-uuid")) is not None]
    if not given:
        raise CommandFailed("Need one of: vm-uuid, host-uuid, network-uuid, sr-uuid or pool-uuid")
    ((cls, uuid), *_) = given
    owner = await run.api.ref(cls, uuid)
    public = values.boolean("public", run.args.get("public", "false"))
    kind = run.args.get("mime-type", "application/octet-stream")
    show(run, Ref("blob"), await run.api.call(f"{cls}.create_new_blob", owner, run["name"], kind, public))

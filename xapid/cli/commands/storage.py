"""Repositories made, copies, sizes and moves of disks, locks on them, and binary objects."""

from __future__ import annotations

from xapid.cli import values
from xapid.cli.command import Run, command
from xapid.cli.failures import CommandFailed
from xapid.cli.rows import show
from xapid.datamodel.types import NULL_REF, Ref


@command("vdi-clone", "uuid [driver-params-] [new-name-label] [new-name-description]")
async def vdi_clone(run: Run) -> None:
    """Make a disk that shares its blocks with another, and print its uuid."""
    made = await run.api.long("VDI.clone", await run.api.ref("VDI", run["uuid"]), run.args.map("driver-params"))
    for field in ("name_label", "name_description"):
        value = run.args.find(f"new-{field.replace('_', '-')}")
        if value is not None:
            await run.api.call(f"VDI.set_{field}", made, value)
    show(run, Ref("VDI"), made)


@command("vdi-copy", "uuid [sr-uuid] [base-vdi-uuid] [into-vdi-uuid]")
async def vdi_copy(run: Run) -> None:
    """Copy a disk to an SR, or into another disk, and print the uuid of the copy."""
    api = run.api
    vdi, base = await api.ref("VDI", run["uuid"]), run.args.find("base-vdi-uuid")
    since = NULL_REF if base is None else await api.ref("VDI", base)
    sr, into = run.args.find("sr-uuid"), run.args.find("into-vdi-uuid")
    if (sr is None) == (into is None):
        raise CommandFailed("One of sr-uuid, for a new disk there, and into-vdi-uuid, for a disk to fill, is needed")
    where = NULL_REF if sr is None else await api.ref("SR", sr)
    what = NULL_REF if into is None else await api.ref("VDI", into)
    show(run, Ref("VDI"), await api.long("VDI.copy", vdi, where, since, what))


@command("vdi-resize", "uuid disk-size [online]")
async def vdi_resize(run: Run) -> None:
    """Give a disk another size; with online=true while a VM uses it."""
    vdi, size = await run.api.ref("VDI", run["uuid"]), values.size("disk-size", run["disk-size"])
    await run.api.long("VDI.resize_online" if run["online"] == "true" else "VDI.resize", vdi, size)


@command(
    "sr-create",
    "name-label type [name-description] [host-uuid] [device-config:] [shared] [physical-size] [content-type] [sm-config:]",
)
async def sr_create(run: Run) -> None:
    """Make a storage repository, on shared storage for all hosts of the pool, and print its uuid.

    A key of device-config that ends in -filename names a file of the user's, which has what it is to say.
    """
    api, shared = run.api, run.is_set("shared")
    uuid = run.args.find("host-uuid")
    if uuid is None and not shared and len(api.hosts) > 1:
        raise CommandFailed("Required parameter not found: host-uuid")
    host = api.coordinator if uuid is None else await api.ref("host", uuid)
    config = await run.with_files("device-config", _FILENAME, "File not found")
    size = values.size("physical-size", run.args.get("physical-size", "0"))
    made = await api.long(
        "SR.create", host, config, size, run["name-label"], run["name-description"], run["type"], run["content-type"], shared,
        run.args.map("sm-config"),
    )  # fmt: skip
    show(run, Ref("SR"), made)


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
    vdi = await run.api.ref("VDI", run["uuid"])
    run.assert_forced()
    await run.api.call("VDI.force_unlock", vdi)


_FILENAME = "-filename"
_OWNERS = {"vm": "VM", "pool": "pool", "sr": "SR", "host": "host", "network": "network"}


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

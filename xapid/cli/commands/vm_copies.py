"""VMs made of others: clones, copies, snapshots, and going back to them."""

from __future__ import annotations

from xapid.cli import selectors, values
from xapid.cli.command import Run, command
from xapid.cli.rows import show
from xapid.database import Row
from xapid.datamodel.types import NULL_REF, Ref


async def _done(run: Run, made: str) -> None:
    """Describes what was made as the user asked, and prints its uuid."""
    description = run.args.find("new-name-description")
    if description is not None:
        await run.api.call("VM.set_name_description", made, description)
    show(run, Ref("VM"), made)


async def _sr(run: Run) -> str:
    uuid = run.args.find("sr-uuid")
    return NULL_REF if uuid is None else await run.api.ref("SR", uuid)


@command("vm-clone", "new-name-label [new-name-description] <vm> |standard")
async def vm_clone(run: Run) -> None:
    """Make a VM that shares its disks' blocks with another, and print its uuid."""

    async def clone(vm: Row) -> None:
        await _done(run, await run.api.long("VM.clone", vm.ref, run["new-name-label"]))

    await selectors.for_each(run, clone, templates=True)


@command("vm-copy", "new-name-label [new-name-description] [sr-uuid] <vm> |standard")
async def vm_copy(run: Run) -> None:
    """Make a VM with full copies of another's disks, perhaps in another SR, and print its uuid."""
    sr = await _sr(run)

    async def copy(vm: Row) -> None:
        await _done(run, await run.api.long("VM.copy", vm.ref, run["new-name-label"], sr))

    await selectors.for_each(run, copy, several=False, templates=True)


@command("vm-snapshot", "new-name-label [new-name-description] [ignore-vdi-uuids] <vm> |standard")
async def vm_snapshot(run: Run) -> None:
    """Keep the state of a VM's disks, and print the snapshot's uuid."""
    ignored = [await run.api.ref("VDI", uuid) for uuid in values.comma_separated(run["ignore-vdi-uuids"])]

    async def snapshot(vm: Row) -> None:
        await _done(run, await run.api.long("VM.snapshot", vm.ref, run["new-name-label"], ignored))

    await selectors.for_each(run, snapshot)


@command("vm-snapshot-with-quiesce", "new-name-label [new-name-description] <vm> |standard")
async def vm_snapshot_with_quiesce(run: Run) -> None:
    """Keep the state of a VM's disks after its guest has brought them to rest."""

    async def snapshot(vm: Row) -> None:
        await _done(run, await run.api.long("VM.snapshot_with_quiesce", vm.ref, run["new-name-label"]))

    await selectors.for_each(run, snapshot)


@command("vm-checkpoint", "new-name-label [new-name-description] <vm> |standard")
async def vm_checkpoint(run: Run) -> None:
    """Keep the state of a VM's disks and memory, and print the snapshot's uuid."""

    async def checkpoint(vm: Row) -> None:
        await _done(run, await run.api.long("VM.checkpoint", vm.ref, run["new-name-label"]))

    await selectors.for_each(run, checkpoint)


@command("snapshot-clone", "new-name-label [uuid] [new-name-description] |standard")
async def snapshot_clone(run: Run) -> None:
    """Make a template that shares its disks' blocks with a snapshot, and print its uuid."""
    found = await selectors.snapshot(run)
    await _done(run, await run.api.long("VM.clone", found.ref, run["new-name-label"]))


@command("snapshot-copy", "new-name-label [uuid] [new-name-description] [sr-uuid] |standard")
async def snapshot_copy(run: Run) -> None:
    """Make a template with full copies of a snapshot's disks, and print its uuid."""
    sr, found = await _sr(run), await selectors.snapshot(run)
    await _done(run, await run.api.long("VM.copy", found.ref, run["new-name-label"], sr))


@command("snapshot-revert", "[uuid] [snapshot-uuid] |standard")
async def snapshot_revert(run: Run) -> None:
    """Bring a VM back to the state of a snapshot."""
    await run.api.long("VM.revert", (await selectors.snapshot(run)).ref)


@command("snapshot-destroy", "[uuid] [snapshot-uuid]")
async def snapshot_destroy(run: Run) -> None:
    """Destroy a snapshot, but leave its disks."""
    found = await selectors.snapshot(run)
    if found.power_state != "Halted":
        await run.api.long("VM.hard_shutdown", found.ref)
    await run.api.call("VM.destroy", found.ref)

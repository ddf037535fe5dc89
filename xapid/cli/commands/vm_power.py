"""VMs started and stopped."""

from __future__ import annotations

from xapid.cli import selectors
from xapid.cli.command import Run, command
from xapid.cli.failures import CommandFailed
from xapid.cli.selectors import KINDS
from xapid.database import Row


async def host_called(run: Run, wanted: str) -> str:
    """The host with this uuid or name. Raises :class:`CommandFailed`."""
    found = [row for row in run.api.hosts if wanted in (row.uuid, row.hostname, row.name_label)]
    if len(found) != 1:
        raise CommandFailed(f"Several hosts are called '{wanted}'" if found else KINDS["host"].nobody)
    return found[0].ref


@command("vm-start", "[force] [on] [paused] <vm> |standard")
async def vm_start(run: Run) -> None:
    """Start VMs, on any host that can run them or on a certain one."""
    on = run.args.find("on")
    host = None if on is None else await host_called(run, on)

    async def start(vm: Row) -> None:
        target = (vm.ref,) if host is None else (vm.ref, host)
        message = "VM.start" if host is None else "VM.start_on"
        await run.api.long(message, *target, run.is_set("paused"), run.is_forced)

    await selectors.for_each(run, start)


@command("vm-shutdown", "[force] <vm> |standard")
async def vm_shutdown(run: Run) -> None:
    """Shut VMs down; with --force, without asking their guests."""
    message = "VM.hard_shutdown" if run.is_forced else "VM.clean_shutdown"
    await selectors.for_each(run, lambda vm: run.api.long(message, vm.ref))


@command("vm-reboot", "[force] <vm> |standard")
async def vm_reboot(run: Run) -> None:
    """Reboot VMs; with --force, without asking their guests."""
    message = "VM.hard_reboot" if run.is_forced else "VM.clean_reboot"
    await selectors.for_each(run, lambda vm: run.api.long(message, vm.ref))


@command("vm-resume", "[force] [on] <vm> |standard")
async def vm_resume(run: Run) -> None:
    """Resume suspended VMs, on any host that can run them or on a certain one."""
    on = run.args.find("on")
    host = None if on is None else await host_called(run, on)

    async def resume(vm: Row) -> None:
        target = (vm.ref,) if host is None else (vm.ref, host)
        await run.api.long("VM.resume" if host is None else "VM.resume_on", *target, False, run.is_forced)

    await selectors.for_each(run, resume)


@command("vm-reset-powerstate", "[force] <vm> |standard")
async def vm_reset_powerstate(run: Run) -> None:
    """Have the database say that VMs are halted, after the host that ran them is gone. Needs --force."""
    _needs_force(run)
    await selectors.for_each(run, lambda vm: run.api.call("VM.power_state_reset", vm.ref))


@command("snapshot-reset-powerstate", "[uuid] [snapshot-uuid] [force] <vm> |standard")
async def snapshot_reset_powerstate(run: Run) -> None:
    """Have the database say that a snapshot is halted. Needs --force."""
    _needs_force(run)
    uuid = run.args.find("snapshot-uuid") or run.args.find("uuid")
    if uuid is not None:
        await run.api.call("VM.power_state_reset", await run.api.ref("VM", uuid))
    else:
        await selectors.for_each(run, lambda vm: run.api.call("VM.power_state_reset", vm.ref), templates=True)


def _needs_force(run: Run) -> None:
    if not run.is_forced:
        raise CommandFailed("This can lose data while the VM still runs somewhere. It must be forced (use --force).")

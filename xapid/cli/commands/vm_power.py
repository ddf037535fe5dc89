"""VMs started and stopped, given memory, and destroyed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from xapid.cli import selectors
from xapid.cli.command import Run, command
from xapid.cli.failures import CommandFailed
from xapid.cli.selectors import KINDS, snapshot
from xapid.cli.values import size
from xapid.cli.vm_places import show_places
from xapid.database import Row
from xapid.datamodel.errors import XenAPIError


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
        async with _places_told(run, vm):
            await run.api.long(message, *target, run.is_set("paused"), run.is_forced)

    await selectors.for_each(run, start, control=True)


@asynccontextmanager
async def _places_told(run: Run, vm: Row) -> AsyncIterator[None]:
    """If no host can take a VM, shows why each cannot."""
    try:
        yield
    except XenAPIError as error:
        if error.code == "NO_HOSTS_AVAILABLE":
            run.printer.lines(("There are no suitable hosts to start this VM on.", "This is why each of them cannot:", ""))
            await show_places(run, vm.ref)
        raise


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
        async with _places_told(run, vm):
            await run.api.long("VM.resume" if host is None else "VM.resume_on", *target, False, run.is_forced)

    await selectors.for_each(run, resume)


@command("vm-reset-powerstate", "[force] <vm> |standard")
async def vm_reset_powerstate(run: Run) -> None:
    """Have the database say that VMs are halted, after the host that ran them is gone. Needs --force."""
    run.assert_forced()
    await selectors.for_each(run, lambda vm: run.api.call("VM.power_state_reset", vm.ref))


@command("snapshot-reset-powerstate", "[uuid] [snapshot-uuid] [force] <vm> |standard")
async def snapshot_reset_powerstate(run: Run) -> None:
    """Have the database say that a snapshot is halted. Needs --force."""
    run.assert_forced()
    await run.api.call("VM.power_state_reset", (await snapshot(run)).ref)


@command("vm-memory-target-set", "target <vm>")
async def vm_memory_target_set(run: Run) -> None:
    """Give VMs so much memory, by ballooning."""
    await _set_target(run)


@command("vm-memory-balloon", "target <vm>", deprecated="use vm-memory-dynamic-range-set")
async def vm_memory_balloon(run: Run) -> None:
    """Give VMs so much memory, by ballooning."""
    await _set_target(run)


async def _set_target(run: Run) -> None:
    target = size("target", run["target"])
    await selectors.for_each(run, lambda vm: run.api.call("VM.set_memory_dynamic_range", vm.ref, target, target), control=True)


@command("vm-query-services", "<vm> |standard hidden")
async def vm_query_services(run: Run) -> None:
    """List the services that VMs offer the system."""

    async def one(vm: Row) -> None:
        run.printer.record([("Type", "Name"), *(await run.api.call("VM.query_services", vm.ref)).items()])

    await selectors.for_each(run, one)


@command("vm-destroy", "uuid")
async def vm_destroy(run: Run) -> None:
    """Destroy a VM, but leave its disks."""
    vm = await run.api.get("VM", run["uuid"])
    if vm.is_control_domain:
        raise XenAPIError("OPERATION_NOT_ALLOWED", "a control domain is not destroyed by a command")
    await run.api.call("VM.destroy", vm.ref)

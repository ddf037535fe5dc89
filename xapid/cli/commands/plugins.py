"""Plugins of hosts and of guests called; ``args:KEY:file=NAME`` gives what is in a file of the user's."""

from __future__ import annotations

from xapid.cli.command import Run, command

_FILE = ":file"


async def _args(run: Run) -> dict[str, str]:
    return await run.with_files("args", _FILE, "Failed to read file")


@command("host-call-plugin", "host-uuid plugin fn [args:]")
async def host_call_plugin(run: Run) -> None:
    """Call a function of a plugin on a host, and print what it returns."""
    host = await run.api.ref("host", run["host-uuid"])
    run.printer.line(await run.api.long("host.call_plugin", host, run["plugin"], run["fn"], await _args(run)))


@command("vm-call-plugin", "vm-uuid plugin fn [args:]")
async def vm_call_plugin(run: Run) -> None:
    """Call a function of a plugin in a guest, and print what it returns."""
    vm = await run.api.ref("VM", run["vm-uuid"])
    run.printer.line(await run.api.long("VM.call_plugin", vm, run["plugin"], run["fn"], await _args(run)))


@command("vm-call-host-plugin", "vm-uuid plugin fn [args:]")
async def vm_call_host_plugin(run: Run) -> None:
    """Call a function of a plugin on the host of a VM, and print what it returns."""
    vm = await run.api.ref("VM", run["vm-uuid"])
    run.printer.line(await run.api.long("VM.call_host_plugin", vm, run["plugin"], run["fn"], await _args(run)))

"""Plugins of hosts and of guests called; ``args:KEY:file=NAME`` gives what is in a file of the user's."""

from __future__ import annotations

from xapid.cli.command import Run, command
from xapid.cli.failures import CommandFailed

_FILE = ":file"


async def _args(run: Run) -> dict[str, str]:
    found = {}
    for key, value in run.args.map("args").items():
        if not key.endswith(_FILE):
            found[key] = value
            continue
        contents = await run.terminal.load(value)
        if contents is None:
            raise CommandFailed(f"Failed to read file: {value}")
        found[key.removesuffix(_FILE)] = contents.decode("utf-8", "replace")
    return found


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

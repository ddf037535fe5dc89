"""Where a VM could run: a table of the pool's hosts, with the reason why each cannot take it."""

from __future__ import annotations

from xapid.cli.command import Run
from xapid.cli.wording import told
from xapid.datamodel.errors import XenAPIError


async def show_places(run: Run, vm: str) -> None:
    """Prints the table."""
    found = []
    for host in run.api.hosts:
        try:
            await run.api.ask("VM.assert_can_boot_here", vm, host.ref)
            found.append((host.name_label, "OK"))
        except XenAPIError as problem:
            found.append((host.name_label, f"Cannot start here [{' '.join(told(run.api, problem).splitlines())}]"))
    run.printer.record(found)

"""What hosts, disks and VMs say of how they are: ``diagnostic-…``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from xapid.cli import selectors
from xapid.cli.command import Run, command
from xapid.cli.generic import print_rows
from xapid.cli.records.tables import RECORDS
from xapid.cli.vm_places import show_places
from xapid.cli.wording import told
from xapid.database import Row
from xapid.datamodel.errors import XenAPIError

_DAY_S: Final = 24 * 3600
_NOTHING: Final = "-"
_DISK: Final = "uuid name-label sr-uuid mode read-only sharable storage-lock"
_DRIVE: Final = "uuid userdevice device empty mode type storage-lock"


@command("diagnostic-timing-stats")
async def diagnostic_timing_stats(run: Run) -> None:
    """Show how long hosts take for what; with counts=true also how often they did it."""
    for host in run.api.hosts:
        said = {"host-uuid": host.uuid, "host-name-label": host.name_label}
        try:
            said |= await run.api.ask("host.get_diagnostic_timing_stats", host.ref, run.is_set("counts"))
        except XenAPIError as problem:
            said["Error"] = ": ".join(problem.description)
        run.printer.record(sorted(said.items()))


@command("diagnostic-db-stats")
async def diagnostic_db_stats(run: Run) -> None:
    """Show how many objects there are."""
    said = await run.api.ask("Diagnostics.db_stats")
    run.printer.message("Database: " + " ".join(f"{name}={value}" for name, value in said.items()))


@command("diagnostic-net-stats", "[uri] [method] [params] <host>")
async def diagnostic_net_stats(run: Run) -> None:
    """Show the connections of a host."""
    wanted = {name: run[name] for name in ("uri", "method", "params", "requests", "connections", "framed") if name in run.args}

    async def one(host: Row) -> None:
        rows: list[list[str]] = await run.api.ask("Diagnostics.network_stats", host.ref, wanted)
        for line in _aligned(rows, right=True):
            run.printer.message(" | ".join(line))

    await selectors.for_each(run, one, several=False)


def _aligned(rows: Sequence[Sequence[str]], *, right: bool = False) -> list[list[str]]:
    """The cells of every column as wide as the widest of it."""
    columns = max(map(len, rows), default=0)
    full = [[*row, *[""] * (columns - len(row))] for row in rows]
    widths = [max(map(len, column)) for column in zip(*full, strict=True)]
    return [[(cell.rjust if right else cell.ljust)(width) for cell, width in zip(row, widths, strict=True)] for row in full]


@command("diagnostic-license-status")
async def diagnostic_license_status(run: Run) -> None:
    """Show how every host of the pool is licensed, for how many features, and until when; the next to expire first."""
    now = datetime.fromtimestamp(run.clock.seconds(), UTC)
    hosts = sorted(run.api.hosts, key=lambda host: str(host.license_params.get("expiry", "")))
    lines = [["Hostname", "UUID", "Features", "Edition", "Expiry", "Days left"], [_NOTHING] * 6]
    for host in hosts:
        expiry = host.license_params.get("expiry", "")
        left = f"{(_moment(expiry) - now).total_seconds() / _DAY_S:.1f}" if expiry else _NOTHING
        lines.append(
            [host.hostname, host.uuid[:8], _allowed(host.license_params), host.edition or _NOTHING, expiry or _NOTHING, left]
        )
    lines += [[_NOTHING] * 6, [_NOTHING, _NOTHING, _allowed(run.api.pool.restrictions), _NOTHING, _NOTHING, _NOTHING]]
    for line in _aligned(lines):
        run.printer.message(" ".join(line))


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _allowed(restrictions: Any) -> str:
    """How many of the features that a license may withhold are not withheld."""
    features = [value for name, value in restrictions.items() if name.startswith("restrict_")]
    return f"{features.count('false')}/{len(features)}"


@command("diagnostic-vdi-status", "uuid")
async def diagnostic_vdi_status(run: Run) -> None:
    """Show a disk and the drives that it is in."""
    vdi = await run.api.get("VDI", run["uuid"])
    await _show(run, "VDI", vdi, _DISK)
    drives = run.api.rows("VBD", vdi.VBDs)
    active = [vbd for vbd in drives if vbd.currently_attached]
    inactive = [vbd for vbd in drives if not vbd.currently_attached]
    run.printer.line("active VBDs:" if active else "no active VBDs.")
    for vbd in active:
        await _show(run, "VBD", vbd, _DRIVE)
    if inactive:
        run.printer.line("inactive VBDs:")
    for vbd in inactive:
        await _show(run, "VBD", vbd, _DRIVE)


@command("diagnostic-vm-status", "uuid |standard")
async def diagnostic_vm_status(run: Run) -> None:
    """Show a VM, its drives, and where it can run."""
    vm = await run.api.get("VM", run["uuid"])
    await _show(run, "VM", vm, "uuid name-label power-state possible-hosts")
    run.printer.line("Checking to see whether disks are attachable")
    for vbd in run.api.rows("VBD", vm.VBDs):
        await _show(run, "VBD", vbd, f"{_DRIVE} vdi-uuid attachable")
    run.printer.line("Checking to see whether VM can boot on each host")
    await show_places(run, vm.ref)
    try:
        await run.api.ask("VM.assert_agile", vm.ref)
        run.printer.line("VM is agile.")
    except XenAPIError as problem:
        run.printer.line(f"VM is not agile because: {' '.join(told(run.api, problem).splitlines())}")


async def _show(run: Run, cls: str, row: Row, names: str) -> None:
    shown = [parameter for parameter in RECORDS[cls].parameters if parameter.name in names.split()]
    await print_rows(run, RECORDS[cls], [row], shown, expensive=True)

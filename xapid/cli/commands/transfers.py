"""Files that go to or come from the server: the client fetches and sends them over HTTP, as this server tells it."""

from __future__ import annotations

from pathlib import PurePath
from urllib.parse import urlencode

from xapid.cli import progress, selectors, values
from xapid.cli.api import Api
from xapid.cli.command import Run, command
from xapid.cli.failures import CommandFailed, Ended
from xapid.cli.line import Disconnected
from xapid.cli.rows import show
from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import Ref, Set
from xapid.report.writing import FORMATS

_OWN_TYPE = "default"


def address(path: str, api: Api, task: str | None = None, **query: str | None) -> str:
    """The URL of something that this server serves, with the session to get it."""
    given = {"session_id": api.session, "task_id": task, **query}
    return f"{path}?{urlencode({name: value for name, value in given.items() if value is not None})}"


async def transfer(
    run: Run, verb: str, file: str, path: str, label: str, /, *, task: str | None = None, **query: str | None
) -> Row:
    """Has the client carry a file, under a task that is waited for and returned when it succeeded. Errors: the task's."""
    api = run.api
    is_own = task is None
    task = task or await api.call("task.create", label, f"{run.command.name} {file}")
    # Below zero: nobody has begun to serve it.
    await api.call("task.set_progress", task, -1.0)
    url = address(path, api, task, **query)
    with progress.shown(run, task):
        try:
            went_well = await (run.terminal.get(file, url) if verb == "GET" else run.terminal.put(file, url))
        except Disconnected:
            await _abandon(api, task, is_own)
            raise
        row = api.now("task", task)
        if not went_well and (row is None or (row.status == "pending" and row.progress < 0)):
            if row is not None:
                await api.call("task.set_status", task, "failure")
                if is_own:
                    await api.call("task.destroy", task)
            raise CommandFailed(f"The file could not be {'fetched' if verb == 'GET' else 'sent'}")
        ended = await api.ended(task)
    if is_own:
        await api.wait(task)
    elif ended.status != "success":
        raise XenAPIError.relayed(*(ended.error_info or ("TASK_CANCELLED", task)))
    return ended


async def _abandon(api: Api, task: str, is_own: bool) -> None:
    """The client is gone. What somebody serves still ends by itself; what nobody has begun to serve ends here."""
    row = api.now("task", task)
    if row is not None and row.status == "pending" and row.progress < 0:
        await api.call("task.set_status", task, "failure")
        row = api.now("task", task)
    if is_own and row is not None and row.status != "pending":
        await api.call("task.destroy", task)


async def _task(run: Run) -> str | None:
    """The task that the user wants it to be, if any."""
    uuid = run.args.find("task-uuid")
    return None if uuid is None else await run.api.ref("task", uuid)


# VMs ---------------------------------------------------------------------------------------------------------------------


async def _export(run: Run, vm: Row) -> None:
    compress = run.args.get("compress", "false").lower()
    if compress not in ("gzip", "zstd"):
        compress = str(values.boolean("compress", compress)).lower()
    metadata = run.is_set("metadata")
    query = {
        "ref": vm.ref,
        "use_compression": None if metadata else compress,
        "preserve_power_state": str(run.is_set("preserve-power-state")).lower(),
        "export_snapshots": str(run.is_set("include-snapshots")).lower(),
        "excluded_device_types": run.args.find("excluded-device-types"),
    }
    path = "/export_metadata" if metadata else "/export"
    try:
        await transfer(run, "GET", run["filename"], path, "Export", task=await _task(run), **query)
    except XenAPIError as error:
        if error.code != "TASK_CANCELLED":
            raise
        run.terminal.print_error("Export cancelled\n")
        raise Ended(1) from None
    except CommandFailed:
        run.terminal.print_error("Export failed, unknown error\n")
        raise Ended(1) from None
    if run["filename"]:
        run.printer.message("Export succeeded")


@command(
    "vm-export",
    "filename [preserve-power-state] [compress] [metadata] [excluded-device-types] [include-snapshots] <vm> |standard",
)
async def vm_export(run: Run) -> None:
    """Write a VM and its disks, or its metadata alone, into a file."""
    await _export(run, await selectors.one(run))


@command(
    "snapshot-export-to-template",
    "filename snapshot-uuid [preserve-power-state] [compress] [metadata] [excluded-device-types] |standard",
)
async def snapshot_export_to_template(run: Run) -> None:
    """Write a snapshot and its disks into a file, as a template."""
    await _export(run, await selectors.snapshot(run))


@command("template-export", "filename template-uuid [compress] [metadata] [excluded-device-types] |standard")
async def template_export(run: Run) -> None:
    """Write a template and its disks into a file."""
    await _export(run, await selectors.template(run))


@command(
    "vm-import",
    "[filename] [preserve] [sr-uuid] [force] [host-username] [host-password] [type] [remote-config] [dry-run] [metadata] [url]"
    " [vdi:] |standard",
)
async def vm_import(run: Run) -> None:
    """Make VMs of a file that vm-export wrote, and print their uuids."""
    api = run.api
    sr = run.args.find("sr-uuid")
    where = api.row("SR", api.pool.default_SR) if sr is None else await api.get("SR", sr)
    if where is None:
        raise CommandFailed("No SR specified and Pool default SR is null")
    if "url" in run.args and "filename" in run.args:
        raise CommandFailed("What is at an address and what is in a file cannot be imported at once: url and filename")
    if run.args.get("type", _OWN_TYPE).lower() not in (_OWN_TYPE, "xenserver"):
        login = run["type"], run["host-username"], run["host-password"]
        await api.long("VM.import_convert", *login, where.ref, run.args.map("remote-config"))
        return
    if "url" in run.args:
        vms = await api.long("VM.import", run["url"], where.ref, run.is_set("preserve"), run.is_forced)
        run.terminal.print(",".join(api.uuid("VM", vm) or values.NOT_THERE for vm in vms))
        return
    if "filename" not in run.args:
        raise CommandFailed("Required parameter not found: filename or url")
    metadata, dry_run = run.is_set("metadata"), run.is_set("dry-run")
    if dry_run and not metadata:
        raise CommandFailed("Only metadata can be imported to see whether it would go well")
    query = {
        "restore": str(run.is_set("preserve")).lower(),
        "force": str(run.is_forced).lower(),
        "dry_run": str(dry_run).lower() if metadata else None,
        "sr_id": None if metadata else where.ref,
        **({f"vdi:{vdi}": uuid for vdi, uuid in run.args.map("vdi").items()} if metadata else {}),
    }
    path = "/import_metadata" if metadata else "/import"
    done = await transfer(run, "PUT", run["filename"], path, "Import", task=await _task(run), **query)
    vms = api.result(done, Set(Ref("VM"))) or ()
    run.terminal.print(",".join(api.uuid("VM", vm) or values.NOT_THERE for vm in vms))


# Disks -------------------------------------------------------------------------------------------------------------------


@command("vdi-export", "uuid filename [format] [base] [progress]")
async def vdi_export(run: Run) -> None:
    """Write a disk into a file: raw, or as a vhd, perhaps only what differs from another disk."""
    vdi = await run.api.ref("VDI", run["uuid"])
    base = run.args.find("base")
    from_ = None if base is None else await run.api.ref("VDI", base)
    await transfer(
        run, "GET", run["filename"], "/export_raw_vdi", "Export", task=await _task(run), vdi=vdi,
        format=run.args.get("format", "raw"), base=from_,
    )  # fmt: skip
    if run["filename"]:
        run.printer.message("Export succeeded")


@command("vdi-import", "uuid filename [format] [progress]")
async def vdi_import(run: Run) -> None:
    """Fill a disk from a file."""
    vdi = await run.api.ref("VDI", run["uuid"])
    await transfer(
        run, "PUT", run["filename"], "/import_raw_vdi", "Import", task=await _task(run), vdi=vdi,
        format=run.args.get("format", "raw"),
    )  # fmt: skip


# Hosts and the pool ------------------------------------------------------------------------------------------------------


async def _get(run: Run, file: str, path: str, label: str, host: Row | None = None, **query: str | None) -> None:
    await transfer(run, "GET", file, _at(run, host, path), label, **query)


async def _put(run: Run, file: str, path: str, label: str, host: Row | None = None, **query: str | None) -> None:
    await transfer(run, "PUT", file, _at(run, host, path), label, **query)


def _at(run: Run, host: Row | None, path: str) -> str:
    """The path at the host that has what is wanted."""
    return path if host is None or host.ref == run.api.here else f"https://{host.address}{path}"


@command("host-backup", "file-name <host>")
async def host_backup(run: Run) -> None:
    """Write a backup of a host into a file."""
    host = await selectors.one(run)
    await _get(run, run["file-name"], "/host_backup", "Download host backup", host)


@command("host-restore", "file-name <host>")
async def host_restore(run: Run) -> None:
    """Restore a host from a backup."""
    host = await selectors.one(run)
    await _put(run, run["file-name"], "/host_restore", "Upload host restore", host)


@command("host-logs-download", "[file-name] <host>")
async def host_logs_download(run: Run) -> None:
    """Write hosts' logs into a file, or one for each of several hosts."""
    now = await run.api.ask("host.get_servertime", run.api.coordinator)
    name = run.args.get("file-name", f"logs-{now.year}-{now.month}-{now.day}T{now:%H%M%S}Z")
    several = len(await selectors.select(run)) > 1

    async def one(host: Row) -> None:
        file = f"{name}-{host.name_label}" if several else name
        await _get(run, file, "/host_logs_download", "Download host logs", host)

    await selectors.for_each(run, one)


@command("host-get-system-status", "filename [entries] [output] <host>")
async def host_get_system_status(run: Run) -> None:
    """Write a report on the state of a host into a file."""
    host = await selectors.one(run)
    kind = run.args.get("output", "tar.bz2")
    if kind not in ("tar", "tar.bz2", "zip"):
        raise CommandFailed("Invalid output format. Must be 'tar', 'zip' or 'tar.bz2'")
    entries = run.args.find("entries")
    await _get(run, run["filename"], "/system-status", "Download system status", host, entries=entries, output=kind)


@command("audit-log-get", "filename [since]")
async def audit_log_get(run: Run) -> None:
    """Write the audit log into a file."""
    await _get(run, run["filename"], "/audit_log", "Download audit log", since=run.args.find("since"))
    run.terminal.print(f"audit-log-get into file {run['filename']} succeeded")


@command("pool-dump-database", "file-name")
async def pool_dump_database(run: Run) -> None:
    """Write the pool's whole database into a file."""
    await _get(run, run["file-name"], "/pool/xmldbdump", "Dump database")


@command("pool-restore-database", "file-name [dry-run]")
async def pool_restore_database(run: Run) -> None:
    """Replace the pool's whole database by a file's. Needs --force, unless it is only to be seen whether that would go well."""
    if "dry-run" not in run.args:
        run.assert_forced()
    dry_run = str(run.is_set("dry-run")).lower()
    await _put(run, run["file-name"], "/pool/xmldbdump", "Restore database", dry_run=dry_run)
    run.printer.line(
        "Host will reboot with restored database in a moment..." if dry_run == "false" else "Dry-run backup restore successful"
    )


@command("pool-resource-export", "filename [format] |standard")
async def pool_resource_export(run: Run) -> None:
    """Write a report of the pool's servers, networks, VDIs, storage, VMs and GPUs into a file: xlsx or csv."""
    ending = PurePath(run["filename"]).suffix.removeprefix(".").lower()
    form = run.args.find("format") or (ending if ending in FORMATS else "xlsx")
    if form not in FORMATS:
        raise CommandFailed(f"Invalid format. Must be {' or '.join(FORMATS)}")
    await _get(run, run["filename"], "/resource_report", "Export resource data", format=form)


@command("pool-retrieve-wlb-report", "report [filename] |local")
async def pool_retrieve_wlb_report(run: Run) -> None:
    """Write a report of the workload balancer into a file."""
    own = {"report", "filename", "username", "password"}
    more: dict[str, str | None] = {name: value for name, value in run.args.params if name not in own}
    await transfer(run, "GET", run["filename"], "/wlb_report", "Download WLB report", **{"report": run["report"], **more})
    if run["filename"]:
        run.terminal.print("Report generation succeeded")


@command("pool-retrieve-wlb-diagnostics", "[filename] |local")
async def pool_retrieve_wlb_diagnostics(run: Run) -> None:
    """Write the workload balancer's diagnostics into a file."""
    await _get(run, run["filename"], "/wlb_diagnostics", "Download WLB diagnostics")
    if run["filename"]:
        run.terminal.print("WLB diagnostics download succeeded")


@command("pool-sync-bundle", "filename")
async def pool_sync_bundle(run: Run) -> None:
    """Send a bundle of packages to the pool."""
    await _put(run, run["filename"], "/bundle", "Sync bundle")


@command("patch-upload", "file-name")
async def patch_upload(run: Run) -> None:
    """Send an update package to the pool, and print the uuid of the patch."""
    done = await transfer(run, "PUT", run["file-name"], "/pool_patch_upload", "Patch upload")
    show(run, Ref("pool_patch"), run.api.result(done, Ref("pool_patch")) or "")


@command("update-upload", "file-name [sr-uuid]")
async def update_upload(run: Run) -> None:
    """Send an update package to a new disk, introduce it, and print the uuid of the update."""
    sr = run.args.find("sr-uuid")
    query = {"sr_id": None if sr is None else await run.api.ref("SR", sr)}
    done = await transfer(run, "PUT", run["file-name"], "/pool_patch_upload", "Update upload", **query)
    show(run, Ref("pool_update"), run.api.result(done, Ref("pool_update")) or "")


@command("blob-get", "uuid filename |hidden")
async def blob_get(run: Run) -> None:
    """Write the contents of a blob into a file."""
    blob = await run.api.ref("blob", run["uuid"])
    if not await run.terminal.get(run["filename"], address("/blob", run.api, ref=blob)):
        raise CommandFailed("The blob could not be fetched")
    run.terminal.print("Blob get succeeded")


@command("blob-put", "uuid filename |hidden")
async def blob_put(run: Run) -> None:
    """Replace the contents of a blob by a file's."""
    blob = await run.api.ref("blob", run["uuid"])
    if not await run.terminal.put(run["filename"], address("/blob", run.api, ref=blob)):
        raise CommandFailed("The blob could not be sent")
    run.terminal.print("Blob put succeeded")


@command("console", "<vm>")
async def console(run: Run) -> None:
    """Connect this terminal to the text console of a VM."""
    vm = await selectors.one(run, control=True)
    consoles = run.api.rows("console", vm.consoles)
    found = next((each for each in consoles if each.protocol == "vt100"), None) or next(iter(consoles), None)
    if found is None:
        run.terminal.print_error("No text console available\n")
        raise Ended(1)
    run.terminal.print(f"Connecting to console on VM {vm.name_label}. Press Ctrl + ']' to quit.")
    if not await run.terminal.connect(f"{found.location}&session_id={run.api.session}"):
        raise CommandFailed("The console could not be reached")

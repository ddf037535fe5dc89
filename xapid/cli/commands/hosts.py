"""What hosts say of themselves, and hosts forgotten, licensed and reported."""

from __future__ import annotations

from typing import Final

from xapid.cli import selectors
from xapid.cli.command import Run, command
from xapid.cli.failures import CommandFailed
from xapid.cli.values import show
from xapid.database import Row

FEATURES: Final = ("features_pv", "features_hvm", "features_pv_host", "features_hvm_host")


async def _of(run: Run, name: str = "uuid") -> Row:
    """The host whose uuid is given, or the coordinator's."""
    uuid = run.args.find(name)
    if uuid is not None:
        return await run.api.get("host", uuid)
    return next(host for host in run.api.hosts if host.ref == run.api.coordinator)


@command("host-cpu-info", "[uuid]")
async def host_cpu_info(run: Run) -> None:
    """Show what processors a host has."""
    run.printer.record(list((await _of(run)).cpu_info.items()))


@command("host-get-cpu-features", "[uuid]")
async def host_get_cpu_features(run: Run) -> None:
    """Show the features of a host's processors, as numbers."""
    run.printer.record(features(await _of(run)))


def features(row: Row) -> list[tuple[str, str]]:
    """What ``cpu_info`` of a host or a pool says of features, for each kind of domain."""
    return [(name, row.cpu_info[name]) for name in FEATURES if name in row.cpu_info]


@command("host-license-view", "[host-uuid]")
async def host_license_view(run: Run) -> None:
    """Show what a host is licensed for."""
    told = (await _of(run, "host-uuid")).license_params
    run.printer.record([(name, value) for name, value in told.items() if name != "sku_type"])


@command("host-all-editions")
async def host_all_editions(run: Run) -> None:
    """List the editions that hosts can be licensed as."""
    editions = {edition: None for host in run.api.hosts for edition in (*host.editions, host.edition) if edition}
    run.printer.line(", ".join(editions))


@command("host-apply-edition", "edition [host-uuid] [license-server-address] [license-server-port]")
async def host_apply_edition(run: Run) -> None:
    """License a host as an edition, perhaps from another license server than before."""
    host = await _of(run, "host-uuid")
    server = dict(host.license_server)
    for part in ("address", "port"):
        if (value := run.args.find(f"license-server-{part}")) is not None:
            server[part] = value
    if server != dict(host.license_server):
        await run.api.call("host.set_license_server", host.ref, server)
    await run.api.call("host.apply_edition", host.ref, run["edition"], False)


@command("host-forget", "uuid")
async def host_forget(run: Run) -> None:
    """Forget a host that will never come back. Asks first, unless --force is given."""
    host = await run.api.get("host", run["uuid"])
    if await run.confirm(
        "WARNING: A host should only be forgotten if it is physically unrecoverable;",
        "WARNING: if possible, eject it from the pool instead.",
        "WARNING: Once a host has been forgotten it will have to be re-installed.",
        "WARNING: This operation is irreversible.",
        *own_disks(run, host),
    ):
        await run.api.call("host.destroy", host.ref)


@command("host-declare-dead", "uuid")
async def host_declare_dead(run: Run) -> None:
    """Say that a host is off for certain, and its VMs with it. Asks first, unless --force is given."""
    host = await run.api.get("host", run["uuid"])
    if await run.confirm(
        "WARNING: Only a host that was seen to be off should be declared dead.",
        "WARNING: If VMs still run on it, they may lose or corrupt data when they are started elsewhere.",
    ):
        await run.api.call("host.declare_dead", host.ref)


def own_disks(run: Run, host: Row) -> list[str]:
    """A warning of the disks that are lost with a host, because no other one sees their SRs."""
    srs = [run.api.row("SR", pbd.SR) for pbd in run.api.rows("PBD", host.PBDs)]
    disks = [disk for sr in srs if sr is not None and len(sr.PBDs) == 1 for disk in run.api.rows("VDI", sr.VDIs)]
    if not disks:
        return []
    return ["WARNING: No other host sees the SRs of these VDIs:", *(f"  {disk.uuid} ({disk.name_label})" for disk in disks)]


@command("host-enable", "<host>")
async def host_enable(run: Run) -> None:
    """Let hosts take VMs again; graphical clients no longer show them in maintenance."""

    async def enable(host: Row) -> None:
        await run.api.call("host.remove_from_other_config", host.ref, "MAINTENANCE_MODE")
        await run.api.call("host.enable", host.ref)

    await selectors.for_each(run, enable)


@command("host-enable-external-auth", "host-uuid auth-type service-name [config:] |hidden")
async def host_enable_external_auth(run: Run) -> None:
    """Have one host ask a directory, to mend what went wrong when the pool was to ask it. Needs --force."""
    _assert_forced(run, "pool-enable-external-auth")
    host, config = await run.api.ref("host", run["host-uuid"]), run.args.map("config")
    await run.api.call("host.enable_external_auth", host, config, run["service-name"], run["auth-type"])


@command("host-disable-external-auth", "host-uuid [config:] |hidden")
async def host_disable_external_auth(run: Run) -> None:
    """Have one host ask no directory any more, to mend what went wrong for the pool. Needs --force."""
    _assert_forced(run, "pool-disable-external-auth")
    host = await run.api.ref("host", run["host-uuid"])
    await run.api.call("host.disable_external_auth", host, run.args.map("config"))


def _assert_forced(run: Run, instead: str) -> None:
    if not run.is_forced:
        raise CommandFailed(f"This is for single hosts that differ from their pool. Use {instead}, or --force to go on.")


@command("host-bugreport-upload", "[url] [http_proxy] <host>")
async def host_bugreport_upload(run: Run) -> None:
    """Send a report on the state of hosts to a server."""
    proxy = run.args.find("http_proxy")
    options = {} if proxy is None else {"http_proxy": proxy}
    await selectors.for_each(run, lambda host: run.api.call("host.bugreport_upload", host.ref, run["url"], options))


@command("host-crashdump-upload", "uuid [url] [http_proxy]")
async def host_crashdump_upload(run: Run) -> None:
    """Send a crash dump of a host to a server."""
    proxy = run.args.find("http_proxy")
    dump = await run.api.ref("host_crashdump", run["uuid"])
    await run.api.call("host_crashdump.upload", dump, run["url"], {} if proxy is None else {"http_proxy": proxy})


@command("hostdriver-select", "uuid variant-name")
async def hostdriver_select(run: Run) -> None:
    """Choose the variant of a driver that a host loads when it boots."""
    driver = await run.api.get("Host_driver", run["uuid"])
    for variant in run.api.rows("Driver_variant", driver.variants):
        if variant.name == run["variant-name"]:
            await run.api.call("Host_driver.select", driver.ref, variant.ref)
            return
    raise CommandFailed(f"The driver has no variant '{run['variant-name']}'")


# Statistics --------------------------------------------------------------------------------------------------------------


async def _sources(run: Run, message: str, owner: Row) -> None:
    for source in await run.api.ask(message, owner.ref):
        run.printer.record([(name, _text(value)) for name, value in source.items() if name != "value"])


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6f}" if isinstance(value, float) else str(value)


@command("host-data-source-list", "<host>")
async def host_data_source_list(run: Run) -> None:
    """List what is measured of hosts."""
    await selectors.for_each(run, lambda host: _sources(run, "host.get_data_sources", host))


@command("vm-data-source-list", "<vm>")
async def vm_data_source_list(run: Run) -> None:
    """List what is measured of VMs."""
    await selectors.for_each(run, lambda vm: _sources(run, "VM.get_data_sources", vm))


@command("sr-data-source-list", "<sr>")
async def sr_data_source_list(run: Run) -> None:
    """List what is measured of storage repositories."""
    await selectors.for_each(run, lambda sr: _sources(run, "SR.get_data_sources", sr))


# Diagnostics -------------------------------------------------------------------------------------------------------------


@command("diagnostic-license-status")
async def diagnostic_license_status(run: Run) -> None:
    """Show how every host of the pool is licensed, and until when."""
    for host in run.api.hosts:
        said = host.license_params
        run.printer.record(
            [
                ("Hostname", host.hostname),
                ("UUID", host.uuid),
                ("Edition", host.edition),
                ("Expiry", said.get("expiry", "")),
                ("Product", said.get("sku_marketing_name", "")),
            ]
        )


@command("diagnostic-timing-stats")
async def diagnostic_timing_stats(run: Run) -> None:
    """Show how long hosts take for what."""
    for host in run.api.hosts:
        run.printer.record(list((await run.api.ask("host.get_diagnostic_timing_stats", host.ref)).items()))


@command("diagnostic-net-stats", "[uri] [method] [params] <host>")
async def diagnostic_net_stats(run: Run) -> None:
    """Show what hosts have been asked over HTTP."""
    wanted = {name: run[name] for name in ("uri", "method", "params") if name in run.args}

    async def one(host: Row) -> None:
        for line in await run.api.ask("Diagnostics.network_stats", host.ref, wanted):
            run.printer.line(" ".join(line))

    await selectors.for_each(run, one)


@command("diagnostic-vdi-status", "uuid")
async def diagnostic_vdi_status(run: Run) -> None:
    """Show a disk and the drives that it is in."""
    vdi = await run.api.get("VDI", run["uuid"])
    _status(run, vdi, "uuid", "name_label", "SR", "current_operations", "allowed_operations", "sharable", "read_only")
    for vbd in run.api.rows("VBD", vdi.VBDs):
        run.printer.message("VBD:")
        _status(run, vbd, *_DRIVE)


@command("diagnostic-vm-status", "uuid |standard")
async def diagnostic_vm_status(run: Run) -> None:
    """Show a VM, its drives, and where it can run."""
    vm = await run.api.get("VM", run["uuid"])
    _status(run, vm, "uuid", "name_label", "power_state", "resident_on", "current_operations", "allowed_operations")
    possible = await run.api.ask("VM.get_possible_hosts", vm.ref)
    uuids = "; ".join(run.api.uuid("host", ref) or "" for ref in possible)
    run.printer.message(f"Possible hosts: {uuids}")
    for vbd in run.api.rows("VBD", vm.VBDs):
        run.printer.message("VBD:")
        _status(run, vbd, *_DRIVE)


_DRIVE = ("uuid", "userdevice", "VDI", "currently_attached", "current_operations", "allowed_operations")


def _status(run: Run, row: Row, *fields: str) -> None:
    def text(name: str) -> str:
        return show(run.api.catalogue.field(row.kind, name).type, getattr(row, name), run.api.uuid)

    run.printer.record([(name.replace("_", "-"), text(name)) for name in fields])


@command("vm-is-bios-customized", "<vm>")
async def vm_is_bios_customized(run: Run) -> None:
    """Say whether VMs have the BIOS strings of a certain host."""

    async def one(vm: Row) -> None:
        strings = vm.bios_strings
        if not strings:
            run.printer.line("The BIOS strings of this VM have not yet been set.")
        elif strings.get("bios-vendor") == "Xen":
            run.printer.line("This VM is BIOS-generic.")
        else:
            run.printer.line("This VM is BIOS-customized.")

    await selectors.for_each(run, one)

"""What hosts say of themselves, and hosts forgotten, licensed and reported."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from xapid.cli import selectors
from xapid.cli.command import Run, command
from xapid.cli.failures import CommandFailed, Ended
from xapid.cli.records import reading
from xapid.cli.records.tables import RECORDS
from xapid.cli.values import comma_separated
from xapid.database import Row
from xapid.datamodel.errors import XenAPIError

_LAST_PORT = (1 << 16) - 1
_VM = RECORDS["VM"]

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
    """Show the features that a host's processors offer VMs, as numbers."""
    run.printer.record(features(await _of(run)))


def features(row: Row, names: Iterable[str] = FEATURES) -> list[tuple[str, str]]:
    """What ``cpu_info`` of a host or a pool says of features, for each kind of domain."""
    return [(name, row.cpu_info[name]) for name in names if name in row.cpu_info]


@command("host-license-view", "[host-uuid]")
async def host_license_view(run: Run) -> None:
    """Show what a host is licensed for."""
    said = (await _of(run, "host-uuid")).license_params
    run.printer.record([(name, value) for name, value in said.items() if name != "sku_type"])


@command("host-all-editions")
async def host_all_editions(run: Run) -> None:
    """List the editions that hosts can be licensed as."""
    run.printer.lines((await _of(run)).editions)


@command("host-apply-edition", "edition [host-uuid] [license-server-address] [license-server-port]")
async def host_apply_edition(run: Run) -> None:
    """License a host as an edition, perhaps from another license server than before."""
    host = await _of(run, "host-uuid")
    await _license(run, [host], lambda: run.api.call("host.apply_edition", host.ref, run["edition"], False))


@command("pool-apply-edition", "edition [uuid] [license-server-address] [license-server-port]")
async def pool_apply_edition(run: Run) -> None:
    """License every host of the pool as an edition, perhaps from another license server than before."""
    pool = await run.api.ref("pool", run["uuid"]) if "uuid" in run.args else run.api.pool.ref
    await _license(run, run.api.hosts, lambda: run.api.call("pool.apply_edition", pool, run["edition"]))


async def _license(run: Run, hosts: Iterable[Row], apply: Callable[[], Awaitable[None]]) -> None:
    """Names the license server to the hosts, then applies the edition; says which there are, if it is none of them."""
    given = {part: value for part in ("address", "port") if (value := run.args.find(f"license-server-{part}")) is not None}
    if "port" in given and not (given["port"].isdecimal() and int(given["port"]) <= _LAST_PORT):
        run.terminal.print_error("NOTE: The port is none, so it stays as it is.\n")
        del given["port"]
    for host in hosts:
        if dict(host.license_server) | given != dict(host.license_server):
            await run.api.call("host.set_license_server", host.ref, dict(host.license_server) | given)
    try:
        await apply()
    except XenAPIError as error:
        if error.code == "INVALID_EDITION":
            run.terminal.print_error(f"Valid editions are: {', '.join((await _of(run, 'host-uuid')).editions)}\n")
        raise


@command("host-license-add", "license-file [host-uuid]")
async def host_license_add(run: Run) -> None:
    """License a host with a file."""
    host, contents = await _of(run, "host-uuid"), await run.file("license-file")
    try:
        await run.api.call("host.license_add", host.ref, b64encode(contents).decode())
    except XenAPIError:
        run.terminal.print_error("The license file could not be applied.\n")
        raise Ended(1) from None
    run.terminal.print("License applied.")


@command("host-get-vms-which-prevent-evacuation", "uuid")
async def host_get_vms_which_prevent_evacuation(run: Run) -> None:
    """List the VMs that keep a host from being evacuated, and why."""
    host = await run.api.ref("host", run["uuid"])
    wanted = run.args.find("params")
    names = ("uuid", "name-label", "reason") if wanted is None else comma_separated(wanted)
    for vm, why in (await run.api.ask("host.get_vms_which_prevent_evacuation", host)).items():
        row = run.api.now("VM", vm)
        shown = [each for each in _VM.parameters if row is not None and (wanted == "all" or each.name in names)]
        fields = [(each.label, await reading.text(run.api, _VM, each, row)) for each in shown if row is not None]
        if wanted == "all" or "reason" in names:
            fields.append(("reason ( RO)", ",".join(why)))
        run.printer.record(fields)


@command("host-ha-xapi-healthcheck", "|local hidden")
async def host_ha_xapi_healthcheck(run: Run) -> None:
    """Say whether this server is well. Ends in status 2 if it says that it is not, and in 3 if it fails to say so."""
    try:
        is_well = await run.api.ask("host.ha_xapi_healthcheck")
    except XenAPIError as problem:
        run.terminal.print_error(f"The health check failed: {': '.join(problem.description)}\n")
        raise Ended(3) from None
    if not is_well:
        run.terminal.print_error("The health check says that the server is not well.\n")
        raise Ended(2)
    run.terminal.print("xapi is healthy.")


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
        "WARNING: If VMs still run on it,",
        "WARNING: they may lose or corrupt data when they are started elsewhere.",
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


_SHOWN = ("name_label", "name_description", "enabled", "standard", "min", "max", "units")


async def _sources(run: Run, message: str, owner: Row) -> None:
    sources = await run.api.ask(message, owner.ref)
    run.printer.table()
    for source in sources:
        run.printer.row([(name, _text(source[name])) for name in _SHOWN])


def _text(value: object) -> str:
    """Numbers look like this in the listings that scripts know: with a point, and no more digits than needed."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        text = f"{value:.12g}"
        return f"{text}." if text.removeprefix("-").isdigit() else text
    return str(value)


@command("host-data-source-list", "<host>")
async def host_data_source_list(run: Run) -> None:
    """List what is measured of hosts."""
    await selectors.for_each(run, lambda host: _sources(run, "host.get_data_sources", host), several=False)


@command("vm-data-source-list", "<vm>")
async def vm_data_source_list(run: Run) -> None:
    """List what is measured of VMs."""
    await selectors.for_each(run, lambda vm: _sources(run, "VM.get_data_sources", vm), several=False, control=True)


@command("sr-data-source-list", "<sr>")
async def sr_data_source_list(run: Run) -> None:
    """List what is measured of storage repositories."""
    await selectors.for_each(run, lambda sr: _sources(run, "SR.get_data_sources", sr), several=False)


@command("vm-is-bios-customized", "<vm>")
async def vm_is_bios_customized(run: Run) -> None:
    """Say whether VMs have the BIOS strings of a certain host."""

    async def one(vm: Row) -> None:
        strings = vm.bios_strings
        if not strings:
            run.printer.message("The BIOS strings of this VM have not yet been set.")
        elif strings.get("bios-vendor") == "Xen":
            run.printer.message("This VM is BIOS-generic.")
        else:
            run.printer.message("This VM is BIOS-customized.")

    await selectors.for_each(run, one)

"""Joining and leaving the pool, what it can survive, and what it trusts."""

from __future__ import annotations

from pathlib import PurePath

from xapid.cli import selectors
from xapid.cli.command import Run, command
from xapid.cli.commands.hosts import features, own_disks
from xapid.cli.failures import CommandFailed
from xapid.cli.rows import show
from xapid.cli.values import comma_separated, size
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import Ref


@command("pool-join", "master-address master-username master-password [force]")
async def pool_join(run: Run) -> None:
    """Make this host a member of another pool."""
    message = "pool.join_force" if run.is_forced else "pool.join"
    task = await run.api.call(f"Async.{message}", run["master-address"], run["master-username"], run["master-password"])
    try:
        await run.api.wait(task)
    except XenAPIError as error:
        # A host that has joined has forgotten its own sessions and tasks.
        if error.code not in ("SESSION_INVALID", "HOST_IS_SLAVE") and error.params[:2] != ("task", task):
            raise
    run.printer.message("Host agent will restart and attempt to join pool shortly...")


@command("pool-eject", "host-uuid")
async def pool_eject(run: Run) -> None:
    """Make a host leave the pool, with nothing on its disks. Asks first, unless --force is given."""
    host = await run.api.get("host", run["host-uuid"])
    if await run.confirm(
        "WARNING: Ejecting a host from the pool will reinitialise that host's local SRs.",
        "WARNING: Any data contained with the local SRs will be lost.",
        *own_disks(run, host),
    ):
        await run.api.long("pool.eject", host.ref)
        run.printer.message("Specified host will attempt to restart as a master of a new pool shortly...")


@command("pool-emergency-transition-to-master", "[force] |local")
async def pool_emergency_transition_to_master(run: Run) -> None:
    """Have this host lead the pool, with the copy of the database that it has. On the coordinator, needs --force."""
    if not run.is_forced and not await run.api.ask("pool.is_slave", run.api.here):
        run.printer.message("This host is the coordinator already. Use '--force' to go on all the same.")
    else:
        await run.api.call("pool.emergency_transition_to_master")


@command("pool-get-cpu-features")
async def pool_get_cpu_features(run: Run) -> None:
    """Show the processor features that all hosts of the pool have, as numbers."""
    run.printer.record(features(run.api.pool))


@command("pool-ha-compute-hypothetical-max-host-failures-to-tolerate", "[vm-uuid] [restart-priority]")
async def pool_ha_hypothetical(run: Run) -> None:
    """Say how many hosts could fail if VMs had other restart priorities; both parameters may come several times."""
    vms = [await run.api.ref("VM", value) for name, value in run.args.params if name == "vm-uuid"]
    priorities = [value for name, value in run.args.params if name == "restart-priority"]
    if len(vms) != len(priorities):
        raise CommandFailed("Call needs as many restart-priority parameters as vm-uuid ones")
    changes = dict(zip(vms, priorities, strict=True))
    run.printer.line(str(await run.api.ask("pool.ha_compute_hypothetical_max_host_failures_to_tolerate", changes)))


@command("pool-ha-compute-vm-failover-plan", "host-uuids |hidden")
async def pool_ha_plan(run: Run) -> None:
    """Show where VMs would be started if hosts failed."""
    hosts = [await run.api.ref("host", uuid) for uuid in comma_separated(run["host-uuids"])]
    vms = [vm.ref for vm in await run.api.records("VM") if vm.resident_on in hosts and not vm.is_control_domain]
    plan = await run.api.ask("pool.ha_compute_vm_failover_plan", hosts, vms)
    for ref, steps in plan.items():
        fields = [("VM uuid", run.api.uuid("VM", ref) or ref)]
        for name, value in steps.items():
            fields.append((f"{name} uuid", run.api.uuid("host", value) or value) if name == "host" else (name, value))
        run.printer.record(fields)


async def _install(run: Run, message: str) -> None:
    contents = await run.file("filename")
    await run.api.call(message, PurePath(run["filename"]).name, contents.decode("utf-8", "replace"))


@command("pool-certificate-install", "filename", deprecated="use pool-install-ca-certificate")
async def pool_certificate_install(run: Run) -> None:
    """Have the pool trust a certificate authority."""
    await _install(run, "pool.certificate_install")


@command("pool-install-ca-certificate", "filename")
async def pool_install_ca_certificate(run: Run) -> None:
    """Have the pool trust a certificate authority."""
    await _install(run, "pool.install_ca_certificate")


@command("pool-crl-install", "filename")
async def pool_crl_install(run: Run) -> None:
    """Give the pool a list of certificates that are no longer trusted."""
    await _install(run, "pool.crl_install")


@command("pvs-cache-storage-create", "sr-uuid pvs-site-uuid size <host>")
async def pvs_cache_storage_create(run: Run) -> None:
    """Keep a site's cache on an SR of a host, and print the uuid of that."""
    host = await selectors.one(run)
    record = {
        "host": host.ref,
        "SR": await run.api.ref("SR", run["sr-uuid"]),
        "site": await run.api.ref("PVS_site", run["pvs-site-uuid"]),
        "size": size("size", run["size"]),
    }
    show(run, Ref("PVS_cache_storage"), await run.api.call("PVS_cache_storage.create", record))

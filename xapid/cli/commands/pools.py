"""Joining and leaving the pool, what it can survive, and what it trusts."""

from __future__ import annotations

from pathlib import PurePath

from xapid.cli import selectors
from xapid.cli.command import Run, command
from xapid.cli.commands.hosts import FEATURES, features, own_disks
from xapid.cli.rows import show
from xapid.cli.values import size
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
    run.printer.line("Host agent will restart and attempt to join pool shortly...")


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
        run.printer.line("Specified host will attempt to restart as a master of a new pool shortly...")


@command("pool-emergency-transition-to-master", "[force] |local")
async def pool_emergency_transition_to_master(run: Run) -> None:
    """Make this member lead the pool, of which the coordinator is lost. What leads it already does so only with --force."""
    if not run.is_forced and not await run.api.ask("pool.is_slave", run.api.here):
        run.printer.line("This host is the coordinator already. Use '--force' to go on all the same.")
        return
    await run.api.call("pool.emergency_transition_to_master")
    run.printer.line("Host agent will restart and transition to master shortly...")


@command("pool-emergency-reset-master", "master-address |local")
async def pool_emergency_reset_master(run: Run) -> None:
    """Have this member follow the coordinator at another address."""
    await run.api.call("pool.emergency_reset_master", run["master-address"])
    run.printer.line(f"Host agent will restart and become slave of {run['master-address']} shortly...")


@command("pool-get-cpu-features")
async def pool_get_cpu_features(run: Run) -> None:
    """Show the processor features that all hosts of the pool have, as numbers."""
    run.printer.record(features(run.api.pool, FEATURES[2:]))


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

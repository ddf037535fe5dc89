"""VMs moved to other hosts: of this pool, with their disks if those are to go elsewhere, and of other pools."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

import attrs

from xapid.cli import selectors, values
from xapid.cli.api import ORIGINATOR, VERSION, Api
from xapid.cli.command import Run, command
from xapid.cli.commands.vm_power import host_called
from xapid.cli.failures import CommandFailed
from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.pool.client import XenAPIClient, split_address

_HTTPS: Final = 443


class _Destination(Protocol):
    """The pool that a VM goes to."""

    async def call(self, message: str, *params: Any) -> Any: ...


@attrs.frozen
class _Remote:
    """Another pool."""

    client: XenAPIClient
    session: str

    async def call(self, message: str, *params: Any) -> Any:
        return await self.client.call(message, self.session, *params)


@asynccontextmanager
async def _remote(run: Run) -> AsyncIterator[_Remote]:
    """Another pool, logged in to as the user says."""
    for name in ("remote-username", "remote-password"):
        if name not in run.args:
            raise CommandFailed(f"Required parameter not found: {name}")
    client = XenAPIClient(run.clock, *split_address(run["remote-master"], _HTTPS), _unreachable)
    login = run["remote-username"], run["remote-password"], VERSION, ORIGINATOR
    session = await client.call("session.login_with_password", *login)
    try:
        yield _Remote(client, session)
    finally:
        await client.call("session.logout", session)


def _unreachable() -> XenAPIError:
    return XenAPIError("VM_MIGRATE_CONTACT_REMOTE_SERVICE_FAILED")


@command(
    "vm-migrate",
    "[live] [host] [host-uuid] [remote-master] [remote-username] [remote-password] [remote-network] [force] [copy] [compress]"
    " [vif:] [vdi:] [image-format:] <vm> |standard",
)
async def vm_migrate(run: Run) -> None:
    """Move VMs to another host of the pool, or with remote-master to another pool; vdi:uuid=uuid says where disks go."""
    options = {
        name: str(values.boolean(name, run[name])).lower() for name in ("live", "force", "copy", "compress") if name in run.args
    }
    wanted = run.args.find("host-uuid") or run.args.find("host")
    if "remote-master" in run.args:
        run.printer.message("The VM moves with its disks.")
        async with _remote(run) as remote:
            host = await _host_there(remote, wanted)
            await selectors.for_each(run, lambda vm: _send(run, vm, remote, host, options))
        return
    if wanted is None:
        raise CommandFailed("No destination: host or host-uuid is needed")
    here = await host_called(run, wanted)
    if run.args.map("vdi"):
        await selectors.for_each(run, lambda vm: _send(run, vm, run.api, here, options))
    else:
        options.setdefault("live", "true")
        await selectors.for_each(run, lambda vm: run.api.long("VM.pool_migrate", vm.ref, here, options))


async def _host_there(remote: _Destination, wanted: str | None) -> str:
    hosts: dict[str, Any] = await remote.call("host.get_all_records")
    for ref, host in hosts.items():
        if host["enabled"] if wanted is None else wanted in (host["uuid"], host["name_label"], host["hostname"]):
            return ref
    raise CommandFailed("No matching hosts found")


async def _send(run: Run, vm: Row, there: _Destination, host: str, options: dict[str, str]) -> None:
    network = await _network(run, there, host)
    destination = await there.call("host.migrate_receive", host, network, {})
    disks = await _disks(run, vm, there)
    interfaces = await _interfaces(run, vm, there, host, network)
    formats = {await run.api.ref("VDI", uuid): format_ for uuid, format_ in run.args.map("image-format").items()}
    live = options.get("live", "true") == "true" and vm.power_state != "Halted"
    more = {name: value for name, value in options.items() if name != "live"}
    if there is not run.api:
        names = [await there.call(f"{cls}.get_name_label", ref) for cls, ref in (("host", host), ("network", network))]
        run.printer.message(f"It goes to host {names[0]} over network {names[1]}, and its disks to these SRs:")
        for vdi, sr in disks.items():
            run.printer.message(f"VDI {run.api.uuid('VDI', vdi)} -> SR {await there.call('SR.get_uuid', sr)}")
    moved = await run.api.long("VM.migrate_send", vm.ref, destination, live, disks, interfaces, more, {}, formats)
    if more.get("copy") == "true":
        run.printer.line(await there.call("VM.get_uuid", moved))


async def _network(run: Run, there: _Destination, host: str) -> str:
    """Over which the VM goes: as the user says, or that of the host's management interface."""
    uuid = run.args.find("remote-network")
    if uuid is not None:
        return str(await there.call("network.get_by_uuid", uuid))
    pif = await there.call("host.get_management_interface", host)
    return str(await there.call("PIF.get_network", pif))


async def _disks(run: Run, vm: Row, there: _Destination) -> dict[str, str]:
    """Where each disk goes: as the user says, or to the other pool's default SR."""
    api: Api = run.api
    found = {await api.ref("VDI", vdi): await there.call("SR.get_by_uuid", sr) for vdi, sr in run.args.map("vdi").items()}
    if there is api:
        return found
    (pool,) = await there.call("pool.get_all")
    default = await there.call("pool.get_default_SR", pool)
    for vbd in api.rows("VBD", vm.VBDs):
        if vbd.type == "Disk" and vbd.VDI != NULL_REF and default != NULL_REF:
            found.setdefault(vbd.VDI, default)
    return found


async def _interfaces(run: Run, vm: Row, there: _Destination, host: str, network: str) -> dict[str, str]:
    """Which network each interface gets: as the user says, or in another pool the one that the VM goes over."""
    asked = run.args.map("vif").items()
    found = {await run.api.ref("VIF", vif): await there.call("network.get_by_uuid", uuid) for vif, uuid in asked}
    is_here = run.api.row("host", host) is not None
    return found if is_here else dict.fromkeys(vm.VIFs, network) | found

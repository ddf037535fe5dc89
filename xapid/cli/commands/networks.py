"""VLANs and tunnels, known by the interfaces that they make, and addresses of interfaces."""

from __future__ import annotations

from xapid.cli import values
from xapid.cli.command import Run, command
from xapid.cli.failures import CommandFailed
from xapid.cli.records.writing import typed
from xapid.cli.rows import show
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import Ref


@command("vlan-create", "pif-uuid vlan network-uuid")
async def vlan_create(run: Run) -> None:
    """Connect a network to a VLAN, and print the uuid of the interface that is made for it."""
    network = await run.api.ref("network", run["network-uuid"])
    pif = await run.api.ref("PIF", run["pif-uuid"])
    made = await run.api.call("VLAN.create", pif, values.integer("vlan", run["vlan"]), network)
    show(run, Ref("PIF"), await run.api.ask("VLAN.get_untagged_PIF", made))


@command("vlan-destroy", "uuid")
async def vlan_destroy(run: Run) -> None:
    """Disconnect a network from its VLAN, which may be named by the uuid of its interface."""
    try:
        vlan = await run.api.ref("VLAN", run["uuid"])
    except XenAPIError as unknown:
        try:
            pif = await run.api.ref("PIF", run["uuid"])
        except XenAPIError:
            raise unknown from None
        await run.api.call("PIF.destroy", pif)
    else:
        await run.api.call("VLAN.destroy", vlan)


@command("tunnel-create", "pif-uuid network-uuid [protocol]")
async def tunnel_create(run: Run) -> None:
    """Connect a network by tunnels, and print the uuid of the interface that is made for it."""
    network = await run.api.ref("network", run["network-uuid"])
    pif = await run.api.ref("PIF", run["pif-uuid"])
    made = await run.api.call("tunnel.create", pif, network, run.args.get("protocol", "gre"))
    show(run, Ref("PIF"), await run.api.ask("tunnel.get_access_PIF", made))


def _spelled_anyhow(run: Run, name: str) -> str:
    return next((value for key, value in run.args.params if key.lower() == name.lower()), "")


@command("pif-reconfigure-ip", "uuid mode [IP] [netmask] [gateway] [DNS]")
async def pif_reconfigure_ip(run: Run) -> None:
    """Give a network interface another IPv4 address."""
    message = "PIF.reconfigure_ip"
    mode = await typed(run.api, run.api.catalogue.messages[message].message.params[1].type, "mode", run["mode"])
    pif = await run.api.ref("PIF", run["uuid"])
    ip, dns = _spelled_anyhow(run, "IP"), _spelled_anyhow(run, "DNS")
    await run.api.call(message, pif, mode, ip, run["netmask"], run["gateway"], dns)


@command("pif-reconfigure-ipv6", "uuid mode [IPv6] [gateway] [DNS]")
async def pif_reconfigure_ipv6(run: Run) -> None:
    """Give a network interface another IPv6 address."""
    message = "PIF.reconfigure_ipv6"
    mode = await typed(run.api, run.api.catalogue.messages[message].message.params[1].type, "mode", run["mode"])
    pif = await run.api.ref("PIF", run["uuid"])
    await run.api.call(message, pif, mode, _spelled_anyhow(run, "IPv6"), run["gateway"], _spelled_anyhow(run, "DNS"))


async def _configure(run: Run, message: str) -> None:
    mode = await typed(run.api, run.api.catalogue.messages[message].message.params[1].type, "mode", run["mode"])
    if mode == "Static" and not run["address"]:
        raise CommandFailed("Required parameter not found: address")
    await run.api.call(message, await run.api.ref("VIF", run["uuid"]), mode, run["address"], run["gateway"])


@command("vif-configure-ipv4", "uuid mode [address] [gateway]")
async def vif_configure_ipv4(run: Run) -> None:
    """Have the guest give one of its interfaces another IPv4 address."""
    await _configure(run, "VIF.configure_ipv4")


@command("vif-configure-ipv6", "uuid mode [address] [gateway]")
async def vif_configure_ipv6(run: Run) -> None:
    """Have the guest give one of its interfaces another IPv6 address."""
    await _configure(run, "VIF.configure_ipv6")

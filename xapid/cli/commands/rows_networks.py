"""Commands that are one message each: networks and network interfaces."""

from __future__ import annotations

from xapid.cli.rows import made, row

ROWS = (
    made("network-create", "network", "name-label [name-description] [MTU] [bridge] [managed]", other_config={}),
    row("network-destroy", "network.destroy", "uuid"),
    row("network-attach", "network.attach", "uuid host-uuid", flags="hidden"),
    row("network-sriov-create", "network_sriov.create", "pif-uuid network-uuid"),
    row("network-sriov-destroy", "network_sriov.destroy", "uuid"),
    row("pif-plug", "PIF.plug", "uuid"),
    row("pif-unplug", "PIF.unplug", "uuid"),
    row("pif-scan", "PIF.scan", "host-uuid"),
    row("pif-introduce", "PIF.introduce", "host-uuid [mac] device [managed]"),
    row("pif-forget", "PIF.forget", "uuid"),
    row("pif-db-forget", "PIF.db_forget", "uuid", flags="hidden"),
    row("pif-set-primary-address-type", "PIF.set_primary_address_type", "uuid primary_address_type"),
    row("bond-create", "Bond.create", "network-uuid pif-uuids [mac] [mode] [properties:]"),
    row("bond-destroy", "Bond.destroy", "uuid"),
    row("bond-set-mode", "Bond.set_mode", "uuid mode"),
    row("pool-vlan-create", "pool.create_VLAN_from_PIF", "pif-uuid network-uuid vlan", first="pif-uuid vlan"),
    row("tunnel-destroy", "tunnel.destroy", "uuid"),
    row("sdn-controller-introduce", "SDN_controller.introduce", "[protocol] [address] [tcp-port]"),
    row("sdn-controller-forget", "SDN_controller.forget", "uuid"),
    row("pvs-site-introduce", "PVS_site.introduce", "name-label [name-description] [pvs-uuid]"),
    row("pvs-site-forget", "PVS_site.forget", "uuid"),
    row("pvs-server-introduce", "PVS_server.introduce", "addresses first-port last-port pvs-site-uuid"),
    row("pvs-server-forget", "PVS_server.forget", "uuid"),
    row("pvs-proxy-create", "PVS_proxy.create", "pvs-site-uuid vif-uuid"),
    row("pvs-proxy-destroy", "PVS_proxy.destroy", "uuid"),
    row("pvs-cache-storage-destroy", "PVS_cache_storage.destroy", "uuid"),
)

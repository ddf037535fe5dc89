"""Records of networks and network interfaces."""

from __future__ import annotations

from xapid.cli.records.declared import Listing, Record

RECORDS = (
    Record(
        "network",
        """
        RO uuid  RW name-label name-description  SRO VIF-uuids=VIFs PIF-uuids=PIFs  RW MTU  RO bridge managed
        MRW other-config  RO blobs  SRW tags~  RW default-locking-mode  SRW purpose~
        """,
        Listing("network", "uuid name-label name-description bridge", standard=True),
    ),
    Record(
        "PIF",
        """
        RO uuid device MAC| physical managed currently-attached MTU VLAN vlan-master-of vlan-slave-of bond-master-of
            bond-slave-of sriov-physical-PIF-of sriov-logical-PIF-of tunnel-access-PIF-of tunnel-transport-PIF-of management
            network-uuid=network network-name-label=network.name_label host-uuid=host host-name-label=host.name_label
            IP-configuration-mode IP netmask gateway IPv6-configuration-mode IPv6 IPv6-gateway primary-address-type DNS
        MRO properties  SRO capabilities
        RO io_read_kbs=@* io_write_kbs=@* carrier=metrics.carrier vendor-id=metrics.vendor_id
            vendor-name=metrics.vendor_name device-id=metrics.device_id device-name=metrics.device_name speed=@ duplex=@
        RW disallow-unplug  RO pci-bus-path=metrics.pci_bus_path  MRW other-config  RO igmp-snooping-status
        """,
        Listing("pif", "uuid device VLAN MAC network-uuid currently-attached host-uuid"),
    ),
    Record(
        "Bond",
        """
        RO uuid master slaves mode  MRO properties  RO primary-slave links-up auto-update-mac
        """,
        Listing("bond", "uuid master slaves"),
    ),
    Record(
        "VLAN",
        """
        RO uuid tagged-PIF untagged-PIF tag
        """,
        Listing("vlan", "uuid tagged-PIF untagged-PIF tag"),
    ),
    Record(
        "tunnel",
        """
        RO uuid access-PIF transport-PIF status  MRW other-config  RO protocol
        """,
        Listing("tunnel", "uuid transport-PIF access-PIF status"),
    ),
    Record(
        "network_sriov",
        """
        RO uuid physical-PIF logical-PIF requires-reboot remaining-capacity=@*
        """,
        Listing("network-sriov", "uuid physical-pif logical-pif requires-reboot configuration-mode"),
    ),
    Record(
        "SDN_controller",
        """
        RO uuid protocol address port
        """,
        Listing("sdn-controller", "uuid protocol address port"),
    ),
    Record(
        "PVS_site",
        """
        RO uuid  RW name-label name-description pvs-uuid
        SRO pvs-cache-storage-uuids=cache_storage pvs-server-uuids=servers pvs-proxy-uuids=proxies
        """,
        Listing("pvs-site", "uuid name-label name-description pvs-uuid pvs-server-uuids"),
    ),
    Record(
        "PVS_server",
        """
        RO uuid  SRO addresses  RO first-port last-port pvs-site-uuid=site
        """,
        Listing("pvs-server", "uuid addresses pvs-site-uuid"),
    ),
    Record(
        "PVS_proxy",
        """
        RO uuid pvs-site-uuid=site vif-uuid=VIF currently-attached status
        """,
        Listing("pvs-proxy", "uuid vif-uuid pvs-site-uuid currently-attached cache-sr-uuid"),
    ),
    Record(
        "PVS_cache_storage",
        """
        RO uuid host-uuid=host sr-uuid=SR pvs-site-uuid=site size vdi-uuid=VDI
        """,
        Listing("pvs-cache-storage", "uuid host-uuid sr-uuid pvs-site-uuid size"),
    ),
)

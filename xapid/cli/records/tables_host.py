"""Records of hosts and their parts."""

from __future__ import annotations

from xapid.cli.records.declared import Listing, Record

RECORDS = (
    Record(
        "host",
        """
        RO uuid  RW name-label name-description  SRO allowed-operations current-operations
        RO enabled display API-version-major API-version-minor API-version-vendor
        MRO API-version-vendor-implementation  MRW logging
        RW suspend-image-sr-uuid=suspend_image_sr crash-dump-sr-uuid=crash_dump_sr  MRO software-version
        SRO capabilities  MRW other-config  MRO cpu_info chipset-info  RO hostname address  RW https-only
        SRO supported-bootloaders
        RO blobs memory-overhead memory-total=metrics.memory_total memory-free=metrics.memory_free
            memory-free-computed=@* host-metrics-live=metrics.live  SRO patches=@^~ updates~
        RO ha-statefiles ha-network-peers external-auth-type external-auth-service-name
        MRO external-auth-configuration  RO edition  MRO license-server  RO power-on-mode  MRO power-on-config
        RO local-cache-sr  SRW tags~  RW ssl-legacy  MRW guest_VCPUs_params  SRO virtual-hardware-platform-versions
        RO control-domain-uuid=control_domain  SRO resident-vms updates-requiring-reboot features
        RW iscsi_iqn multipathing uefi-certificates% numa-affinity-policy
        RO pending-guidances tls-verification-enabled last-software-update latest-synced-updates-applied
            pending-guidances-recommended pending-guidances-full last-update-hash ssh-enabled  RW ssh-enabled-timeout
        RO ssh-expiry  RW console-idle-timeout ssh-auto-mode max-cstate  RO secure-boot  RW ntp-mode
        SRO ntp-custom-servers+  RW timezone
        """,
        Listing("host", "uuid name-label name-description"),
    ),
    Record(
        "host_cpu",
        """
        RO uuid host-uuid=host number vendor speed model family modelname stepping flags utilisation*
        """,
        Listing("host-cpu", "uuid number vendor speed utilisation"),
    ),
    Record(
        "host_crashdump",
        """
        RO uuid host-uuid=host timestamp size
        """,
        Listing("host-crashdump", "uuid host timestamp size"),
    ),
    Record(
        "PGPU",
        """
        RO uuid pci-uuid=PCI vendor-name=PCI.vendor_name device-name=PCI.device_name dom0-access
            is-system-display-device  RW gpu-group-uuid=GPU_group
        RO gpu-group-name-label=GPU_group.name_label host-uuid=host host-name-label=host.name_label pci-id=PCI.pci_id
        SRO dependencies=@  MRW other-config  RO supported-VGPU-types  SRW enabled-VGPU-types+
        RO resident-VGPUs
        """,
        Listing("pgpu", "uuid pci-uuid vendor-name device-name gpu-group-uuid"),
    ),
    Record(
        "GPU_group",
        """
        RO uuid  RW name-label name-description  SRO VGPU-uuids=VGPUs PGPU-uuids=PGPUs  MRW other-config
        RO enabled-VGPU-types supported-VGPU-types  RW allocation-algorithm
        """,
        Listing("gpu-group", "uuid name-label name-description"),
    ),
    Record(
        "VGPU_type",
        """
        RO uuid vendor-name model-name framebuffer-size max-heads max-resolution=@ supported-on-PGPUs enabled-on-PGPUs
            supported-on-GPU-groups enabled-on-GPU-groups VGPU-uuids=VGPUs experimental compatible-types-in-vm
        """,
        Listing("vgpu-type", "uuid vendor-name model-name max-resolution max-heads"),
    ),
    Record(
        "PCI",
        """
        RO uuid vendor-name device-name driver-name host-uuid=host host-name-label=host.name_label pci-id
        SRO dependencies  MRW other-config
        """,
        Listing("pci", "uuid vendor-name device-name pci-id"),
    ),
    Record(
        "PUSB",
        """
        RO uuid usb-group-uuid=USB_group host-uuid=host host-name-label=host.name_label path vendor-id vendor-desc
            product-id product-desc serial version description speed  RW passthrough-enabled
        """,
        Listing("pusb", "uuid path product-id product-desc vendor-id vendor-desc serial version description speed"),
    ),
    Record(
        "USB_group",
        """
        RO uuid  RW name-label name-description  SRO VUSB-uuids=VUSBs PUSB-uuids=PUSBs  MRW other-config
        """,
        Listing("usb-group", "uuid name-label name-description"),
    ),
    Record(
        "Host_driver",
        """
        RO uuid name type description info host-uuid=host active-variant=active_variant.name
            selected-variant=selected_variant.name variants=@ variants-dev-status=@ variants-uuid=variants
            variants-hw-present=@
        """,
        Listing("hostdriver", "uuid name host-uuid active-variant selected-variant variants variants-uuid"),
    ),
    Record(
        "Driver_variant",
        """
        RO uuid name version status priority active=@ selected=@ driver-uuid=driver driver-name=driver.name
            host-uuid=driver.host hw-present=hardware_present
        """,
        Listing(
            "hostdriver-variant",
            "uuid driver-name name version priority host-uuid driver-uuid active selected status hw-present",
        ),
    ),
    Record(
        "Feature",
        """
        RO uuid name-label name-description enabled experimental version host-uuid=host
        """,
        Listing("feature", "uuid name-label name-description enabled experimental version host-uuid"),
    ),
    Record(
        "Certificate",
        """
        RO uuid type name host not-before not-after fingerprint fingerprint_sha256 fingerprint_sha1 purpose
        """,
        Listing("certificate", "uuid type name host not-before not-after fingerprint purpose"),
    ),
    Record(
        "pool_patch",
        """
        RO uuid name-label name-description size  SRO hosts=@~ after-apply-guidance~  RO update=pool_update
        """,
        Listing("patch", "uuid name-label name-description size hosts after-apply-guidance"),
    ),
    Record(
        "pool_update",
        """
        RO uuid name-label name-description version installation-size  SRO hosts~ after-apply-guidance~
        RO enforce-homogeneity
        """,
        Listing("update", "uuid name-label name-description version installation-size hosts after-apply-guidance"),
    ),
)

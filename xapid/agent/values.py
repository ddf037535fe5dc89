"""The plain values that go to and come from a host's agent: dicts, lists, text and numbers, so that they cross as JSON.

Objects are named by uuid; an agent knows no references. Sizes are bytes, times are seconds, moments are seconds since 1970.
"""

from __future__ import annotations

from typing import Literal, TypedDict

import attrs

How = Literal["clean", "hard"]
"""Whether a guest is asked, or its domain destroyed."""

DomainPower = Literal["Running", "Paused", "Suspended", "Halted"]

Cause = Literal["started", "shutdown", "rebooted", "crashed", "suspended", "lost"]
"""Why a domain changed by itself: its guest switched off, rebooted or crashed; or it is simply gone."""


class DiskConfig(TypedDict):
    """One VBD of a VM. ``vdi`` and ``sr`` are empty for a drive without a medium."""

    vbd: str
    device: str
    type: Literal["Disk", "CD", "Floppy"]
    read_only: bool
    bootable: bool
    sr: str
    vdi: str
    location: str
    virtual_size: int


class NicConfig(TypedDict):
    """One VIF of a VM, and the network that it is to be on."""

    vif: str
    device: str
    mac: str
    mtu: int
    network: str
    bridge: str
    locking_mode: Literal["network_default", "locked", "unlocked", "disabled"]
    ipv4_allowed: list[str]
    ipv6_allowed: list[str]
    addresses: list[str]
    """IP addresses that the guest is to give it; none for those that it gets by itself."""


class VmConfig(TypedDict):
    """All that it takes to run a VM."""

    uuid: str
    name: str
    domain_type: Literal["hvm", "pv", "pv_in_pvh", "pvh"]
    memory_static_max: int
    memory_dynamic_max: int
    memory_dynamic_min: int
    vcpus_max: int
    vcpus: int
    vcpus_params: dict[str, str]
    firmware: str
    boot_order: str
    pv_boot: dict[str, str]
    """``bootloader``, ``bootloader_args``, ``kernel``, ``ramdisk``, ``args``, ``legacy_args``; empty for HVM."""
    platform: dict[str, str]
    other_config: dict[str, str]
    xenstore_data: dict[str, str]
    bios_strings: dict[str, str]
    nvram: dict[str, str]
    on_shutdown: str
    on_reboot: str
    on_crash: str
    disks: list[DiskConfig]
    nics: list[NicConfig]


class Errand(TypedDict):
    """On whose behalf a plugin or an extension runs, and how it reaches the server that the session belongs to."""

    number: str
    """Names this call, so that it can be cancelled."""
    session: str
    """Reference of the caller's session."""
    url: str
    fingerprint: str
    """SHA-256 of the server's certificate, in hexadecimal digits."""


class DomainState(TypedDict):
    """A VM as the hypervisor sees it. ``domid`` is -1 when there is no domain."""

    vm: str
    power: DomainPower
    domid: int
    start_time: float
    memory_actual: int
    vcpus: int
    domain_type: str
    vnc_port: int
    """-1: there is no graphical console."""
    text_port: int
    """-1: there is no text console."""
    cpu_flags: dict[str, str]
    """``vendor`` and ``features`` of the processor that the guest sees; empty: what the host has."""
    devices: dict[str, str]
    """Names inside the guest of its disks and interfaces, by uuid of VBD and VIF."""


class GuestReport(TypedDict):
    """What the agent inside a guest says. Keys of ``networks``, ``other`` and the rest are those of VM_guest_metrics."""

    vm: str
    os_version: dict[str, str]
    netbios_name: dict[str, str]
    pv_drivers_version: dict[str, str]
    networks: dict[str, str]
    other: dict[str, str]
    services: dict[str, str]
    can_use_hotplug_vbd: Literal["yes", "no", "unspecified"]
    can_use_hotplug_vif: Literal["yes", "no", "unspecified"]
    pv_drivers_detected: bool
    live: bool


class Ticket(TypedDict):
    """A receiving host's word that it keeps room for a VM, and where its memory is to be sent."""

    vm: str
    host: str
    address: str


class VdiState(TypedDict):
    """A virtual disk as its storage holds it."""

    vdi: str
    location: str
    name: str
    description: str
    type: str
    virtual_size: int
    physical_utilisation: int
    read_only: bool
    is_a_snapshot: bool
    snapshot_of: str
    """uuid of the disk, or empty."""
    sm_config: dict[str, str]


class VdiSpec(TypedDict):
    """A disk that is to be made. The storage may round ``virtual_size`` up."""

    vdi: str
    name: str
    description: str
    type: str
    virtual_size: int
    read_only: bool
    sm_config: dict[str, str]


class Extents(TypedDict):
    """Where a disk has contents: ascending ranges that do not touch, each offset and length, in whole sectors of 512 bytes."""

    ranges: list[tuple[int, int]]
    next: int
    """Where to go on asking; the size of the disk when that was all."""


class SrConfig(TypedDict):
    """An SR, and how to reach it. ``known``: the disks that the caller has on record of it, for storage that keeps none."""

    sr: str
    type: str
    content_type: str
    shared: bool
    device_config: dict[str, str]
    sm_config: dict[str, str]
    physical_size: int
    known: list[VdiState]


class SrState(TypedDict):
    """How full an SR is."""

    physical_size: int
    physical_utilisation: int
    virtual_allocation: int
    clustered: bool


class FoundSr(TypedDict):
    """What probing a backend found: an SR that is there already, or settings with which one could be made."""

    sr: str
    name: str
    device_config: dict[str, str]
    complete: bool
    total_space: int
    free_space: int
    extra: dict[str, str]


class BlockDevice(TypedDict):
    """How a hypervisor on this host opens an attached disk: a driver's name and its parameters."""

    driver: str
    params: dict[str, str]


class PifState(TypedDict):
    """A physical network interface of the host."""

    device: str
    mac: str
    mtu: int
    carrier: bool
    speed: int
    duplex: bool
    vendor: str
    model: str
    pci_bus_path: str


class PifConfig(TypedDict):
    """A PIF that is to carry a network: a physical one, a VLAN on one, a bond of several or a tunnel."""

    pif: str
    device: str
    mac: str
    mtu: int
    network: str
    bridge: str
    vlan: int
    """-1: untagged."""
    bond_members: list[str]
    """Devices; empty unless this is a bond."""
    bond_mode: str
    tunnel_protocol: str
    ip_mode: Literal["None", "DHCP", "Static"]
    ip: str
    netmask: str
    gateway: str
    dns: str
    properties: dict[str, str]


class PifAddress(TypedDict):
    """What a plugged PIF ended up with."""

    carrier: bool
    ip: str
    netmask: str
    gateway: str
    dns: str


class BridgeConfig(TypedDict):
    """A network as its bridge on one host."""

    network: str
    bridge: str
    mtu: int
    other_config: dict[str, str]
    igmp_snooping: bool
    """Whether packets for groups go only to who asked for them."""


class RemoteHost(TypedDict):
    """A host that is to be switched on, and how."""

    host: str
    address: str
    mac: str
    mode: str
    config: dict[str, str]


class HostFacts(TypedDict):
    """What a host is: read when it joins a pool, and when its agent starts."""

    hostname: str
    cpu_info: dict[str, str]
    cpu_configuration: dict[str, str]
    software_version: dict[str, str]
    bios_strings: dict[str, str]
    capabilities: list[str]
    memory_total: int
    memory_overhead: int
    memory_free: int
    boot_time: float
    drivers: dict[str, str]
    """The driver of each group, and, under ``missing.<feature>``, why a feature is not there."""


class HostSample(TypedDict):
    """Measured figures of the host and of what is on it at one moment, by the names of :mod:`xapid.stats.sources`."""

    time: float
    host: dict[str, float]
    control_domain: dict[str, float]
    vms: dict[str, dict[str, float]]
    """By uuid, of the VMs that have a domain."""
    srs: dict[str, dict[str, float]]
    """By uuid, of the SRs that are attached."""


class CertificateState(TypedDict):
    """A certificate that the host shows or trusts, or a list of certificates that are revoked, in PEM."""

    name: str
    type: Literal["host", "host_internal", "ca", "pinned", "crl"]
    pem: str


class Neighbour(TypedDict):
    """Another host of the pool: its uuid, where it answers, and the SHA-256 of the certificate that it should show there."""

    host: str
    address: str
    port: int
    fingerprint: str


Reason = Literal[
    "no_such_domain",
    "bad_power_state",
    "no_acknowledgment",
    "timed_out",
    "not_enough_memory",
    "boot_failed",
    "cannot_attach",
    "device_in_use",
    "no_such_object",
    "no_space",
    "not_supported",
    "refused",
    "unreachable",
    "cancelled",
    "failed",
]


@attrs.frozen
class AgentFailure(Exception):
    """An agent could not do what it was asked. ``details`` are uuids, numbers and words that belong to ``reason``.

    ==================  ===============================================================
    reason              details
    ==================  ===============================================================
    no_such_domain      VM
    bad_power_state     VM, its power state
    no_acknowledgment   VM: its guest did not react to a request at all
    timed_out           VM, seconds: its guest began, and did not finish
    not_enough_memory   bytes needed, bytes free
    boot_failed         VM, text
    cannot_attach       VM, VBD or VIF, text
    device_in_use       VBD or VIF, text: the guest does not let go of it
    no_such_object      kind, uuid
    no_space            SR, bytes needed, bytes free: for a suspend image
    not_supported       what
    refused             text: bad parameters
    unreachable         host: the agent did not answer
    cancelled           the method: whoever asked for it wanted it no longer, and it stopped
    failed              text
    ==================  ===============================================================

    Errors of storage backends and plugins that clients are to see as they are (``SR_BACKEND_FAILURE_…``,
    ``XENAPI_PLUGIN_FAILURE``) are raised as relayed ``XenAPIError`` instead.
    """

    reason: Reason
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.reason, *self.details))

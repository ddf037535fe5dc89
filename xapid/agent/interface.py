"""What a host can be told to do, and what it tells by itself.

Operations on the coordinator call these interfaces for every host alike: the daemon's own host, simulated hosts in the same
process, and members over TLS. So every method is asynchronous; takes and gives only the plain values of
:mod:`xapid.agent.values`; and may be repeated: asking for what is already so succeeds and changes nothing. Whoever implements
them raises :exc:`~xapid.agent.values.AgentFailure`, or a relayed ``XenAPIError`` where a client is to see the error as it is.

An agent keeps no policy. It does not choose hosts, count licences or check rights, and what should happen after a crash it
only applies as it was told at the start of the VM.
"""

from __future__ import annotations

from typing import Any, Literal

from twisted.internet.protocol import Protocol
from zope.interface import Attribute, Interface

from xapid.agent.values import (
    BlockDevice,
    BridgeConfig,
    Cause,
    CertificateState,
    DiskConfig,
    DomainState,
    Errand,
    Extents,
    FoundSr,
    GuestReport,
    HostFacts,
    HostSample,
    How,
    Neighbour,
    NicConfig,
    PifAddress,
    PifConfig,
    PifState,
    RemoteHost,
    SrConfig,
    SrState,
    Ticket,
    VdiSpec,
    VdiState,
    VmConfig,
)


class IHypervisor(Interface):
    """Domains: VMs that run, and what is plugged into them."""

    async def list_domains() -> list[DomainState]:
        """All domains of the host, the control domain left out."""

    async def adopt(vm: VmConfig, believed: DomainState) -> DomainState:
        """Take up a VM that the caller believes to be here, after either of the two was restarted.

        Answers how it really is, with ``power`` Halted if there is no such domain. The simulator believes the caller.
        """

    async def start(vm: VmConfig, paused: bool) -> DomainState:
        """Make a domain and boot it, or leave it before its first instruction if ``paused``. Its disks and networks are
        attached on the way. Raises not_enough_memory, boot_failed, cannot_attach; afterwards nothing is left behind.
        """

    async def pause(vm: str) -> DomainState:
        """Stop its virtual CPUs."""

    async def unpause(vm: str) -> DomainState:
        """Let its virtual CPUs go on."""

    async def shutdown(vm: str, how: How, timeout: float) -> None:
        """Ask its guest to switch off and wait for that at most ``timeout`` seconds; or destroy the domain (``hard``).

        Raises no_acknowledgment and timed_out, with the domain still there. Without a domain there is nothing to do.
        """

    async def reboot(vm: VmConfig, how: How, timeout: float) -> DomainState:
        """Shut down as :meth:`shutdown` does, and start anew with the configuration given."""

    async def suspend(vm: str, image: DiskConfig, timeout: float) -> None:
        """Save its memory to ``image`` and let the domain go. Raises no_acknowledgment, timed_out and no_space, with the
        domain running on.
        """

    async def resume(vm: VmConfig, image: DiskConfig, paused: bool) -> DomainState:
        """Make the domain again from ``image``. Raises as :meth:`start`, with the image intact."""

    async def expect(vm: VmConfig) -> Ticket:
        """Keep room for a VM that is about to come from another host."""

    async def migrate(vm: str, ticket: Ticket, options: dict[str, str]) -> dict[str, str]:
        """Send a running VM to where ``ticket`` says; it is gone from here when this returns.

        What is returned goes to :meth:`receive` as it is. On failure the VM runs on here.
        """

    async def receive(vm: VmConfig, ticket: Ticket, handover: dict[str, str]) -> DomainState:
        """Let a VM that has arrived go on."""

    async def forget_expected(ticket: Ticket) -> None:
        """Give up the room that was kept."""

    async def set_memory_target(vm: str, target: int) -> int:
        """Ask for so much memory to be used, and return what is used now."""

    async def set_actions(vm: str, on_shutdown: str, on_reboot: str, on_crash: str) -> None:
        """From now on do this when its guest stops: the words of ``actions_after_shutdown`` and its like."""

    async def set_vcpus(vm: str, number: int) -> None:
        """Bring so many virtual CPUs online."""

    async def plug_disk(vm: str, disk: DiskConfig) -> str:
        """Attach a disk to a domain; returns the device's name inside the guest. Raises cannot_attach."""

    async def unplug_disk(vm: str, vbd: str, force: bool) -> None:
        """Detach a disk, with ``force`` also against the will of the guest. Raises device_in_use."""

    async def insert(vm: str, disk: DiskConfig) -> None:
        """Put a medium into a drive of a domain; one without a ``vdi`` takes the medium out."""

    async def plug_nic(vm: str, nic: NicConfig) -> str:
        """Attach a network interface to a domain, or give one that is there the network and the rules in ``nic``.

        Returns the device's name inside the guest.
        """

    async def unplug_nic(vm: str, vif: str, force: bool) -> None:
        """Detach a network interface. Raises device_in_use."""

    async def call_guest(vm: str, function: str, args: dict[str, str]) -> str:
        """Have the agent inside the guest do something. Raises no_acknowledgment, not_supported."""

    async def send_keys(vm: str, keys: list[str]) -> None:
        """Press keys on its keyboard, all at the same time."""


class IStorage(Interface):
    """SRs that this host reaches, the virtual disks on them, and what is on the disks.

    What the backend refuses is raised as the relayed ``SR_BACKEND_FAILURE_…`` that clients are to see.

    Contents are read from what :meth:`vdi_open` holds still, and written in uploads: nothing of an upload shows before
    :meth:`vdi_commit`, and all of it afterwards, also when the host loses its power. The methods for contents carry bytes,
    the only values here that are not JSON; :mod:`xapid.agent.remote` takes them to other machines all the same.
    """

    async def sr_probe(type: str, device_config: dict[str, str], sm_config: dict[str, str]) -> list[FoundSr]:
        """What is to be found at ``device_config``. An incomplete one gets the choices for the next key."""

    async def sr_create(sr: SrConfig) -> SrState:
        """Make an SR: format, or make its folders. Does not attach it."""

    async def sr_attach(sr: SrConfig) -> SrState:
        """Make an SR usable on this host (the plugging of its PBD)."""

    async def sr_detach(sr: str) -> None:
        """Stop using an SR on this host. Raises device_in_use while a disk of it is attached here."""

    async def sr_destroy(sr: SrConfig) -> None:
        """Take an SR away with everything on it."""

    async def sr_scan(sr: str) -> list[VdiState]:
        """All disks on an attached SR."""

    async def sr_stat(sr: str) -> SrState:
        """How full an attached SR is."""

    async def vdi_create(sr: str, disk: VdiSpec) -> VdiState:
        """Make an empty disk. Raises SR_BACKEND_FAILURE_44 when there is no room for it."""

    async def vdi_introduce(sr: str, disk: VdiState) -> VdiState:
        """Take notice of a disk that is there already, at ``location``."""

    async def vdi_destroy(sr: str, vdi: str) -> int:
        """Take a disk away. Returns how many bytes that freed. Raises device_in_use while it is written to."""

    async def vdi_forget(sr: str, vdi: str) -> None:
        """Nobody has this disk on record any more. Its data stay, and :meth:`sr_scan` finds it again."""

    async def vdi_clone(sr: str, vdi: str, disk: VdiSpec) -> VdiState:
        """Make a disk that shares the data of ``vdi`` until either is written to."""

    async def vdi_snapshot(sr: str, vdi: str, disk: VdiSpec) -> VdiState:
        """Make a disk that keeps the data of ``vdi`` as they are now."""

    async def vdi_copy(sr: str, vdi: str, to_sr: str, disk: VdiSpec, base: str) -> VdiState:
        """Make a disk on ``to_sr`` with all data of ``vdi``; with ``base`` (a uuid) only with what differs from it.

        When ``disk`` names a disk that exists, the data go there.
        """

    async def vdi_revert(sr: str, snapshot: str, vdi: str) -> VdiState:
        """Put the data of a snapshot back into the disk that it was taken of. Raises not_supported."""

    async def vdi_resize(sr: str, vdi: str, virtual_size: int) -> VdiState:
        """Make a disk larger, also while a guest uses it."""

    async def vdi_set_name(sr: str, vdi: str, name: str, description: str) -> None:
        """Keep a disk's name with its data, where the storage can."""

    async def vdi_stat(sr: str, vdi: str) -> VdiState:
        """A disk as it is now."""

    async def vdi_attach(sr: str, vdi: str, read_only: bool) -> BlockDevice:
        """Make a disk reachable from this host, before a hypervisor opens it."""

    async def vdi_activate(sr: str, vdi: str, read_only: bool) -> None:
        """Make sure that this host alone writes to an attached disk. Raises device_in_use."""

    async def vdi_deactivate(sr: str, vdi: str) -> None:
        """The disk will not be written to from here any more."""

    async def vdi_detach(sr: str, vdi: str) -> None:
        """The disk is not needed on this host any more."""

    async def vdi_open(sr: str, vdi: str) -> str:
        """Hold the contents of a disk as they are now; returns the name under which they can be read until it is closed."""

    async def vdi_extents(opened: str, base: str, start: int) -> Extents:
        """Where there are bytes, or with ``base`` (opened too) other bytes than there, from ``start`` for as far as is
        convenient. All else reads as zeroes, or as the base does.
        """

    async def vdi_read(opened: str, offset: int, length: int) -> bytes:
        """So many bytes; beyond the end of the disk, zeroes."""

    async def vdi_close(opened: str) -> None:
        """The contents need not be held any longer."""

    async def vdi_begin(sr: str, vdi: str) -> str:
        """Begin an upload to a disk; returns the name that the other methods take. Raises device_in_use."""

    async def vdi_write(upload: str, offset: int, data: bytes) -> None:
        """Put bytes on the disk, zeroes so that they take no room. Raises no_space, refused (beyond the end)."""

    async def vdi_commit(upload: str) -> VdiState:
        """Make what was written the contents of the disk; what was not written stays as it was before."""

    async def vdi_abandon(upload: str) -> None:
        """Let the disk be as it was before. An upload that is over may be abandoned too, to no effect."""

    async def release_all() -> None:
        """Whoever asked until now is gone: what was opened is closed, and uploads that go on are abandoned."""

    async def vdi_track(sr: str, vdi: str, enabled: bool) -> None:
        """Keep in mind from now on which blocks of a disk are written, or no longer."""

    async def vdi_changes(sr: str, vdi_from: str, vdi_to: str) -> bytes:
        """A bit for each 64 KiB of ``vdi_to``, the highest of the first byte first: whether it was written after the two
        were the same. Raises SR_BACKEND_FAILURE_460 where that is not known.
        """

    async def vdi_data_destroy(sr: str, vdi: str) -> VdiState:
        """Give up the contents of a snapshot; which blocks were written when is kept in mind."""

    async def vdi_checksum(sr: str, vdi: str) -> str:
        """The MD5 sum of the contents, as hexadecimal digits. For large disks an agent may give another sum that is the same
        for the same contents, and does not take the time that reading all zeroes takes.
        """

    async def vdi_generate_config(sr: str, vdi: str) -> str:
        """A text by which the disk can be attached to this host without the database."""


class INetwork(Interface):
    """Physical interfaces, bridges, and what is built of them."""

    async def scan_pifs() -> list[PifState]:
        """The physical network interfaces of the host."""

    async def bridge_up(network: BridgeConfig) -> None:
        """Make the bridge of a network."""

    async def bridge_down(bridge: str) -> None:
        """Take a bridge away."""

    async def pif_plug(pif: PifConfig) -> PifAddress:
        """Bring an interface up on its bridge, a VLAN, bond or tunnel being made first, and give it its address."""

    async def pif_unplug(pif: PifConfig) -> None:
        """Bring an interface down; a VLAN, bond or tunnel is gone afterwards."""


class IPower(Interface):
    """Electric power: of other hosts, seen from this one; and of this one."""

    async def power_on(remote: RemoteHost) -> str:
        """Switch another host on, in the way that its mode says. Returns what the plugin said."""

    async def power_status(remote: RemoteHost) -> str:
        """``on``, ``off`` or ``unknown``."""

    async def reboot() -> float | None:
        """Restart this host. Returns in how many seconds it is up again, or None if nobody can say: it will report."""

    async def shutdown() -> None:
        """Switch this host off."""

    async def restart_agent() -> float | None:
        """Restart the agent; domains run on. Returns as :meth:`reboot` does."""

    async def shutdown_agent() -> None:
        """End the agent; domains run on. Nobody but the machine's own means brings it back."""


class IMetrics(Interface):
    """What is measured, and what is logged."""

    async def facts() -> HostFacts:
        """What the host is and has."""

    async def sample() -> HostSample:
        """The figures of this moment."""

    async def send_logs(name: str, destination: str) -> None:
        """From now on, send what the host logs to a collector, under this name of the host; without one, nowhere.

        Destinations are written as :mod:`xapid.operations.syslog_destination` says.
        """


class IPlugins(Interface):
    """Host plugins and API extensions, programs that clients may call; and hooks, programs that run by themselves."""

    async def call(plugin: str, function: str, args: dict[str, str], errand: Errand) -> str:
        """Run a function of a plugin. Raises XENAPI_MISSING_PLUGIN, XENAPI_PLUGIN_FAILURE, or what the plugin raised."""

    async def extend(name: str, params: list[Any], errand: Errand) -> Any:
        """Run an extension with parameters as they came, and return its value, which is any that JSON knows.

        Raises MESSAGE_METHOD_UNKNOWN, INTERNAL_ERROR, EXTENSION_PROTOCOL_FAILURE, or what the extension raised.
        """

    async def has_extension(name: str) -> bool:
        """Whether there is an extension of that name."""

    async def has_hook(name: str) -> bool:
        """Whether anything is to run for a hook."""

    async def run_hook(name: str, args: dict[str, str], errand: Errand) -> None:
        """Run all that is to run for a hook; ``args`` are what it is told, among them ``reason``.

        The session of the errand is empty where there is none to be had. Raises XAPI_HOOK_FAILED.
        """

    async def cancel(number: str) -> None:
        """End the call with this number of its errand. There is nothing to do if it has ended."""

    async def list_plugins() -> list[str]:
        """The plugins that there are."""


class ICertificates(Interface):
    """The certificates that the host shows, and those that it trusts."""

    async def list_certificates() -> list[CertificateState]:
        """All of them: the one for clients, the one for other hosts, and what is trusted."""

    async def list_trusted() -> list[CertificateState]:
        """Those that are trusted, and the lists of revoked ones."""

    async def install_server(certificate: str, key: str, chain: str) -> CertificateState:
        """Show this certificate to clients from now on. Connections that are there stay."""

    async def renew_server() -> CertificateState:
        """Show a new self-signed certificate to clients from now on."""

    async def prepare_internal() -> CertificateState:
        """Make the certificate that other hosts will see once :meth:`follow_internal` is called."""

    async def follow_internal() -> CertificateState:
        """Show the one that was prepared to other hosts from now on, the present one if none was."""

    async def trust(name: str, type: str, pem: str) -> None:
        """Trust a certificate (``ca``, ``pinned``), or heed a list (``crl``), in place of the one of that name."""

    async def distrust(name: str, type: str) -> None:
        """Do so no longer."""

    async def replace_trusted(wanted: list[CertificateState]) -> None:
        """Trust and heed these, and no others."""

    async def verifies() -> bool:
        """Whether the host checks the certificates of other hosts that it calls."""

    async def set_verification(is_on: bool) -> None:
        """Have it do so, or not."""

    async def unreached(neighbours: list[Neighbour]) -> list[str]:
        """Uuids of those that do not answer, or not with the certificate that they should show."""


class IConsoles(Interface):
    """Screens and terminals of domains. Only for who is on the same machine: what these methods give does not cross to another.

    An empty ``vm`` stands for the control domain.
    """

    def open(vm: str, protocol: Literal["rfb", "vt100"]) -> Protocol:
        """What speaks to one client: VNC's protocol, or plain text with the sequences of a VT100. Raises no_such_domain."""

    def picture(vm: str) -> bytes:
        """The screen as it is now, as PNG. Raises no_such_domain."""


class IHostAgent(Interface):
    """One host, all that it can be told, in groups."""

    uuid: str = Attribute("uuid of the host")
    hypervisor: IHypervisor = Attribute("domains")
    storage: IStorage = Attribute("SRs and disks")
    network: INetwork = Attribute("interfaces and bridges")
    power: IPower = Attribute("electric power")
    metrics: IMetrics = Attribute("figures")
    plugins: IPlugins = Attribute("host plugins")
    certificates: ICertificates = Attribute("certificates")


class IAgentObserver(Interface):
    """Who is told what an agent notices by itself. Nothing here may fail or wait: the agent has nobody to tell.

    What an agent was asked to do it does not report; the caller knows when the call returns.
    """

    def domain_changed(host: str, state: DomainState, cause: Cause) -> None:
        """A domain changed without having been told to. ``state`` is how it is now, after the action that the VM's
        configuration sets for ``cause``: Running again with another ``domid``, or Halted.
        """

    def guest_reported(host: str, report: GuestReport) -> None:
        """The agent inside a guest told about itself. A report replaces the one before."""

    def carrier_changed(host: str, device: str, carrier: bool) -> None:
        """A network interface gained or lost its link."""

"""The consoles of one simulated host: one for each domain, made when somebody first looks, and one for the host itself."""

from __future__ import annotations

from typing import Literal

from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol
from zope.interface import implementer

from xapid.agent.interface import IConsoles
from xapid.agent.simulator.console.guest import GuestConsole
from xapid.agent.simulator.console.pixels import png
from xapid.agent.simulator.console.rfb import RfbProtocol
from xapid.agent.simulator.console.text import TextProtocol
from xapid.agent.simulator.hypervisor import Domain, SimulatedHypervisor, device_name
from xapid.agent.simulator.machine import Machine
from xapid.agent.values import AgentFailure

MIB = 1 << 20


@implementer(IConsoles)
class SimulatedConsoles:
    """Consoles that draw what a guest would."""

    def __init__(self, clock: IReactorTime, machine: Machine, hypervisor: SimulatedHypervisor) -> None:
        self._clock = clock
        self._hypervisor = hypervisor
        self._guests: dict[str, tuple[Domain, GuestConsole]] = {}
        self._own = GuestConsole(
            clock,
            f"Control domain on {machine.hostname}",
            _of_host(machine),
            f"{machine.hostname} login: ",
            0.0,
            _always,
            _always,
        )

    def open(self, vm: str, protocol: Literal["rfb", "vt100"]) -> Protocol:
        console = self._console(vm)
        return TextProtocol(console) if protocol == "vt100" else RfbProtocol(console)

    def picture(self, vm: str) -> bytes:
        console = self._console(vm)
        console.catch_up()
        return png(console.screen)

    def _console(self, vm: str) -> GuestConsole:
        if not vm:
            return self._own
        domain = self._domain(vm)
        if domain is None:
            raise AgentFailure("no_such_domain", (vm,))
        known = self._guests.get(vm)
        if known is None or known[0] is not domain:
            self._forget_the_gone()
            console = self._of_guest(domain)
            self._guests[vm] = (domain, console)
            return console
        return known[1]

    def _domain(self, vm: str) -> Domain | None:
        return next((domain for domain in self._hypervisor.running() if domain.config["uuid"] == vm), None)

    def _forget_the_gone(self) -> None:
        here = {id(domain) for domain in self._hypervisor.running()}
        self._guests = {vm: (domain, console) for vm, (domain, console) in self._guests.items() if id(domain) in here}

    def _of_guest(self, domain: Domain) -> GuestConsole:
        config = domain.config
        name = config["name"] or config["uuid"]
        return GuestConsole(
            self._clock,
            name,
            _of_vm(domain),
            f"{name} login: ",
            domain.start_time,
            lambda: self._domain(config["uuid"]) is domain,
            lambda: not domain.paused,
        )


def _of_vm(domain: Domain) -> list[tuple[float, str]]:
    """What a guest writes while it boots."""
    config = domain.config
    firmware = "UEFI" if config["firmware"] == "uefi" else "BIOS"
    lines = [f"Simulated {firmware}", f"{domain.vcpus} processors, {domain.memory // MIB} MiB of memory", ""]
    for disk in config["disks"]:
        what = f"{disk['virtual_size'] / (1 << 30):.1f} GiB" if disk["vdi"] else "no medium"
        lines.append(f"{device_name(disk['device']):6} {disk['type']:6} {what}")
    lines += [f"eth{nic['device']}   {nic['mac']}" for nic in config["nics"]]
    return [
        *((0.1 * number, f"{line}\n") for number, line in enumerate(lines)),
        (1.5, "\nBooting the guest\n"),
        (2.0, "Starting services .\n"),
        (2.5, f"\n{config['name'] or config['uuid']} login: "),
    ]


def _of_host(machine: Machine) -> list[tuple[float, str]]:
    """What the control domain shows: it has been up for long."""
    text = f"{machine.cpus} processors, {machine.memory_total // MIB} MiB of memory\n\n{machine.hostname} login: "
    return [(0.0, text)]


def _always() -> bool:
    return True

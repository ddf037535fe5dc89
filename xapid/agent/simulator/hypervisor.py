"""Domains of a simulated host: they start, stop, move and answer like real ones, and consist of a few numbers."""

from __future__ import annotations

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from xapid.agent.interface import IAgentObserver, IHypervisor
from xapid.agent.simulator.durations import Durations, passing
from xapid.agent.simulator.guest import AddressPlan, Guest
from xapid.agent.simulator.machine import Machine
from xapid.agent.values import AgentFailure, Cause, DiskConfig, DomainPower, DomainState, How, NicConfig, Ticket, VmConfig

REBOOT_LOOP = 120.0
"""A guest that crashes within so many seconds of its start is not started again; one that reboots has to wait."""
REBOOT_DELAY = 15.0
"""Seconds that it waits then."""


@attrs.define(eq=False)
class Domain:
    """One VM that runs, or stands still in memory."""

    config: VmConfig
    domid: int
    start_time: float
    memory: int
    vcpus: int
    paused: bool
    timers: list[IDelayedCall] = attrs.field(factory=list)

    @property
    def guest(self) -> Guest:
        return Guest(self.config)

    @property
    def power(self) -> DomainPower:
        return "Paused" if self.paused else "Running"


@implementer(IHypervisor)
class SimulatedHypervisor:
    """The domains of one simulated host."""

    def __init__(
        self,
        host: str,
        clock: IReactorTime,
        machine: Machine,
        durations: Durations,
        addresses: AddressPlan,
        observer: IAgentObserver,
    ) -> None:
        self._host = host
        self._clock = clock
        self._machine = machine
        self._durations = durations
        self._addresses = addresses
        self._observer = observer
        self._domains: dict[str, Domain] = {}
        self._expected: dict[str, int] = {}
        self._asleep: set[str] = set()
        self._last_domid = 0

    @property
    def memory_used(self) -> int:
        """Memory of all domains, and of those that are expected."""
        return sum(domain.memory for domain in self._domains.values()) + sum(self._expected.values())

    def running(self) -> list[Domain]:
        """The domains there are."""
        return list(self._domains.values())

    def power_off(self) -> None:
        """All domains are gone at once, unreported, as when the host loses its power."""
        for vm in list(self._domains):
            self._remove(vm)
        self._expected.clear()

    async def list_domains(self) -> list[DomainState]:
        return [self._state(domain) for domain in self._domains.values()]

    async def adopt(self, vm: VmConfig, believed: DomainState) -> DomainState:
        if vm["uuid"] in self._domains:
            return self._state(self._domains[vm["uuid"]])
        if believed["power"] not in ("Running", "Paused"):
            return halted(vm["uuid"], believed["power"])
        self._expected.pop(vm["uuid"], None)
        self._last_domid = max(self._last_domid, believed["domid"])
        domid = believed["domid"] if believed["domid"] > 0 else self._next_domid()
        domain = Domain(
            vm, domid, believed["start_time"], believed["memory_actual"] or vm["memory_dynamic_max"], vm["vcpus"], False
        )
        self._domains[vm["uuid"]] = domain
        domain.paused = believed["power"] == "Paused"
        self._expect_report(domain, self._durations.agent_again)
        return self._state(domain)

    async def start(self, vm: VmConfig, paused: bool) -> DomainState:
        if vm["uuid"] in self._domains:
            return self._state(self._domains[vm["uuid"]])
        memory = self._memory_for(vm)
        self._expected[vm["uuid"]] = memory
        try:
            await passing(self._clock, self._durations.build)
        finally:
            self._expected.pop(vm["uuid"], None)
        if not Guest(vm).boots:
            raise AgentFailure("boot_failed", (vm["uuid"], "no boot loader was found on any bootable disk"))
        return self._state(self._add(vm, memory, paused, self._durations.agent))

    async def pause(self, vm: str) -> DomainState:
        domain = self._domain(vm)
        await passing(self._clock, self._durations.pause)
        domain.paused = True
        return self._state(domain)

    async def unpause(self, vm: str) -> DomainState:
        domain = self._domain(vm)
        await passing(self._clock, self._durations.pause)
        domain.paused = False
        return self._state(domain)

    async def shutdown(self, vm: str, how: How, timeout: float) -> None:
        if vm not in self._domains:
            return
        if how == "clean":
            await self._obedience(self._domains[vm], "shutdown", self._durations.shutdown, timeout)
        else:
            await passing(self._clock, self._durations.destroy)
        self._remove(vm)

    async def reboot(self, vm: VmConfig, how: How, timeout: float) -> DomainState:
        await self.shutdown(vm["uuid"], how, timeout)
        return await self.start(vm, False)

    async def suspend(self, vm: str, image: DiskConfig, timeout: float) -> None:
        if vm in self._asleep:
            return
        domain = self._domain(vm)
        if not domain.paused:
            await self._obedience(domain, "suspend", self._durations.save, timeout)
        self._remove(vm)
        self._asleep.add(vm)

    async def resume(self, vm: VmConfig, image: DiskConfig, paused: bool) -> DomainState:
        if vm["uuid"] in self._domains:
            return self._state(self._domains[vm["uuid"]])
        memory = self._memory_for(vm)
        await passing(self._clock, self._durations.restore)
        return self._state(self._add(vm, memory, paused, self._durations.agent_again))

    async def expect(self, vm: VmConfig) -> Ticket:
        if vm["uuid"] not in self._domains:
            self._expected[vm["uuid"]] = self._memory_for(vm)
        return Ticket(vm=vm["uuid"], host=self._host, address=self._machine.hostname)

    async def migrate(self, vm: str, ticket: Ticket, options: dict[str, str]) -> dict[str, str]:
        domain = self._domain(vm)
        await passing(self._clock, self._durations.migrate)
        handover = {
            "memory": str(domain.memory), "vcpus": str(domain.vcpus), "start_time": str(domain.start_time),
            "paused": "true" if domain.paused else "",
        }  # fmt: skip
        if ticket["host"] != self._host:
            self._remove(vm)
        return handover

    async def receive(self, vm: VmConfig, ticket: Ticket, handover: dict[str, str]) -> DomainState:
        self._expected.pop(vm["uuid"], None)
        self._remove(vm["uuid"])
        memory = int(handover.get("memory") or vm["memory_dynamic_max"])
        domain = self._add(vm, memory, bool(handover.get("paused")), self._durations.agent_again)
        domain.vcpus = int(handover.get("vcpus") or vm["vcpus"])
        domain.start_time = float(handover.get("start_time") or self._clock.seconds())
        return self._state(domain)

    async def forget_expected(self, ticket: Ticket) -> None:
        self._expected.pop(ticket["vm"], None)

    async def set_memory_target(self, vm: str, target: int) -> int:
        domain = self._domain(vm)
        domain.memory = target
        return target

    async def set_actions(self, vm: str, on_shutdown: str, on_reboot: str, on_crash: str) -> None:
        config = self._domain(vm).config
        config["on_shutdown"], config["on_reboot"], config["on_crash"] = on_shutdown, on_reboot, on_crash

    async def set_vcpus(self, vm: str, number: int) -> None:
        self._domain(vm).vcpus = number

    async def plug_disk(self, vm: str, disk: DiskConfig) -> str:
        domain = self._domain(vm)
        await passing(self._clock, self._durations.plug)
        domain.config["disks"] = [*(d for d in domain.config["disks"] if d["vbd"] != disk["vbd"]), disk]
        return device_name(disk["device"])

    async def unplug_disk(self, vm: str, vbd: str, force: bool) -> None:
        domain = self._domain(vm)
        self._let_go(domain, vbd, force)
        await passing(self._clock, self._durations.plug)
        domain.config["disks"] = [d for d in domain.config["disks"] if d["vbd"] != vbd]

    async def insert(self, vm: str, disk: DiskConfig) -> None:
        await self.plug_disk(vm, disk)

    async def plug_nic(self, vm: str, nic: NicConfig) -> str:
        domain = self._domain(vm)
        await passing(self._clock, self._durations.plug)
        domain.config["nics"] = [*(n for n in domain.config["nics"] if n["vif"] != nic["vif"]), nic]
        self._expect_report(domain, self._durations.agent_again)
        return nic["device"]

    async def unplug_nic(self, vm: str, vif: str, force: bool) -> None:
        domain = self._domain(vm)
        self._let_go(domain, vif, force)
        await passing(self._clock, self._durations.plug)
        domain.config["nics"] = [n for n in domain.config["nics"] if n["vif"] != vif]
        self._expect_report(domain, self._durations.agent_again)

    async def call_guest(self, vm: str, function: str, args: dict[str, str]) -> str:
        if not self._domain(vm).guest.has_agent:
            raise AgentFailure("no_acknowledgment", (vm,))
        if function == "run-script":
            raise AgentFailure("not_supported", ("there is no system in a simulated guest that could run a script",))
        return ""

    async def send_keys(self, vm: str, keys: list[str]) -> None:
        self._domain(vm)

    def _domain(self, vm: str) -> Domain:
        if vm not in self._domains:
            raise AgentFailure("no_such_domain", (vm,))
        return self._domains[vm]

    def _next_domid(self) -> int:
        self._last_domid += 1
        return self._last_domid

    def _memory_for(self, vm: VmConfig) -> int:
        """What the VM gets: all that it may have, or what is free, but never less than it must have."""
        if vm["uuid"] in self._expected:
            return self._expected[vm["uuid"]]
        free = self._machine.memory_total - self._machine.memory_overhead - self.memory_used
        if free < vm["memory_dynamic_min"]:
            raise AgentFailure("not_enough_memory", (str(vm["memory_dynamic_min"]), str(max(0, free))))
        return min(vm["memory_dynamic_max"], free)

    def _add(self, vm: VmConfig, memory: int, paused: bool, agent: float) -> Domain:
        domain = Domain(vm, self._next_domid(), self._clock.seconds(), memory, vm["vcpus"], paused)
        self._domains[vm["uuid"]] = domain
        self._asleep.discard(vm["uuid"])
        self._expect_report(domain, domain.guest.seconds("agent", agent) if agent else 0.0)
        idea = domain.guest.own_idea
        if idea is not None:
            word, after = idea
            domain.timers.append(self._clock.callLater(after, self._follow, domain, word))
        return domain

    def _remove(self, vm: str) -> None:
        domain = self._domains.pop(vm, None)
        if domain is not None:
            self._silence(domain)

    def _silence(self, domain: Domain) -> None:
        """Nothing more comes of a domain by itself."""
        for timer in domain.timers:
            if timer.active():
                timer.cancel()
        domain.timers = []

    def _expect_report(self, domain: Domain, after: float) -> None:
        if domain.guest.has_agent:
            domain.timers.append(self._clock.callLater(after, self._report, domain))

    def _report(self, domain: Domain) -> None:
        domain.timers = [timer for timer in domain.timers if timer.active()]
        if domain.paused:
            self._expect_report(domain, 1.0)
        else:
            self._observer.guest_reported(self._host, domain.guest.report(self._addresses))

    async def _obedience(self, domain: Domain, request: str, usual: float, timeout: float) -> None:
        """Ask the guest, and wait until it has done as asked."""
        vm = domain.config["uuid"]
        reaction = domain.guest.reaction("suspend" if request == "suspend" else "shutdown")
        if reaction == "ignored":
            await passing(self._clock, min(timeout, 60.0) if usual else 0)
            raise AgentFailure("no_acknowledgment", (vm,))
        needed = domain.guest.seconds(request, usual)
        if reaction == "hangs" or needed > timeout:
            await passing(self._clock, timeout)
            raise AgentFailure("timed_out", (vm, str(int(timeout))))
        await passing(self._clock, needed)

    def _let_go(self, domain: Domain, device: str, force: bool) -> None:
        if not force and not domain.guest.lets_go:
            raise AgentFailure("device_in_use", (device, "the guest does not let go of the device"))

    def _follow(self, domain: Domain, word: str) -> None:
        """The guest does something of its own accord."""
        config = domain.config
        young = self._clock.seconds() - domain.start_time < REBOOT_LOOP
        causes: dict[str, tuple[Cause, str]] = {
            "shutdown": ("shutdown", config["on_shutdown"]),
            "reboot": ("rebooted", config["on_reboot"]),
            "crash": ("crashed", config["on_crash"]),
        }
        cause, action = causes[word]
        if "restart" in action and word == "crash" and young:
            action = "destroy"
        self._silence(domain)
        if "restart" in action:
            delay = REBOOT_DELAY if young else 0.0
            domain.timers.append(self._clock.callLater(delay, self._again, domain, cause))
            return
        if action == "preserve":
            domain.paused = True
            state = self._state(domain)
        else:
            self._remove(config["uuid"])
            state = halted(config["uuid"])
        self._observer.domain_changed(self._host, state, cause)

    def _again(self, domain: Domain, cause: Cause) -> None:
        """A new domain takes the place of one whose guest stopped. The guest's idea would strike it again: it has had it."""
        config = domain.config
        config["other_config"] = {k: v for k, v in config["other_config"].items() if k != "simulator.then"}
        config["platform"] = {k: v for k, v in config["platform"].items() if k != "simulator.then"}
        self._remove(config["uuid"])
        state = self._state(self._add(config, domain.memory, False, self._durations.agent))
        self._observer.domain_changed(self._host, state, cause)

    def _state(self, domain: Domain) -> DomainState:
        config = domain.config
        emulated = config["domain_type"] == "hvm"
        port = 5900 + domain.domid
        names = {disk["vbd"]: device_name(disk["device"]) for disk in config["disks"]}
        return DomainState(
            vm=config["uuid"],
            power=domain.power,
            domid=domain.domid,
            start_time=domain.start_time,
            memory_actual=domain.memory,
            vcpus=domain.vcpus,
            domain_type=config["domain_type"],
            vnc_port=port if emulated else -1,
            text_port=-1 if emulated else port,
            cpu_flags={},
            devices=names | {nic["vif"]: nic["device"] for nic in config["nics"]},
        )


def halted(vm: str, power: DomainPower = "Halted") -> DomainState:
    """The state of a VM without a domain."""
    return DomainState(
        vm=vm, power=power, domid=-1, start_time=0.0, memory_actual=0, vcpus=0, domain_type="unspecified", vnc_port=-1,
        text_port=-1, cpu_flags={}, devices={},
    )  # fmt: skip


def device_name(userdevice: str) -> str:
    """The name inside the guest of the disk with this number; a name stays as it is."""
    if not userdevice.isdigit():
        return userdevice
    number, letters = int(userdevice), ""
    while number >= 0:
        letters = chr(ord("a") + number % 26) + letters
        number = number // 26 - 1
    return "xvd" + letters

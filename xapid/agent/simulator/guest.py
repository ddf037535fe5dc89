"""The guest inside a simulated VM: how it answers requests, what its agent reports, and what it does of its own accord.

A guest behaves, unless ``other_config`` (or, failing that, ``platform``) of its VM says otherwise:

======================  =============================================================================================
key                     value
======================  =============================================================================================
simulator.agent         ``absent``: no agent inside, so no guest metrics and no PV drivers; or the seconds until it reports
simulator.shutdown      ``ignored``: takes no notice of shutdown and reboot requests; ``hangs``: begins, and never ends;
                        or the seconds that it takes
simulator.suspend       ``ignored`` or ``hangs``, in the same way
simulator.boot          ``fails``: the domain cannot be booted
simulator.then          ``shutdown``, ``reboot`` or ``crash``, a blank, and seconds after boot: what the guest does then
simulator.detach        ``refused``: does not let go of disks and interfaces
simulator.ips           addresses of its interfaces, instead of those that the simulated network gives: words like
                        ``0=192.0.2.7``, ``0=2001:db8::7``, ``1=none`` with the numbers of interfaces
simulator.os            ``linux`` or ``windows``; otherwise guessed from the template that the VM was made from
======================  =============================================================================================
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Final, Literal

import attrs

from xapid.agent.simulator import systems
from xapid.agent.values import GuestReport, NicConfig, VmConfig

HOSTS: Final = 254
INTERFACES: Final = HOSTS * HOSTS // 2
"""Of one range, so that a free address is found quickly."""

Reaction = Literal["obeys", "ignored", "hangs"]

FEATURES = (
    "feature-suspend", "feature-shutdown", "feature-poweroff", "feature-reboot", "feature-vcpu-hotplug", "feature-balloon",
    "feature-static-ip-setting",
)  # fmt: skip


class AddressPlan:
    """Gives every network of a simulated pool an IPv4 range of its own, and every interface on it an address.

    An interface keeps its address until so ``many`` others of its range have asked since: a pool may see any number of them.
    """

    def __init__(self, many: int = INTERFACES) -> None:
        self._many = many
        self._ranges: dict[int, OrderedDict[tuple[str, str], str]] = {}
        """The addresses by network and MAC, of which those that were asked for last come last."""
        self._taken: set[str] = set()

    def lease(self, network: str, mac: str) -> str:
        """The address of the interface ``mac`` on ``network``: the same whenever and wherever it is asked for."""
        second = hashlib.sha256(network.encode()).digest()[0]
        leases = self._ranges.setdefault(second, OrderedDict())
        key = (network, mac.lower())
        if key in leases:
            leases.move_to_end(key)
            return leases[key]
        if len(leases) >= self._many:
            _, given_back = leases.popitem(last=False)
            self._taken.discard(given_back)
        number = int.from_bytes(hashlib.sha256(mac.lower().encode()).digest()[:2])
        while (address := self._address(second, number)) in self._taken:
            number += 1
        leases[key] = address
        self._taken.add(address)
        return address

    @staticmethod
    def _address(second: int, number: int) -> str:
        return f"10.{second}.{number // HOSTS % HOSTS + 1}.{number % HOSTS + 1}"


@attrs.frozen
class Guest:
    """The operating system inside a VM, as its configuration describes it."""

    config: VmConfig

    def setting(self, name: str) -> str:
        """A word about this guest's behaviour; empty if nothing is said."""
        key = f"simulator.{name}"
        return self.config["other_config"].get(key) or self.config["platform"].get(key, "")

    @property
    def boots(self) -> bool:
        """Whether there is something to boot: ``pygrub`` only looks at bootable disks."""
        if self.config["pv_boot"].get("bootloader", "").rpartition("/")[2] == "pygrub":
            return self.setting("boot") != "fails" and any(d["bootable"] and d["vdi"] for d in self.config["disks"])
        return self.setting("boot") != "fails"

    @property
    def lets_go(self) -> bool:
        return self.setting("detach") != "refused"

    def reaction(self, request: Literal["shutdown", "suspend"]) -> Reaction:
        """What it does when it is asked to."""
        word = self.setting(request)
        return word if word in ("ignored", "hangs") else "obeys"  # type: ignore[return-value]  # narrowed by the test

    def seconds(self, name: str, usual: float) -> float:
        """How long something takes in this guest."""
        try:
            return max(0.0, float(self.setting(name)))
        except ValueError:
            return usual

    @property
    def own_idea(self) -> tuple[str, float] | None:
        """What it does by itself, and how long after boot."""
        word, _, after = self.setting("then").partition(" ")
        if word not in ("shutdown", "reboot", "crash"):
            return None
        try:
            return word, max(0.0, float(after or "0"))
        except ValueError:
            return None

    @property
    def has_agent(self) -> bool:
        return self.setting("agent") != "absent"

    def report(self, addresses: AddressPlan) -> GuestReport:
        """What its agent says."""
        networks: dict[str, str] = {}
        for nic in self.config["nics"]:
            networks |= _shown(nic["device"], self._addresses(nic, addresses))
        return GuestReport(
            vm=self.config["uuid"],
            os_version=self._os_version(),
            netbios_name={"host_name": self.config["name"][:15].upper(), "domain": "WORKGROUP"} if self._windows else {},
            pv_drivers_version={"major": "9", "minor": "4", "micro": "0", "build": "1"},
            networks=networks,
            other={
                **dict.fromkeys(FEATURES, "1"), "platform-feature-multiprocessor-suspend": "1", "has-vendor-device": "0",
                "data-ts": "0",
            },
            services={},
            can_use_hotplug_vbd="yes",
            can_use_hotplug_vif="yes",
            pv_drivers_detected=True,
            live=True,
        )  # fmt: skip

    def _addresses(self, nic: NicConfig, plan: AddressPlan) -> list[str]:
        """Those of an interface: what its guest was told to have, or what it gets by itself."""
        words = (word.partition("=") for word in self.setting("ips").split())
        scripted = [address for device, _, address in words if device == nic["device"]]
        if scripted:
            return [address for address in scripted if address != "none"]
        found = list(nic["addresses"])
        if not any(":" not in address for address in found):
            found.append(plan.lease(nic["network"] or nic["bridge"], nic["mac"]))
        return [*found, _link_local(nic["mac"])]

    @property
    def _origin(self) -> str:
        return self.config["other_config"].get("base_template_name", self.config["name"])

    @property
    def _windows(self) -> bool:
        return (self.setting("os") or self._origin).lower().startswith("windows")

    def _os_version(self) -> dict[str, str]:
        return (systems.windows if self._windows else systems.linux)(self._origin)


def _shown(device: str, addresses: list[str]) -> dict[str, str]:
    """As guest agents report them: the first IPv4 address also in the old way."""
    found: dict[str, str] = {}
    for version, own in (("ipv4", [a for a in addresses if ":" not in a]), ("ipv6", [a for a in addresses if ":" in a])):
        if version == "ipv4" and own:
            found[f"{device}/ip"] = own[0]
        found |= {f"{device}/{version}/{number}": address for number, address in enumerate(own)}
    return found


def _link_local(mac: str) -> str:
    try:
        octets = [int(part, 16) for part in mac.split(":")]
        first, second, third, fourth, fifth, sixth = octets
    except ValueError:
        return "fe80::1"
    pairs = (first ^ 2, second, third, 0xFF, 0xFE, fourth, fifth, sixth)
    groups = [f"{pairs[i] << 8 | pairs[i + 1]:x}" for i in range(0, 8, 2)]
    return "fe80::" + ":".join(groups)

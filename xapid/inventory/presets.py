"""How much of everything a new pool holds: the counters, and the presets that set them by name.

Each counter documents itself; a preset is nothing but counters with other values, and a counter given by the user
overrides the preset's.
"""

from __future__ import annotations

from typing import Final

import attrs

from xapid.inventory.processors import DEFAULT, named

GIB: Final = 1 << 30


def _counter(default: int, doc: str, least: int = 0) -> int:
    def check(_: object, attribute: attrs.Attribute[int], value: int) -> None:
        if value < least:
            raise ValueError(f"{attribute.name} must be at least {least}")

    number: int = attrs.field(default=default, validator=check, metadata={"doc": doc})
    return number


@attrs.frozen(kw_only=True)
class Counts:
    """The counters of a new pool. The defaults are one plain host."""

    hosts: int = _counter(1, "hosts in the pool, the first of which is its coordinator", least=1)
    vms_per_host: int = _counter(0, "halted VMs with one disk and one network interface, for each host")
    nics: int = _counter(2, "physical network interfaces of each host, the first of which carries management", least=1)
    vlans: int = _counter(0, "VLAN networks on the last physical interface of every host")
    sockets: int = _counter(2, "processor sockets of each host", least=1)
    cores: int = _counter(4, "cores of each socket; each runs two threads", least=1)
    memory: int = _counter(64 * GIB, "bytes of memory of each host", least=8 * GIB)
    local_storage: int = _counter(400 * GIB, "bytes of each host's local storage repository", least=GIB)
    shared_srs: int = _counter(0, "shared storage repositories of type nfs; the first becomes the default")
    gpus: int = _counter(0, "graphics processors of each host that VMs can be given, whole or shared")
    usbs: int = _counter(0, "USB devices of each host that VMs can be given")
    functions: int = _counter(0, "virtual functions of the last physical network interface of each host (SR-IOV)")
    displays: int = _counter(1, "graphics processors that hosts have for their own screen: one or none")
    tools: int = _counter(1, "CDs with guest tools, in an SR of their own: one or none")
    isos: int = _counter(0, "install images in a shared ISO library; none: no library")
    processors: tuple[str, ...] = attrs.field(default=(DEFAULT,))
    """Generations of the processors of the hosts, in turn."""
    pool_name: str = ""
    """The name of the pool; an unnamed pool is how a host on its own presents itself."""

    @processors.validator
    def _known(self, _: object, value: tuple[str, ...]) -> None:
        for name in value:
            named(name)

    @property
    def cpus(self) -> int:
        """Logical processors of a host."""
        return self.sockets * self.cores * 2


PRESETS: Final = {
    "standalone": Counts(),
    "pool3": Counts(hosts=3, vlans=2, shared_srs=1, isos=4, pool_name="Simulated pool"),
    "devices": Counts(hosts=2, shared_srs=1, isos=1, gpus=2, usbs=2, functions=8, pool_name="Simulated pool with devices"),
}
"""``standalone`` has nothing that would keep the host from joining a pool: no shared storage, no VLANs, a static address."""


def preset(name: str, **overrides: int | str | tuple[str, ...] | None) -> Counts:
    """The counters of preset ``name``, with those in ``overrides`` that are not None. KeyError: no such preset."""
    return attrs.evolve(PRESETS[name], **{key: value for key, value in overrides.items() if value is not None})  # type: ignore[arg-type]

"""What statistics cost: ``python tests/bench/archives.py [VMS]``. Prints the share of a core and the memory, as JSON.

Simulated VMs with twenty data sources each are measured and put away every five seconds of a clock that runs as fast as it
can; then all archives are made as full as they ever get. The bounds: 3 % of a core and 400 MB for 2,000 VMs.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from array import array
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from xapid.agent.simulator.figures import vm_figures
from xapid.agent.simulator.hypervisor import Domain
from xapid.stats import Store
from xapid.stats.updates import Table

SOURCES = 20
TICKS = 150
START = 1_800_000_000.0


def domain(number: int) -> Domain:
    """A VM with a processor, two interfaces and two disks: twenty sources that are kept."""
    disks = [{"vbd": f"d{i}", "device": str(i), "vdi": "x", "read_only": False} for i in range(2)]
    nics = [{"vif": f"n{i}", "device": str(i)} for i in range(2)]
    config = {
        "uuid": f"{number:08x}-0000-4000-8000-000000000000",
        "other_config": {},
        "platform": {},
        "disks": disks,
        "nics": nics,
    }
    return Domain(config, number, START, 1 << 30, 1, False)  # type: ignore[arg-type]  # no more of it is looked at


def resident() -> int:
    """Bytes of memory in use."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def main(count: int) -> None:
    """Measures and prints."""
    before = resident()
    domains, store = [domain(number) for number in range(count)], Store()
    for one in domains:
        store.take("vm", one.config["uuid"], "host", START, vm_figures(START, one))
    (kept,) = {len(series.archive.names) for series in store.all()}
    assert kept >= SOURCES, kept
    begun = time.process_time()
    for tick in range(1, TICKS + 1):
        now = START + 5 * tick
        for one in domains:
            store.take("vm", one.config["uuid"], "host", now, vm_figures(now, one))
    share = (time.process_time() - begun) / (5 * TICKS)
    for series in store.all():
        for ring in series.archive.rings("AVERAGE"):
            ring._data.extend(array("d", [1.0]) * (ring.capacity * ring.columns - len(ring._data)))
    after = resident()
    begun = time.process_time()
    size = sum(map(len, Table.of(store.all(), int(now) - 60, 5, "AVERAGE").json()))
    poll = time.process_time() - begun
    figures = {
        "vms": count, "sources": kept, "core_percent": round(100 * share, 2), "megabytes": (after - before) >> 20,
        "poll_of_a_minute_ms": round(1000 * poll), "poll_megabytes": round(size / 1e6, 1),
    }  # fmt: skip
    print(json.dumps(figures))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 2000)

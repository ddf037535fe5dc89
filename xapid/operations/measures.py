"""The data sources of hosts and SRs: what is measured, read from the agents.

Serves ``host.get_data_sources`` and its kin. Which of them are kept over time is decided where the archives are.
"""

from __future__ import annotations

from typing import Any

import attrs

from xapid.agent.values import HostSample
from xapid.datamodel.errors import XenAPIError


@attrs.frozen
class Source:
    """One measured figure."""

    name: str
    doc: str
    units: str
    value: float
    most: float = float("inf")

    def record(self) -> dict[str, Any]:
        """The ``data_source`` record of it."""
        return {
            "name_label": self.name,
            "name_description": self.doc,
            "enabled": True,
            "standard": True,
            "units": self.units,
            "min": 0.0,
            "max": self.most,
            "value": self.value,
        }


def host_sources(sample: HostSample) -> dict[str, Source]:
    """The figures of a host at one moment, by name."""
    usage = sample["cpu_usage"]
    found = [
        Source(f"cpu{number}", f"Use of processor {number}", "(fraction)", value, 1.0) for number, value in enumerate(usage)
    ]
    found.append(
        Source("cpu_avg", "Average use of all processors", "(fraction)", sum(usage) / len(usage) if usage else 0.0, 1.0)
    )
    found.append(Source("loadavg", "Load of the control domain", "(fraction)", sum(usage)))
    found.append(Source("memory_total_kib", "Memory of the host", "KiB", sample["memory_total"] / 1024))
    found.append(Source("memory_free_kib", "Memory not in use", "KiB", sample["memory_free"] / 1024))
    for device, value in sample["pif_rx"].items():
        found.append(Source(f"pif_{device}_rx", f"Bytes received on {device}", "B/s", value))
    for device, value in sample["pif_tx"].items():
        found.append(Source(f"pif_{device}_tx", f"Bytes sent on {device}", "B/s", value))
    return {source.name: source for source in found}


def source_named(sources: dict[str, Source], name: str) -> Source:
    """Errors: INVALID_VALUE."""
    if name not in sources:
        raise XenAPIError("INVALID_VALUE", "data_source", name)
    return sources[name]

"""What can be measured: the data sources of hosts, VMs and SRs, by their names.

Agents give figures under these names. What is said of them here is what ``get_data_sources`` tells: units, range, and
whether they are standard, that is, kept in archives without being asked for.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal

import attrs

Kind = Literal["host", "vm", "sr"]
"""Of what archives are kept, as legends say it."""

INFINITE: Final = float("inf")


@attrs.frozen
class Source:
    """One thing that is measured: values from ``least`` to ``most``, in ``units``."""

    name: str
    doc: str
    units: str
    standard: bool = True
    least: float = 0.0
    most: float = INFINITE


@attrs.frozen
class _Family:
    """Sources whose names differ by a number, a device or an SR, which ``{}`` in the text stands for."""

    pattern: re.Pattern[str]
    doc: str
    units: str
    standard: bool
    most: float


def _family(pattern: str, doc: str, units: str, *, standard: bool = True, most: float = INFINITE) -> _Family:
    return _Family(re.compile(pattern), doc, units, standard, most)


_FRACTION: Final = "(fraction)"
_DISK: Final = (
    _family(r"io_throughput_read_(.+)", "Data read from {}", "MiB/s"),
    _family(r"io_throughput_write_(.+)", "Data written to {}", "MiB/s"),
    _family(r"io_throughput_total_(.+)", "Data read from and written to {}", "MiB/s"),
    _family(r"iops_read_(.+)", "Read requests to {}", "requests/s"),
    _family(r"iops_write_(.+)", "Write requests to {}", "requests/s"),
    _family(r"iops_total_(.+)", "Requests to {}", "requests/s"),
)
_FAMILIES: Final[dict[Kind, tuple[_Family, ...]]] = {
    "host": (
        _family(r"memory_total_kib", "Memory of the host", "KiB"),
        _family(r"memory_free_kib", "Memory that nothing uses", "KiB"),
        _family(r"memory_reclaimed", "Memory won back by squeezing", "B"),
        _family(r"memory_reclaimed_max", "Memory that squeezing could win back", "B"),
        _family(r"xapi_memory_usage_kib", "Memory of the management server", "KiB"),
        _family(r"xapi_free_memory_kib", "Memory that the management server keeps free", "KiB"),
        _family(r"xapi_live_memory_kib", "Memory in use by the management server's objects", "KiB"),
        _family(r"xapi_allocation_kib", "Memory that the management server allocated", "KiB", standard=False),
        _family(r"xapi_open_fds", "Files that the management server has open", "", standard=False),
        _family(r"cpu(\d+)", "Use of processor {}", _FRACTION, most=1.0),
        _family(r"cpu_avg", "Average use of all processors", _FRACTION, most=1.0),
        _family(r"hostload", "Load of each processor", _FRACTION),
        _family(r"loadavg", "Load of the control domain", _FRACTION),
        _family(r"running_vcpus", "Virtual processors that run", "count"),
        _family(r"running_domains", "Domains that run", "count"),
        _family(r"pif_aggr_rx", "Bytes received on all interfaces", "B/s"),
        _family(r"pif_aggr_tx", "Bytes sent on all interfaces", "B/s"),
        _family(r"pif_(.+)_rx", "Bytes received on {}", "B/s"),
        _family(r"pif_(.+)_tx", "Bytes sent on {}", "B/s"),
        _family(r"pif_(.+)_rx_errors", "Packets with errors received on {}", "err/s", standard=False),
        _family(r"pif_(.+)_tx_errors", "Packets with errors sent on {}", "err/s", standard=False),
        *_DISK,
        _family(r"iowait_(.+)", "Time spent waiting for {}", "s/s"),
        _family(r"latency_(.+)", "Time that requests to {} take", "ms"),
        _family(r"inflight_(.+)", "Requests under way to {}", "requests"),
        _family(r"read_(.+)", "Bytes read from {}", "B/s", standard=False),
        _family(r"write_(.+)", "Bytes written to {}", "B/s", standard=False),
        _family(r"sr_(.+)_cache_size", "Size of the cache of {}", "B"),
        _family(r"sr_(.+)_cache_hits", "Hits in the cache of {}", "hits/s"),
        _family(r"sr_(.+)_cache_misses", "Misses in the cache of {}", "misses/s"),
        _family(r"Tapdisks_in_low_memory_mode", "Disk servers that are short of memory", "count"),
        _family(r"DCMI-power-reading", "Electric power", "W"),
    ),
    "vm": (
        _family(r"cpu(\d+)", "Use of virtual processor {}", _FRACTION, most=1.0),
        _family(r"cpu_usage", "Use of all virtual processors", _FRACTION, most=1.0),
        _family(r"memory", "Memory of the VM", "B"),
        _family(r"memory_target", "Memory that the VM is asked to use", "B"),
        _family(r"memory_internal_free", "Memory that its guest does not use", "KiB"),
        _family(r"runstate_fullrun", "Time in which all virtual processors ran", _FRACTION, most=1.0),
        _family(r"runstate_full_contention", "Time in which all waited for a processor", _FRACTION, most=1.0),
        _family(r"runstate_concurrency_hazard", "Time in which some ran while others waited", _FRACTION, most=1.0),
        _family(r"runstate_blocked", "Time in which all were idle", _FRACTION, most=1.0),
        _family(r"runstate_partial_run", "Time in which some ran and others were idle", _FRACTION, most=1.0),
        _family(r"runstate_partial_contention", "Time in which some waited and others were idle", _FRACTION, most=1.0),
        _family(r"runnable_any", "Time in which a virtual processor waited", _FRACTION, standard=False),
        _family(r"runnable_vcpus", "Virtual processors that waited", "count", standard=False),
        _family(r"vif_(.+)_rx", "Bytes received on interface {}", "B/s"),
        _family(r"vif_(.+)_tx", "Bytes sent on interface {}", "B/s"),
        _family(r"vif_(.+)_rx_errors", "Packets with errors received on interface {}", "err/s", standard=False),
        _family(r"vif_(.+)_tx_errors", "Packets with errors sent on interface {}", "err/s", standard=False),
        _family(r"vbd_(.+)_read", "Bytes read from {}", "B/s"),
        _family(r"vbd_(.+)_write", "Bytes written to {}", "B/s"),
        _family(r"vbd_(.+)_read_latency", "Time that reads from {} take", "μs", standard=False),
        _family(r"vbd_(.+)_write_latency", "Time that writes to {} take", "μs", standard=False),
        _family(r"vbd_(.+)_iops_read", "Read requests to {}", "requests/s", standard=False),
        _family(r"vbd_(.+)_iops_write", "Write requests to {}", "requests/s", standard=False),
        _family(r"vbd_(.+)_iops_total", "Requests to {}", "requests/s", standard=False),
        _family(r"vbd_(.+)_io_throughput_read", "Data read from {}", "MiB/s", standard=False),
        _family(r"vbd_(.+)_io_throughput_write", "Data written to {}", "MiB/s", standard=False),
        _family(r"vbd_(.+)_io_throughput_total", "Data read from and written to {}", "MiB/s", standard=False),
        _family(r"vbd_(.+)_iowait", "Time spent waiting for {}", "s/s", standard=False),
        _family(r"vbd_(.+)_inflight", "Requests under way to {}", "requests", standard=False),
        _family(r"vbd_(.+)_avgqu_sz", "Requests that wait for {}", "requests", standard=False),
        _family(r"numa_nodes", "NUMA nodes that the memory is on", "count", standard=False),
        _family(r"memory_numa_node_(\d+)", "Memory on NUMA node {}", "B", standard=False),
    ),
    "sr": (
        _family(r"size", "Size of the SR", "B"),
        _family(r"physical_utilisation", "Space that is in use", "B"),
        _family(r"virtual_allocation", "Size of all disks", "B"),
        _family(r"io_throughput_read", "Data read", "MiB/s"),
        _family(r"io_throughput_write", "Data written", "MiB/s"),
        _family(r"io_throughput_total", "Data read and written", "MiB/s"),
        _family(r"iops_read", "Read requests", "requests/s"),
        _family(r"iops_write", "Write requests", "requests/s"),
        _family(r"iops_total", "Requests", "requests/s"),
    ),
}


@lru_cache(maxsize=4096)
def describe(kind: Kind, name: str) -> Source:
    """What is known of the data source ``name``; one that nobody declared is measured, but not kept unless asked for."""
    for family in _FAMILIES[kind]:
        found = family.pattern.fullmatch(name)
        if found is not None:
            doc = family.doc.format(*found.groups())
            return Source(name, doc, family.units, family.standard, most=family.most)
    return Source(name, name, "", standard=False)

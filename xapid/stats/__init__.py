"""Measured figures over time: what can be measured, the archives that keep it, and how clients get to see them.

Serves ``/rrd_updates``, ``/host_rrd``, ``/vm_rrd`` and ``/sr_rrd``, and the data sources of hosts, VMs and SRs.
"""

from xapid.stats.archive import Archive
from xapid.stats.sources import Kind, Source, describe
from xapid.stats.store import Store

__all__ = ["Archive", "Kind", "Source", "Store", "describe"]

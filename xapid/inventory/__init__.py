"""What a new pool holds: hosts, networks, storage, templates and VMs, made whole in one transaction.

:func:`populate` fills an empty database from a preset (:data:`PRESETS`) or from counters (:class:`Counts`). The same seed,
counters and clock give the same references, uuids, MAC addresses and times.
"""

from xapid.inventory.build import HostCertificate
from xapid.inventory.populate import addresses_from, populate
from xapid.inventory.presets import PRESETS, Counts, preset

__all__ = ["PRESETS", "Counts", "HostCertificate", "addresses_from", "populate", "preset"]

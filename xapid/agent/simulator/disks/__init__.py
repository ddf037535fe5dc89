"""What is on simulated disks: a sparse store whose disks share what they have in common.

A disk is a map from blocks of 2 MiB to segments, which hold bytes; what the map does not name reads as zeroes and takes no
room, so an empty disk of 2 TiB is nothing at all. Writing happens in uploads. An upload puts all that it writes into a segment
of its own, and when it is committed, the disk's map changes at once; segments never change afterwards. Therefore:

* a clone or snapshot is a copy of a map;
* an upload that is abandoned, or that the process does not live to commit, has changed nothing;
* of two disks with a common past it is known, to 64 KiB, what was written since they parted: every piece of a block carries
  the number of the upload that wrote it last.

:class:`~xapid.agent.simulator.disks.store.BlockStore` keeps maps and segments as files, or in memory. It knows nothing of SRs'
rules, sizes or names: :class:`~xapid.agent.simulator.storage.SimulatedStorage` does, and serves the methods of
:class:`~xapid.agent.interface.IStorage` from here. Whoever wants to read or write disks from above goes through
:mod:`xapid.operations.disk_contents`, which works for any agent.
"""

from xapid.agent.simulator.disks.store import BlockStore
from xapid.agent.simulator.disks.upload import Upload

__all__ = ["BlockStore", "Upload"]

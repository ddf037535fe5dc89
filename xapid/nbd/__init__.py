"""Disks over the network block device protocol (NBD), read-only: how backup programs fetch single blocks of a snapshot.

==============  ==================================================================================
``protocol``    the wire: negotiation, TLS on the way, and requests
``exports``     which disk a name means, and whether its session may read it
``ports``       where it is served: at hosts on networks that are meant for it, as that changes
==============  ==================================================================================

``VDI.get_nbd_info`` tells clients the addresses and the names (:mod:`xapid.operations.vdi_nbd`).
"""

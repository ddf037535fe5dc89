"""XVA: a VM with its disks in one file, as the reference server writes and reads it.

The file is a tar archive, plain or compressed with gzip or zstd. Its first member, ``ova.xml``, describes the objects
(:mod:`~xapid.xva.document`); disks follow in chunks of a mebibyte, each with its checksum (:mod:`~xapid.xva.archive`).
Everything streams: neither side ever holds more than a chunk.
"""

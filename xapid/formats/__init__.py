"""Formats of disks in files: raw, VHD, qcow2 and the archives of chunks, written and read as streams in constant memory.

Every format has an asynchronous iterator that writes a :class:`~xapid.formats.ends.Source` and a coroutine that reads a
stream into a :class:`~xapid.formats.ends.Sink`. Nothing here knows of SRs, sessions or HTTP. What a file does not hold, a
reader leaves on the disk as it was: so the same readers serve whole images and those that hold only the changes to another.
"""

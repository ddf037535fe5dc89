"""``xe``: the command line client, which is thin. The server knows the commands; this prints, asks, reads and writes files.

Runs as the console script ``xe``. It speaks the protocol of :mod:`xapid.cli` with this server and with others. A command is to
feel instant, so that nothing is imported here but the standard library's ``socket`` and ``ssl``, and more only when it is used;
no Twisted, no lxml, nothing of ours but the frames of the protocol.
"""

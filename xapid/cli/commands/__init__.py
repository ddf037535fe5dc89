"""Every command that does not follow from a record, by what it is about.

A :class:`~xapid.cli.command.Command` in a module of this package is a command, alone or in a tuple; no list is kept anywhere.
"""

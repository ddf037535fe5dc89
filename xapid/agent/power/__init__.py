"""Switching hosts on: the ways that are built in, and scripts for every other.

:class:`~xapid.agent.power.modes.PowerOn` finds what ``host.power_on_mode`` names and has it done. Serves ``host.power_on``.
"""

"""Which host can run a VM, and which should: memory, storage, networks, processors and preferences.

Everything here reads the database and changes nothing but :func:`~xapid.placement.choice.reserve`, and never waits.
"""

"""The power-on modes and host plugins that ship with xapid, installed as the package ``xapid_plugins``.

Nothing imports this package: a plugin is a file in a directory, run in a process of its own. See README.md beside this file.
"""

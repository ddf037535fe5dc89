"""What tests of XenAPI programs need: a server that starts in a moment, forgets in a moment, and has time in its hand.

``xapid.testing.plugin`` is a pytest plugin that pytest finds by itself where xapid is installed; docs/testing.md shows a
first test. Without pytest, use :class:`~xapid.testing.processes.Daemon` as a context manager.
"""

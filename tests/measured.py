"""A server whose hosts and VMs have been measured for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from xapid.operations.measuring import Measuring
from xapid.testing.in_process import Server, config


@contextmanager
def measured_server(preset: str) -> Iterator[Server]:
    """A server with this preset, after three minutes."""
    server = Server(config(preset=preset))
    measuring = Measuring(server.pool.db, server.clock, server.pool.services)
    measuring.start()
    server.clock.pass_time(180)
    try:
        yield server
    finally:
        measuring.stop()
        server.close()

"""The fast path beside the plain one: two servers that differ in ``no_fast_path`` alone must not differ in anything else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest import mock

from fuzz.whole_path import Trouble, WholePath
from xapid.dispatch import pipeline, tally
from xapid.ids import Ids
from xapid.operations import diagnostics

# What differs between two servers in one process for other reasons: figures of the process, and how long calls took. A call
# that asks for them may have its answer in a task's record, so they are made the same.
_GARBAGE = SimpleNamespace(get_objects=list, get_freeze_count=int, get_stats=list, collect=int)
_PROCESS = SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=1, vms=2), net_connections=lambda kind: [])


class FastAndPlain:
    """Sends the same to both."""

    def __init__(self) -> None:
        self.fast, self.plain = WholePath(), WholePath(no_fast_path=True)
        self._inputs = 0
        self._same = (
            mock.patch.multiple(diagnostics, gc=_GARBAGE, psutil=SimpleNamespace(Process=lambda: _PROCESS)),
            mock.patch.object(pipeline, "now", float),
            mock.patch.object(tally, "perf_counter", float),
        )
        for patch in self._same:
            patch.start()

    def check(self, data: bytes) -> None:
        """Raises Trouble if bytes (with the status), calls, the database's generation or the audit log differ."""
        self._inputs += 1
        seen = [_seen(path, data, self._inputs) for path in (self.fast, self.plain)]
        for name, fast, plain in zip(("answers", "calls", "generation", "audit log"), *seen, strict=True):
            if fast != plain:
                raise Trouble(f"{name} of {data!r}\n fast: {fast!r}\nplain: {plain!r}")

    def close(self) -> None:
        """Ends both servers."""
        for patch in self._same:
            patch.stop()
        self.fast.close()
        self.plain.close()


def _seen(path: WholePath, data: bytes, seed: int) -> tuple[Any, ...]:
    path.renew_if_due()
    pool = path.server.pool
    # The plain path gives every call a reference for its task, so both have to begin anew with each input.
    ids = Ids(seed)
    pool.ids._public, pool.ids.random = ids._public, ids.random
    return path.check(data), list(path.calls), pool.db.generation, list(pool.services.audit.lines())[-5:]

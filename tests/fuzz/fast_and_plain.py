"""The fast path beside the plain one: two servers that differ in ``no_fast_path`` alone must not differ in anything else."""

from __future__ import annotations

from typing import Any

from fuzz.whole_path import Trouble, WholePath
from xapid.ids import Ids


class FastAndPlain:
    """Sends the same to both."""

    def __init__(self) -> None:
        self.fast, self.plain = WholePath(), WholePath(no_fast_path=True)
        self._inputs = 0

    def check(self, data: bytes) -> None:
        """Raises Trouble if bytes (with the status), calls, the database's generation or the audit log differ."""
        self._inputs += 1
        seen = [_seen(path, data, self._inputs) for path in (self.fast, self.plain)]
        for name, fast, plain in zip(("answers", "calls", "generation", "audit log"), *seen, strict=True):
            if fast != plain:
                raise Trouble(f"{name} of {data!r}\n fast: {fast!r}\nplain: {plain!r}")

    def close(self) -> None:
        """Ends both servers."""
        self.fast.close()
        self.plain.close()


def _seen(path: WholePath, data: bytes, seed: int) -> tuple[Any, ...]:
    path.renew_if_due()
    pool = path.server.pool
    # The plain path gives every call a reference for its task, so both have to begin anew with each input.
    ids = Ids(seed)
    pool.ids._public, pool.ids.random = ids._public, ids.random
    answers = path.check(data)
    if any("diagnostic" in name.lower() for name in path.calls):
        answers = b""  # which tell of the process, not of the pool
    return answers, list(path.calls), pool.db.generation, list(pool.services.audit.lines())[-5:]

"""Python's garbage collector beside hundreds of thousands of objects that are none.

A collection looks at everything that was made since the last one, and now and then at everything there is. Rows have no
cycles, so nearly all that it would look at is in vain, and calls would wait meanwhile.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

THRESHOLDS: Final = 10_000, 20, 100
"""Objects made before the young are collected; and after so many collections of each generation, the next older."""


@contextmanager
def no_collections() -> Iterator[None]:
    """For filling the tables, when nothing that comes is garbage."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def settle() -> None:
    """From now on, pass over everything that is there, and look at what comes less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


def unsettle() -> None:
    """What was there may go: look at everything again."""
    gc.unfreeze()

"""``--progress``: a bar on the user's standard error that shows how far a task is.

It is drawn whenever the task is further by a hundredth. A client that is busy with a transfer shows what it was sent meanwhile
when it is done with that, and then what the server still has to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from twisted.internet.task import LoopingCall

from xapid.cli.command import Run

_EVERY_S: Final = 1.0
_WIDTH: Final = 50


@contextmanager
def shown(run: Run, task: str) -> Iterator[None]:
    """Shows the progress of a task during the block, if the user asked for that."""
    if not run.is_set("progress"):
        yield
        return
    drawn = -1

    def draw() -> None:
        nonlocal drawn
        row = run.api.now("task", task)
        if row is not None:
            percent = max(0, min(100, int(100 * (1.0 if row.status == "success" else row.progress))))
            if percent > drawn:
                drawn = percent
                run.terminal.print_error(f"\r{bar(percent)}")

    loop = LoopingCall(draw)
    loop.clock = run.clock
    loop.start(_EVERY_S).addErrback(lambda _: None)
    try:
        yield
        draw()
    finally:
        if loop.running:
            loop.stop()
        run.terminal.print_error("\n")


def bar(percent: int) -> str:
    """A line for so much."""
    done = _WIDTH * percent // 100
    return f"[{'=' * done}{' ' * (_WIDTH - done)}] {percent:3d} %"

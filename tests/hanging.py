"""Programs that hang, which tests start and see ended."""

from __future__ import annotations

import os
import time

from twisted.internet import reactor, task


async def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await task.deferLater(reactor, 0.01)


def hanging(tmp_path):
    return f"echo $$ >>{tmp_path}/pids; exec sleep 600"


def pids(tmp_path):
    file = tmp_path / "pids"
    return [int(pid) for pid in file.read_text().split()] if file.exists() else []


def alive(pid):
    return os.path.exists(f"/proc/{pid}")

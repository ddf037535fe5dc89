"""Command lines: what ``xe`` costs beside a listing over XML-RPC, and beside Python's own start."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from machine import CLIENT_CORE, pinned
from servers import PASSWORD, body

if TYPE_CHECKING:
    from measures import Bench

ROUNDS = 3


def command_lines(bench: Bench) -> None:
    """``xe vm-list params=all`` of every VM, ``VM.get_all_records``, and how soon a command is there that does nothing."""
    request = body("VM.get_all_records", bench.xapid.session)
    where = {"XE_SERVER": "127.0.0.1", "XE_PORT": str(bench.xapid.port), "XE_PASSWORD": PASSWORD}
    xe = [sys.executable, "-S", "-m", "xapid.xe.main"]
    for _ in range(min(bench.rounds, ROUNDS)):
        bench.note("xe", "records s", _timed(bench.xapid.post, request))
        lines, seconds = _run([*xe, "vm-list", "params=all"], where)
        if lines < len(bench.refs) * 100:
            raise SystemExit(f"xe vm-list printed only {lines} lines")
        bench.note("xe", "vm-list s", seconds)
    for _ in range(10):
        bench.note("xe", "python ms", 1000 * _run([sys.executable, "-S", "-c", "pass"], {})[1])
        bench.note("xe", "start ms", 1000 * _run([*xe, "-version"], {})[1])
        bench.note("xe", "pool-list ms", 1000 * _run([*xe, "pool-list"], where)[1])


def _timed(act: Any, *arguments: Any) -> float:
    begun = time.perf_counter()
    act(*arguments)
    return time.perf_counter() - begun


def _run(command: list[str], environment: dict[str, str]) -> tuple[int, float]:
    """How many lines it printed, and how many seconds it took."""
    begun = time.perf_counter()
    done = subprocess.run(
        pinned(CLIENT_CORE, command), env={**os.environ, **environment}, capture_output=True, timeout=600, check=False
    )
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    return done.stdout.count(b"\n"), seconds

"""Giving the daemon of a state directory another password: ``xapid password --reset``."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from pathlib import Path
from typing import Final

from xapid.auth import password_reset

PATIENCE: Final = 10.0
"""Seconds that a running daemon has to take up the password."""


class NotTaken(Exception):
    """A daemon runs, and did not take up the password. The text says so."""


def reset_password(state: Path, encoded: str) -> bool:
    """Leave the hash of a password; whether a daemon runs, which has taken it up by now. Raises OSError, NotTaken."""
    password_reset.leave(state, encoded)
    about = state.stat()
    if os.geteuid() == 0 and about.st_uid:  # root did it for the daemon's user
        os.chown(state / password_reset.FILE, about.st_uid, about.st_gid)
    process = _daemon_of(state)
    if process is None:
        return False
    os.kill(process, signal.SIGHUP)
    deadline = time.monotonic() + PATIENCE
    while password_reset.waits(state):
        if time.monotonic() > deadline:
            raise NotTaken(f"process {process} has not taken up the password; restart it")
        time.sleep(0.05)
    return True


def _daemon_of(state: Path) -> int | None:
    """The process that uses the directory."""
    try:
        lock = os.open(state / "lock", os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        return int(text) if text.isdecimal() else None
    finally:
        os.close(lock)
    return None

"""Runs one command, and lets nothing of it outlive it. A script of its own, started by :mod:`xapid.agent.children`.

``python -I -S guard.py COMMAND ARGUMENT…`` with five open files: 0 is a line to whoever asked, that breaks when the command is
to end (or when the asker is gone); 1 and 2 are the command's output; 3 is passed on to the command as it is; 4 becomes its
standard input. The command runs in a session of its own. When it has ended, or the line breaks, every process that comes from
it is killed, also those that left its session, and the guard ends as the command did: with its exit status, or by its signal.

Standard library only: it must start quickly, and from anywhere.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator

LINE, RESULT, INPUT = 0, 3, 4
NOT_STARTED = 127
PATIENCE = 5.0
"""Seconds after which a process that cannot even be killed is left behind."""

_SUBREAPER = 36
_DEATH_SIGNAL = 1


def main(command: list[str]) -> None:
    """Never returns."""
    prctl = _prctl()
    prctl(_SUBREAPER, 1)
    with contextlib.suppress(PermissionError):
        os.setsid()
    woken, waker = os.pipe()
    for end in (woken, waker):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    child = os.fork()
    if not child:
        _become(command, prctl)
    os.close(RESULT)
    os.close(INPUT)
    status = _wait(child, woken)
    _kill_all(child)
    _end_like(status)


def _prctl() -> Callable[[int, int], object]:
    """The system call of that name; without it, the guard still kills the command's own session."""
    try:
        import ctypes

        call = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return lambda option, value: None
    return lambda option, value: call(option, ctypes.c_ulong(value), *[ctypes.c_ulong(0)] * 3)


def _become(command: list[str], prctl: Callable[[int, int], object]) -> None:
    guard = os.getppid()
    try:
        os.setsid()
        prctl(_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != guard:
            os._exit(NOT_STARTED)
        for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(INPUT, LINE)
        os.close(INPUT)
        os.set_inheritable(RESULT, True)
        os.execvp(command[0], command)
    except OSError as problem:
        os.write(2, f"{command[0]}: {problem.strerror}\n".encode())
    finally:
        os._exit(NOT_STARTED)


def _wait(child: int, woken: int) -> int:
    """The command's wait status once it has ended; that of SIGKILL when the line broke first."""
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        ready, _, _ = select.select([LINE, woken], [], [])
        if LINE in ready and not os.read(LINE, 4096):
            return int(signal.SIGKILL)
        if woken in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(woken, 4096)


def _kill_all(child: int) -> None:
    """Orphans become children of the guard, so killing its children again and again reaches every one."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            for descendant in _children():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(descendant, signal.SIGKILL)
            time.sleep(0.002)


def _children() -> Iterator[int]:
    here = str(os.getpid()).encode()
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                if file.read().rpartition(b")")[2].split()[1] == here:
                    yield int(name)


def _end_like(status: int) -> None:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else NOT_STARTED)


if __name__ == "__main__":
    main(sys.argv[1:])

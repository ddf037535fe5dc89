"""Runs the tests lane by lane and prints how long each took: ``python tests/lanes.py [LANE …] [-- PYTEST-ARGUMENTS]``.

A lane is a set of tests that need the same things. Which tests it holds follows from their markers (tests/conftest.py).
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

LANES = {
    "unit": ("not daemon and not client and not browser and not security and not bench", "auto"),
    "daemons": ("daemon and not client and not browser and not security and not bench", "auto"),
    "clients": ("client and not bench", "auto"),
    "browser": ("browser and not bench", "2"),
    "security": ("security and not client and not bench", "auto"),
}
"""Lane → the tests in it, and how many processes share them."""


def main(arguments: list[str]) -> int:
    """Runs the named lanes, or all; 0 if every one passed."""
    split = arguments.index("--") if "--" in arguments else len(arguments)
    names, extra = arguments[:split], arguments[split + 1 :]
    if unknown := set(names) - LANES.keys():
        print(f"no such lane: {', '.join(sorted(unknown))}; there are {', '.join(LANES)}", file=sys.stderr)
        return 2
    results = []
    for name in names or LANES:
        tests, processes = LANES[name]
        started = time.monotonic()
        print(f"== lane {name}", flush=True)
        command = [sys.executable, "-m", "pytest", "-q", "-m", tests, "-n", processes, *extra]
        status = subprocess.run(command, cwd=Path(__file__).parent.parent, check=False).returncode
        results.append((name, time.monotonic() - started, status))
    for name, seconds, status in results:
        print(f"lane {name:10} {seconds:7.1f} s  {'passed' if status == 0 else f'FAILED ({status})'}")
    return int(any(status for _, _, status in results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

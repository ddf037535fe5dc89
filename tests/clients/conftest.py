"""What stock clients in JavaScript need."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def node(tool) -> str:
    """Node, with the client installed beside this file (once, whatever the number of test processes)."""
    npm, node = tool("npm"), tool("node")
    installed, wanted = HERE / "node_modules" / ".package-lock.json", HERE / "package-lock.json"
    with (HERE / ".install-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
            done = subprocess.run(
                [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
                cwd=HERE,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            installed.touch()
    return node

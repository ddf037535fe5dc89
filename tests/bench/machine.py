"""What measuring needs of the machine: its tools, its two cores, and what the kernel knows of a process."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
SERVER_CORE, CLIENT_CORE = "0", "1"
_PACKAGES = {
    "chromium": "chromium",
    "wrk": "wrk",
    "nginx": "nginx-light",
    "gcc": "gcc",
    "taskset": "util-linux",
    "curl": "curl",
}


def tool(name: str) -> str:
    """Path of a program; installs it on Debian where it is missing and we are root."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {"stdout": subprocess.DEVNULL, "check": True}
        subprocess.run(["apt-get", "update", "-qq"], **quiet)
        subprocess.run(["apt-get", "install", "-y", "-qq", _PACKAGES[name]], **quiet)
        path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        raise SystemExit(f"{name} is missing: install the package {_PACKAGES[name]}")
    return path


def compile_client(directory: Path) -> Path:
    """The client of load.c, made for this machine."""
    built = directory / "load"
    command = [tool("gcc"), "-O2", "-o", str(built), str(HERE / "load.c"), "-lssl", "-lcrypto"]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit("load.c does not compile: install libssl-dev")
    return built


def pinned(core: str, command: list[str]) -> list[str]:
    """``command``, to run on one core only."""
    return [tool("taskset"), "-c", core, *command]


def cpu_seconds(pid: int) -> float:
    """Processor time that a process and its threads have used."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9


def resident_kib(pid: int) -> int:
    """Memory that a process has in use."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def description() -> dict[str, str]:
    """What the numbers were measured on."""
    models = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": " ".join(Path("/proc/loadavg").read_text().split()[:3]),
    }

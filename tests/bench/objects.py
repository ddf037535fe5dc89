"""500,000 objects: what each takes in memory, how long loading takes, and the longest pause while 1% of them change.

``objects.py fill DIRECTORY`` makes them, ``objects.py measure DIRECTORY`` loads them and prints JSON. Times are of the
processor, so that a busy machine does not count as a pause. The objects are families of a VM, its metrics and guest metrics,
disks, drives and a network interface.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from twisted.internet.defer import Deferred

from xapid.database import Database, garbage
from xapid.database.journal import SQLiteJournal
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.types import frozenmap
from xapid.ids import Ids

FAMILY = 8
FAMILIES = 500_000 // FAMILY


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def create(tx: Any, number: int) -> None:
    """One VM and what belongs to it."""
    metrics = tx.create("VM_metrics", memory_actual=2**30, VCPUs_number=2)
    guest = tx.create("VM_guest_metrics", os_version=frozenmap(name="Debian 12", distro="debian"))
    vm = tx.create(
        "VM",
        name_label=f"vm {number}",
        metrics=metrics,
        guest_metrics=guest,
        power_state="Running",
        platform=frozenmap(nx="true", acpi="1", apic="true", pae="true"),
        other_config=frozenmap(mac_seed=f"seed {number}", base_template_name="Debian"),
        allowed_operations=("clean_shutdown", "hard_shutdown", "pause", "snapshot"),
    )
    for device in range(2):
        disk = tx.create("VDI", name_label=f"disk {device}", virtual_size=2**33)
        tx.create("VBD", VM=vm, VDI=disk, userdevice=str(device), device=f"xvd{'ab'[device]}")
    tx.create("VIF", VM=vm, device="0", MAC=f"02:00:{number >> 24:02x}:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:01")


class Turns:
    """Stands for the reactor: does what other threads ask for when it is told to."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Callable[..., Any], tuple[object, ...]]] = SimpleQueue()

    def callFromThread(self, callable: Callable[..., Any], *args: object) -> None:
        self._calls.put((callable, args))

    def end(self) -> None:
        """Do what has been asked for so far."""
        while not self._calls.empty():
            callable, args = self._calls.get()
            callable(*args)

    def until(self, done: Deferred[None]) -> None:
        """Do what is asked for until something is done."""
        while not done.called:
            callable, args = self._calls.get()
            callable(*args)


def journal(directory: str, turns: Turns) -> SQLiteJournal:
    def failed(problem: BaseException) -> None:
        raise problem

    return SQLiteJournal(Path(directory) / "journal", turns, failed)


def fill(directory: str) -> None:
    """Make the objects, and keep them in a journal."""
    gc.disable()
    turns = Turns()
    kept = journal(directory, turns)
    db = Database(catalogue(), Ids(1), kept)
    for start in range(0, FAMILIES, 100):
        with db.transaction() as tx:
            for number in range(start, min(start + 100, FAMILIES)):
                create(tx, number)
        turns.end()
    turns.until(kept.close())


def measure(directory: str) -> None:
    """Load them, and change some."""
    api, turns = catalogue(), Turns()
    db = Database(api, Ids(2), journal(directory, turns))
    before, started = resident(), time.process_time()
    db.load()
    took = time.process_time() - started
    garbage.settle()
    count = sum(len(table) for table in db.tables.values())
    assert count == FAMILIES * FAMILY, count
    each = (resident() - before) / count
    vms, longest = db.table("VM").rows(), 0.0
    for number in range(count // 100):
        start = time.thread_time()
        with db.transaction() as tx:
            tx.update(vms[number % len(vms)], other_config=frozenmap(changed=str(number)))
        turns.end()
        longest = max(longest, time.thread_time() - start)
    print(json.dumps({"objects": count, "bytes": each, "load s": took, "pause ms": longest * 1e3}))


if __name__ == "__main__":
    {"fill": fill, "measure": measure}[sys.argv[1]](sys.argv[2])
    sys.stdout.flush()
    os._exit(0)  # taking half a million objects apart would only cost time

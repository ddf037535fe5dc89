"""What is left over when objects go: rows that point at nothing, and metrics that nobody points at, are swept up.

Destroying an object destroys nothing else at once; this does, every half minute, as clients of the reference server expect.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from xapid.database import Database, Row
from xapid.datamodel.types import NULL_REF, ref_class

log = Logger()

SWEEP_EVERY: Final = 30.0
OWNERS: Final = {
    "VBD": ("VM", "VDI"), "VIF": ("VM", "network"), "PBD": ("host", "SR"), "PIF": ("host", "network"), "VDI": ("SR",),
    "console": ("VM",), "VTPM": ("VM",), "VUSB": ("VM",), "VGPU": ("VM",), "host_cpu": ("host",), "Certificate": ("host",),
    "crashdump": ("VM",), "host_crashdump": ("host",), "PCI": ("host",), "PGPU": ("host",), "PUSB": ("host",),
    "Feature": ("host",),
}  # fmt: skip
"""The fields that must point at something for an object to stay."""
MAY_BE_NULL: Final = frozenset({("VBD", "VDI"), ("Certificate", "host")})
METRICS: Final = {
    "VM_metrics": ("VM", "metrics"), "VM_guest_metrics": ("VM", "guest_metrics"), "host_metrics": ("host", "metrics"),
    "PIF_metrics": ("PIF", "metrics"),
}  # fmt: skip
"""Objects that stay only while another points at them: that one's class and field."""


class Sweep:
    """Sweeps ``db`` in turns of ``clock``."""

    def __init__(self, db: Database, clock: IReactorTime) -> None:
        self._db = db
        self._loop = LoopingCall(self.sweep)
        self._loop.clock = clock

    def start(self) -> None:
        """Sweep every half minute from now on."""
        self._loop.start(SWEEP_EVERY, now=False).addErrback(lambda failure: log.failure("Sweep", failure))

    def stop(self) -> None:
        """Sweep no more."""
        if self._loop.running:
            self._loop.stop()

    def sweep(self) -> None:
        """Destroy what is left over now, and what is left over by that."""
        while left_over := list(self._left_over()):
            with self._db.transaction() as tx:
                for row in left_over:
                    tx.destroy(row)

    def _left_over(self) -> Iterator[Row]:
        for cls, fields in OWNERS.items():
            table = self._db.table(cls)
            targets = [(name, self._db.table(ref_class(self._db.api.field(cls, name).type) or "")) for name in fields]
            nullable = {name for name in fields if (cls, name) in MAY_BE_NULL}
            for row in table.rows():
                for name, target in targets:
                    ref = getattr(row, name)
                    if ref not in target and not (ref == NULL_REF and name in nullable):
                        yield row
                        break
        for cls, (owner, field) in METRICS.items():
            used = {getattr(row, field) for row in self._db.table(owner).rows()}
            yield from (row for row in self._db.table(cls).rows() if row.ref not in used)

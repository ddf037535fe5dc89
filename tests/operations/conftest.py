"""A small pool in a real database, with a simulated host's storage and a hypervisor that notes what it is told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from xapid.agent.simulator import PROFILES, Surroundings
from xapid.agent.simulator.storage import SimulatedStorage
from xapid.agent.values import AgentFailure
from xapid.database import Database
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.ids import Ids
from xapid.operations import allowed
from xapid.operations.storage_rows import sr_config

FEATURES = ("VDI_CREATE", "VDI_DELETE", "VDI_CLONE", "VDI_SNAPSHOT", "VDI_RESIZE", "VDI_INTRODUCE", "VDI_UPDATE", "SR_UPDATE")
DISK = {"mode": "RW", "type": "Disk"}
CD = {"mode": "RO", "type": "CD", "empty": True}


class Hypervisor:
    """Notes the calls it gets. Devices in ``stuck`` are not let go."""

    def __init__(self):
        self.calls = []
        self.stuck = set()

    async def plug_disk(self, vm, disk):
        self.calls.append(("plug_disk", vm, disk["vdi"]))
        return "xvda"

    async def unplug_disk(self, vm, vbd, force):
        if vbd in self.stuck and not force:
            raise AgentFailure("device_in_use", (vbd, "mounted"))
        self.calls.append(("unplug_disk", vm, vbd))

    async def insert(self, vm, disk):
        self.calls.append(("insert", vm, disk["vdi"]))

    async def plug_nic(self, vm, nic):
        self.calls.append(("plug_nic", vm, nic["network"], nic["locking_mode"], nic["ipv4_allowed"]))
        return nic["device"]

    async def unplug_nic(self, vm, vif, force):
        if vif in self.stuck and not force:
            raise AgentFailure("device_in_use", (vif, "configured"))
        self.calls.append(("unplug_nic", vm, vif))


class World:
    """The database and a context for operations, and short ways to put objects there."""

    STALE = "OpaqueRef:00000000-0000-4000-8000-000000000001"
    DRIVERS = frozenmap({"PV_drivers_version": frozenmap({"major": "8", "minor": "2"}), "PV_drivers_detected": True})
    """Guest metrics of a guest with PV drivers."""

    def __init__(self):
        self.clock, self.ids = Clock(), Ids(1)
        self.db = Database(catalogue(), self.ids)
        self.hypervisor = Hypervisor()
        self.storage = SimulatedStorage(self.clock, PROFILES["instant"], Surroundings())
        self.calls = []
        self.on_call = None
        self.host = self.make("host", enabled=True, address="127.0.0.1")
        self.pool = self.make("pool", master=self.host)
        self.make("SM", type="nfs", features=frozenmap(dict.fromkeys(FEATURES, 1)))
        self.sr = self.make("SR", type="nfs", shared=True, physical_size=1 << 40, physical_utilisation=0)
        self.pbd = self.make("PBD", SR=self.sr, host=self.host, currently_attached=True)
        self.network = self.make("network", bridge="xapi0", managed=True)
        self.run(self.storage.sr_attach(sr_config(self.db, self.row(self.sr), {"server": "192.0.2.1", "serverpath": "/disks"})))

    @property
    def context(self):
        """What an operation is given."""
        return SimpleNamespace(
            db=self.db, clock=self.clock, ids=self.ids, host=self.host, agent=self._agent, call=self._call,
            now=lambda: datetime.fromtimestamp(int(self.clock.seconds()), UTC),
            task=SimpleNamespace(ref="OpaqueRef:task", check_cancelled=lambda: None),
            services=SimpleNamespace(making=set(), schedules_at_work=set()),
        )  # fmt: skip

    def _agent(self, host=None):
        return SimpleNamespace(hypervisor=self.hypervisor, storage=self.storage)

    async def _call(self, message, *args):
        self.calls.append((message, *args))
        return None if self.on_call is None else self.on_call(message, *args)

    def run(self, outcome):
        """What an operation answers, which must not wait for anything."""
        if not asyncio.iscoroutine(outcome):
            return outcome
        answers = []
        Deferred.fromCoroutine(outcome).addBoth(answers.append)
        assert answers, "the operation waits"
        if hasattr(answers[0], "raiseException"):
            answers[0].raiseException()
        return answers[0]

    def row(self, ref):
        """An object as it is now."""
        return self.db.find(ref)

    def make(self, cls, **fields):
        """An object with its allowed operations; returns its reference."""
        with self.db.transaction() as tx:
            ref = tx.create(cls, **fields)
            if "allowed_operations" in self.db.table(cls).stored:
                allowed.refresh(tx, self.db, self.db.get(cls, ref))
        return ref

    def set(self, ref, **fields):
        """Change an object, and what may be done with it."""
        with self.db.transaction() as tx:
            tx.update(ref, **fields)
            allowed.refresh(tx, self.db, self.row(ref))

    def vm(self, power="Halted", *, domain_type="hvm", guest=None, **fields):
        """A VM; ``guest`` are fields of its guest metrics, if it has any."""
        metrics = self.make("VM_metrics", current_domain_type=domain_type if power in ("Running", "Paused") else "unspecified")
        guest_metrics = NULL_REF if guest is None else self.make("VM_guest_metrics", **guest)
        fields = {"resident_on": self.host if power in ("Running", "Paused") else NULL_REF, **fields}
        return self.make(
            "VM", power_state=power, domain_type=domain_type, metrics=metrics, guest_metrics=guest_metrics, **fields
        )

    def disk(self, **fields):
        """A disk of 8 MiB."""
        fields = {"SR": self.sr, "managed": True, "type": "user", "virtual_size": 8 << 20, **fields}
        fields.setdefault("location", f"disk-{len(self.db.table('VDI'))}")
        return self.make("VDI", **fields)

    def vbd(self, vm, disk=NULL_REF, **fields):
        """A drive, of a disk if there is one."""
        fields = {**(CD if disk == NULL_REF else DISK), "unpluggable": True, **fields}
        position = str(len(self.row(vm).VBDs))
        return self.make("VBD", VM=vm, VDI=disk, **{"userdevice": position, **fields})

    def vif(self, vm, **fields):
        """A network interface on the network."""
        return self.make("VIF", VM=vm, **{"network": self.network, "device": str(len(self.row(vm).VIFs)), **fields})

    def refused(self, row, operation, **options):
        """Why an operation is refused: code and parameters; empty if it is not."""
        return allowed.refusal(self.db, self.row(row), operation, **options) or ()

    def error(self, operation, *args):
        """The error of an operation that fails: code and parameters."""
        with pytest.raises(XenAPIError) as caught:
            self.run(operation(self.context, *args))
        return caught.value.description


@pytest.fixture
def world():
    return World()

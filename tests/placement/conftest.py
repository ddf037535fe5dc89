"""A pool of two hosts with 8 GiB each, one shared SR, one local SR each, and VMs to place."""

from __future__ import annotations

from random import Random

import attrs
import pytest

from xapid.database import Database
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.ids import Ids

GIB = 1 << 30


@attrs.define
class Pool:
    """Makes objects; ``hosts`` are two references."""

    db: Database
    hosts: list[str] = attrs.field(factory=list)
    pool: str = ""

    def make(self, cls, **values):
        with self.db.transaction() as tx:
            return tx.create(cls, **values)

    def update(self, ref, **values):
        with self.db.transaction() as tx:
            tx.update(ref, **values)

    def host(self, **values):
        metrics = self.make("host_metrics", memory_total=8 * GIB, live=True)
        fields = {
            "enabled": True, "metrics": metrics, "capabilities": ("xen-3.0-x86_64", "hvm-3.0-x86_64"),
            "cpu_info": frozenmap({"cpu_count": "4", "vendor": "GenuineIntel", "features_hvm": "0f", "features_pv": "07"}),
            "virtual_hardware_platform_versions": (0, 1, 2),
        }  # fmt: skip
        self.hosts.append(self.make("host", **(fields | values)))
        return self.hosts[-1]

    def sr(self, *hosts, **values):
        sr = self.make("SR", type="nfs", **values)
        for host in hosts:
            self.make("PBD", SR=sr, host=host, currently_attached=True)
        return sr

    def vm(self, **values):
        fields = {
            "power_state": "Halted", "domid": -1, "VCPUs_max": 1, "VCPUs_at_startup": 1, "memory_static_min": 0,
            "memory_static_max": GIB, "memory_dynamic_max": GIB, "memory_dynamic_min": GIB, "HVM_shadow_multiplier": 1.0,
            "domain_type": "hvm", "actions_after_crash": "restart",
        }  # fmt: skip
        return self.row(self.make("VM", **(fields | values)))

    def disk(self, vm, sr):
        disk = self.make("VDI", SR=sr)
        self.make("VBD", VM=vm.ref, VDI=disk, empty=False)

    def row(self, vm):
        return self.db.get("VM", vm if isinstance(vm, str) else vm.ref)


@pytest.fixture
def pool():
    made = Pool(Database(catalogue(), Ids(1)))
    made.host()
    made.host()
    made.pool = made.make("pool", master=made.hosts[0], coordinator_bias=False)
    return made


@pytest.fixture
def random():
    return Random(1)


@pytest.fixture
def refused():
    def check(code, function, *args, **kwargs):
        with pytest.raises(XenAPIError) as caught:
            function(*args, **kwargs)
        assert caught.value.code == code
        return caught.value.params

    return check

"""What VMs need and what hosts have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xapid.placement import memory

MIB, GIB = 1 << 20, 1 << 30


@pytest.mark.parametrize(
    ("kind", "vcpus", "static_max", "factor", "expected"),
    [
        ("hvm", 2, GIB, 1.0, 13 * MIB),
        ("hvm", 2, 768 * MIB, 1.0, 11 * MIB),
        ("pv", 2, GIB, 1.0, 12 * MIB),
        ("hvm", 2, GIB, 2.0, 23 * MIB),
        ("pv_in_pvh", 2, 900 * MIB, 1.0, (2 + 10 + 1 + 33) * MIB),
        ("hvm", 1, 0, 0.1, 4 * MIB),
    ],
)
def test_overhead_is_page_tables_shadow_and_shim(kind, vcpus, static_max, factor, expected):
    assert memory.overhead(kind, vcpus, static_max, factor) == expected


@pytest.mark.parametrize("factor", [1e308, float("inf"), float("nan"), 1.0])
def test_overhead_always_fits_into_a_field(factor):
    assert 0 < memory.overhead("pv_in_pvh", 2**63 - 1, 2**63 - 1, factor) < 2**63


def test_the_largest_static_maximum_is_the_recorded_one(pool):
    """With an approximate answer made for 64 virtual CPUs."""
    vm = pool.vm(VCPUs_max=2)
    assert memory.largest_static_max(vm, 2147483648, False) == 2125463552
    assert memory.largest_static_max(vm, 2147483648, True) == 2051014656


@given(st.integers(0, 1 << 42), st.booleans())
def test_the_largest_static_maximum_fits_and_one_mib_more_does_not(total, approximate):
    class Vm:
        domain_type, VCPUs_max, HVM_shadow_multiplier = "hvm", 3, 1.0

    vcpus = 64 if approximate else 3

    def needed(size):
        return size + memory.overhead("hvm", vcpus, size, 1.0)

    largest = memory.largest_static_max(Vm, total, approximate)
    assert largest == 0 or needed(largest) <= total
    assert needed(largest + MIB) > total


def test_memory_is_used_by_vms_that_are_there_and_by_those_on_their_way(pool):
    host = pool.hosts[0]
    pool.vm(resident_on=host, memory_overhead=MIB)
    coming = pool.vm(scheduled_to_be_resident_on=host)
    assert memory.free(pool.db, host) == 6 * GIB - MIB
    assert memory.free(pool.db, host, besides=coming.ref) == 7 * GIB - MIB

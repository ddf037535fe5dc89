"""Figures of simulated hosts: under the names that clients know, in sensible ranges, and the same whenever they are asked."""

from __future__ import annotations

import pytest

from xapid.agent.simulator.figures import disk_figures, load, vm_figures
from xapid.agent.simulator.hypervisor import Domain
from xapid.stats import describe

NOW = 1_800_000_000.0


def domain(paused: bool = False) -> Domain:
    disk = {"vbd": "b", "device": "0", "vdi": "d", "read_only": False}
    nic = {"vif": "v", "device": "0"}
    config = {
        "uuid": "a" * 36,
        "other_config": {},
        "platform": {},
        "disks": [disk, disk | {"device": "3", "vdi": ""}],
        "nics": [nic],
    }
    return Domain(config, 1, NOW, 1 << 30, 2, paused)  # type: ignore[arg-type]  # no more of it is looked at


@pytest.mark.parametrize("moment", range(0, 90000, 7919))
def test_every_figure_is_known_and_in_its_range(moment: int) -> None:
    for name, value in vm_figures(NOW + moment, domain()).items():
        source = describe("vm", name)
        assert source.doc != name, name
        assert source.least <= value <= source.most, name


def test_names_are_those_that_graphs_look_for() -> None:
    names = set(vm_figures(NOW, domain()))
    assert {
        "cpu0",
        "cpu1",
        "memory",
        "memory_internal_free",
        "vif_0_rx",
        "vif_0_tx",
        "vbd_xvda_read",
        "vbd_xvda_write",
    } <= names
    assert not any("xvdd" in name for name in names)


def test_the_same_moment_gives_the_same_figures_and_another_others() -> None:
    assert vm_figures(NOW, domain()) == vm_figures(NOW, domain())
    assert vm_figures(NOW, domain()) != vm_figures(NOW + 5, domain())
    assert load(NOW, 1) != load(NOW, 2)


def test_a_paused_vm_only_takes_room() -> None:
    figures = vm_figures(NOW, domain(paused=True))
    assert figures["memory"] == 1 << 30
    assert figures["cpu_usage"] == figures["vif_0_rx"] == figures["vbd_xvda_read"] == 0.0


def test_nothing_is_written_to_a_disk_that_is_read_only() -> None:
    assert disk_figures(0.5, "xvdd", True)["vbd_xvdd_write"] == 0.0
    assert disk_figures(0.5, "xvdd", True)["vbd_xvdd_read"] > 0.0

"""SRs that are searched by themselves, by the clock."""

from __future__ import annotations

import pytest

from xapid.agent.simulator.storage import SimulatedStorage
from xapid.agent.values import AgentFailure
from xapid.datamodel.types import frozenmap

pytestmark = pytest.mark.xapid(preset="pool3", vms_per_host=0, duration_profile="instant")


@pytest.fixture
def hidden(api):
    """Makes a disk of an SR that storage has and the database does not know; returns what asks whether it does again."""

    def hide(sr):
        record = {
            "SR": sr,
            "virtual_size": str(8 << 20),
            "type": "user",
            "sharable": False,
            "read_only": False,
            "other_config": {},
        }
        vdi = api.VDI.create(record | {"name_label": "found again"})
        api.VDI.forget(vdi)
        return lambda: "found again" in [disk["name_label"] for disk in api.VDI.get_all_records().values() if disk["SR"] == sr]

    return hide


@pytest.fixture
def shared(api):
    """The SR that all hosts reach, searched by itself."""
    (sr,) = api.SR.get_by_name_label("Shared storage")
    scanned(api, sr)
    return sr


def scanned(api, sr):
    api.SR.remove_from_other_config(sr, "auto-scan")
    api.SR.add_to_other_config(sr, "auto-scan", "true")


def test_disks_that_storage_has_are_found_within_half_a_minute(api, xapid_clock, shared, hidden):
    is_found = hidden(shared)
    assert not is_found()
    xapid_clock.pass_time(31)
    assert is_found()
    assert not api.task.get_all_records()  # nothing is left of the work
    assert api.SR.get_current_operations(shared) == {}


def test_nothing_happens_where_nothing_is_new(xapid_server, xapid_clock, api, shared, hidden):
    hidden(shared)
    xapid_clock.pass_time(61)
    before = xapid_server.pool.db.generation
    xapid_clock.pass_time(600)
    assert xapid_server.pool.db.generation == before


def test_what_is_gone_and_what_has_changed_is_found_too(api, change, make, xapid_clock, shared):
    kind = {"type": "user", "sharable": False, "read_only": False, "other_config": {}}
    vdi = api.VDI.create({"name_label": "it", "SR": shared, "virtual_size": str(8 << 20), **kind})
    gone = make("VDI", SR=shared, location="nowhere", managed=True)
    change(vdi, virtual_size=1)
    xapid_clock.pass_time(31)
    assert (api.VDI.get_virtual_size(vdi), gone in api.VDI.get_all()) == (str(8 << 20), False)
    change(vdi, missing=True)
    xapid_clock.pass_time(31)
    assert not api.VDI.get_missing(vdi)
    for changes in ({"physical_size": 5}, {"other_config": frozenmap({"auto-scan": "true", "dirty": ""})}):
        change(shared, **changes)
        xapid_clock.pass_time(31)
        record = api.SR.get_record(shared)
        assert (int(record["physical_size"]) > 5, record["other_config"]) == (True, {"auto-scan": "true"})


def test_only_srs_that_say_so_are_searched(api, xapid_clock, shared, hidden):
    api.SR.set_other_config(shared, {"auto-scan": "false"})
    is_found = hidden(shared)
    xapid_clock.pass_time(120)
    assert not is_found()


def test_the_coordinator_says_how_often_shared_srs_are_searched(api, xapid_clock, shared, hidden):
    coordinator = api.pool.get_master(api.pool.get_all()[0])
    for host in api.host.get_all():
        api.host.add_to_other_config(host, "auto-scan-interval", "300" if host == coordinator else "1")
    xapid_clock.pass_time(31)  # the turn that was due already
    is_found = hidden(shared)
    xapid_clock.pass_time(290)
    assert not is_found()
    xapid_clock.pass_time(11)
    assert is_found()


def test_the_host_that_reaches_an_sr_says_how_often_it_is_searched(api, xapid_clock, hidden):
    coordinator = api.pool.get_master(api.pool.get_all()[0])
    member = next(host for host in api.host.get_all() if host != coordinator)
    api.host.add_to_other_config(member, "auto-scan-interval", "5")
    (sr,) = [
        pbd["SR"]
        for pbd in api.PBD.get_all_records().values()
        if pbd["host"] == member and api.SR.get_name_label(pbd["SR"]) == "Local storage"
    ]
    scanned(api, sr)
    xapid_clock.pass_time(31)
    is_found = hidden(sr)
    xapid_clock.pass_time(6)
    assert is_found()


@pytest.mark.parametrize("text", ["", "0", "-5", "soon", "1e3", "²"])
def test_an_interval_that_is_none_counts_as_half_a_minute(api, xapid_clock, shared, hidden, text):
    for host in api.host.get_all():
        api.host.add_to_other_config(host, "auto-scan-interval", text)
    xapid_clock.pass_time(31)
    is_found = hidden(shared)
    xapid_clock.pass_time(25)
    assert not is_found()
    xapid_clock.pass_time(6)
    assert is_found()


def test_a_search_that_fails_is_tried_again(monkeypatch, xapid_clock, api, shared, hidden):
    async def fails(storage, sr):
        raise AgentFailure("storage", ("SR_BACKEND_FAILURE_40", "", "", ""))

    is_found = hidden(shared)
    with monkeypatch.context() as patch:
        patch.setattr(SimulatedStorage, "sr_scan", fails)
        xapid_clock.pass_time(61)
    assert not is_found()
    xapid_clock.pass_time(31)
    assert is_found()


def test_an_sr_that_no_host_reaches_is_passed_over(api, xapid_clock, shared, hidden):
    is_found = hidden(shared)
    for pbd in api.SR.get_PBDs(shared):
        api.PBD.unplug(pbd)
    xapid_clock.pass_time(61)
    assert not is_found()
    for pbd in api.SR.get_PBDs(shared):
        api.PBD.plug(pbd)
    xapid_clock.pass_time(31)
    assert is_found()

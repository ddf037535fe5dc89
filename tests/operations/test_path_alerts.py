"""Alerts about paths to storage, whose numbers storage writes into ``other_config``, as a stock client finds them."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.xapid(duration_profile="instant", vms_per_host=0)

XENCENTER = re.compile(r"^.*host=(.*); host-name=.*; current=(\d+); max=(\d+)$")


@pytest.fixture
def told(api):
    """Class, object, priority and the lines of the alerts about paths."""

    def find():
        found = [m for m in api.message.get_all_records().values() if m["name"] == "MULTIPATH_PERIODIC_ALERT"]
        found.sort(key=lambda m: str(m["timestamp"]))
        return [(m["cls"], m["obj_uuid"], m["priority"], m["body"].split("\n")) for m in found]

    return find


@pytest.fixture
def write(api):
    """Writes what storage knows of paths into other_config of a PBD."""

    def paths(pbd, device, value):
        api.PBD.remove_from_other_config(pbd, f"mpath-{device}")
        api.PBD.add_to_other_config(pbd, f"mpath-{device}", value)

    return paths


def test_a_path_that_is_lost_and_comes_back_is_told_of_its_host(api, xapid_clock, told, write):
    pbd = api.PBD.get_all()[0]
    host = api.host.get_uuid(api.PBD.get_host(pbd))
    write(pbd, "3600a", "[2, 2]")
    write(pbd, "3600b", "[4, 4]")
    xapid_clock.pass_time(121)
    assert told() == []  # all paths are there
    write(pbd, "3600a", "[1, 2]")
    xapid_clock.pass_time(121)
    ((cls, uuid, priority, lines),) = told()
    assert (cls, uuid, priority) == ("Host", host, "3")
    assert (lines[0], lines[2]) == ("Unhealthy paths:", "Events received during the last 120 seconds:")
    assert [XENCENTER.match(lines[n]).groups() for n in (1, 3)] == [(host, "1", "2")] * 2
    assert f"; pbd={api.PBD.get_uuid(pbd)}; scsi_id=3600a; " in lines[3] and len(lines) == 4
    xapid_clock.pass_time(600)
    assert len(told()) == 1  # what stays as it is is told once
    write(pbd, "3600a", "[2, 2]")
    xapid_clock.pass_time(121)
    lines = told()[1][3]
    assert lines[0] == "Events received during the last 120 seconds:"
    assert XENCENTER.match(lines[1]).groups() == (host, "2", "2")


def test_the_device_that_a_host_boots_from_counts_too(api, xapid_clock, told):
    host = api.host.get_all()[0]
    api.host.add_to_other_config(host, "mpath-boot", "[1, 4]")
    xapid_clock.pass_time(121)
    ((_, uuid, _, lines),) = told()
    assert uuid == api.host.get_uuid(host)
    assert "; root=true; current=1; max=4" in lines[3]


def test_what_is_no_number_of_paths_is_passed_over(api, xapid_clock, told, write):
    for value in ("[1; 2]", "one", "", "[-1, 2]"):
        write(api.PBD.get_all()[0], "3600a", value)
        xapid_clock.pass_time(121)
    assert told() == []

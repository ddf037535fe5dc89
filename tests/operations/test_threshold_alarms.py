"""Alarms about figures that cross what ``other_config:perfmon`` says, as a stock client finds them."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from xapid.operations.measuring import Measuring
from xapid.operations.thresholds import BadThreshold, read, read_per_host

pytestmark = pytest.mark.xapid(duration_profile="instant", vms_per_host=1)

XO = re.compile(r'^value:\s*(Infinity|NaN|-Infinity|\d+(?:\.\d+)?)\s*config:\s*<variable>\s*<name value="(.*?)"')
"""How Xen Orchestra reads the text of an alarm."""


def config(name, level, **more):
    settings = {"alarm_trigger_level": level} | more
    inner = "".join(f'<{key} value="{value}"/>' for key, value in settings.items())
    return f'<config><variable>{inner}<name value="{name}"/></variable></config>'


@pytest.fixture
def measured(xapid_server):
    measuring = Measuring(xapid_server.pool.db, xapid_server.clock, xapid_server.pool.services)
    measuring.start()
    yield
    measuring.stop()


@pytest.fixture
def alarms(api):
    """Class, object, priority and text of the alarms, the oldest first."""

    def find():
        found = [m for m in api.message.get_all_records().values() if m["name"] == "ALARM"]
        found.sort(key=lambda m: str(m["timestamp"]))
        return [(m["cls"], m["obj_uuid"], m["priority"], m["body"]) for m in found]

    return find


def test_a_host_that_uses_more_than_it_should_is_told_once_an_hour(api, xapid_clock, measured, alarms):
    host = api.host.get_all()[0]
    api.host.add_to_other_config(host, "perfmon", config("cpu_usage", "0.0001", alarm_trigger_period="120"))
    xapid_clock.pass_time(65)
    assert alarms() == []  # not for long enough yet
    xapid_clock.pass_time(180)
    ((cls, uuid, priority, body),) = alarms()
    assert (cls, uuid, priority) == ("Host", api.host.get_uuid(host), "1")
    value, name = XO.match(body).groups()
    assert 0 < float(value) < 1 and name == "cpu_usage"
    variable = etree.fromstring(body.partition("config:\n")[2])  # as XenCenter reads it
    assert {each.tag: each.get("value") for each in variable} == {
        "name": "cpu_usage", "alarm_trigger_level": "0.0001", "alarm_trigger_period": "120",
    }  # fmt: skip
    xapid_clock.pass_time(3000)
    assert len(alarms()) == 1
    xapid_clock.pass_time(900)
    assert len(alarms()) == 2
    api.host.remove_from_other_config(host, "perfmon")
    xapid_clock.pass_time(4000)
    assert len(alarms()) == 2


def test_free_memory_of_a_host_is_watched_for_too_little(api, xapid_clock, measured, alarms):
    host = api.host.get_all()[0]
    api.host.add_to_other_config(host, "perfmon", config("memory_free_kib", "1000"))
    xapid_clock.pass_time(300)
    assert alarms() == []
    api.host.set_other_config(host, {"perfmon": config("memory_free_kib", str(1 << 50))})
    xapid_clock.pass_time(130)
    assert [XO.match(body)[2] for _, _, _, body in alarms()] == ["memory_free_kib"]


def test_vms_and_control_domains_are_watched_while_they_run(api, xapid_clock, measured, alarms):
    vm = api.VM.get_by_name_label("vm-1-1")[0]
    api.VM.add_to_other_config(vm, "perfmon", config("vm load", "0", rrd_regex="cpu[0-9]+", alarm_priority="4"))
    control = api.host.get_control_domain(api.host.get_all()[0])
    api.VM.add_to_other_config(control, "perfmon", config("mem_usage", "0.01"))
    xapid_clock.pass_time(200)
    assert [(uuid, XO.match(body)[2]) for _, uuid, _, body in alarms()] == [(api.VM.get_uuid(control), "mem_usage")]
    api.VM.start(vm, False, False)
    xapid_clock.pass_time(200)
    cls, uuid, priority, body = alarms()[-1]
    assert (cls, uuid, priority, XO.match(body)[2]) == ("VM", api.VM.get_uuid(vm), "4", "vm load")


def test_an_sr_is_watched_for_its_room_and_for_what_each_host_moves(api, xapid_clock, measured, alarms):
    (sr,) = api.SR.get_by_name_label("Shared storage")
    host = api.PBD.get_host(api.SR.get_PBDs(sr)[0])
    room, moved = config("physical_utilisation", "-1"), config("sr_io_throughput_total_per_host", "-1")
    api.SR.add_to_other_config(sr, "perfmon", room.replace("</config>", moved.removeprefix("<config>")))
    quiet = config(f"sr_io_throughput_total_{api.SR.get_uuid(sr)[:8]}", "99999")
    api.host.add_to_other_config(host, "perfmon", quiet)  # which goes before what the SR says
    xapid_clock.pass_time(130)
    told = {(cls, uuid): body for cls, uuid, _, body in alarms()}
    assert XO.match(told.pop(("SR", api.SR.get_uuid(sr))))[2] == "physical_utilisation"
    others = {api.PBD.get_host(pbd) for pbd in api.SR.get_PBDs(sr)} - {host}
    assert told.keys() == {("Host", api.host.get_uuid(other)) for other in others} and others
    for body in told.values():
        assert XO.match(body)[2] == f"sr_io_throughput_total_{api.SR.get_uuid(sr)[:8]}"
        assert f'<configured_on class="SR" uuid="{api.SR.get_uuid(sr)}"/>' in body


def test_settings_that_cannot_be_read_keep_no_other_object_from_its_alarm(api, xapid_clock, measured, alarms):
    first, second, *_ = api.host.get_all()
    api.host.add_to_other_config(first, "perfmon", "<config><variable>")
    api.host.add_to_other_config(second, "perfmon", config("cpu_usage", "0"))
    xapid_clock.pass_time(130)
    assert [uuid for _, uuid, _, _ in alarms()] == [api.host.get_uuid(second)]


def test_graphical_clients_can_say_that_they_have_changed_something(api):
    assert api.host.call_plugin(api.host.get_all()[0], "perfmon", "refresh", {}) == "True"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<config/><config/>",
        "<config><variable><alarm_trigger_level value='1'/></variable></config>",
        config("cpu_usage", "much"),
        config("cpu_usage", "nan"),
        config("made up", "1"),
        config("cpu_usage", "1", consolidation_fn="eval"),
        config("cpu_usage", "1", alarm_trigger_period="soon"),
        config("cpu_usage", "1", rrd_regex="(c+)+p"),
        config("cpu_usage", "1", rrd_regex=".*.*.*.*u"),
        config("cpu_usage", "1", rrd_regex="(?=c)"),
        config("cpu_usage", "1", rrd_regex="(cpu"),
        config("cpu_usage", "1", rrd_regex="c" * 201),
        f"<config>{' ' * 65536}</config>",
        '<!DOCTYPE c [<!ENTITY e SYSTEM "file:///etc/passwd">]><config><variable>&e;</variable></config>',
    ],
)
def test_settings_that_say_too_little_or_too_much_are_refused(text):
    with pytest.raises(BadThreshold):
        if read("host", text) == ():
            raise BadThreshold("which is as well")


def test_an_sr_cannot_say_which_figures_of_its_hosts_to_watch():
    text = config("sr_io_throughput_total_per_host", "1", rrd_regex="cpu0")
    with pytest.raises(BadThreshold):
        read_per_host("1234", text)
    assert read_per_host("1234", config("physical_utilisation", "1")) == ()

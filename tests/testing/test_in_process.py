"""The pool in the test's own process."""

from __future__ import annotations

import pytest
import XenAPI

from xapid.testing.in_process import Server, config
from xapid.testing.processes import PASSWORD
from xapid.testing.virtual_time import Stuck

TEMPLATE = "Debian Bookworm 12"


def own_vm(api) -> str:
    (template,) = api.VM.get_by_name_label(TEMPLATE)
    vm = api.VM.clone(template, "mine")
    api.VM.remove_from_other_config(vm, "disks")
    api.VM.provision(vm)
    return vm


def test_stock_sessions_are_answered_without_sockets(xapid_server):
    session = xapid_server.session()
    assert len(session.xenapi.host.get_all()) == 3
    session.xenapi.session.logout()


def test_a_wrong_password_is_refused(xapid_server):
    with pytest.raises(XenAPI.Failure) as caught:
        xapid_server.session(password="wrong")
    assert caught.value.details[:2] == ["SESSION_AUTHENTICATION_FAILED", "root"]


@pytest.mark.xapid(preset="standalone", vms_per_host=2)
def test_the_mark_says_what_the_pool_holds(xapid_session):
    assert len(xapid_session.xenapi.host.get_all()) == 1
    records = xapid_session.xenapi.VM.get_all_records().values()
    assert len([r for r in records if not r["is_a_template"] and not r["is_control_domain"]]) == 2


def test_a_call_that_takes_long_is_done_at_once_and_the_clock_has_moved(xapid_session, xapid_clock):
    vm = own_vm(xapid_session.xenapi)
    before = xapid_clock.seconds()
    xapid_session.xenapi.VM.start(vm, False, False)
    assert xapid_session.xenapi.VM.get_power_state(vm) == "Running"
    assert xapid_clock.seconds() > before


def test_an_event_call_waits_in_virtual_time(xapid_session, xapid_clock):
    event = xapid_session.xenapi.event
    token = getattr(event, "from")(["VM"], "", 0.0)["token"]
    before = xapid_clock.seconds()
    assert getattr(event, "from")(["VM"], token, 30.0)["events"] == []
    assert xapid_clock.seconds() == pytest.approx(before + 30)


def test_a_reset_makes_everything_as_it_was(xapid_server):
    start = xapid_server.clock.now()
    session = xapid_server.session()
    refs = session.xenapi.VM.get_all()
    vm = own_vm(session.xenapi)
    session.xenapi.VM.start(vm, False, False)
    xapid_server.reset()
    assert xapid_server.clock.now() == start
    assert xapid_server.session().xenapi.VM.get_all() == refs


def test_two_servers_with_one_seed_do_the_same(xapid_server):
    other = Server(config())
    try:
        mine, theirs = (own_vm(server.session().xenapi) for server in (xapid_server, other))
        assert mine == theirs
        records = [server.session().xenapi.VM.get_record(mine) for server in (xapid_server, other)]
        assert records[0] == records[1]
    finally:
        other.close()


def test_a_session_with_a_member_is_sent_to_the_coordinator(xapid_server):
    hosts = xapid_server.pool.hosts()
    client = xapid_server.client(f"https://{hosts[1].address}")
    with pytest.raises(XenAPI.Failure) as caught:
        client.xenapi.login_with_password("root", PASSWORD, "2.23", "test")
    assert caught.value.details == ["HOST_IS_SLAVE", hosts[0].address]


def test_scripts_that_open_their_own_sessions_are_answered(xapid_server):
    with xapid_server.answering("https://xen1.example"):
        session = XenAPI.Session("https://xen1.example", ignore_ssl=True)
        session.xenapi.login_with_password("root", PASSWORD, "2.23", "test")
        assert len(session.xenapi.host.get_all()) == 3


def test_a_call_that_would_wait_for_ever_is_refused(xapid_session):
    xapid_session.xenapi.event.register(["secret"])
    with pytest.raises(Stuck):
        xapid_session.xenapi.event.next()


def test_calls_can_be_made_to_fail(xapid_server, xapid_session):
    """As often as wanted, or until the fault is taken back; other calls go on."""
    network = xapid_session.xenapi.network
    xapid_server.fail("network.*_MTU", "SR_FULL", "1", "0", times=1)
    (ref, *_) = network.get_all()
    with pytest.raises(XenAPI.Failure) as caught:
        network.get_MTU(ref)
    assert caught.value.details == ["SR_FULL", "1", "0"]
    assert network.get_MTU(ref) == "1500"
    fault = xapid_server.fail("network.get_MTU", "MESSAGE_DEPRECATED")
    for _ in range(2):
        with pytest.raises(XenAPI.Failure):
            network.get_MTU(ref)
    xapid_server.heal(fault)
    assert network.get_MTU(ref) == "1500"

"""Switching on a host that another daemon is: ``host.power_on`` waits until that daemon has come back."""

from __future__ import annotations

import threading

import pytest

from xapid.testing.processes import Daemons, join, session_of
from xapid.testing.waiting import until

pytestmark = pytest.mark.daemon
LIMIT = 60
MODE = """
def custom(session, remote_host, power_on_config):
    with open(power_on_config["button"], "w") as button:
        button.write(session.xenapi.host.get_name_label(remote_host))
    return "the button was pressed"
"""


def test_a_member_that_was_shut_down_is_live_again_when_the_call_returns(xapid_daemons: Daemons, tmp_path) -> None:
    (tmp_path / "button.py").write_text(MODE)
    button = tmp_path / "button"
    leader = xapid_daemons.start("--state", str(tmp_path / "leader"), "--preset", "standalone", "--plugins", str(tmp_path))
    flags = ("--state", str(tmp_path / "member"), "--preset", "standalone", "--port", str(leader.port))
    member = xapid_daemons.start(*flags)
    join(member, leader)
    with session_of(leader) as session:
        api = session.xenapi
        records = api.host.get_all_records()
        (host,) = [ref for ref, record in records.items() if record["address"] == member.address]
        api.host.set_power_on_mode(host, "button", {"button": str(button)})
        api.host.disable(host)
        api.host.shutdown(host)
        assert member.process.wait(LIMIT) == 0
        assert not api.host_metrics.get_live(records[host]["metrics"])
        assert "power_on" in api.host.get_allowed_operations(host)

        def press() -> None:
            until(button.exists)
            xapid_daemons.start(*flags, "--bind", member.address)

        starting = threading.Thread(target=press)
        starting.start()
        try:
            api.host.power_on(host)
            assert api.host_metrics.get_live(records[host]["metrics"])
            assert button.read_text() == records[host]["name_label"]
            assert api.host.get_current_operations(host) == {}
        finally:
            starting.join(LIMIT)

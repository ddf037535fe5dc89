"""Hooks of daemons that become a pool and part again: each runs its own, as real programs."""

from __future__ import annotations

import pytest
import XenAPI

from xapid.testing.processes import Daemons, join, session_of

pytestmark = pytest.mark.daemon
SCRIPT = """#!/bin/sh
echo "$(basename $(dirname "$0")) $XENAPI_HOST_UUID $*" >>{seen}
"""
EJECTED = """#!/usr/bin/env python3
import os, sys, XenAPI
session = XenAPI.xapi_local()
session.xenapi.login_with_password("root", "")
name = session.xenapi.host.get_name_label(session.xenapi.host.get_by_uuid(os.environ["XENAPI_HOST_UUID"]))
if session.xenapi.host.get_tags(session.xenapi.host.get_by_uuid(sys.argv[2])) == ["stays"]:
    print(name + " stays")
    sys.exit(3)
"""


@pytest.fixture
def hooks(tmp_path):
    for hook, name, text in (
        ("pool-join", "10note", SCRIPT),
        ("pool-eject", "10note", SCRIPT),
        ("pool-eject", "20ask", EJECTED),
    ):
        (tmp_path / "hooks" / hook).mkdir(parents=True, exist_ok=True)
        (tmp_path / "hooks" / hook / name).write_text(text.replace("{seen}", f"{tmp_path}/seen"))
        (tmp_path / "hooks" / hook / name).chmod(0o755)
    return tmp_path / "hooks"


def test_a_host_runs_its_own_hooks_when_it_joins_a_pool_and_when_it_leaves(hooks, tmp_path):
    with Daemons() as daemons:
        leader, member = daemons.several(2, "--hooks", str(hooks))
        join(member, leader)
        with session_of(leader) as session:
            api = session.xenapi
            host = next(ref for ref, record in api.host.get_all_records().items() if record["address"] == member.address)
            uuid, name = api.host.get_uuid(host), api.host.get_name_label(host)
            told = f"{uuid} -hostuuid {uuid} -reason none\n"
            assert (tmp_path / "seen").read_text() == f"pool-join {told}"
            api.host.add_tags(host, "stays")
            with pytest.raises(XenAPI.Failure) as caught:
                api.pool.eject(host)
            assert caught.value.details == ["XAPI_HOOK_FAILED", "pool-eject/20ask", "none", f"{name} stays\n", "3"]
            assert len(api.host.get_all()) == 2
            api.host.remove_tags(host, "stays")
            api.pool.eject(host)
            assert (tmp_path / "seen").read_text() == f"pool-join {told}" + 2 * f"pool-eject {told}"
            assert len(api.host.get_all()) == 1

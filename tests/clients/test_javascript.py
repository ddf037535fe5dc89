"""The stock JavaScript client, ``xen-api`` from npm, over both of its transports."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from xapid.datamodel.catalogue import catalogue

HERE = Path(__file__).parent
TEMPLATE = "Debian Bookworm 12"


@pytest.mark.parametrize("transport", ["json-rpc", "xml-rpc"])
def test_a_vm_is_made_started_followed_shut_down_and_destroyed(xapid_daemon, node, transport):
    done = subprocess.run(
        [node, "session.mjs", xapid_daemon.url, xapid_daemon.password, transport, TEMPLATE],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{xapid_daemon.log}"
    assert "_watchEvents" not in done.stderr, done.stderr
    seen = json.loads(done.stdout)
    listed = [name for name, entry in catalogue().messages.items() if name.endswith(".get_all_records") and not entry.removed]
    assert sorted(seen["lists"]) == sorted(name.partition(".")[0] for name in listed)
    assert seen["lists"]["host"] == 3
    assert seen["objects"] > 20
    assert seen["provisioned"] >= 1
    assert seen["states"] == ["Halted", "Running", "Halted"] or seen["states"] == ["Running", "Halted"]
    assert seen["operations"][-1] == "del"
    assert seen["gone"] == ["HANDLE_INVALID", "VM", seen["vm"]]

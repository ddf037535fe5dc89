"""What was measured is there after the daemon has stopped and started again."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

from xapid.testing.processes import Daemon, Daemons, unverified


def rows(daemon: Daemon) -> dict[int, list[str]]:
    """What the host measured every five seconds, by the time at which each row ended."""
    session = daemon.session()
    url = f"{daemon.url}/host_rrd?session_id={session._session}&json=true"
    with urllib.request.urlopen(url, timeout=60, context=unverified()) as answer:
        found = json.load(answer)
    session.xenapi.session.logout()
    fine, last = found["rra"][0]["database"], int(found["lastupdate"])
    return {last - 5 * back: row for back, row in enumerate(reversed(fine)) if set(row) != {"NaN"}}


def test_statistics_go_on_after_a_restart(tmp_path: Path) -> None:
    flags = ("--preset", "standalone", "--state", str(tmp_path / "state"))
    with Daemons() as daemons:
        first = daemons.start(*flags)
        before = rows(first)
        first.stop()
        assert before
        after = rows(daemons.start(*flags))
        assert before.items() <= after.items()

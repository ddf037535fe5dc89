"""What the system allows a daemon, and what it makes of it."""

from __future__ import annotations

import re
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from xapid.testing.processes import Daemons


@pytest.fixture
def few_files() -> Iterator[None]:
    """As a shell has it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_daemon_takes_as_many_connections_as_it_may(few_files: None, xapid_daemons: Daemons) -> None:
    limits = Path(f"/proc/{xapid_daemons.start().process.pid}/limits").read_text()
    found = re.search(r"^Max open files +(\S+) +(\S+)", limits, re.MULTILINE)
    assert found is not None
    assert found[1] == found[2]

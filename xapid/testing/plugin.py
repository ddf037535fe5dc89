"""The pytest plugin. Its fixtures:

========================  ==============================================================================================
``xapid_daemon``          a daemon over TLS in a process of its own, shared by the tests of a module
``xapid_daemons``         starts more of them: ``.start(*flags)``, ``.several(n)``, ``.pool(n)``
``xapid_pool``            three daemons that form a pool, the coordinator first
``xapid_session``         a session of the stock client library with ``xapid_daemon``
``xapid_logged``          failures that were logged during the test; tests that use it fail if any is left
========================  ==============================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import XenAPI

from xapid.testing.logged import LoggedFailures
from xapid.testing.processes import Daemon, Daemons, session_of


@pytest.fixture(scope="module")
def xapid_daemon() -> Iterator[Daemon]:
    """A daemon with the default pool, whose simulated work takes no time."""
    with Daemons() as daemons:
        yield daemons.start("--duration-profile", "instant")


@pytest.fixture
def xapid_daemons() -> Iterator[Daemons]:
    """Starts daemons and stops them after the test."""
    with Daemons() as daemons:
        yield daemons


@pytest.fixture
def xapid_pool(xapid_daemons: Daemons) -> list[Daemon]:
    """A coordinator and two members."""
    return xapid_daemons.pool(3, "--duration-profile", "instant")


@pytest.fixture
def xapid_session(xapid_daemon: Daemon) -> Iterator[XenAPI.Session]:
    """A session as root."""
    with session_of(xapid_daemon) as session:
        yield session


@pytest.fixture
def xapid_logged() -> Iterator[LoggedFailures]:
    """What was logged as a failure; ``.flush(SomeError)`` says that it was expected."""
    with LoggedFailures() as logged:
        yield logged
    if logged.events:
        pytest.fail(f"failures were logged:\n{logged.text()}", pytrace=False)

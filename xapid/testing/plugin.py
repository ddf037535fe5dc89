"""The pytest plugin. Its fixtures:

==================  ====================================================================================================
``xapid_server``    a pool in this process, new for each test (:class:`~xapid.testing.in_process.Server`)
``xapid_session``   a session of the stock client library with it, as root
``xapid_clock``     its clock: ``.pass_time(seconds)``
``xapid_daemon``    a daemon over TLS in a process of its own, shared by the tests of a module
``xapid_daemons``   starts more of them: ``.start(*flags)``, ``.several(n)``, ``.pool(n)``
``xapid_pool``      three daemons that form a pool, the coordinator first
``xapid_logged``    failures that were logged during the test; a test that uses it fails if any is left
==================  ====================================================================================================

``@pytest.mark.xapid(preset="standalone", vms_per_host=5)`` sets what the in-process server holds: any setting of
:class:`xapid.config.Config`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import XenAPI

    from xapid.testing.in_process import Server
    from xapid.testing.logged import LoggedFailures
    from xapid.testing.processes import Daemon, Daemons
    from xapid.testing.virtual_time import VirtualClock

# Fixtures import what they need when they run: pytest loads this module in every project where xapid is installed.


def pytest_configure(config: pytest.Config) -> None:
    """Declares the mark."""
    config.addinivalue_line("markers", "xapid(**settings): what the in-process XenAPI server of a test holds")


@pytest.fixture
def xapid_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A pool in this process."""
    from xapid.testing.in_process import Server, config

    mark = request.node.get_closest_marker("xapid")
    server = Server(config(**(mark.kwargs if mark is not None else {})))
    yield server
    server.close()


@pytest.fixture
def xapid_session(xapid_server: Server) -> XenAPI.Session:
    """A session as root."""
    return xapid_server.session()


@pytest.fixture
def xapid_clock(xapid_server: Server) -> VirtualClock:
    """The server's time."""
    return xapid_server.clock


@pytest.fixture(scope="module")
def xapid_daemon() -> Iterator[Daemon]:
    """A daemon with the default pool, whose simulated work takes no time."""
    from xapid.testing.processes import Daemons

    with Daemons() as daemons:
        yield daemons.start("--duration-profile", "instant")


@pytest.fixture
def xapid_daemons() -> Iterator[Daemons]:
    """Starts daemons and stops them after the test."""
    from xapid.testing.processes import Daemons

    with Daemons() as daemons:
        yield daemons


@pytest.fixture
def xapid_pool(xapid_daemons: Daemons) -> list[Daemon]:
    """A coordinator and two members."""
    return xapid_daemons.pool(3, "--duration-profile", "instant")


@pytest.fixture
def xapid_logged() -> Iterator[LoggedFailures]:
    """What was logged as a failure; ``.flush(SomeError)`` says that it was expected."""
    from xapid.testing.logged import LoggedFailures

    with LoggedFailures() as logged:
        yield logged
    if logged.events:
        pytest.fail(f"failures were logged:\n{logged.text()}", pytrace=False)

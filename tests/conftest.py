"""What holds for all tests: lanes follow from fixtures and folders; nothing is skipped in CI; no failure is only logged."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest
import XenAPI

from xapid.datamodel.types import EMPTY_MAP
from xapid.operations import allowed
from xapid.operations.allowed.rules import Rules
from xapid.testing.logged import LoggedFailures

_HERE = Path(__file__).parent
_FOLDERS = {
    "clients": "client",
    "web": "browser",
    "security": "security",
    "fuzz": "security",
    "packaging": "daemon",
    "bench": "bench",
}
"""Folder → the marker of every test in it."""
_PROCESSES = {"xapid_daemon", "xapid_daemons", "xapid_pool"}
"""Fixtures that start processes."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="fail where a tool is missing, instead of skipping the test")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(_HERE).parts[0] if item.path.is_relative_to(_HERE) else ""
        if folder in _FOLDERS:
            item.add_marker(_FOLDERS[folder])
        if _PROCESSES & set(getattr(item, "fixturenames", ())):
            item.add_marker("daemon")


@pytest.fixture(scope="session")
def tool(request: pytest.FixtureRequest):
    """Finds a program by name: the test is skipped where it is missing, or fails under ``--no-skips``."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None and request.config.getoption("--no-skips"):
            pytest.fail(f"{name} is not installed", pytrace=False)
        if path is None:
            pytest.skip(f"{name} is not installed")
        return path

    return find


@pytest.fixture(autouse=True)
def nothing_is_only_logged(xapid_logged: LoggedFailures) -> LoggedFailures:
    """Fails a test during which a failure was logged, unless it says ``xapid_logged.flush(…)``."""
    return xapid_logged


@pytest.fixture(autouse=True)
def shapes_are_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails a test in which an object allowed, going by its shape, other operations than its rules say."""
    by_shape = Rules.allowed

    def checked(rules, db, row):
        allowed = by_shape(rules, db, row)
        assert allowed == rules.asked(rules.facts(db, row, True, EMPTY_MAP)), f"the shape of {row} does not say enough"
        return allowed

    monkeypatch.setattr(Rules, "allowed", checked)


# Pools in this process ----------------------------------------------------------------------------------------------


@pytest.fixture
def api(xapid_session: XenAPI.Session):
    """The calls of a stock client, to a pool in this process."""
    return xapid_session.xenapi


@pytest.fixture
def refused():
    """What a call is refused with: code and parameters; nothing if it is not refused."""

    def ask(call, *args):
        try:
            call(*args)
        except XenAPI.Failure as failure:
            return failure.details
        return []

    return ask


@pytest.fixture
def change(xapid_server):
    """Changes an object behind the API's back, and what may be done with it."""

    def update(ref, **fields):
        db = xapid_server.pool.db
        with db.transaction() as tx:
            tx.update(ref, **fields)
            allowed.refresh(tx, db, db.find(ref))

    return update


@pytest.fixture
def make(xapid_server):
    """Makes an object behind the API's back."""

    def create(cls, **fields):
        with xapid_server.pool.db.transaction() as tx:
            return tx.create(cls, **fields)

    return create


@pytest.fixture
def free_port():
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

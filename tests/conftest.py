"""What holds for all tests: lanes follow from fixtures and folders; nothing is skipped in CI; no failure is only logged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from xapid.testing.logged import LoggedFailures

_HERE = Path(__file__).parent
_FOLDERS = {"clients": "client", "security": "security", "fuzz": "security", "packaging": "daemon", "bench": "bench"}
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


@pytest.fixture
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

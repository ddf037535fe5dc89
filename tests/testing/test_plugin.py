"""The pytest plugin, as a user meets it: the first test of docs/testing.md."""

from __future__ import annotations

import pytest

from documents import block

pytest_plugins = ["pytester"]


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """The user's two files."""
    pytester.makepyfile(
        shutdown_all=block("docs/testing.md", "this is your script"),
        test_shutdown_all=block("docs/testing.md", "this is a test of it"),
    )
    return pytester


def test_the_first_test_of_the_guide_passes(project):
    result = project.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)


def test_fixtures_explain_themselves(pytester):
    output = pytester.runpytest_subprocess("--fixtures").stdout.str()
    for name in ("server", "session", "clock", "daemon", "daemons", "pool", "logged"):
        assert f"xapid_{name}" in output


def test_a_failure_that_is_only_logged_fails_the_test_that_asked(pytester):
    pytester.makepyfile(
        """
        from twisted.logger import Logger

        def test_it(xapid_logged):
            try:
                raise KeyError("x")
            except KeyError:
                Logger().failure("went wrong")
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1, errors=1)

"""Failures that are only logged."""

from __future__ import annotations

from twisted.logger import Logger

from xapid.testing.logged import LoggedFailures

log = Logger()


def fail(problem: Exception) -> None:
    try:
        raise problem
    except Exception:
        log.failure("it went wrong")


def test_failures_are_collected_and_plain_errors_are_not(xapid_logged):
    with LoggedFailures() as logged:
        log.error("only said")
        fail(KeyError("x"))
    assert len(logged.events) == 1
    assert "KeyError" in logged.text()
    xapid_logged.flush(KeyError)


def test_only_what_was_expected_is_taken_away(xapid_logged):
    with LoggedFailures() as logged:
        fail(KeyError("x"))
        fail(ValueError("y"))
    assert [failure.type for failure in logged.flush(KeyError)] == [KeyError]
    assert "ValueError" in logged.text()
    assert len(logged.flush()) == 1
    assert not logged.events
    xapid_logged.flush()

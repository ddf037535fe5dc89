"""Waiting for daemons in processes of their own, whose time is nobody's to move."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import XenAPI

T = TypeVar("T")

LIMIT_S: Final = 60.0
_PAUSE_S: Final = 0.02
_NOT_YET: Final = (XenAPI.Failure, OSError, http.client.HTTPException)


def until(condition: Callable[[], T], limit: float = LIMIT_S) -> T:
    """The first true value of ``condition``. Calls that fail meanwhile count as not yet: the server may be about to start.

    ``limit`` is in seconds. Errors: that of the last call, or :class:`TimeoutError`.
    """
    deadline = time.monotonic() + limit
    while True:
        try:
            value = condition()
        except _NOT_YET:
            if time.monotonic() > deadline:
                raise
        else:
            if value:
                return value
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {limit} s")
        time.sleep(_PAUSE_S)


def ended(api: Any, task: str) -> dict[str, Any]:
    """The record of a task when it is pending no more."""
    until(lambda: api.task.get_status(task) != "pending")
    record: dict[str, Any] = api.task.get_record(task)
    return record


def starts_again(session: XenAPI.Session) -> None:
    """Until the server that a session is at does not know it any more, and the client library has logged in anew."""
    former = session._session

    def is_another() -> bool:
        session.xenapi.pool.get_all()
        return bool(session._session != former)

    until(is_another)

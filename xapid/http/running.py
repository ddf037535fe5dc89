"""Runs coroutines whose end nobody waits for, without the cost of a Deferred for those that never wait themselves."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

_log = Logger()


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Runs ``coroutine`` to its end, which may come later. Its exceptions are bugs, and logged."""
    try:
        awaited = coroutine.send(None)
    except StopIteration:
        return
    except Exception:
        _log.failure("a coroutine that must not fail did")
        return
    rest: Deferred[None] = Deferred.fromCoroutine(_rest(coroutine, awaited))
    rest.addErrback(lambda failure: _log.failure("a coroutine that must not fail did", failure))


def _rest(coroutine: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    """Goes on with a coroutine that has been started and has yielded ``awaited``."""
    resume: Callable[[Any], Any]
    while True:
        try:
            argument = yield awaited
        except GeneratorExit:  # nobody is left who could go on with it
            coroutine.close()
            raise
        except BaseException as error:
            resume, argument = coroutine.throw, error
        else:
            resume = coroutine.send
        try:
            awaited = resume(argument)
        except StopIteration:
            return

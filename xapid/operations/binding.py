"""Which function carries out which message: found by name, checked at start.

``VM.start`` is ``start`` of :mod:`xapid.operations.vm`; where a name is a keyword of Python, an underscore follows it
(``event.from`` is ``from_``). A module may import its functions from modules whose names begin with its own
(``host_certificates`` for ``host``).
"""

from __future__ import annotations

import importlib
import inspect
import keyword
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from types import ModuleType
from typing import Any

import attrs

import xapid.operations as package
from xapid.datamodel.catalogue import Catalogue, Entry

Operation = Callable[..., Any]


class BindingError(Exception):
    """A function is no message, or does not take what the message gives it."""


@attrs.frozen
class Bound:
    """The function of a message."""

    function: Operation
    is_async: bool


@cache
def bind(api: Catalogue) -> Mapping[str, Bound]:
    """The functions of all messages that have one, by the message's wire name. Raises BindingError."""
    present = {info.name for info in pkgutil.iter_modules(package.__path__)}
    bound: dict[str, Bound] = {}
    for cls in api.classes:
        if cls.lower() in present:
            module = importlib.import_module(f"{package.__name__}.{cls.lower()}")
            for name, function in _functions(module):
                entry = api.messages.get(f"{cls}.{_message_name(name)}")
                if entry is None:
                    raise BindingError(f"{module.__name__}.{name} is no message of {cls}")
                _check(entry, function)
                bound[entry.name] = Bound(function, inspect.iscoroutinefunction(function))
    return bound


def _message_name(function: str) -> str:
    plain = function.removesuffix("_")
    return plain if function.endswith("_") and keyword.iskeyword(plain) else function


def _functions(module: ModuleType) -> list[tuple[str, Operation]]:
    return [
        (name, value)
        for name, value in vars(module).items()
        if inspect.isfunction(value) and not name.startswith("_") and value.__module__.startswith(module.__name__)
    ]


def _check(entry: Entry, function: Operation) -> None:
    signature = inspect.signature(function)
    arguments = [object()] * (1 + len(entry.message.params))
    try:
        signature.bind(*arguments)
    except TypeError as problem:
        raise BindingError(f"{function.__module__}.{function.__qualname__}: {problem}") from problem

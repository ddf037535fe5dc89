"""Every command there is, by name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache

from xapid.cli import commands as modules
from xapid.cli import generic
from xapid.cli.command import Command


class DeclarationError(Exception):
    """Two commands have one name."""


@cache
def commands() -> Mapping[str, Command]:
    """Those of :mod:`xapid.cli.commands`, and those that follow from records, in alphabetical order."""
    found = {each.name: each for each in generic.commands()}
    for each in _own():
        if found.setdefault(each.name, each) is not each:
            raise DeclarationError(f"{each.name} is there twice")
    return dict(sorted(found.items()))


def _own() -> Iterator[Command]:
    for info in sorted(pkgutil.iter_modules(modules.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{modules.__name__}.{info.name}")
        for value in vars(module).values():
            if isinstance(value, Command):
                yield value
            elif isinstance(value, tuple):
                yield from (each for each in value if isinstance(each, Command))

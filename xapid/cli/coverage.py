"""How much of ``xe`` works: which commands there are, and which of them lead to messages that are not done yet.

A command does what its messages do, so nothing is declared twice: the messages of a row are its own, those of a function are
the names that stand in its code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import CodeType
from typing import Any

from xapid.cli.catalogue import commands
from xapid.cli.command import Command
from xapid.datamodel.catalogue import Catalogue, catalogue
from xapid.dispatch.endpoint import kind_of
from xapid.operations.binding import Bound, bind


def messages_of(command: Command, api: Catalogue | None = None) -> frozenset[str]:
    """The messages that a command may call."""
    names = (api or catalogue()).messages
    found = {command.message} if command.message else _words(getattr(command.body, "__code__", None))
    return frozenset(name for name in found if name in names)


def not_done(api: Catalogue | None = None, bound: Mapping[str, Bound] | None = None) -> dict[str, list[str]]:
    """Commands, and the messages of theirs that are not done yet."""
    api = api or catalogue()
    functions = bind(api) if bound is None else bound
    missing = {name for name, entry in api.messages.items() if kind_of(entry, functions.get(name)) == "missing"}
    found = {name: sorted(messages_of(command, api) & missing) for name, command in commands().items()}
    return {name: messages for name, messages in found.items() if messages}


def _words(code: CodeType | None) -> set[str]:
    return set() if code is None else set(_texts(code.co_consts))


def _texts(constants: tuple[Any, ...]) -> Iterator[str]:
    for each in constants:
        if isinstance(each, str):
            yield each
        elif isinstance(each, CodeType):
            yield from _texts(each.co_consts)
        elif isinstance(each, tuple):
            yield from _texts(each)

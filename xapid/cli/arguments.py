"""Command lines: the words that a client sends, one a line, as a command's name and its parameters.

``--x`` means ``x=true``, five short switches mean parameters of longer names, a word without ``=`` is a parameter without
value. Where a parameter is given twice, the first counts, but all of them can be had in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from xapid.cli.failures import SyntaxProblem

STANDARD: Final = frozenset(
    ("server", "password", "port", "username", "minimal", "force", "multiple", "all", "message-priority", "trace")
)
"""Parameters that every command understands, and that are never taken for fields of objects."""
_SWITCHES: Final = {"-u": "username", "-pw": "password", "-s": "server", "-h": "server", "-p": "port"}


@attrs.frozen
class CommandLine:
    """What was asked for."""

    command: str
    params: tuple[tuple[str, str], ...] = attrs.field(repr=False)
    session: str | None = attrs.field(default=None, repr=False)
    """A session that the client has already."""

    def get(self, name: str, default: str = "") -> str:
        """A parameter's value."""
        return next((value for key, value in self.params if key == name), default)

    def find(self, name: str) -> str | None:
        """A parameter's value, or None if it is not given."""
        return next((value for key, value in self.params if key == name), None)

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.params)

    def map(self, name: str) -> dict[str, str]:
        """What is given as ``name:key=value``, or in the older spelling ``name-key=value``; of one key, the first."""
        found: dict[str, str] = {}
        for key, value in self.params:
            for mark in ":-":
                if key.startswith(f"{name}{mark}"):
                    found.setdefault(key.removeprefix(f"{name}{mark}"), value)
        return found

    @property
    def is_minimal(self) -> bool:
        """Whether the output is for programs."""
        return self.get("minimal") == "true"

    @property
    def is_traced(self) -> bool:
        """Whether failures are to say where they come from."""
        return self.get("trace") == "true"


def parse(body: bytes) -> CommandLine:
    """The command line in the body of a request. Raises :class:`SyntaxProblem`."""
    words = [word.removesuffix("\r") for word in body.decode("utf-8", "replace").split("\n")]
    session = None
    if words[0].startswith("session_id="):
        session = words.pop(0).removeprefix("session_id=")
    if not words or not words[0] or "=" in words[0]:
        raise SyntaxProblem
    return CommandLine(words[0], tuple(_params(words[1:])), session)


def _params(words: list[str]) -> Iterator[tuple[str, str]]:
    rest = iter(words)
    for word in rest:
        if word.startswith("--"):
            yield word.removeprefix("--"), "true"
        elif word in _SWITCHES:
            value = next(rest, None)
            if value is None:
                raise SyntaxProblem
            yield _SWITCHES[word], value
        elif word.startswith("-"):
            raise SyntaxProblem
        elif word:
            name, _, value = word.partition("=")
            yield name, value

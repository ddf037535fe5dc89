"""What commands print, in the two layouts that there are: for people, and for programs (``--minimal``).

A record is a table of its parameters: the first name at the left, the others at the right of one column. For programs, only
the first value of every record counts; all that a command gives is one line, its items separated by commas. Of several
tables and lists, the last one comes first in that line, which is how scripts know it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol


class Out(Protocol):
    """Where it goes."""

    def print(self, text: str) -> None: ...


class Printer:
    """Prints for one command."""

    def __init__(self, out: Out, *, minimal: bool) -> None:
        self.minimal = minimal
        self._out = out
        self._groups: list[list[str]] = []

    def table(self) -> None:
        """The rows that follow make one table."""
        self._groups.append([])

    def row(self, fields: Sequence[tuple[str, str]]) -> None:
        """A record of the table: names and values."""
        if not self.minimal:
            self._out.print(layout(fields) + "\n")
        elif fields:
            self._groups[-1].append(fields[0][1])

    def record(self, fields: Sequence[tuple[str, str]]) -> None:
        """One record by itself."""
        self.table()
        self.row(fields)

    def lines(self, lines: Iterable[str]) -> None:
        """A list."""
        self.table()
        for line in lines:
            if self.minimal:
                self._groups[-1].append(line)
            else:
                self._out.print(line)

    def line(self, text: str) -> None:
        """A list of one."""
        self.lines((text,))

    def message(self, text: str) -> None:
        """What only people want to know."""
        if not self.minimal:
            self._out.print(text)

    def finish(self) -> None:
        """The command went well."""
        if self.minimal:
            items = (item for group in reversed(self._groups) for item in group)
            self._out.print(",".join(item.replace("\\", "\\\\").replace(",", "\\,") for item in items))


def layout(fields: Sequence[tuple[str, str]]) -> str:
    """The layout of one record."""
    width = 4 + max((len(name) for name, _ in fields), default=0)
    lines = (f"{name.rjust(width) if number else name.ljust(width)}: {value}" for number, (name, value) in enumerate(fields))
    return "\n".join(lines) + "\n"

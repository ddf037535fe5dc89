"""A screen of text: eighty by twenty-five cells, a cursor, and viewers who are told what changes."""

from __future__ import annotations

from typing import Final, Protocol

COLUMNS: Final = 80
ROWS: Final = 25
TITLE: Final = 0
"""The row that stays, in other colours."""


class Viewer(Protocol):
    """Somebody who looks at a screen."""

    def touched(self, row: int, first: int, last: int) -> None:
        """The cells from column ``first`` to ``last`` of a row have changed."""

    def wrote(self, text: str) -> None:
        """This text was written."""

    def ended(self) -> None:
        """There is no screen any more."""


class Terminal:
    """The cells and the cursor. Newlines, carriage returns and backspaces move it; other control characters do nothing."""

    def __init__(self, title: str) -> None:
        self.rows = [[" "] * COLUMNS for _ in range(ROWS)]
        self.rows[TITLE][: len(title) + 1] = list(f" {title}"[:COLUMNS])
        del self.rows[TITLE][COLUMNS:]
        self.row = TITLE + 2
        self.column = 0
        self.cursor_shown = True
        self.viewers: list[Viewer] = []

    def write(self, text: str) -> None:
        """Put text at the cursor. What does not fit goes on in the next row; the rows move up when there is none."""
        self._touch(self.row, self.column, self.column)
        for character in text:
            if character == "\n":
                self._next_row()
            elif character == "\r":
                self.column = 0
            elif character == "\b":
                self.column = max(0, self.column - 1)
            elif character >= " ":
                if self.column == COLUMNS:
                    self._next_row()
                self.rows[self.row][self.column] = character
                self._touch(self.row, self.column, self.column)
                self.column += 1
        self._touch(self.row, self.column, self.column)
        for viewer in list(self.viewers):
            viewer.wrote(text)

    def blink(self) -> None:
        """Show the cursor, or hide it."""
        self.cursor_shown = not self.cursor_shown
        self._touch(self.row, self.column, self.column)

    def text(self) -> str:
        """All that is on the screen, up to the cursor."""
        return (
            "\n".join("".join(row).rstrip() for row in self.rows[: self.row])
            + "\n"
            + "".join(self.rows[self.row][: self.column])
        )

    def _next_row(self) -> None:
        self.column = 0
        if self.row < ROWS - 1:
            self.row += 1
            return
        del self.rows[TITLE + 1]
        self.rows.append([" "] * COLUMNS)
        for row in range(TITLE + 1, ROWS):
            self._touch(row, 0, COLUMNS - 1)

    def _touch(self, row: int, first: int, last: int) -> None:
        for viewer in list(self.viewers):
            viewer.touched(row, min(first, COLUMNS - 1), min(last, COLUMNS - 1))

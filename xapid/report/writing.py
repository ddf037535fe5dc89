"""The resource report as a file: CSV, one table after the other, or XLSX, a sheet each.

Names are given by users of VMs, and files are opened by administrators: a text that a spreadsheet would take for a formula is
written so that it stays a text.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import attrs

from xapid.report.tables import Cell, Table

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_WIDEST: Final = 60
_LONGEST: Final = 32_767
"""The most characters that a cell of a spreadsheet holds."""


class Missing(Exception):
    """openpyxl is not installed: ``pip install xapid[report]``."""


@attrs.frozen
class Format:
    """How a report is offered."""

    content_type: str
    ending: str


FORMATS: Final = {
    "csv": Format("text/csv; charset=utf-8", "csv"),
    "xlsx": Format("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
}


def as_csv(tables: Sequence[Table]) -> Iterator[bytes]:
    """A line with the table's name, its columns, its lines, and an empty line, of each table; in pieces."""
    yield "\ufeff".encode()  # tells spreadsheets that it is UTF-8
    for table in tables:
        yield from _written(([table.title], table.columns))
        yield from _written([_safe(cell) for cell in line] for line in table.lines())
        yield b"\r\n"


def _written(lines: Any) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text)
    for line in lines:
        writer.writerow(line)
        yield text.getvalue().encode("utf-8", "replace")
        text.seek(0)
        text.truncate()


def _safe(cell: Cell) -> Cell:
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return cell


class Workbook:
    """A report as XLSX, which is made a line at a time; :meth:`finish` gives the file. Raises :class:`Missing`."""

    def __init__(self) -> None:
        try:
            import openpyxl
            from openpyxl.cell import WriteOnlyCell
            from openpyxl.styles import Font
        except ImportError:
            raise Missing from None
        self._book = openpyxl.Workbook(write_only=True)
        self._cell = WriteOnlyCell
        self._bold = Font(bold=True)

    def add(self, tables: Sequence[Table]) -> Iterator[None]:
        """Adds the tables; gives the caller a turn after every line."""
        from openpyxl.utils import get_column_letter

        for table in tables:
            sheet = self._book.create_sheet(table.title)
            lines = []
            for line in table.lines():
                lines.append(line)
                yield
            sheet.freeze_panes = "A2"
            sheet.auto_filter.ref = f"A1:{get_column_letter(len(table.columns))}{len(lines) + 1}"
            for number, name in enumerate(table.columns):
                texts = (len(str(line[number] or "")) for line in lines)
                sheet.column_dimensions[get_column_letter(number + 1)].width = min(_WIDEST, max(len(name), *texts, 0) + 2)
            sheet.append([self._heading(sheet, name) for name in table.columns])
            for line in lines:
                sheet.append([self._value(sheet, value) for value in line])
                yield

    def finish(self) -> bytes:
        """The file."""
        file = io.BytesIO()
        self._book.save(file)
        return file.getvalue()

    def _heading(self, sheet: Any, name: str) -> Any:
        cell = self._cell(sheet, name)
        cell.font = self._bold
        return cell

    def _value(self, sheet: Any, value: Cell) -> Any:
        if not isinstance(value, str):
            return value
        cell = self._cell(sheet, _UNPRINTABLE.sub("", value)[:_LONGEST])
        cell.data_type = "s"  # also where it looks like a formula
        return cell

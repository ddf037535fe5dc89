"""The resource report as files."""

from __future__ import annotations

import csv
import io
import sys

import openpyxl
import pytest

from xapid.report.tables import Table
from xapid.report.writing import Missing, Workbook, as_csv

LINES = [("=cmd|' /C calc'!A0", 1.5, None), ("+1", 2, 'é, "x"\nnext\x07'), ("-", 3, "x" * 40_000)]


def table(lines=LINES):
    return Table("VMs", ("Name", "Size (GiB)", "Description"), lambda: iter(lines))


def book_of(*tables):
    book = Workbook()
    for _ in book.add(tables):
        pass
    return openpyxl.load_workbook(io.BytesIO(book.finish()))


def test_tables_follow_each_other_in_a_csv():
    text = b"".join(as_csv([table(LINES[:2]), table([])])).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text))) == [
        ["VMs"],
        ["Name", "Size (GiB)", "Description"],
        ["'=cmd|' /C calc'!A0", "1.5", ""],
        ["'+1", "2", 'é, "x"\nnext\x07'],
        [],
        ["VMs"],
        ["Name", "Size (GiB)", "Description"],
        [],
    ]


def test_each_table_is_a_sheet_with_headings_that_stay():
    sheet = book_of(table())["VMs"]
    assert [cell.value for cell in sheet[1]] == ["Name", "Size (GiB)", "Description"]
    assert sheet["A1"].font.b and sheet.freeze_panes == "A2" and sheet.auto_filter.ref == "A1:C4"
    assert sheet["B2"].value == 1.5 and sheet["B3"].value == 2


def test_what_looks_like_a_formula_is_a_text_and_texts_fit_their_cells():
    sheet = book_of(table())["VMs"]
    assert (sheet["A2"].value, sheet["A2"].data_type) == ("=cmd|' /C calc'!A0", "s")
    assert sheet["C3"].value == 'é, "x"\nnext'
    assert len(sheet["C4"].value) == 32_767


def test_without_openpyxl_there_is_no_workbook(monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(Missing):
        Workbook()

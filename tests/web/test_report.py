"""The resource report, as the web console exports it."""

from __future__ import annotations

from pathlib import Path

import pytest

from web.conftest import Visitor


@pytest.mark.parametrize(("form", "begins"), [("XLSX", b"PK\x03\x04"), ("CSV", b"")])
def test_the_report_is_downloaded(visitor: Visitor, form: str, begins: bytes, tmp_path: Path) -> None:
    visitor.go("report")
    with visitor.page.expect_download() as started:
        visitor.button(f"Download {form}")
    visitor.done("Resource report")
    visitor.picture("report")
    assert started.value.suggested_filename == f"Simulated pool resources.{form.lower()}"
    file = tmp_path / "report"
    started.value.save_as(file)
    data = file.read_bytes()
    assert data.startswith(begins)
    if form == "CSV":
        for name in ("xapid-1", "vm-1-1", "Shared storage"):
            assert name in data.decode()
    session = visitor.page.evaluate("sessionStorage.getItem('xapid.session')")
    assert session not in visitor.page.url + started.value.url

"""What repositories offered, kept for a later process."""

from __future__ import annotations

from pathlib import Path

import pytest

from xapid.updates.offers import Offer, Offers


@pytest.mark.parametrize("path", ["repodata/../../escaped", "/escaped", "../escaped"])
def test_no_document_leaves_the_folder_of_its_repository(tmp_path: Path, path: str) -> None:
    offers = Offers(tmp_path / "repositories")
    with pytest.raises(ValueError, match="leads out"):
        offers.put("one", Offer("", (), (), {path: b"contents"}))
    assert list(tmp_path.rglob("*")) == []


def test_what_cannot_be_kept_leaves_what_was_kept_before(tmp_path: Path) -> None:
    offers = Offers(tmp_path)
    offers.put("one", Offer("", (), (), {"repodata/a": b"former"}))
    with pytest.raises(FileExistsError):
        offers.put("one", Offer("", (), (), {"repodata/a": b"new", "repodata/a/b": b"below a file"}))
    assert [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()] == [b"former"]
    offers.put("one", Offer("", (), (), {"repodata/b": b"new"}))
    assert [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()] == [b"new"]

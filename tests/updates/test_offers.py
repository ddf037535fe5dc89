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

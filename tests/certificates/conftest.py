from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from certificates_by_openssl import Maker


@pytest.fixture(scope="session")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("openssl")


@pytest.fixture
def openssl(tool: Callable[[str], str], _folder: Path) -> Maker:
    """The program, and what it has made so far."""
    return Maker(tool("openssl"), _folder)

"""Reads code out of the documents, so that tests can run what they promise."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def block(file: str, after: str, language: str = "python") -> str:
    """The first block of code in ``language`` that follows the text ``after`` in a document."""
    text = (ROOT / file).read_text()
    start = text.index(after)
    found = re.compile(rf"```{language}\n(.*?)```", re.DOTALL).search(text, start)
    assert found is not None, f"no {language} after {after!r} in {file}"
    return found[1]

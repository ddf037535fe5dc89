"""How single values look as text on the wire, the same in both notations: dates, and what becomes of broken characters."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from xapid.datamodel.types import EPOCH

_EPOCH_TEXT: Final = "19700101T00:00:00Z"
_SURROGATES = re.compile("[\ud800-\udfff]")


def date_text(value: datetime) -> str:
    """``YYYYMMDDTHH:MM:SSZ``; another zone by its offset, and none at all for a naive (local) time. No fractions."""
    if value is EPOCH:
        return _EPOCH_TEXT
    moment = f"{value.year:04d}{value.month:02d}{value.day:02d}T{value.hour:02d}:{value.minute:02d}:{value.second:02d}"
    offset = value.utcoffset()
    if offset is None:
        return moment
    minutes = round(offset.total_seconds() / 60)
    if not minutes:
        return f"{moment}Z"
    sign = "-" if minutes < 0 else "+"
    return f"{moment}{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def without_surrogates(text: str) -> str:
    """``text`` fit for UTF-8: halves of pairs, which plugins may produce, become U+FFFD."""
    return _SURROGATES.sub("\ufffd", text)

"""Values without a declared type, in XML: what extensions answer with, and what they and host plugins are called with.

They are plain ones: text, numbers, booleans, None, lists, and dicts with text for keys.
"""

from __future__ import annotations

import re
from typing import Any, Final

from xapid.datamodel.types import Basic
from xapid.wire.call import Loose

ANYTHING: Final = Basic("anything", None)
"""In the place of a type: a value of this kind."""

_UNFIT: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def value_text(value: Loose) -> str:
    """One ``<value>`` element. Raises ValueError for what XML or XML-RPC cannot say: control characters, large integers."""
    return f"<value>{_inner(value)}</value>"


def escaped(text: str) -> str:
    """Text between tags. Raises ValueError."""
    if _UNFIT.search(text):
        raise ValueError("XML has no way to write control characters")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _inner(value: Any) -> str:
    match value:
        case None:
            return "<nil/>"
        case bool():
            return f"<boolean>{int(value)}</boolean>"
        case int() if -(2**31) <= value < 2**31:
            return f"<int>{value}</int>"
        case int() if -(2**63) <= value < 2**63:
            return f"<i8>{value}</i8>"
        case int():
            raise ValueError(f"{value} is too large for XML-RPC")
        case float():
            return f"<double>{value!r}</double>"
        case str():
            return f"<string>{escaped(value)}</string>"
        case list() | tuple():
            return f"<array><data>{''.join(map(value_text, value))}</data></array>"
        case dict():
            members = (f"<member><name>{escaped(str(key))}</name>{value_text(item)}</member>" for key, item in value.items())
            return f"<struct>{''.join(members)}</struct>"
    raise ValueError(f"XML-RPC has no {type(value).__name__}")

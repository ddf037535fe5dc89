"""XML-RPC from the other side: writing calls, and reading the responses to them, for host plugins and extensions."""

from __future__ import annotations

from typing import Any

import attrs

from xapid.wire.call import Loose, Malformed
from xapid.wire.loose_values import escaped, value_text
from xapid.wire.xmlrpc import read_document, read_value


@attrs.frozen
class Fault:
    """A response that is no value."""

    code: str
    text: str


def call_text(name: str, params: list[Loose]) -> str:
    """A call as a document. Raises ValueError for what XML or XML-RPC cannot say: control characters, large integers."""
    given = "".join(f"<param>{value_text(param)}</param>" for param in params)
    return f"<?xml version='1.0'?><methodCall><methodName>{escaped(name)}</methodName><params>{given}</params></methodCall>"


def read_response(body: bytes) -> Loose | Fault:
    """The value in a response, or the fault. Raises Malformed."""
    root = read_document(body)
    if root.tag != "methodResponse" or len(root) != 1:
        raise Malformed(f"<{root.tag}> is no <methodResponse> with one element")
    (only,) = root
    if only.tag == "fault":
        fault = _only_value(only)
        if isinstance(fault, dict) and {"faultCode", "faultString"} <= fault.keys():
            return Fault(str(fault["faultCode"]), str(fault["faultString"]))
    if only.tag == "params" and [child.tag for child in only] == ["param"]:
        return _only_value(only[0])
    raise Malformed(f"<{only.tag}> holds no value")


def _only_value(parent: Any) -> Loose:
    if [child.tag for child in parent] != ["value"]:
        raise Malformed(f"<{parent.tag}> holds no value")
    return read_value(parent[0])

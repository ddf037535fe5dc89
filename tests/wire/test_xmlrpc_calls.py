"""Calls written and responses read, as an XML-RPC client does."""

from __future__ import annotations

import xmlrpc.client

import pytest

from xapid.wire.call import Malformed
from xapid.wire.loose_values import value_text
from xapid.wire.xmlrpc_calls import Fault, call_text, read_response

NUMBERS = [0, -1, 2**31 - 1, -(2**31), 1.5]
VALUE = {"text": "a<b>&\"'\n\u20ac\U0001f600", "numbers": NUMBERS, "more": {"yes": True, "": ""}}


def test_the_standard_library_reads_what_is_written():
    assert xmlrpc.client.loads(call_text("a.b<", ["\r", None, VALUE])) == (("\r", None, VALUE), "a.b<")
    assert xmlrpc.client.loads(f"<params><param>{value_text(2**62)}</param></params>")[0] == (2**62,)


def test_what_the_standard_library_writes_is_read():
    value = VALUE | {"more": {"yes": True}}
    assert read_response(xmlrpc.client.dumps((value,), methodresponse=True).encode()) == value
    fault = xmlrpc.client.dumps(xmlrpc.client.Fault(3, "no"), methodresponse=True)
    assert read_response(fault.encode()) == Fault("3", "no")


@pytest.mark.parametrize("value", ["\0", "\x1b", "\ufffe", {"\0": ""}, 2**63, -(2**63) - 1, object(), b"bytes"])
def test_what_cannot_be_written_is_refused(value):
    with pytest.raises(ValueError):
        call_text("main", [value])


@pytest.mark.parametrize(
    "inside",
    ["", "<params/>", "<params><param/></params>", "<params><param><value/></param><param><value/></param></params>",
     "<params><param><int>1</int></param></params>", "<fault/>", "<fault><value>x</value></fault>", "<params/><fault/>"],
)  # fmt: skip
def test_what_is_no_response_is_malformed(inside):
    with pytest.raises(Malformed):
        read_response(f"<methodResponse>{inside}</methodResponse>".encode())

"""XML-RPC: calls read from their XML, and answers written in XenAPI's envelope of ``Status`` and ``Value``.

Reading is strict where the reference server is: a call without ``<params>``, a member without name, an element or a
number that XML-RPC does not have make the body :class:`Malformed`. White space between elements is passed over, inside a
string it counts. Documents are read by lxml without DTD, entities, network or deep nesting; calls whose parameters are
all plain text, nearly all there are, are read by a regular expression with the same result.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from lxml import etree

from xapid.datamodel.types import Type
from xapid.wire.call import Answer, Call, Codec, DateText, Loose, Malformed
from xapid.wire.events import EventBatch
from xapid.wire.marshal import integer, number
from xapid.wire.xml_values import encode_text, encoder, escape, pieces

MAX_DEPTH: Final = 64
"""How deep values may nest; the API needs four."""

_SUCCESS: Final = (
    b'<?xml version="1.0"?><methodResponse><params><param><value><struct><member><name>Status</name><value>Success</value>'
    b"</member><member><name>Value</name>"
)
_TEXT_SUCCESS: Final = f"{_SUCCESS.decode()}<value>"
_FAILURE: Final = (
    '<?xml version="1.0"?><methodResponse><params><param><value><struct><member><name>Status</name><value>Failure</value>'
    "</member><member><name>ErrorDescription</name><value><array><data>"
)
_END: Final = b"</member></struct></value></param></params></methodResponse>"
_TEXT_END: Final = f"</value>{_END.decode()}"
_FAILURE_END: Final = f"</data></array></value>{_END.decode()}"
_BARE: Final = b'<?xml version="1.0"?><methodResponse><params><param>'
_BARE_END: Final = b"</param></params></methodResponse>"

# A call of plain text only, in UTF-8: no references but the five named ones, no character that XML or lxml would change.
_PLAIN: Final = r"[^<>&\r\x00-\x08\x0b\x0c\x0e-\x1f]*+"
_TEXT: Final = _PLAIN + r"(?:&(?:lt|gt|amp|quot|apos);" + _PLAIN + r")*+"
_BLANK: Final = r"[ \t\r\n]*+"
_VALUE = re.compile("<value>(?:<string>)?([^<]*)")
_PARAM: Final = (
    r"<param>" + _BLANK + r"<value>(?:<string>" + _TEXT + r"</string>|" + _TEXT + r")</value>" + _BLANK + r"</param>"
)
_PLAIN_CALL = re.compile(
    r"""(?:<\?xml version=(?:"1\.0"|'1\.0')(?: encoding=(?:"(?i:utf-8)"|'(?i:utf-8)'))? ?\?>)?"""
    + _BLANK
    + r"<methodCall>"
    + _BLANK
    + r"<methodName>([A-Za-z0-9_.:\-]*)</methodName>"
    + _BLANK
    + r"<params>"
    + _BLANK
    + r"((?:"
    + _PARAM
    + _BLANK
    + r")*+)</params>"
    + _BLANK
    + r"</methodCall>"
    + _BLANK
)
_NOT_FOR_XML = re.compile("[\ufffe\uffff]")


_PARSER: Final = etree.XMLParser(
    resolve_entities=False,
    load_dtd=False,
    no_network=True,
    dtd_validation=False,
    huge_tree=False,
    remove_comments=True,
    remove_pis=True,
    strip_cdata=True,
    collect_ids=False,
)


class _XmlRpc:
    """The one XML-RPC codec: answers carry nothing of the call."""

    content_type = b"text/xml"

    def success(self, type_: Type, value: Any) -> Answer:
        if type(value) is str:  # by far the most; of whichever type, it is text
            return [f"{_TEXT_SUCCESS}{escape(value)}{_TEXT_END}".encode()]
        if type(value) is EventBatch:
            return value.kept("answer to XML-RPC", lambda batch: [_SUCCESS, *pieces(type_, batch), _END])
        found = pieces(type_, value)
        if len(found) == 1:
            return [b"".join((_SUCCESS, found[0], _END))]
        return [_SUCCESS, *found, _END]

    def failure(self, description: tuple[str, ...]) -> Answer:
        return [f"{_FAILURE}{''.join(map(encode_text, description))}{_FAILURE_END}".encode()]

    def bare(self, type_: Type, value: Any) -> Answer:
        return [_BARE, *pieces(type_, value), _BARE_END]


CODEC: Final[Codec] = _XmlRpc()


def decode(body: bytes) -> tuple[Call, Codec]:
    """The call in ``body``; :class:`Malformed` if there is none."""
    call = decode_plain(body)
    return (decode_any(body) if call is None else call), CODEC


def decode_slowly(body: bytes) -> tuple[Call, Codec]:
    """As :func:`decode`, but everything is read by lxml."""
    return decode_any(body), CODEC


def decode_plain(body: bytes) -> Call | None:
    """The call in ``body`` if all its parameters are plain text, else None: same as :func:`decode_any`, but faster."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    match = _PLAIN_CALL.fullmatch(text)
    if match is None:
        return None
    name, given = match.groups()
    params = _VALUE.findall(given)
    if "&" in given:
        params = [_unescape(param) for param in params]
    if not text.isascii() and any(map(_NOT_FOR_XML.search, params)):
        return None
    return Call(name, params)


def _unescape(text: str) -> str:
    if "&" not in text:
        return text
    for reference, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
        text = text.replace(reference, character)
    return text


def decode_any(body: bytes) -> Call:
    """The call in ``body``, read by lxml; :class:`Malformed` if there is none."""
    root = read_document(body)
    if root.tag != "methodCall":
        raise Malformed(f"<{root.tag}> in place of <methodCall>")
    name, params = _children(root, "methodName", "params")
    return Call(_plain_text(name), [read_value(_only(param, "value")) for param in _all(params, "param")])


def value_text(type_: Type, value: Any) -> str:
    """One ``<value>`` element as text: the form in which a task keeps its result."""
    return encoder(type_)(value)


def parse_value(text: str) -> Loose:
    """What a ``<value>`` element holds; :class:`Malformed` if ``text`` is none. Reads what :func:`value_text` wrote."""
    root = read_document(text.encode("utf-8", "replace"))
    if root.tag != "value":
        raise Malformed(f"<{root.tag}> in place of <value>")
    return read_value(root)


def read_document(body: bytes) -> Any:
    """The root element of a document without document type; :class:`Malformed` if there is none."""
    try:
        root = etree.fromstring(body, _PARSER)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise Malformed(str(error)) from None
    if root is None:
        raise Malformed("an empty document")
    if root.getroottree().docinfo.internalDTD is not None:
        raise Malformed("a document type declaration")
    return root


def read_value(element: Any, depth: int = 0) -> Loose:
    """What a ``<value>`` element holds."""
    if depth > MAX_DEPTH:
        raise Malformed("values nest too deep")
    if len(element) == 0:
        return element.text or ""
    child = _one(element)
    match child.tag:
        case "struct":
            return dict(_member(member, depth) for member in _all(child, "member"))
        case "array":
            return _array(child, depth)
        case "nil":
            return None
        case tag if tag in _SCALARS:
            try:
                return _SCALARS[tag](_plain_text(child))
            except (ValueError, binascii.Error):
                raise Malformed(f"<{tag}> holds something else") from None
    raise Malformed(f"there is no type <{child.tag}>")


def _member(element: Any, depth: int) -> tuple[str, Loose]:
    name, value = _children(element, "name", "value")
    text = _plain_text(name)
    if not text:
        raise Malformed("a member without name")
    return text, read_value(value, depth + 1)


def _array(element: Any, depth: int) -> list[Loose]:
    parts = _elements(element)
    if not parts:
        return []
    if len(parts) > 1 or parts[0].tag != "data":
        raise Malformed("<array> without <data>")
    return [read_value(value, depth + 1) for value in _all(parts[0], "value")]


_SCALARS: Final[Mapping[str, Callable[[str], Loose]]] = {
    "string": str,
    "int": integer,
    "i4": integer,
    "i8": integer,
    "boolean": lambda text: text == "1",
    "double": number,
    "dateTime.iso8601": DateText,
    "base64": lambda text: binascii.a2b_base64("".join(text.split()).encode(), strict_mode=True),
}


def _elements(parent: Any) -> list[Any]:
    """The child elements; text between them must be blank."""
    children = list(parent)
    if (parent.text and not parent.text.isspace()) or any(child.tail and not child.tail.isspace() for child in children):
        raise Malformed(f"text in <{parent.tag}>")
    for child in children:
        if type(child.tag) is not str:
            raise Malformed("an entity")
    return children


def _all(parent: Any, tag: str) -> list[Any]:
    children = _elements(parent)
    for child in children:
        if child.tag != tag:
            raise Malformed(f"<{child.tag}> in <{parent.tag}>")
    return children


def _children(parent: Any, first: str, second: str) -> list[Any]:
    children = _elements(parent)
    if [child.tag for child in children] != [first, second]:
        raise Malformed(f"<{parent.tag}> without <{first}> and <{second}>")
    return children


def _one(parent: Any) -> Any:
    children = _elements(parent)
    if len(children) != 1:
        raise Malformed(f"<{parent.tag}> with {len(children)} elements")
    return children[0]


def _only(parent: Any, tag: str) -> Any:
    child = _one(parent)
    if child.tag != tag:
        raise Malformed(f"<{child.tag}> in <{parent.tag}>")
    return child


def _plain_text(element: Any) -> str:
    if len(element):
        raise Malformed(f"elements in <{element.tag}>")
    return element.text or ""

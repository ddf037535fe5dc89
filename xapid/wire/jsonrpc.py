"""JSON-RPC, versions 1.0 and 2.0: calls read from a JSON object, and answers with the members in the reference's order.

The id, text or an integer, comes back as it was. Notifications, batches, ids of other kinds and versions of other names
make a body :class:`Malformed`. Version 2.0 may leave out the parameters, and takes an object in their place for one
parameter that is a struct.
"""

from __future__ import annotations

import json
import re
from typing import Any

import attrs
import orjson

from xapid.datamodel.types import Type
from xapid.wire.call import Answer, BrokenText, Call, Codec, Loose, Malformed
from xapid.wire.json_values import dumps, pieces

_SURROGATE = re.compile("[\ud800-\udfff]")


@attrs.frozen
class _Version1:
    """Answers ``{"result", "error", "id"}``, one of the first two null."""

    id: bytes
    content_type: bytes = attrs.field(default=b"application/json", init=False)

    def success(self, type_: Type, value: Any) -> Answer:
        return _framed(b'{"result":', pieces(type_, value), b',"error":null,"id":%s}' % self.id)

    def failure(self, description: tuple[str, ...]) -> Answer:
        return [b'{"result":null,"error":%s,"id":%s}' % (dumps(list(description)), self.id)]

    def bare(self, type_: Type, value: Any) -> Answer:
        return self.success(type_, value)


@attrs.frozen
class _Version2:
    """Answers ``{"jsonrpc", "result" or "error", "id"}``."""

    id: bytes
    content_type: bytes = attrs.field(default=b"application/json", init=False)

    def success(self, type_: Type, value: Any) -> Answer:
        return _framed(b'{"jsonrpc":"2.0","result":', pieces(type_, value), b',"id":%s}' % self.id)

    def failure(self, description: tuple[str, ...]) -> Answer:
        error = dumps({"code": 1, "message": description[0], "data": list(description[1:])})
        return [b'{"jsonrpc":"2.0","error":%s,"id":%s}' % (error, self.id)]

    def bare(self, type_: Type, value: Any) -> Answer:
        return self.success(type_, value)


def _framed(head: bytes, middle: list[bytes], tail: bytes) -> Answer:
    if len(middle) == 1:
        return [b"".join((head, middle[0], tail))]
    return [head, *middle, tail]


def decode(body: bytes) -> tuple[Call, Codec]:
    """The call in ``body``; :class:`Malformed` if there is none."""
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:
        request = _loads(body)
    if type(request) is not dict:
        raise Malformed("a call is an object")
    name, params, id_ = request.get("method"), request.get("params"), request.get("id")
    if type(name) is not str:
        raise Malformed('"method" is not text')
    if type(id_) is not str and type(id_) is not int:
        raise Malformed('"id" is neither text nor an integer')
    codec: Codec
    if "jsonrpc" not in request:
        codec = _Version1(dumps(id_))
    elif request["jsonrpc"] == "2.0":
        codec = _Version2(dumps(id_))
        if params is None:
            params = []
        elif type(params) is dict:
            params = [params]
    else:
        raise Malformed('"jsonrpc" is not "2.0"')
    if type(params) is not list:
        raise Malformed('"params" is not an array')
    return Call(name, params), codec


def _loads(body: bytes) -> Any:
    """Reads what orjson refuses and the reference does not: bytes that are not UTF-8, half pairs, NaN and Infinity."""
    try:
        return _marked(json.loads(body.decode("utf-8", "surrogateescape")))
    except (ValueError, RecursionError) as error:
        raise Malformed(str(error)) from None


def _marked(value: Any) -> Loose:
    match value:
        case str() if _SURROGATE.search(value):
            return BrokenText(_SURROGATE.sub("\ufffd", value))
        case list():
            return [_marked(item) for item in value]
        case dict():
            return {_marked(name): _marked(item) for name, item in value.items()}
    return value

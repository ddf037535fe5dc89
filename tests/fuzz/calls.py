"""Calls made from the catalogue: seeds for the fuzzers, material for their mutations, and requests for property tests.

Nothing here knows a running server: ``@session@`` stands for a session that is good, ``@VM@`` or ``@VM3@`` for the
reference of a VM, ``@uuid:VM@`` for its uuid; :func:`fuzz.whole_path.filled` puts them in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any
from xml.sax.saxutils import escape

from xapid.datamodel.catalogue import Entry, catalogue
from xapid.datamodel.http_actions import ACTIONS
from xapid.datamodel.types import Bool, DateTime, Enum, Float, Int, Map, Option, Record, Ref, Set, Type

SESSION = "@session@"
NULL = "OpaqueRef:NULL"
TEXTS = (
    "", "a", "name", "0", "1", "-1", "true", "*", "/", "..", "iso", "lvm", "nfs", "@uuid:VM@", "@uuid:SR@", "@uuid:host@",
    '"a"="a"', 'field "name__label" = "a" and not true', "192.168.0.1", "255.255.255.0", "eth0", "é\u4e2d\U0001f600", "x" * 300,
    "VM", "vm", "task/" + NULL, "00000000000000000000,0", "OpaqueRef:", NULL, "start", "a:b", "a=b", "1073741824",
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**63 - 1, -(2**63), 2**63, 0.5, -0.0, 1e308, "", "@session@", NULL, [], {}, [""], [[]],
    {"": ""}, {"a": {"b": {}}}, ["a", 1, None], "0x10", "1e5", "nan", "inf", "0x1p99999", "20260101T00:00:00Z",
    "99999999T99:99:99Z", "00010101T00:00:00Z", "0001-01-01T00:00:00+23:59", "\x00", "\ud800", "\ufffe",
    "9" * 400, "not " * 900 + "true", "(" * 3000,
)  # fmt: skip


class Loosely:
    """Makes arguments out of a source of randomness."""

    def __init__(self, random: Random, oddness: float = 0.08) -> None:
        self.random = random
        self.oddness = oddness

    def call(self, entry: Entry) -> tuple[str, list[Any]]:
        """A name to call ``entry`` by, and parameters, most of which fit."""
        random, message = self.random, entry.message
        params = [self.value(param.type) for param in message.params]
        if message.session:
            params.insert(0, SESSION)
        if random.random() < self.oddness / 2:
            del params[random.randrange(len(params) + 1) :]
        if random.random() < self.oddness / 2:
            params.append(random.choice(ODD))
        name = entry.name
        if message.asynchronous and random.random() < 0.1:
            name = f"Async.{name}"
        elif random.random() < 0.02:
            name = name.replace(".", "_", 1)
        return name, params

    def value(self, type_: Type) -> Any:
        """A value of a type, or now and then of another."""
        random = self.random
        if random.random() < self.oddness:
            return random.choice(ODD)
        match type_:
            case Ref(to=to):
                return NULL if random.random() < 0.1 else f"@{to}{random.choice(('', '', '', '1', '2', '5'))}@"
            case Enum(values=values):
                return random.choice(list(values))
            case Set(of=of):
                return [self.value(of) for _ in range(random.choice((0, 1, 1, 2, 3)))]
            case Map(key=key, value=value):
                return {str(self.value(key)): self.value(value) for _ in range(random.choice((0, 1, 1, 2)))}
            case Option(of=of):
                return None if random.random() < 0.3 else self.value(of)
            case Record(of=of):
                fields = [field for field in catalogue().classes[of].fields if not field.internal]
                return {field.name: self.value(field.type) for field in fields if random.random() < 0.97}
        if type_ is Int:
            return str(random.choice((0, 1, 2, 5, -1, 1024, 2**30, 2**40, 2**63 - 1)))
        if type_ is Float:
            return random.choice((0.0, 1.0, 0.5, -1.0, 30.0, 1e18, 1e-9))
        if type_ is Bool:
            return random.random() < 0.5
        if type_ is DateTime:
            return random.choice(("20260101T00:00:00Z", "20251231T23:59:59Z", "19700101T00:00:00Z", "99991231T23:59:59Z"))
        return random.choice(TEXTS)


def xml_value(value: Any) -> str:
    """One ``<value>`` element."""
    match value:
        case None:
            inner = "<nil/>"
        case bool():
            inner = f"<boolean>{int(value)}</boolean>"
        case int():
            inner = f"<int>{value}</int>"
        case float():
            inner = f"<double>{value!r}</double>"
        case list():
            inner = f"<array><data>{''.join(map(xml_value, value))}</data></array>"
        case dict():
            members = (f"<member><name>{escape(name)}</name>{xml_value(item)}</member>" for name, item in value.items())
            inner = f"<struct>{''.join(members)}</struct>"
        case _:
            inner = escape(value)
    return f"<value>{inner}</value>"


def xml(name: str, params: list[Any]) -> bytes:
    """A call as XML-RPC."""
    inner = "".join(f"<param>{xml_value(value)}</param>" for value in params)
    text = f"<?xml version='1.0'?><methodCall><methodName>{escape(name)}</methodName><params>{inner}</params></methodCall>"
    return text.encode("utf-8", "surrogatepass")


def json_rpc(name: str, params: list[Any], version: int = 2) -> bytes:
    """A call as JSON-RPC."""
    call: dict[str, Any] = {"method": name, "params": params, "id": 1}
    return json.dumps(call | {"jsonrpc": "2.0"} if version == 2 else call).encode()


def any_call(random: Random, oddness: float = 0.08) -> bytes:
    """A call of any message, in any notation, in the form that :mod:`fuzz.whole_path` takes."""
    name, params = Loosely(random, oddness).call(random.choice(list(catalogue().messages.values())))
    match random.randrange(4):
        case 0:
            return b"J" + json_rpc(name, params)
        case 1:
            return b"J" + json_rpc(name, params, 1)
        case _:
            return b"X" + xml(name, params)


def of_every_message() -> Iterator[tuple[str, bytes]]:
    """One call of each message, as good as it can be made without knowing what it means, by name."""
    for number, entry in enumerate(catalogue().messages.values()):
        name, params = Loosely(Random(number), 0.0).call(entry)
        yield entry.name, (b"J" + json_rpc(name, params)) if number % 4 == 0 else b"X" + xml(name, params)


def of_every_action() -> Iterator[bytes]:
    """Requests to everything that is served beside calls, with a session and without."""
    for action in ACTIONS:
        named = [arg.partition(":")[0] for arg in action.args]
        query = "&".join(f"{name}=@uuid:VM@" if "uuid" in name else f"{name}=@blob@" for name in named)
        for credentials in ("", "Cookie: session_id=@session@\r\n", "Authorization: Basic cm9vdDpjb3JyZWN0IGhvcnNl\r\n"):
            head = f"{action.method} {action.path}?{query} HTTP/1.1\r\nHost: h\r\nTask-id: @task@\r\n{credentials}"
            yield f"R{head}Content-Length: 4\r\n\r\nbody".encode()
            yield f"R{head}\r\n".encode()


def words() -> Iterator[bytes]:
    """What a mutation by the byte would never hit upon: names of the API, and tokens of the notations and of HTTP."""
    api = catalogue()
    yield from (name.encode() for name in api.messages)
    yield from (f"@{name}@".encode() for name in api.classes)
    yield from (SESSION.encode(), NULL.encode(), b"Async.", b"InternalAsync.", b"system.listMethods")
    tags = (
        "methodCall methodName params param value string int i4 i8 boolean double dateTime.iso8601 base64 nil array data struct"
    )
    for tag in [*tags.split(), "member", "name"]:
        yield from (f"<{tag}>".encode(), f"</{tag}>".encode())
    yield from (b"<![CDATA[", b"]]>", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"&amp;", b"&#0;", b"<!--", b"-->", b"<?a?>")
    yield from (b'"jsonrpc":"2.0"', b'"method":', b'"params":', b'"id":', b"\\ud800", b"NaN", b"Infinity", b"null", b"1e999")
    yield from (
        b"GET ",
        b"PUT ",
        b"POST ",
        b"CONNECT ",
        b"OPTIONS ",
        b"HEAD ",
        b" HTTP/1.1",
        b" HTTP/1.0",
        b"\r\n\r\n",
        b"\n\n",
    )
    yield from (b"Content-Length: ", b"Transfer-Encoding: chunked", b"Connection: close", b"Expect: 100-continue", b"Cookie: ")
    yield from (b"session_id=", b"task_id=", b"Authorization: Basic ", b"/jsonrpc", b"/RPC2", b"/blob?ref=", b"Task-id: ")

"""Inputs that once brought something about that no client may: kept, so that none of them does again."""

from __future__ import annotations

from fuzz.calls import xml

WHOLE_PATH = [
    b"X" + xml("VM.get_all_where", ["@session@", "not " * 20_000 + "true"]),
    b"X" + xml("VM.get_all_records_where", ["@session@", "(" * 20_000]),
    b"X" + xml("VM.get_all_where", ["@session@", " or ".join(['"a" = "b"'] * 5_000)]),
    b"X" + xml("VM.sysprep", ["@session@", "@VM@", "x", "0x1p99999"]),
    b"X<methodCall><methodName>VM.sysprep</methodName><params><param><value><double>0x1p99999</double></value></param></params>"
    b"</methodCall>",
    b'J{"method": "Async.VM.start", "params": ["@session@", "a\\u0000\\ud83d", false, false], "id": 1}',
    b'J{"method": "Async.VM.start", "params": ["@session@", "a\\u0001", false, false], "id": 1}',
    b"X" + xml("VM.set_HVM_shadow_multiplier", ["@session@", "@VM5@", 1e308]),
    b"RGET /? HTTP/1.1\r\nHost: h\rX: y\nTask-id: @task@\r\n\r\n",
    b"ROPTIONS / HTTP/1.1\r\nAccess-Control-Request-Headers: h\rX: y\r\n\r\n",
    b"RPUT /rrd? HTTP/1.1\r\nAuthorization: Basic c\x94\xc6\x89\x9bDpj\r\n\r\n",
]
HTTP_PARSER = [
    b"OPTIONS / HTTP/1.1\n\nOPTIONS / HTTP/1.1\r\n\r\n",
    b"/OST / HTTP/1.1\r\nTransfer-Encoding: chunked\re\x08D / HTTP/1.1\r\n\r\n",
]
FAST_AND_PLAIN = [
    b"X" + xml("VM.get_is_a_template", ["@session@", "@VM@"]),
    b"X" + xml("VM.get_name_label", ["@nobody@", "@VM@"]),
    b"R" + b"POST / HTTP/1.1\r\nTask-id: none\r\nContent-Length: 127\r\n\r\n" + xml("VM.get_all", ["@member@"]),
    b"""X<?xml version="1.0'?><methodCall><methodName>VM.get_all</methodName><params><param><value>@session@</value></param>"""
    b"</params></methodCall>",
]

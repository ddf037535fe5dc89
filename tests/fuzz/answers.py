"""What a stream of answers must look like, whatever was asked."""

from __future__ import annotations

import re

_HEAD = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d) [A-Za-z ]+\r\n((?:[^\r\n:]+: [^\r\n]*\r\n)*)\r\n")


def check_answers(data: bytes, *, ended: bool, request: bytes) -> list[int]:
    """The status of every answer in ``data``. AssertionError if it is no sequence of whole answers.

    ``ended`` says whether the server ended the connection: then the last answer needs no length. A request that was
    whole must have got one of the two.
    """
    found = []
    asked_for_head = b"HEAD " in request
    while data:
        match = _HEAD.match(data)
        assert match is not None, f"no answer: {data[:200]!r}"
        status, data = int(match[1]), data[match.end() :]
        found.append(status)
        if status == 100:
            continue
        length = re.search(rb"(?i)^content-length: (\d+)\r$", match[2], re.MULTILINE)
        if length is None:
            assert ended, "an answer without length on a connection that goes on"
            return found
        if asked_for_head and ended:
            return found
        assert len(data) >= int(length[1]), "an answer is shorter than it says"
        data = data[int(length[1]) :]
    return found

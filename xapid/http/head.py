"""Request heads: the request line and the headers, read as the reference server reads them.

Header names are case-insensitive, lines without a colon are passed over, every version but 1.0 counts as 1.1. Control
characters in values, a carriage return alone among them, count as spaces: values are repeated in answers. The length of the
body is taken only from a line that everybody reads as one, so that no proxy sees the next request elsewhere. Arguments come
from the query, cookies from either of the two spellings that clients use (``a=b; c=d`` and ``a=b&c=d``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Final
from urllib.parse import unquote, unquote_plus

import attrs

from xapid.wire.call import Call, Codec

THUMBPRINT_ASKED: Final = "x-xenapi-request-host-certificate-thumbprint"
"""The header in which a client asks whom to trust where it is sent to: ``sha-256:master`` or ``sha-1:master``."""
_OF_COORDINATOR: Final = ":master"

Decode = Callable[[bytes], tuple[Call, Codec]]

END = re.compile(rb"\r?\n\r?\n")
_REQUEST_LINE = re.compile(r"([A-Za-z][!-~]*) +([!-~\x80-\U0010ffff]+) +HTTP/(\d)\.(\d)[ \t]*")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_DIGITS = re.compile(r"[0-9]{1,18}")
_ORIGIN: Final = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


class BadHead(Exception):
    """What came is no request."""


@attrs.define(slots=False, eq=False)
class Head:
    """The head of one request."""

    method: str
    target: str
    version: str
    """``HTTP/1.0`` or ``HTTP/1.1``: the version to answer in."""
    headers: Mapping[str, str]
    """Under lower-case names. Of a header that comes twice, the first counts."""
    keep_alive: bool
    """Whether another request may follow, which nobody can tell whose body has no end that everybody agrees on."""
    length: int | None
    """Of the body; None if the client does not say."""
    length_is_bad: bool
    """The client says something that is no length, says two, or says it in a line that others may not read as a length."""

    decode: Decode | None = attrs.field(default=None, init=False, repr=False)
    """What reads the body of a call that is carried out as it comes. Set for heads that are kept for when they come again."""
    _openings: dict[bytes, tuple[bytes, bytes]] = attrs.field(factory=dict, init=False, repr=False)

    @property
    def is_chunked(self) -> bool:
        """Whether the body is announced in an encoding, none of which is supported."""
        return "transfer-encoding" in self.headers

    @cached_property
    def path(self) -> str:
        return unquote(self.target.partition("?")[0])

    @cached_property
    def query(self) -> Mapping[str, str]:
        """Arguments of the query; of one given twice, the first counts."""
        return _pairs(self.target.partition("?")[2].partition("#")[0].split("&"))

    @cached_property
    def cookies(self) -> Mapping[str, str]:
        return _pairs(re.split(r"[;&]\s*", self.headers.get("cookie", "")))

    @cached_property
    def thumbprint_asked(self) -> str | None:
        """The algorithm by whose thumbprint the client would know the coordinator, if a call is refused by a member."""
        asked = self.headers.get(THUMBPRINT_ASKED, "")
        return asked.removesuffix(_OF_COORDINATOR) if asked.endswith(_OF_COORDINATOR) else None

    def opening(self, content_type: bytes) -> tuple[bytes, bytes]:
        """The head of the answer to a call, without the length of its body, which comes between the two."""
        found = self._openings.get(content_type)
        if found is None:
            connection = "keep-alive" if self.keep_alive else "close"
            found = self._openings[content_type] = (
                f"{self.version} 200 OK\r\ncontent-length: ".encode(),
                f"\r\nconnection: {connection}\r\ncache-control: no-cache, no-store\r\n".encode()
                + b"content-type: %s\r\nAccess-Control-Allow-Origin: *\r\n" % content_type
                + b"Access-Control-Allow-Headers: X-Requested-With\r\n\r\n",
            )
        return found

    def argument(self, name: str) -> str | None:
        """What a cookie or else the query says."""
        found = self.cookies.get(name)
        return self.query.get(name) if found is None else found


def _pairs(parts: list[str]) -> dict[str, str]:
    result: dict[str, str] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        if equals:
            result.setdefault(unquote_plus(name.strip()), unquote_plus(value.strip()))
    return result


def parse(block: bytes) -> Head:
    """The head in ``block``, which ends before the empty line; :class:`BadHead` if the first line is no request line."""
    try:
        text = block.decode()
    except UnicodeDecodeError:
        text = block.decode("latin-1")
    first, *lines = text.split("\n")
    match = _REQUEST_LINE.fullmatch(first.rstrip("\r"))
    if match is None:
        raise BadHead("the request line is none")
    method, target, major, minor = match.groups()
    headers: dict[str, str] = {}
    lengths = set()
    for line in lines:
        spelled, colon, value = line.partition(":")
        if colon:
            name = spelled.strip().lower()
            headers.setdefault(name, _CONTROL.sub(" ", value).strip())
            if name == "content-length":
                lengths.add(value.strip(" \t\r") if len(name) == len(spelled) else "")
    length = None
    length_is_bad = len(lengths) > 1
    if lengths and not length_is_bad:
        (said,) = lengths
        if _DIGITS.fullmatch(said):
            length = int(said)
        else:
            length_is_bad = True
    is_old = major == "1" and minor == "0"
    wishes = {word.strip() for word in headers.get("connection", "").lower().split(",")}
    keep_alive = "keep-alive" in wishes if is_old else "close" not in wishes
    if length_is_bad or "transfer-encoding" in headers:
        keep_alive = False
    version = "HTTP/1.0" if is_old else "HTTP/1.1"
    return Head(method, _ORIGIN.sub("", target, count=1) or "/", version, headers, keep_alive, length, length_is_bad)

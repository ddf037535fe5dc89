"""How a dump spells values: plain text, lists in parentheses, blanks made visible.

Sets are ``('a' 'b')``, maps ``(('k' 'v') ('l' 'w'))``; a quote or backslash within is preceded by a backslash. Since
attributes of XML lose their white space, ``%.`` stands for a space, ``%t``, ``%n`` and ``%r`` for the others, and ``%%`` for
the sign itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from xapid.datamodel.types import Bool, DateTime, Enum, Float, Int, Map, Option, Set, Type, frozenmap

_VISIBLE: Final = {" ": "%.", "\t": "%t", "\n": "%n", "\r": "%r", "%": "%%"}
_BLANK: Final = str.maketrans(_VISIBLE)
_SIGN = re.compile(r"%([.tnr%_])")
_MEANING: Final = {".": " ", "t": "\t", "n": "\n", "r": "\r", "%": "%", "_": "  "}
_TOKEN = re.compile(r"\s*(?:(\()|(\))|'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"|([^\s()'\"]+))", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_WHOLE = re.compile(r"-?[0-9]{1,19}")
_MOMENT = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)T(\d\d):?(\d\d):?(\d\d)(?:\.\d*)?Z?")
_INTEGERS: Final = range(-(2**63), 2**63)
_DEEPEST: Final = 8

Decode = Callable[[str], Any]
Tree = str | list["Tree"]


def protect(text: str) -> str:
    """``text`` with its white space made visible."""
    return text.translate(_BLANK)


def unprotect(text: str) -> str:
    """What :func:`protect` was given."""
    return _SIGN.sub(lambda found: _MEANING[found[1]], text) if "%" in text else text


def decoder(type_: Type) -> Decode:
    """What makes a value of ``type_`` of the text that a dump has for it. It raises ValueError with a sentence."""
    if isinstance(type_, Set):
        item = _of_tree(type_.of)
        return lambda text: tuple(item(each) for each in _list(tree(text)))
    if isinstance(type_, Map):
        key, value = _of_tree(type_.key), _of_tree(type_.value)
        return lambda text: frozenmap({key(k): value(v) for k, v in map(_pair, _list(tree(text)))})
    if isinstance(type_, Enum):
        words = {word.lower(): word for word in type_.values}
        return lambda text: _word(words, text)
    if isinstance(type_, Option):
        inner = decoder(type_.of)
        return lambda text: inner(text) if text else None
    return _BASIC.get(type_, _text)


def _of_tree(type_: Type) -> Callable[[Tree], Any]:
    """A collection within a collection is a list, or text that is a list again."""
    decode = decoder(type_)
    if isinstance(type_, Set | Map):
        return lambda found: decode(found if isinstance(found, str) else _written(found))
    return lambda found: decode(_atom(found))


def tree(text: str) -> Tree:
    """The lists and atoms in ``text``. Raises ValueError for anything but one of them."""
    stack: list[list[Tree]] = [[]]
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"there is no list at {at}")
        at = found.end()
        opening, closing, quoted, double, bare = found.groups()
        if opening:
            if len(stack) > _DEEPEST:
                raise ValueError("lists within lists within lists")
            stack.append([])
        elif closing:
            if len(stack) < 2:
                raise ValueError("a list ends that did not begin")
            done = stack.pop()
            stack[-1].append(done)
        elif bare is not None:
            stack[-1].append(bare)
        else:
            stack[-1].append(_ESCAPED.sub(r"\1", double if quoted is None else quoted))
    if len(stack) != 1 or len(stack[0]) != 1:
        raise ValueError("there is not one list")
    return stack[0][0]


def _written(found: Tree) -> str:
    if isinstance(found, str):
        return "'" + found.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return f"({' '.join(map(_written, found))})"


def _list(found: Tree) -> list[Tree]:
    if isinstance(found, str):
        raise ValueError(f"{found!r} is no list")
    return found


def _pair(found: Tree) -> tuple[Tree, Tree]:
    if isinstance(found, str) or len(found) != 2:
        raise ValueError("a map has something else than pairs")
    return found[0], found[1]


def _atom(found: Tree) -> str:
    if not isinstance(found, str):
        raise ValueError("there is a list where one value belongs")
    return found


def _text(text: str) -> str:
    return text


def _int(text: str) -> int:
    if not _WHOLE.fullmatch(text) or int(text) not in _INTEGERS:
        raise ValueError(f"{text!r} is no integer")
    return int(text)


def _bool(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text == "true"


def _date(text: str) -> datetime:
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no date")
    return datetime(*map(int, found.groups()), tzinfo=UTC)  # type: ignore[misc, arg-type]


def _word(words: dict[str, str], text: str) -> str:
    word = words.get(text.lower())
    if word is None:
        raise ValueError(f"{text!r} is not one of {', '.join(words.values())}")
    return word


_BASIC: Final[dict[Type, Decode]] = {Int: _int, Float: float, Bool: _bool, DateTime: _date}

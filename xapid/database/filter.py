"""The expressions of ``get_all_where`` and ``get_all_records_where``.

::

    expression := value "=" value | expression ("and" | "or") expression | "not" expression
                | "true" | "false" | "(" expression ")"
    value      := '"' characters '"' | 'field' '"' name '"'

``and`` and ``or`` bind alike and to the left; ``not`` reaches as far to the right as it can. Values are compared as the
text that the database's dumps show; namespaces in field names are joined by ``__``. An expression may be as long as a call
may be, but its parts nest no deeper than :data:`DEPTH`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from xapid.database.row import Row
from xapid.database.table import Table
from xapid.datamodel.errors import XenAPIError

Predicate = Callable[[Row], bool]
Getter = Callable[[Row], str]

DEPTH: Final = 100
"""How deep parentheses and ``not`` may nest."""

_TOKEN = re.compile(r'[ \t\n]*(?:"([^"]*)"|(field|and|or|not|true|false)(?![A-Za-z_])|([=()])|(\Z))')


def compile_filter(table: Table, expression: str) -> Predicate:
    """A function that says whether a row of ``table`` satisfies ``expression``.

    Errors: INVALID_VALUE for an expression that cannot be read, INTERNAL_ERROR for a field that the class does not have.
    """
    return _Parser(table, expression).parse()


class _Parser:
    def __init__(self, table: Table, text: str) -> None:
        self._table = table
        self._text = text
        self._names = {"_ref": "ref"} | {field.dump_name: field.name for field in table.cls.fields}
        self._tokens = self._tokenise()
        self._at = 0
        self._depth = 0

    def _tokenise(self) -> list[tuple[str, str]]:
        tokens, position = [], 0
        while True:
            match = _TOKEN.match(self._text, position)
            if match is None:
                raise self._invalid(f"unexpected text at {position}")
            literal, word, sign, _ = match.groups()
            if literal is not None:
                tokens.append(("literal", literal))
            elif word is not None or sign is not None:
                tokens.append((word or sign, ""))
            else:
                tokens.append(("end", ""))
                return tokens
            position = match.end()

    def parse(self) -> Predicate:
        predicate = self._expression()
        self._expect("end")
        return predicate

    def _expression(self) -> Predicate:
        self._depth += 1
        if self._depth > DEPTH:
            raise self._invalid("it nests too deep")
        first, rest = self._operand(), []
        while self._kind in ("and", "or"):
            rest.append((self._take() == "and", self._operand()))
        self._depth -= 1
        return _chain(first, rest) if rest else first

    def _operand(self) -> Predicate:
        match self._kind:
            case "not":
                self._take()
                inner = self._expression()
                return lambda row: not inner(row)
            case "(":
                self._take()
                inner = self._expression()
                self._expect(")")
                return inner
            case "true" | "false":
                answer = self._take() == "true"
                return lambda row: answer
            case _:
                left = self._value()
                self._expect("=")
                right = self._value()
                return lambda row: left(row) == right(row)

    def _value(self) -> Getter:
        if self._kind == "field":
            self._take()
            return self._field(self._literal())
        text = self._literal()
        return lambda row: text

    def _field(self, wanted: str) -> Getter:
        name = self._names.get(wanted)
        if name is None:
            return _missing(wanted)
        return lambda row: text_of(getattr(row, name))

    def _literal(self) -> str:
        kind, text = self._tokens[self._at]
        if kind != "literal":
            raise self._invalid(f"a value is missing before {kind}")
        self._at += 1
        return text

    @property
    def _kind(self) -> str:
        return self._tokens[self._at][0]

    def _take(self) -> str:
        kind = self._kind
        self._at += 1
        return kind

    def _expect(self, kind: str) -> None:
        if self._kind != kind:
            raise self._invalid(f"{kind} is missing before {self._kind}")
        self._at += 1

    def _invalid(self, reason: str) -> XenAPIError:
        return XenAPIError("INVALID_VALUE", self._text, reason)


def _missing(name: str) -> Getter:
    def refuse(row: Row) -> str:
        raise XenAPIError("INTERNAL_ERROR", "missing field", name, "")

    return refuse


def _chain(first: Predicate, rest: list[tuple[bool, Predicate]]) -> Predicate:
    """Operands joined by ``and`` (true) and ``or``, from the left; one that changes nothing is not looked at."""

    def decide(row: Row) -> bool:
        result = first(row)
        for is_and, operand in rest:
            if result is is_and:
                result = operand(row)
        return result

    return decide


def text_of(value: Any) -> str:
    """A field's value as filters and dumps write it."""
    if isinstance(value, str):
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.strftime("%Y%m%dT%H:%M:%SZ")
    if isinstance(value, float):
        return f"{value:.16g}"
    if isinstance(value, tuple):
        return f"({' '.join(_quoted(item) for item in value)})"
    if isinstance(value, dict):
        return f"({' '.join(f'({_quoted(k)} {_quoted(v)})' for k, v in value.items())})"
    return str(value)


def _quoted(value: Any) -> str:
    text = text_of(value)
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

"""Keeping secrets from who reads the journal's file without its key.

Fields declared ``secret``, and facts of the daemon's own whose keys begin with :data:`SECRET_FACTS`, are sealed: encrypted and
authenticated with AES-256-GCM, under a key that lives beside the file. In a body, a sealed text is an object with the one
member ``sealed``; among the facts, it begins with ``sealed:``. Plain ones, as older versions wrote them, can be read.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import attrs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from xapid.datamodel.catalogue import Catalogue

KEY_LENGTH: Final = 32
SECRET_FACTS: Final = ("pool-secret", "directory-account")
_NONCE: Final = 12
_MEMBER: Final = "sealed"
_MARK: Final = f"{_MEMBER}:"


@attrs.frozen
class Seal:
    """Closes and opens texts with a key of :data:`KEY_LENGTH` bytes."""

    key: bytes = attrs.field(repr=False)
    _cipher: AESGCM = attrs.field(init=False, repr=False, eq=False)

    @_cipher.default
    def _make_cipher(self) -> AESGCM:
        return AESGCM(self.key)

    def close(self, text: str, what: str) -> str:
        """``text``, sealed; ``what`` it is must be known to open it."""
        return base64.b64encode(self.close_bytes(text.encode("utf-8", "surrogatepass"), what)).decode()

    def close_bytes(self, data: bytes, what: str) -> bytes:
        """The same for bytes."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, data, what.encode())

    def open(self, sealed: str, what: str) -> str:
        """What :meth:`close` was given. Raises ValueError for what was sealed with another key, or changed."""
        return self.open_bytes(base64.b64decode(sealed, validate=True), what).decode("utf-8", "surrogatepass")

    def open_bytes(self, raw: bytes, what: str) -> bytes:
        """What :meth:`close_bytes` was given. Raises ValueError."""
        try:
            return self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], what.encode())
        except (InvalidTag, ValueError) as problem:
            raise ValueError(f"{what} was not sealed with this key") from problem


@cache
def secret_fields(api: Catalogue) -> Mapping[str, tuple[str, ...]]:
    """The names of the secret fields of the classes that have any."""
    found = {cls.name: tuple(field.name for field in cls.fields if field.secret) for cls in api.classes.values()}
    return {name: fields for name, fields in found.items() if fields}


def closed(values: dict[str, Any], cls: str, fields: tuple[str, ...], seal: Seal) -> dict[str, Any]:
    """The values of an object with its secret fields sealed."""
    sealed = {name: {_MEMBER: seal.close(values[name], f"{cls}.{name}")} for name in fields if name in values}
    return values | sealed


def opened(value: Any, what: str, seal: Seal | None) -> Any:
    """A value of a secret field as it was. Raises ValueError, also where there is no key."""
    if not isinstance(value, dict):
        return value
    if seal is None:
        raise ValueError(f"{what} is sealed, and there is no key")
    return seal.open(value[_MEMBER], what)


def closed_facts(facts: Mapping[str, str | None], seal: Seal) -> dict[str, str | None]:
    """Facts with the secret ones sealed."""
    given = ((key, value) for key, value in facts.items() if key.startswith(SECRET_FACTS))
    secret = {key: _MARK + seal.close(value, key) for key, value in given if value is not None}
    return {**facts, **secret}


def is_bare(key: str, fact: str) -> bool:
    """Whether a fact is secret, and not sealed."""
    return key.startswith(SECRET_FACTS) and not fact.startswith(_MARK)


def opened_facts(facts: Mapping[str, str], seal: Seal | None) -> dict[str, str]:
    """Facts as they were. Raises ValueError."""
    read = dict(facts)
    for key, value in facts.items():
        if key.startswith(SECRET_FACTS) and not is_bare(key, value):
            if seal is None:
                raise ValueError(f"{key} is sealed, and there is no key")
            read[key] = seal.open(value.removeprefix(_MARK), key)
    return read

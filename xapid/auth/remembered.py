"""Passwords that a directory found right a moment ago, so that it need not be asked again for each login.

Kept as salted hashes under a key of this process, in memory alone; how many and for how long is the pool's to say.
"""

from __future__ import annotations

import hmac
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b

import attrs
from zope.interface import implementer

from xapid.auth.directory import IDirectory


@attrs.frozen
class Limits:
    """How many are remembered, and for how many seconds; none without ``enabled``."""

    enabled: bool = False
    size: int = 50
    expiry: float = 300.0


@attrs.frozen
class Remembered:
    """A password that was right."""

    salt: bytes
    digest: bytes = attrs.field(repr=False)
    identifier: str
    until: float


@implementer(IDirectory)
class RememberingDirectory:
    """Asks ``directory``, but for passwords that it has found right lately."""

    def __init__(self, directory: IDirectory, limits: Callable[[], Limits], now: Callable[[], float]) -> None:
        self._directory = directory
        self._limits = limits
        self._now = now
        self._key = os.urandom(32)
        self._known: OrderedDict[str, Remembered] = OrderedDict()

    async def authenticate(self, username: str, password: str) -> str:
        limits = self._limits()
        if not limits.enabled or limits.size < 1:
            self._known.clear()
            return str(await self._directory.authenticate(username, password))
        known = self._known.get(username)
        if known is not None and known.until > self._now() and self._fits(known, password):
            self._known.move_to_end(username)
            return known.identifier
        self._known.pop(username, None)
        identifier = str(await self._directory.authenticate(username, password))
        salt = os.urandom(16)
        self._known[username] = Remembered(salt, self._digest(salt, password), identifier, self._now() + limits.expiry)
        while len(self._known) > limits.size:
            self._known.popitem(last=False)
        return identifier

    def forget(self) -> None:
        """Remember nothing."""
        self._known.clear()

    async def get_subject_identifier(self, name: str) -> str:
        return str(await self._directory.get_subject_identifier(name))

    async def get_subject_information(self, identifier: str) -> Mapping[str, str]:
        found: Mapping[str, str] = await self._directory.get_subject_information(identifier)
        return found

    async def get_group_membership(self, identifier: str) -> Sequence[str]:
        found: Sequence[str] = await self._directory.get_group_membership(identifier)
        return found

    def _fits(self, known: Remembered, password: str) -> bool:
        return hmac.compare_digest(known.digest, self._digest(known.salt, password))

    def _digest(self, salt: bytes, password: str) -> bytes:
        return blake2b(password.encode("utf-8", "surrogatepass"), key=self._key, salt=salt).digest()

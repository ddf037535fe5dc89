"""Where references, uuids, MAC addresses and secrets come from.

One :class:`Ids` serves the whole daemon and is handed down to whoever names something. Without a seed everything comes
from the operating system's cryptographic source. With a seed, uuids, references, MAC addresses and :attr:`Ids.random`
repeat from run to run; secrets (session references are secrets: whoever knows one is logged in) still do not, unless
repeatable secrets were asked for by name, as a test without a network may.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Final

REF_PREFIX: Final = "OpaqueRef:"
_BLOCK: Final = 8192
_VARIANT: Final = "89ab" * 4
"""The uuid variant bits for each hexadecimal digit that they replace."""


class Ids:
    """A source of new names. ``seed`` makes what it gives repeatable, save secrets."""

    def __init__(self, seed: int | None = None, *, repeatable_secrets: bool = False) -> None:
        if repeatable_secrets and seed is None:
            raise ValueError("secrets cannot repeat without a seed")
        self.seed = seed
        self.random: random.Random = random.SystemRandom() if seed is None else random.Random(seed)
        """For choices that only have to look arbitrary; repeatable with a seed."""
        self._public = _Bytes(os.urandom if seed is None else random.Random(f"{seed} names").randbytes)
        self._private = _Bytes(random.Random(f"{seed} secrets").randbytes if repeatable_secrets else os.urandom)

    def go_on(self, generation: int) -> None:
        """The names given so far, and before the database had this generation, are taken: from now on there are others.

        They repeat too, with a seed, for whoever goes on from the same generation.
        """
        if self.seed is not None:
            self._public = _Bytes(random.Random(f"{self.seed} names after {generation}").randbytes)

    def uuid(self) -> str:
        """A random (version 4) uuid in lower case."""
        return _as_uuid(self._public.take(16))

    def ref(self) -> str:
        """A reference to a new object; unrelated to the object's uuid."""
        return REF_PREFIX + _as_uuid(self._public.take(16))

    def mac(self) -> str:
        """A locally administered unicast MAC address, in lower case with colons."""
        first, *rest = self._public.take(6)
        return ":".join(f"{octet:02x}" for octet in (first & 0xFC | 0x02, *rest))

    def secret(self, length: int = 32) -> bytes:
        """``length`` bytes that nobody can guess, whatever the seed."""
        return self._private.take(length)

    def secret_ref(self) -> str:
        """A reference that nobody can guess, whatever the seed: for sessions."""
        return REF_PREFIX + _as_uuid(self._private.take(16))


class _Bytes:
    """Bytes from ``source``, fetched a block at a time: a system call for each uuid would cost more than the uuid."""

    __slots__ = ("_at", "_block", "_source")

    def __init__(self, source: Callable[[int], bytes]) -> None:
        self._source = source
        self._block = b""
        self._at = 0

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._block):
            if count > _BLOCK:
                return self._source(count)
            self._block = self._source(_BLOCK)
            self._at, end = 0, count
        taken = self._block[self._at : end]
        self._at = end
        return taken


def _as_uuid(raw: bytes) -> str:
    text = raw.hex()
    variant = _VARIANT[int(text[16], 16)]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"

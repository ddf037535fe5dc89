"""Checksums of chunks: XXH64, and SHA-1 in old archives and where the ``xxhash`` package is missing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

try:
    import xxhash

    HAS_XXHASH = True
except ImportError:  # the extra "xva" is not installed
    HAS_XXHASH = False

Checksum = Callable[[bytes], str]


class Missing(Exception):
    """A package is needed that is not installed. The text says which."""


def _xxhash(data: bytes) -> str:
    if not HAS_XXHASH:
        raise Missing("the archive has XXH64 checksums, and the package xxhash is not installed (xapid[xva])")
    return f"{xxhash.xxh64_intdigest(data):016X}"


def _sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


BY_SUFFIX: Final[dict[str, Checksum]] = {".xxhash": _xxhash, ".checksum": _sha1}
"""The ending of a checksum file's name → what is in it."""


def preferred() -> str:
    """The ending of the checksums that we write: every reader knows both kinds."""
    return ".xxhash" if HAS_XXHASH else ".checksum"


def matches(suffix: str, data: bytes, said: bytes) -> bool:
    """Whether ``said``, the contents of a checksum file, is right for ``data``. Raises :class:`Missing`."""
    return BY_SUFFIX[suffix](data).lower() == said.strip().decode("ascii", "replace").lower()

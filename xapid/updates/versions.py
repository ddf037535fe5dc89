"""Packages and the order of their versions, as package managers of hosts have them."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import Final

import attrs

_PART = re.compile(r"[0-9]+|[A-Za-z]+|~|\^")
_TILDE: Final = 0
_END: Final = 1
_CARET: Final = 2
_WORD: Final = 3
_NUMBER: Final = 4


def _key(part: str | None) -> tuple[int, int, str]:
    """Parts in order: ``~``, the end, ``^``, words, numbers."""
    if part is None:
        return _END, 0, ""
    if part == "~":
        return _TILDE, 0, ""
    if part == "^":
        return _CARET, 0, ""
    if not part.isdigit():
        return _WORD, 0, part
    digits = part.lstrip("0")
    return _NUMBER, len(digits), digits


def compare(one: str, other: str) -> int:
    """Below zero if the version ``one`` is older than ``other``, zero if they are the same, above zero if it is newer."""
    for left, right in zip_longest(_PART.findall(one), _PART.findall(other)):
        a, b = _key(left), _key(right)
        if a != b:
            return -1 if a < b else 1
    return 0


@attrs.frozen(order=False)
class Package:
    """A package in one version."""

    name: str
    arch: str
    epoch: int
    version: str
    release: str

    @property
    def key(self) -> str:
        """What versions of the same package have in common."""
        return f"{self.name}.{self.arch}"

    @property
    def full_name(self) -> str:
        """Name, version, release and architecture, as files are called."""
        epoch = f"{self.epoch}:" if self.epoch else ""
        return f"{self.name}-{epoch}{self.version}-{self.release}.{self.arch}.rpm"

    @property
    def edition(self) -> str:
        """Epoch, version and release in one text; :func:`parse` reads it."""
        return f"{self.epoch}:{self.version}-{self.release}"

    def against(self, other: Package) -> int:
        """Below zero if this is older than ``other``, another version of the same package."""
        if self.epoch != other.epoch:
            return -1 if self.epoch < other.epoch else 1
        return compare(self.version, other.version) or compare(self.release, other.release)


def parse(key: str, edition: str) -> Package:
    """A package by what :attr:`Package.key` and :attr:`Package.edition` say."""
    name, _, arch = key.rpartition(".")
    epoch, _, rest = edition.partition(":")
    version, _, release = rest.rpartition("-")
    return Package(name, arch, int(epoch), version, release)

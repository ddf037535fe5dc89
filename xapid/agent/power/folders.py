"""Where scripts are: files of a few folders, searched in order, and found by a plain name or not at all."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
"""What a mode can be called: no dots, slashes or spaces, so that a name never leaves its folder."""


@attrs.frozen
class Folders:
    """Folders with scripts; the first that has a file wins. They are looked at anew for every call."""

    paths: Sequence[Path]

    def find(self, name: str) -> Path | None:
        """The file ``<name>.py``. One that leads out of its folder, as a symbolic link can, does not count."""
        if PLAIN.fullmatch(name) is None:
            return None
        for folder in self.paths:
            try:
                home = folder.resolve(strict=True)
                file = (home / f"{name}.py").resolve(strict=True)
            except (OSError, RuntimeError):
                continue
            if file.is_relative_to(home) and file.is_file():
                return file
        return None


def folders(first: Path | None) -> Folders:
    """``first``, if it is given, and then the scripts that ship with xapid."""
    shipped = importlib.util.find_spec("xapid_plugins")
    places = [] if shipped is None else [Path(place) for place in shipped.submodule_search_locations or ()]
    return Folders(tuple(places if first is None else [first.absolute(), *places]))

"""Where plugins and scripts are: files of a few folders, searched in order, and found by a plain name or not at all.

What is found runs with the rights of the daemon, so whoever can write it has those rights. Therefore a file counts only if
root, or the daemon's own user, owns it and not everybody may write to it; the same holds for its folder.
"""

from __future__ import annotations

import importlib.util
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")
"""What a plugin can be called: no slashes, blanks or control characters, and no dot at the start."""
MODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
"""What a script can be called, without the ``.py`` of its file."""
USUAL_PLUGINS: Final = Path("/etc/xapi.d/plugins")
USUAL_EXTENSIONS: Final = Path("/etc/xapi.d/extensions")


class Untrusted(Exception):
    """A file is there, and must not be run. The text says why."""


@attrs.frozen
class Folders:
    """Folders with programs; the first that has a file wins. They are looked at anew for every call."""

    paths: Sequence[Path]

    def script(self, name: str) -> Path | None:
        """The file ``<name>.py``, spelled in whatever case if it is in the last folder. Raises Untrusted."""
        if MODE.fullmatch(name) is None:
            return None
        found = self._find(f"{name}.py")
        if found is None and self.paths:
            spelled = (file.name for file in _files(self.paths[-1]) if file.name.lower() == f"{name}.py".lower())
            found = next((self._find(file) for file in spelled), None)
        return found

    def program(self, name: str) -> Path | None:
        """The executable file of that name. Raises Untrusted."""
        if NAME.fullmatch(name) is None:
            return None
        return self._find(name, executable=True)

    def programs(self) -> list[str]:
        """The names of all that :meth:`program` finds."""
        return [name for name in self.names() if self._runs(name)]

    def names(self) -> list[str]:
        """The names of all that is there, whether it may be run or not."""
        return sorted({file.name for folder in self.paths for file in _files(folder)})

    def _runs(self, name: str) -> bool:
        try:
            return self.program(name) is not None
        except Untrusted:
            return False

    def _find(self, name: str, *, executable: bool = False) -> Path | None:
        """A file of one of the folders. One that leads out of its folder, as a symbolic link can, does not count."""
        for folder in self.paths:
            try:
                home = folder.resolve(strict=True)
                file = (home / name).resolve(strict=True)
            except (OSError, RuntimeError, ValueError):
                continue
            if not file.is_relative_to(home) or not file.is_file() or (executable and not os.access(file, os.X_OK)):
                continue
            for place in (home, file):
                assert_trusted(place)
            return file
        return None


def _files(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(folder.iterdir())
    except OSError:
        return


def assert_trusted(path: Path) -> None:
    """Raises Untrusted."""
    found = path.stat()
    if found.st_uid not in _trusted_users():
        raise Untrusted(f"{path} belongs to user {found.st_uid}; it must belong to root or to the user of this daemon")
    if found.st_mode & stat.S_IWOTH:
        raise Untrusted(f"{path} can be written to by everybody")


def _trusted_users() -> tuple[int, ...]:
    """Who can do what the daemon can anyway: root, its own user, and the owner of its code."""
    return 0, os.geteuid(), Path(__file__).stat().st_uid


def plugin_folders(first: Path | None) -> Folders:
    """``first``, or where the reference server has its plugins; and then what ships with xapid."""
    shipped = importlib.util.find_spec("xapid_plugins")
    places = [] if shipped is None else [Path(place) for place in shipped.submodule_search_locations or ()]
    return Folders(((first or USUAL_PLUGINS).absolute(), *places))


def extension_folders(first: Path | None) -> Folders:
    """``first``, or where the reference server has its extensions."""
    return Folders(((first or USUAL_EXTENSIONS).absolute(),))

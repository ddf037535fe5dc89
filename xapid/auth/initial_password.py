"""The file with the password that was made up at the first start, for the administrator to read and then change."""

from __future__ import annotations

from pathlib import Path

import attrs

from xapid.whole_files import write_whole


@attrs.frozen
class InitialPassword:
    """``path`` is there, readable by its owner alone, until the password is changed."""

    path: Path

    def write(self, password: str) -> None:
        """Keep the password, in place of an older one."""
        write_whole(self.path, f"{password}\n".encode("ascii"))

    def forget(self, encoded: str = "") -> None:
        """The password in the file no longer holds. Fits among the observers of :class:`~xapid.auth.passwords.Passwords`."""
        self.path.unlink(missing_ok=True)

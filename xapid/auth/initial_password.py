"""The file with the password that was made up at the first start, for the administrator to read and then change."""

from __future__ import annotations

import os
from pathlib import Path

import attrs


@attrs.frozen
class InitialPassword:
    """``path`` is there, readable by its owner alone, until the password is changed."""

    path: Path

    def write(self, password: str) -> None:
        """Keep the password, in place of an older one."""
        self.path.unlink(missing_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(password + "\n")
            file.flush()
            os.fsync(file.fileno())

    def forget(self, encoded: str = "") -> None:
        """The password in the file no longer holds. Fits among the observers of :class:`~xapid.auth.passwords.Passwords`."""
        self.path.unlink(missing_ok=True)

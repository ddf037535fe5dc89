"""A way back in for who has lost root's password, on the machine itself: ``xapid password --reset STATE``.

Whoever may write to the state directory leaves the hash of a new password there. A daemon takes it up when it starts, or at
SIGHUP.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from xapid.auth.passwords import Passwords
from xapid.whole_files import write_whole

FILE: Final = "new-password"


def leave(state: Path, encoded: str) -> None:
    """Leave a hash for the daemon of ``state``."""
    write_whole(state / FILE, f"{encoded}\n".encode("ascii"))


def waits(state: Path) -> bool:
    """Whether there is one that was not taken up."""
    return (state / FILE).exists()


async def take_up(state: Path, passwords: Passwords) -> bool:
    """Take up the one that was left, if there is one. Raises ValueError for what is no hash, which then stays."""
    path = state / FILE
    try:
        encoded = path.read_text("ascii").strip()
    except FileNotFoundError:
        return False
    await passwords.take(encoded)
    path.unlink(missing_ok=True)
    return True

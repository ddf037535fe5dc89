"""The state directory: one daemon at a time, and the certificate that it presents."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from xapid.config import Config, ConfigError
from xapid.http.certificate import Certificate, self_signed


class StateDirectory:
    """A directory that only its owner reads. Raises ConfigError if it cannot be used, or another daemon uses it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"state: another daemon uses {path}") from None
        except OSError as problem:
            raise ConfigError(f"state: {path}: {problem.strerror}") from problem

    @property
    def database(self) -> Path:
        """The journal's file."""
        return self.path / "database"

    @property
    def certificate(self) -> Path:
        """The key and the certificate of the host."""
        return self.path / "host.pem"

    def release(self) -> None:
        """Let another daemon have it."""
        os.close(self._lock)


def certificate(config: Config, state: StateDirectory | None, names: Sequence[str], now: datetime) -> Certificate:
    """The certificate to present: the one that was given, the one that was kept, or a new one for ``names``.

    Raises ConfigError for a file that holds none.
    """
    given = config.certificate or (state.certificate if state is not None and state.certificate.exists() else None)
    if given is not None:
        try:
            return Certificate.load(given)
        except (OSError, ValueError) as problem:
            raise ConfigError(f"certificate: {given}: {problem}") from problem
    made = self_signed(names, now)
    if state is not None:
        made.save(state.certificate)
    return made

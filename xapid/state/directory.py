"""A state directory in use: by one daemon at a time, and readable by its owner alone."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from xapid.certificates.pair import Certificate, self_signed
from xapid.config import Config, ConfigError
from xapid.database.journal.seals import KEY_LENGTH, Seal
from xapid.whole_files import sync_directory, write_whole

DATABASE: Final = "database"
CERTIFICATE: Final = "host.pem"
BLOBS: Final = "blobs"
INITIAL_PASSWORD: Final = "initial-password"
SECRETS_KEY: Final = "secrets.key"
INTERNAL: Final = "pool.pem"
HOSTS: Final = "hosts"
TRUSTED: Final = "trusted"
VERIFICATION_OFF: Final = "verification-off"


class StateDirectory:
    """A directory that is ours until :meth:`release`, or until the process ends in whatever way.

    It is made if it is not there. Raises ConfigError if it cannot be used, or another daemon uses it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            _make(path)
            _keep_others_out(path)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            raise ConfigError(f"state: {path}: {problem.strerror}") from problem
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, b"%d\n" % os.getpid(), 0)
        except BlockingIOError:
            owner = os.pread(self._lock, 20, 0).decode("ascii", "replace").strip()
            os.close(self._lock)
            raise ConfigError(f"state: another daemon{owner and f' (process {owner})'} uses {path}") from None
        except OSError as problem:
            os.close(self._lock)
            raise ConfigError(f"state: {path}: {problem.strerror}") from problem

    @property
    def database(self) -> Path:
        """The journal's file."""
        return self.path / DATABASE

    @property
    def certificate(self) -> Path:
        """The key and the certificate of the host."""
        return self.path / CERTIFICATE

    def seal(self) -> Seal:
        """What the database's secrets are sealed with. Its key is made when there is none. Raises ConfigError."""
        path = self.path / SECRETS_KEY
        try:
            if not path.exists():
                write_whole(path, os.urandom(KEY_LENGTH).hex().encode() + b"\n")
            return read_seal(self.path)
        except (OSError, ValueError) as problem:
            raise ConfigError(f"state: {path}: {problem}") from problem

    def release(self) -> None:
        """Let another daemon have it."""
        os.close(self._lock)


def read_seal(state: Path) -> Seal:
    """What the secrets in a state directory were sealed with. Raises OSError, and ValueError for a file that holds no key."""
    path = state / SECRETS_KEY
    if path.stat().st_mode & 0o077:
        raise ValueError("it is open to others, and must have mode 0600")
    key = bytes.fromhex(path.read_text("ascii").strip())
    if len(key) != KEY_LENGTH:
        raise ValueError(f"it holds {len(key)} bytes, not {KEY_LENGTH}")
    return Seal(key)


def _keep_others_out(path: Path) -> None:
    """Nobody else may look into the directory. Raises ConfigError if it is somebody else's."""
    about = path.stat()
    if about.st_uid != os.geteuid():
        raise ConfigError(f"state: {path} belongs to user {about.st_uid}, and this daemon runs as {os.geteuid()}")
    if about.st_mode & 0o077:
        path.chmod(0o700)


def _make(path: Path) -> None:
    """Make a directory and those above it; their names are on disk when this returns."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in missing:
        sync_directory(each.parent)


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

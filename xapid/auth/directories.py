"""Which directory the pool has: as the coordinator's host says it, opened when it is needed.

``host.external_auth_type``, ``…_service_name`` and ``…_configuration`` are what everyone sees; the account that asks the
directory, and its password, are among the facts of the daemon, sealed on disk.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

import orjson

from xapid.auth.directory import DirectoryProblem, IDirectory
from xapid.auth.file_directory import FileDirectory
from xapid.auth.ldap_directory import LDAP_PORT, LDAPS_PORT, Account, LdapDirectory, Trust
from xapid.auth.passwords import Run
from xapid.auth.remembered import Limits, RememberingDirectory
from xapid.database import Database

ACCOUNT: Final = "directory-account"
TYPES: Final = ("AD", "file")
SHOWN: Final = ("user", "ou", "server", "ldaps", "file")
"""What of the configuration everyone may see."""


class Directories:
    """``trust`` says whom to believe, ``run`` is where a directory may take its time, ``now`` the time in seconds."""

    def __init__(
        self, db: Database, run: Run, hashing: Run, now: Callable[[], float], trust: Callable[[], Awaitable[Trust]]
    ) -> None:
        self._db = db
        self._run = run
        self._hashing = hashing
        self._now = now
        self._trust = trust
        self._opened: tuple[tuple[str, str, str], RememberingDirectory] | None = None

    @property
    def current(self) -> IDirectory | None:
        """The pool's directory, or None."""
        pool = self._db.table("pool").first()
        host = None if pool is None else self._db.table("host").find(pool.master)
        if host is None or not host.external_auth_type:
            self._opened = None
            return None
        key = host.external_auth_type, host.external_auth_service_name, self._db.meta.get(ACCOUNT, "{}")
        if self._opened is None or self._opened[0] != key:
            try:
                self._opened = key, self.open(key[0], key[1], orjson.loads(key[2]))
            except DirectoryProblem:
                return None
        return self._opened[1]

    def open(self, kind: str, service: str, config: Mapping[str, str]) -> RememberingDirectory:
        """A directory that need not be the pool's. Raises DirectoryProblem for settings that make none."""
        return RememberingDirectory(self.bare(kind, service, config), self._limits, self._now)

    def bare(self, kind: str, service: str, config: Mapping[str, str]) -> FileDirectory | LdapDirectory:
        """The same, without remembering anything."""
        return self._file(config) if kind == "file" else self._ldap(service, config)

    def _file(self, config: Mapping[str, str]) -> FileDirectory:
        path = Path(config.get("file", ""))
        if not path.is_absolute():
            raise DirectoryProblem("", "config:file must be the whole path of a file on the coordinator")
        return FileDirectory(path, self._hashing)

    def _ldap(self, service: str, config: Mapping[str, str]) -> LdapDirectory:
        if not service:
            raise DirectoryProblem("", "service_name must be the name of the domain")
        if not config.get("user") or not config.get("pass"):
            raise DirectoryProblem("WRONG_CREDENTIALS", "config:user and config:pass are needed")
        ldaps = config.get("ldaps", "false") == "true"
        account = Account(
            servers=tuple(_server(text, ldaps) for text in config.get("server", service).split(",")),
            ldaps=ldaps, domain=service, user=config["user"], password=config["pass"], ou=config.get("ou", ""),
        )  # fmt: skip
        pool = self._db.table("pool").first()
        return LdapDirectory(account, self._trust, self._run, self._now, 10 if pool is None else pool.ext_auth_max_threads)

    def _limits(self) -> Limits:
        pool = self._db.table("pool").first()
        if pool is None:
            return Limits()
        return Limits(pool.ext_auth_cache_enabled, pool.ext_auth_cache_size, pool.ext_auth_cache_expiry)


def _server(text: str, ldaps: bool) -> tuple[str, int]:
    host, colon, port = text.strip().rpartition(":")
    if colon and port.isdecimal() and (":" not in host or host.endswith("]")):
        return host.strip("[]"), int(port)
    return text.strip().strip("[]"), LDAPS_PORT if ldaps else LDAP_PORT

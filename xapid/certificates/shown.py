"""A certificate that a daemon shows, kept in a file and replaced while it is in use.

Whoever shows it watches it, and has new connections use the new one; connections that are there go on with the old one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from xapid.certificates.pair import Certificate


class Shown:
    """``make`` makes a new one when there is none, or somebody asks for it. Without ``path`` it is only in memory."""

    def __init__(
        self, make: Callable[[], Certificate], path: Path | None = None, certificate: Certificate | None = None
    ) -> None:
        self._make = make
        self._path = path
        self._certificate = certificate
        self._following: Certificate | None = None
        self.watchers: list[Callable[[Certificate], None]] = []
        """Called with each new one."""
        self.shared_by: list[Shown] = []
        """Others that show the same one so far. They keep it when this one changes."""

    @property
    def current(self) -> Certificate:
        """The one that new connections get. Raises ValueError for a file that holds none."""
        if self._certificate is None:
            if self._path is not None and self._path.exists():
                self._certificate = Certificate.load(self._path)
            else:
                self._certificate = self._make()
                self._save()
        return self._certificate

    def show(self, certificate: Certificate) -> None:
        """Show another one from now on, also after a restart."""
        before = self.current
        for other in self.shared_by:
            other.keep(before)
        self.shared_by.clear()
        self._certificate = certificate
        self._save()
        for watcher in self.watchers:
            watcher(certificate)

    def renew(self) -> Certificate:
        """Show a new one that nobody else vouches for."""
        certificate = self._make()
        self.show(certificate)
        return certificate

    def keep(self, certificate: Certificate) -> None:
        """Show ``certificate`` as one of its own, unless it has got one meanwhile."""
        if self._certificate is certificate and self._path is not None and not self._path.exists():
            self._save()

    def prepare(self) -> Certificate:
        """Make the one that is to follow; it is shown when :meth:`follow` is called, and until then everyone can learn it."""
        self._following = self._make()
        return self._following

    def follow(self) -> Certificate:
        """Show the one that was prepared; the present one, if none was."""
        if self._following is not None:
            following, self._following = self._following, None
            self.show(following)
        return self.current

    def _save(self) -> None:
        if self._path is not None and self._certificate is not None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._certificate.save(self._path)

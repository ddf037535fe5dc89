"""What repositories offered when they were looked at last, kept so that hosts can be compared with it and other pools served.

A repository is looked at in a directory of this machine that has its name, where the administrator gave one, or at its address.
Only its documents are fetched and kept; packages stay where they are.
"""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import attrs

from xapid.updates import metadata
from xapid.updates.metadata import LARGEST, BadMetadata, Update
from xapid.updates.versions import Package
from xapid.whole_files import sync_directory, write_whole

REPOMD: Final = "repodata/repomd.xml"
_KINDS: Final = ("primary", "updateinfo")

Read = Callable[[str], Awaitable[bytes]]
"""Gives the file at a path within a repository. Raises BadMetadata."""


@attrs.frozen
class Offer:
    """A repository as it was."""

    checksum: str
    """Of what it says about updates: clients name it to say which updates they mean."""
    updates: tuple[Update, ...]
    packages: tuple[Package, ...]
    documents: Mapping[str, bytes]
    """What was fetched, by path."""

    def oldest(self) -> dict[str, str]:
        """What a host has that was never updated: of each package the oldest version on offer, or one before the only one."""
        editions: dict[str, list[Package]] = {}
        for package in (*self.packages, *(each for update in self.updates for each in update.packages)):
            known = editions.setdefault(package.key, [])
            if all(package.against(other) for other in known):
                known.append(package)
        return {key: _oldest(known) for key, known in editions.items()}


def _oldest(known: list[Package]) -> str:
    first = known[0]
    for package in known:
        if package.against(first) < 0:
            first = package
    return first.edition if len(known) > 1 else "0:0-0"


async def look(read: Read) -> Offer:
    """What a repository offers now. Raises BadMetadata."""
    repomd = await read(REPOMD)
    documents = {REPOMD: repomd}
    places = metadata.places(repomd)
    for kind in _KINDS:
        if kind not in places:
            raise BadMetadata("REPOSYNC_FAILED", f"the repository has no {kind}")
        place = places[kind]
        data = await read(place.href)
        place.check(data, "UPDATEINFO_HASH_MISMATCH" if kind == "updateinfo" else "REPOSYNC_FAILED")
        documents[place.href] = data
    return understood(documents)


def understood(documents: Mapping[str, bytes]) -> Offer:
    """An offer out of its documents. Raises BadMetadata."""
    if REPOMD not in documents:
        raise BadMetadata("REPOSYNC_FAILED", f"there is no {REPOMD}")
    places = metadata.places(documents[REPOMD])
    texts = {}
    for kind in _KINDS:
        place = places.get(kind)
        if place is None or place.href not in documents:
            raise BadMetadata("REPOSYNC_FAILED", f"there is no {kind}")
        code = "INVALID_UPDATEINFO_XML" if kind == "updateinfo" else "REPOSYNC_FAILED"
        texts[kind] = metadata.unpacked(place.href, documents[place.href], code)
    return Offer(
        places["updateinfo"].checksum.lower(),
        tuple(metadata.updates(texts["updateinfo"])),
        tuple(package for package, _ in metadata.packages(texts["primary"])),
        dict(documents),
    )


class Offers:
    """The offers of repositories, by uuid. ``directory`` is where they outlive a restart, ``sources`` where directories with
    repositories are; either may be missing.
    """

    def __init__(self, directory: Path | None = None, sources: Path | None = None) -> None:
        self._directory = directory
        self._sources = sources
        self._known: dict[str, Offer] = {}

    def get(self, uuid: str) -> Offer | None:
        """What the repository offered."""
        if uuid not in self._known and self._directory is not None and (self._directory / uuid).is_dir():
            folder = self._directory / uuid
            documents = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
            try:
                self._known[uuid] = understood(documents)
            except BadMetadata:
                return None
        return self._known.get(uuid)

    def put(self, uuid: str, offer: Offer) -> None:
        """The repository offers this now. It is on disk when this returns, where offers are kept.

        Raises ValueError for documents that would come to lie elsewhere, and OSError; what was kept before stays then.
        """
        if any(path.startswith("/") or ".." in path.split("/") for path in offer.documents):
            raise ValueError("a document leads out of its repository")
        if self._directory is not None:
            folder, new = self._directory / uuid, self._directory / f".{uuid}.new"
            shutil.rmtree(new, ignore_errors=True)
            try:
                for path, data in offer.documents.items():
                    (new / path).parent.mkdir(parents=True, exist_ok=True)
                    write_whole(new / path, data)
                shutil.rmtree(folder, ignore_errors=True)
                new.replace(folder)
                sync_directory(self._directory)
            finally:
                shutil.rmtree(new, ignore_errors=True)
        self._known[uuid] = offer

    def forget(self, uuid: str) -> None:
        """The repository is no more."""
        self._known.pop(uuid, None)
        if self._directory is not None:
            shutil.rmtree(self._directory / uuid, ignore_errors=True)

    def directory_of(self, url: str) -> Path | None:
        """The directory that stands for the repository at ``url``: the one with the last name in it."""
        name = urlsplit(url).path.rstrip("/").rpartition("/")[2]
        if self._sources is None or not name or name in (".", ".."):
            return None
        found = self._sources / name
        return found if found.is_dir() else None


def reader_of(directory: Path) -> Read:
    """Reads files of a repository in a directory, and none outside."""
    root = directory.resolve()

    async def read(path: str) -> bytes:
        file = (root / path).resolve()
        if not file.is_relative_to(root) or not file.is_file() or file.stat().st_size > LARGEST:
            raise BadMetadata("REPOSYNC_FAILED", f"{path} is not there")
        return file.read_bytes()

    return read

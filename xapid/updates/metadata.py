"""What a repository says of itself: the XML documents that ``createrepo`` makes, and what the updates in it ask for.

Documents come from elsewhere, so they are bounded, nothing they refer to is fetched, and what is wrong in them is an error
rather than a guess. Notices in an update that are not understood are passed over.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import IO, Any, Final

import attrs
from lxml import etree

from xapid.updates.versions import Package

LARGEST: Final = 256 << 20
"""Bytes of a document when it is unpacked."""
KINDS: Final = ("mandatory", "recommended", "full", "livepatch")
"""When guidance holds: it must be followed at once, it should be, it would make everything take effect, or it is for hosts that
were patched as they ran.
"""
GUIDANCE: Final[Mapping[str, str]] = {
    "RebootHost": "reboot_host",
    "RestartToolstack": "restart_toolstack",
    "RestartDeviceModel": "restart_device_model",
    "RestartVM": "restart_vm",
    "EvacuateHost": "",
}
"""Words of updates for what is to be done, and of the API for what is left to do; what is done on the way is never left."""
_APPLICABILITY: Final = ("name", "arch", "inequality", "epoch", "version", "release")
_INEQUALITIES: Final = ("lt", "lte", "eq", "gte", "gt")
_UNKNOWN: Final = "RebootHost"
_EPOCH = re.compile(r"[0-9]{1,10}")
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d))?")


class BadMetadata(Exception):
    """A document is not what it should be. ``code`` is the error that clients get."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@attrs.frozen
class Place:
    """Where a document of a repository is, and its checksum."""

    href: str
    checksum: str
    algorithm: str

    def check(self, data: bytes, code: str) -> None:
        """Raises BadMetadata unless ``data`` is that document."""
        try:
            found = hashlib.new(self.algorithm, data, usedforsecurity=False).hexdigest()
        except ValueError:
            raise BadMetadata(code, f"checksums of {self.algorithm} are not known") from None
        if found != self.checksum.lower():
            raise BadMetadata(code, f"{self.href} has another checksum than repomd.xml says")


@attrs.frozen
class Applicability:
    """Guidance of an update holds for hosts with such versions of a package."""

    name: str
    arch: str
    inequality: str
    epoch: int
    version: str
    release: str

    def holds(self, installed: Package) -> bool:
        """Whether it does for a host that has this version."""
        bound = Package(self.name, self.arch, self.epoch, self.version, self.release)
        order = installed.against(bound)
        return {"lt": order < 0, "lte": order <= 0, "eq": order == 0, "gte": order >= 0, "gt": order > 0}[self.inequality]


@attrs.frozen
class Update:
    """One update: why it is, what it consists of, and what is to be done after it."""

    id: str
    type: str
    summary: str
    description: str = ""
    special_info: str = ""
    url: str = ""
    severity: str = "None"
    issued: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    guidance: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    applicabilities: tuple[Applicability, ...] = ()
    livepatches: tuple[Mapping[str, str], ...] = ()
    packages: tuple[Package, ...] = ()

    def json(self) -> dict[str, Any]:
        """As clients get it."""
        return {
            "id": self.id,
            "summary": self.summary,
            "description": self.description,
            "special-info": self.special_info,
            "URL": self.url,
            "type": self.type,
            "issued": self.issued.strftime("%Y%m%dT%H:%M:%SZ"),
            "severity": self.severity,
            "livepatches": [dict(each) for each in self.livepatches],
            "guidance": {kind: list(self.guidance.get(kind, ())) for kind in KINDS},
        }


def _plain(file: IO[bytes]) -> IO[bytes]:
    return file


def _gz(file: IO[bytes]) -> Any:
    return gzip.GzipFile(fileobj=file)


_PACKED: Final[Mapping[str, Callable[[IO[bytes]], Any]]] = {".gz": _gz, ".bz2": bz2.BZ2File, ".xz": lzma.LZMAFile}


def unpacked(href: str, data: bytes, code: str) -> bytes:
    """A document that is compressed in the way its name says. Raises BadMetadata."""
    opener = next((opener for end, opener in _PACKED.items() if href.endswith(end)), _plain)
    try:
        with opener(io.BytesIO(data)) as file:
            data = file.read(LARGEST + 1)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as problem:
        raise BadMetadata(code, f"{href} cannot be unpacked: {problem}") from problem
    if len(data) > LARGEST:
        raise BadMetadata(code, f"{href} is too large")
    return data


def places(repomd: bytes) -> dict[str, Place]:
    """The documents of a repository, by their type. Raises BadMetadata."""
    root = _parsed(repomd, "REPOSYNC_FAILED")
    if root.tag != "repomd":
        raise BadMetadata("REPOSYNC_FAILED", "repomd.xml has no repomd")
    found = {}
    for each in root.iterchildren("data"):
        location, checksum = each.find("location"), each.find("checksum")
        if location is None or checksum is None or not location.get("href") or not checksum.text:
            raise BadMetadata("REPOSYNC_FAILED", "repomd.xml has a document without place or checksum")
        href = str(location.get("href"))
        if href.startswith("/") or ".." in href.split("/") or "://" in href:
            raise BadMetadata("REPOSYNC_FAILED", "repomd.xml points outside the repository")
        algorithm = str(checksum.get("type", "sha256"))
        found[str(each.get("type"))] = Place(href, checksum.text.strip(), "sha1" if algorithm == "sha" else algorithm)
    return found


def packages(primary: bytes) -> Iterator[tuple[Package, str]]:
    """Every package of a repository, and where it is. Raises BadMetadata."""
    for each in _parsed(primary, "REPOSYNC_FAILED").iterchildren("package"):
        version, location = each.find("version"), each.find("location")
        name, arch = each.findtext("name"), each.findtext("arch")
        if version is None or not name or not arch:
            raise BadMetadata("REPOSYNC_FAILED", "a package has no name, architecture or version")
        href = "" if location is None else str(location.get("href", ""))
        yield _package(name, arch, version, "REPOSYNC_FAILED"), href


def updates(updateinfo: bytes) -> list[Update]:
    """Every update in a repository. Raises BadMetadata."""
    root = _parsed(updateinfo, "INVALID_UPDATEINFO_XML")
    if root.tag != "updates":
        raise BadMetadata("INVALID_UPDATEINFO_XML", "updateinfo.xml has no updates")
    found = [_update(each) for each in root.iterchildren("update")]
    if len({update.id for update in found}) != len(found):
        raise BadMetadata("INVALID_UPDATEINFO_XML", "two updates have one id")
    return found


def _update(element: Any) -> Update:
    texts = {name: (element.findtext(name) or "").strip() for name in ("id", "summary", "description", "special_info", "url")}
    kind, severity = str(element.get("type", "")), (element.findtext("severity") or "").strip()
    if not (texts["id"] and texts["summary"] and kind):
        raise BadMetadata("INVALID_UPDATEINFO_XML", "an update has no id, summary or type")
    issued = element.find("issued")
    return Update(
        **texts,
        type=kind,
        severity=severity if severity in ("None", "High") else "None",
        issued=_moment("" if issued is None else str(issued.get("date", ""))),
        guidance=_guidance(element.find("guidance")),
        applicabilities=tuple(_applicabilities(element.find("guidance_applicabilities"))),
        livepatches=tuple(_livepatches(element.find("livepatches"))),
        packages=tuple(_packages(element)),
    )


def _guidance(element: Any) -> dict[str, tuple[str, ...]]:
    if element is None:
        return {}
    found = {}
    for each in element.iterchildren(*KINDS):
        words = ((value.text or "").strip() for value in each.iterchildren("value"))
        found[str(each.tag)] = tuple(dict.fromkeys(word if word in GUIDANCE else _UNKNOWN for word in words if word))
    return found


def _applicabilities(element: Any) -> Iterator[Applicability]:
    for each in () if element is None else element.iterchildren("applicability"):
        text = {name: (each.findtext(name) or "").strip() for name in _APPLICABILITY}
        epoch = text.pop("epoch")
        if text["inequality"] in _INEQUALITIES and all(text.values()):
            yield Applicability(epoch=int(epoch) if _EPOCH.fullmatch(epoch) else 0, **text)


def _livepatches(element: Any) -> Iterator[dict[str, str]]:
    for each in () if element is None else element.iterchildren("livepatch"):
        base, to = str(each.get("base", "")).split("-"), str(each.get("to", "")).split("-")
        component, build = each.get("component"), each.get("base-buildid")
        if component in ("xen", "kernel") and build and len(base) == len(to) == 2 and all((*base, *to)):
            yield {
                "component": str(component),
                "base_build_id": str(build),
                "base_version": base[0],
                "base_release": base[1],
                "to_version": to[0],
                "to_release": to[1],
            }


def _packages(element: Any) -> Iterator[Package]:
    for each in element.iter("package"):
        if each.get("name") and each.get("arch"):
            yield _package(str(each.get("name")), str(each.get("arch")), each, "INVALID_UPDATEINFO_XML")


def _package(name: str, arch: str, version: Any, code: str) -> Package:
    epoch = str(version.get("epoch") or version.get("ver-epoch") or "0")
    number, release = version.get("version") or version.get("ver"), version.get("release") or version.get("rel")
    if not number or not release or not _EPOCH.fullmatch(epoch):
        raise BadMetadata(code, f"package {name} has no version")
    return Package(name, arch, int(epoch), str(number), str(release))


def _moment(text: str) -> datetime:
    found = _DATE.match(text)
    if found is None:
        return datetime(1970, 1, 1, tzinfo=UTC)
    try:
        return datetime(*(int(part or 0) for part in found.groups()), tzinfo=UTC)  # type: ignore[misc, arg-type]
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=UTC)


def _parsed(data: bytes, code: str) -> Any:
    """The root of a document, its names without their name spaces. Raises BadMetadata."""
    if b"<!DOCTYPE" in data[:4096]:
        raise BadMetadata(code, "a document type is declared")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as problem:
        raise BadMetadata(code, str(problem)) from problem
    for element in root.iter():
        element.tag = etree.QName(element).localname
    return root

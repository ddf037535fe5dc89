"""What simulated backends say of ``device_config``: what is missing or wrong in it, and what there is to be found with it.

A backend that lacks a key tells, where a real one could look, which values it might have: exports of an NFS server, targets
behind an address, LUNs of a target. The simulated world has some of each, named after what was asked for, so that asking twice
gives the same. Names that end in ``.invalid`` belong to nobody. Serves ``SR.probe``, ``SR.create`` and ``PBD.plug``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Final
from xml.etree import ElementTree

from xapid.agent.simulator.machine import SrContents
from xapid.agent.values import FoundSr
from xapid.datamodel.errors import XenAPIError

ISO: Final = frozenset({"iso", "udev"})
"""Kinds of SR that have no room of their own."""
_GIB: Final = 1 << 30
_LUN_SIZES: Final = (100 * _GIB, 500 * _GIB)
_IDENTITY: Final[Mapping[str, tuple[str, ...]]] = {
    "ext": ("device",),
    "lvm": ("device",),
    "lvmoiscsi": ("SCSIid",),
    "lvmohba": ("SCSIid",),
    "gfs2": ("SCSIid",),
    "nfs": ("server", "serverpath"),
    "smb": ("server",),
    "file": ("location",),
    "shm": ("location",),
    "iscsi": ("target", "targetIQN"),
}
"""The keys that say where an SR is."""
_ON_DEVICES: Final = frozenset({"ext", "lvm", "lvmoiscsi", "lvmohba", "gfs2"})

Config = Mapping[str, str]


def check_config(type_: str, config: Config) -> None:
    """Errors: the SR_BACKEND_FAILURE of the first key that is missing or wrong, without choices for it."""
    rules = _RULES.get(type_, ())
    if type_ == "gfs2":
        rules += _ISCSI if config.get("provider") == "iscsi" else (_LUN,)
    for key, code, valid, why in rules:
        if key not in config:
            raise _failure(code, f"{key} is missing from the device configuration")
        if not valid(config[key]):
            raise _failure(code, f"{key}: {why}")
    for key in ("server", "target"):
        if config.get(key, "").lstrip("/").split("/")[0].endswith(".invalid"):
            raise _failure(140, f"the name {config[key]} cannot be resolved")
    if type_ == "iso":
        _check_library(config)
    if type_ == "nfs" and config.get("nfsversion", "3") not in _NFS_VERSIONS:
        raise _failure(72, f"NFS has no version {config['nfsversion']}")


def _check_library(config: Config) -> None:
    """What an ISO library's place must look like depends on how it is reached."""
    location, kind = config["location"], config.get("type", "")
    if config.get("legacy_mode") == "true":
        if not _absolute(location):
            raise _failure(226, "location: a directory of the host begins with a slash")
    elif not (_share(location) if kind == "cifs" else _export(location) if kind == "nfs_iso" else _place_of_isos(location)):
        raise _failure(225, "location: it is SERVER:PATH for NFS, or //SERVER/PATH for SMB")
    if config.get("vers", "3.0") not in ("1.0", "3.0"):
        raise _failure(227, f"vers: SMB {config['vers']} is not supported")
    if config.get("nfsversion", "3") not in _NFS_VERSIONS:
        raise _failure(72, f"NFS has no version {config['nfsversion']}")


def probe_choices(type_: str, config: Config) -> None:
    """As :func:`check_config`, with the choices that there are for the missing key."""
    try:
        check_config(type_, config)
    except XenAPIError as error:
        choices = _CHOICES.get((type_, error.code))
        if choices is None:
            raise
        raise XenAPIError.relayed(error.code, "", error.params[1], _text(choices(config))) from error


def ways_on(type_: str, config: Config) -> list[FoundSr]:
    """Of a backend that is asked step by step: the configurations that there are with the key that is missing in this one."""
    try:
        check_config(type_, config)
    except XenAPIError as error:
        number = int(error.code.rpartition("_")[2])
        for key, code, _, _ in (*_RULES[type_], *_ISCSI):
            if code == number and key not in config and key in _WAYS:
                return [_incomplete(type_, {**config, key: value}) for value in _WAYS[key](config)]
        raise
    return []


def _incomplete(type_: str, config: Config) -> FoundSr:
    return FoundSr(
        sr="", name="", device_config=dict(config), complete=False, total_space=0, free_space=0, extra=_extra(type_, config),
    )  # fmt: skip


def found_at(type_: str, config: Config, srs: Mapping[str, SrContents], used: Callable[[str], int]) -> list[FoundSr]:
    """The SRs that are at a place already; where there is none, a complete configuration for one."""
    found = [
        FoundSr(
            sr=uuid, name="", device_config=dict(config), complete=True, total_space=contents.physical_size,
            free_space=max(0, contents.physical_size - used(uuid)), extra=_extra(type_, config),
        )
        for uuid, contents in srs.items()
        if contents.type == type_ and _place(type_, config) and _place(type_, config) == _place(type_, contents.device_config)
    ]  # fmt: skip
    return found or [FoundSr(
        sr="", name="", device_config=dict(config), complete=True, total_space=0, free_space=0, extra=_extra(type_, config),
    )]  # fmt: skip


def same_device(type_: str, config: Config, other: SrContents) -> bool:
    """Whether an SR that is there has a block device that another is to be made on."""
    if type_ not in _ON_DEVICES or other.type not in _ON_DEVICES:
        return False
    return bool(_place(type_, config) & _place(other.type, other.device_config))


def _place(type_: str, config: Config) -> frozenset[str]:
    values = [config.get(key, "") for key in _IDENTITY.get(type_, ())]
    if not all(values):
        return frozenset()
    return frozenset(values[0].split(",")) if len(values) == 1 else frozenset({"\0".join(values)})


def _extra(type_: str, config: Config) -> dict[str, str]:
    extra = {"type": type_}
    if type_ == "nfs" and "probeversion" in config:
        extra["versions"] = "3 4 4.1"
    return extra


# What the keys must be --------------------------------------------------------------------------------------------------

Rule = tuple[str, int, Callable[[str], bool], str]


def _device(value: str) -> bool:
    return all(device.startswith("/dev/") for device in value.split(","))


def _absolute(value: str) -> bool:
    return value.startswith("/")


def _iqn(value: str) -> bool:
    return value == "*" or value.startswith(("iqn.", "eui.", "naa."))


def _present(value: str) -> bool:
    return bool(value.strip())


def _share(value: str) -> bool:
    return value.startswith(("//", "\\\\"))


def _export(value: str) -> bool:
    return ":/" in value


def _place_of_isos(value: str) -> bool:
    return _share(value) or _export(value) or _absolute(value)


def _provider(value: str) -> bool:
    return value in ("iscsi", "hba")


_DEVICE: Final[Rule] = ("device", 90, _present, "no device is named")
_LUN: Final[Rule] = ("SCSIid", 107, _present, "no LUN is named")
_TARGET: Final[Rule] = ("target", 95, _present, "no target is named")
_IQN: Final[Rule] = ("targetIQN", 96, _iqn, "that is no name of a target")
_ISCSI: Final = (_TARGET, _IQN, _LUN)
_NFS_VERSIONS: Final = ("3", "4", "4.0", "4.1")
_RULES: Final[Mapping[str, tuple[Rule, ...]]] = {
    "ext": (_DEVICE, ("device", 91, _device, "that is no device of this host")),
    "lvm": (_DEVICE, ("device", 91, _device, "that is no device of this host")),
    "lvmoiscsi": _ISCSI,
    "iscsi": (_TARGET, _IQN),
    "gfs2": (("provider", 90, _provider, "it is iscsi or hba"),),
    "lvmohba": (_LUN,),
    "nfs": (
        ("server", 102, _present, "no server is named"),
        ("serverpath", 101, _present, "no path is named"),
        ("serverpath", 103, _absolute, "a path begins with a slash"),
    ),
    "smb": (("server", 102, _present, "no share is named"), ("server", 111, _share, "a share is named as //server/path")),
    "file": (("location", 94, _present, "no directory is named"),),
    "shm": (("location", 94, _present, "no directory is named"),),
    "iso": (("location", 220, _present, "no place is named"),),
    "udev": (("location", 94, _present, "no directory is named"),),
}


def _failure(number: int, text: str) -> XenAPIError:
    return XenAPIError.relayed(f"SR_BACKEND_FAILURE_{number}", "", text, "")


# What there is ----------------------------------------------------------------------------------------------------------


def _exports(config: Config) -> ElementTree.Element:
    root = ElementTree.Element("nfs-exports")
    for path in ("/exports/disks", "/exports/isos"):
        _put(root, "Export", Target=config["server"], Path=path, Accesslist="*")
    return root


def _targets(config: Config) -> ElementTree.Element:
    root = ElementTree.Element("iscsi-target-iqns")
    port = config.get("port", "3260")
    for index in range(2):
        name = f"iqn.2026-01.example:{_digits(config['target'], index)[:8]}"
        _put(root, "TGT", Index=str(index), IPAddress=config["target"], Port=port, TargetIQN=name)
    return root


def _luns(config: Config) -> ElementTree.Element:
    root = ElementTree.Element("iscsi-target")
    for number, size in enumerate(_LUN_SIZES):
        digits = _digits(config.get("targetIQN", "fc"), number)
        _put(root, "LUN", vendor="xapid", serial=digits[:12], LUNid=str(number), size=str(size), SCSIid=f"3{digits}")
    return root


_CHOICES: Final[Mapping[tuple[str, str], Callable[[Config], ElementTree.Element]]] = {
    ("nfs", "SR_BACKEND_FAILURE_101"): _exports,
    ("lvmoiscsi", "SR_BACKEND_FAILURE_96"): _targets,
    ("iscsi", "SR_BACKEND_FAILURE_96"): _targets,
    ("lvmoiscsi", "SR_BACKEND_FAILURE_107"): _luns,
    ("lvmohba", "SR_BACKEND_FAILURE_107"): _luns,
}


def _values(root: ElementTree.Element, tag: str) -> list[str]:
    return [element.text or "" for element in root.iter(tag)]


_WAYS: Final[Mapping[str, Callable[[Config], list[str]]]] = {
    "provider": lambda config: ["iscsi", "hba"],
    "targetIQN": lambda config: _values(_targets(config), "TargetIQN"),
    "SCSIid": lambda config: _values(_luns(config), "SCSIid"),
}


def _digits(name: str, number: int) -> str:
    return hashlib.sha256(f"{name}/{number}".encode()).hexdigest()[:32]


def _put(parent: ElementTree.Element, tag: str, **members: str) -> None:
    element = ElementTree.SubElement(parent, tag)
    for name, value in members.items():
        ElementTree.SubElement(element, name).text = value


def _text(root: ElementTree.Element) -> str:
    return '<?xml version="1.0" ?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"

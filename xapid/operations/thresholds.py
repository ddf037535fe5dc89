"""What people want to be told of what is measured, as they write it into ``other_config:perfmon`` of a host, a VM or an SR.

The value is XML: a ``variable`` for each figure to watch, with one element for each of its settings, whose ``value`` counts:

==============================  ====================================================================================
``name``                        what the figure is called; some names stand for data sources
``alarm_trigger_level``         where it becomes too much or, by ``alarm_trigger_sense``, too little
``alarm_trigger_period``        how long it has to stay there, in seconds (60)
``alarm_auto_inhibit_period``   how long nothing is said of it afterwards, in seconds (3600)
``alarm_trigger_sense``         ``high`` or ``low``
``alarm_priority``              of the alert
``rrd_regex``                   which data sources; needed for names that stand for none
``consolidation_fn``            what is made of several: ``sum``, ``average``, ``max`` or a share in use
==============================  ====================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import isfinite
from typing import Any, Final, Literal

import attrs
from lxml import etree

from xapid.datamodel.alerts import ALERTS

Kind = Literal["host", "vm", "sr"]

KEY: Final = "perfmon"
PER_HOST: Final = "sr_io_throughput_total_per_host"
"""Of an SR: what each of its hosts moves to and from it. The alert is about the host."""
LONGEST: Final = 65536
"""Letters of the settings of one object."""
_LONGEST_PATTERN: Final = 200
_REPEATS: Final = 3
"""How many parts of a pattern may repeat, so that no pattern takes long."""
_TAMED = re.compile(r"(?:[\w\-:. $/]|\[\^?[\w\-:.]+\]|[()|?*+])*")
_NO_SOURCE: Final = "(?!)"

Values = Mapping[str, float]


class BadThreshold(ValueError):
    """Settings that say nothing, or not enough."""


@attrs.frozen
class Threshold:
    """A figure that is watched."""

    name: str
    pattern: re.Pattern[str] = attrs.field(repr=False)
    combine: Callable[[Values], float | None] = attrs.field(repr=False)
    level: float
    is_most: bool
    period: int
    quiet: int
    priority: int
    text: str = attrs.field(repr=False)
    """The settings as XML, the name first."""

    def value(self, figures: Values) -> float | None:
        """What is watched, made of the figures of a moment; None if nothing is known of it."""
        return self.combine({name: figure for name, figure in figures.items() if self._takes(name) and isfinite(figure)})

    def is_crossed(self, value: float) -> bool:
        """Whether a value is on the wrong side."""
        return value > self.level if self.is_most else value < self.level

    def _takes(self, name: str) -> bool:
        return _takes(self.pattern, name)


@lru_cache(maxsize=16384)
def _takes(pattern: re.Pattern[str], name: str) -> bool:
    return pattern.fullmatch(name) is not None


# What is made of several data sources -------------------------------------------------------------------------------------


def _sum(values: Values) -> float | None:
    return sum(values.values()) if values else None


def _average(values: Values) -> float | None:
    return sum(values.values()) / len(values) if values else None


def _max(values: Values) -> float | None:
    return max(values.values(), default=None)


def _share_of_sr(values: Values) -> float | None:
    size, used = values.get("size", 0.0), values.get("physical_utilisation")
    return None if used is None or size <= 0 else used / size


def _share_of_memory(values: Values) -> float | None:
    """``memory`` is in bytes, ``memory_internal_free`` in KiB."""
    size, free = values.get("memory", 0.0), values.get("memory_internal_free")
    return None if free is None or size <= 0 else 1 - free * 1024 / size


def _unknown(values: Values) -> float | None:
    """Of file systems nothing is measured."""
    return None


_COMBINING: Final[dict[str, Callable[[Values], float | None]]] = {
    "sum": _sum, "average": _average, "max": _max, "get_percent_sr_usage": _share_of_sr,
    "get_percent_mem_usage": _share_of_memory, "get_percent_fs_usage": _unknown, "get_percent_log_fs_usage": _unknown,
}  # fmt: skip

# What names stand for -----------------------------------------------------------------------------------------------------

_OF_CONTROL_DOMAIN: Final = {
    "fs_usage": {"rrd_regex": _NO_SOURCE, "consolidation_fn": "get_percent_fs_usage", "alarm_trigger_level": "0.9"},
    "log_fs_usage": {"rrd_regex": _NO_SOURCE, "consolidation_fn": "get_percent_log_fs_usage", "alarm_trigger_level": "0.9"},
    "mem_usage": {
        "rrd_regex": "memory|memory_internal_free", "consolidation_fn": "get_percent_mem_usage", "alarm_trigger_level": "0.95",
    },
}  # fmt: skip
_KNOWN: Final[dict[Kind, dict[str, dict[str, str]]]] = {
    "vm": {
        "cpu_usage": {"rrd_regex": "cpu[0-9]+", "consolidation_fn": "average"},
        "network_usage": {"rrd_regex": "vif_[0-9]+_[rt]x"},
        "disk_usage": {"rrd_regex": "vbd_(xvd|hd)[a-z]+_(read|write)"},
        "memory_internal_free": {"rrd_regex": "memory_internal_free", "alarm_trigger_sense": "low"},
        **_OF_CONTROL_DOMAIN,
    },
    "host": {
        "cpu_usage": {"rrd_regex": "cpu[0-9]+", "consolidation_fn": "average"},
        "network_usage": {"rrd_regex": "pif_eth[0-9]+_[rt]x"},
        "memory_free_kib": {"rrd_regex": "memory_free_kib", "alarm_trigger_sense": "low"},
    },
    "sr": {
        "physical_utilisation": {
            "rrd_regex": "physical_utilisation|size", "consolidation_fn": "get_percent_sr_usage", "alarm_trigger_level": "0.8",
        },
        PER_HOST: {"rrd_regex": _NO_SOURCE},
    },
}  # fmt: skip
_DEFAULTS: Final = {
    "consolidation_fn": "sum", "alarm_trigger_period": "60", "alarm_auto_inhibit_period": "3600",
    "alarm_trigger_sense": "high", "alarm_priority": str(ALERTS["ALARM"].priority),
}  # fmt: skip
_OF_SR = re.compile(r"sr_(io_throughput_total_[0-9a-f]{8})")
"""Of a host: what it moves to and from an SR, named by the first eight digits of its uuid."""


def read(kind: Kind, text: str) -> tuple[Threshold, ...]:
    """The figures that ``text`` asks to watch. The later of two of the same name counts. Raises BadThreshold."""
    if len(text) > LONGEST:
        raise BadThreshold("the settings are too long")
    found = {}
    for variable in _parsed(text).iter("variable"):
        threshold = _threshold(kind, variable)
        found[threshold.name] = threshold
    return tuple(found.values())


def read_per_host(sr: str, text: str) -> tuple[Threshold, ...]:
    """What the settings of the SR with that uuid ask to watch on each of its hosts: one figure, or none.

    Raises BadThreshold.
    """
    if len(text) > LONGEST:
        raise BadThreshold("the settings are too long")
    for variable in _parsed(text).iter("variable"):
        if _settings(variable).get("name") == PER_HOST:
            if variable.find("rrd_regex") is not None:
                raise BadThreshold(f"{PER_HOST} takes no rrd_regex")
            name = variable.find("name")
            assert name is not None
            name.set("value", f"sr_io_throughput_total_{sr[:8]}")
            etree.SubElement(variable, "configured_on", {"class": "SR", "uuid": sr})
            return (_threshold("host", variable),)
    return ()


def _parsed(text: str) -> Any:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True,
        remove_blank_text=True,
    )  # fmt: skip
    try:
        return etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as problem:
        raise BadThreshold(f"the settings are no XML: {problem}") from None


def _settings(variable: Any) -> dict[str, str]:
    """The first element of a name counts."""
    settings: dict[str, str] = {}
    for element in variable.iter():
        if element is not variable and isinstance(element.tag, str) and "value" in element.attrib:
            settings.setdefault(element.tag, element.get("value"))
    return settings


def _threshold(kind: Kind, variable: Any) -> Threshold:
    given = _settings(variable)
    name = given.get("name")
    if not name:
        raise BadThreshold("a variable has no name")
    known = _KNOWN[kind].get(name, {})
    of_sr = _OF_SR.fullmatch(name)
    if kind == "host" and of_sr is not None:
        known = {"rrd_regex": of_sr[1]}
    settings = {**_DEFAULTS, **known, **given}
    for needed in ("rrd_regex", "alarm_trigger_level"):
        if needed not in settings:
            raise BadThreshold(f"{name} needs {needed}")
    combine = _COMBINING.get(settings["consolidation_fn"])
    if combine is None:
        raise BadThreshold(f"{name}: nothing is called {settings['consolidation_fn']}")
    pattern = known.get("rrd_regex")
    return Threshold(
        name=name,
        pattern=re.compile(pattern) if settings["rrd_regex"] == pattern else _tamed(name, settings["rrd_regex"]),
        combine=combine,
        level=_number(name, settings, "alarm_trigger_level", float),
        is_most=settings["alarm_trigger_sense"] == "high",
        period=int(_number(name, settings, "alarm_trigger_period", int)),
        quiet=int(_number(name, settings, "alarm_auto_inhibit_period", int)),
        priority=int(_number(name, settings, "alarm_priority", int)),
        text=_written(variable),
    )


def _tamed(name: str, pattern: str) -> re.Pattern[str]:
    """Patterns without references, without groups that repeat and with few parts that do: any of them is tried in no time."""
    repeats = sum(map(pattern.count, "?*+"))
    involved = repeats > _REPEATS or re.search(r"\)[?*+]|\(\?", pattern) is not None
    if involved or len(pattern) > _LONGEST_PATTERN or not _TAMED.fullmatch(pattern):
        raise BadThreshold(f"{name}: rrd_regex is too involved")
    try:
        return re.compile(pattern)
    except re.error as problem:
        raise BadThreshold(f"{name}: rrd_regex: {problem}") from None


def _number(name: str, settings: Mapping[str, str], key: str, kind: Callable[[str], float]) -> float:
    try:
        number = kind(settings[key])
    except ValueError:
        raise BadThreshold(f"{name}: {key} is no number") from None
    if not isfinite(number) or abs(number) > 1 << 62:
        raise BadThreshold(f"{name}: {key} is out of range")
    return number


def _written(variable: Any) -> str:
    """The settings as clients read them in alerts: an element on a line, the name first."""
    elements: Sequence[Any] = sorted(variable, key=lambda element: element.tag != "name")
    lines = "".join(f"\t{etree.tostring(element, encoding='unicode', with_tail=False)}\n" for element in elements)
    return f"<variable>\n{lines}</variable>\n"

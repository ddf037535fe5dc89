"""Hosts compared with an offer: which updates they lack, and what is to be done when they have been installed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from xapid.updates.metadata import KINDS, Update
from xapid.updates.offers import Offer
from xapid.updates.versions import Package, parse


@attrs.frozen
class Lacking:
    """What a host lacks. ``guidance`` is by kind, in the words of updates."""

    updates: tuple[Update, ...]
    packages: tuple[Package, ...]
    guidance: Mapping[str, tuple[str, ...]]

    def json(self, ref: str) -> dict[str, Any]:
        """As clients get it."""
        return {
            "ref": ref,
            "guidance": {kind: list(self.guidance[kind]) for kind in KINDS},
            "RPMS": [package.full_name for package in self.packages],
            "updates": [update.id for update in self.updates],
            "livepatches": [dict(each) for update in self.updates for each in update.livepatches],
        }


def lacking(offer: Offer, installed: Mapping[str, str]) -> Lacking:
    """What a host with these packages lacks: package (name and architecture) → epoch, version and release."""
    found: list[Update] = []
    newest: dict[str, Package] = {}
    guidance: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for update in offer.updates:
        newer = [package for package in update.packages if _is_newer(package, installed)]
        if not newer:
            continue
        found.append(update)
        for package in newer:
            known = newest.get(package.key)
            if known is None or package.against(known) > 0:
                newest[package.key] = package
        if _holds(update, installed):
            for kind in KINDS:
                guidance[kind] += update.guidance.get(kind, ())
    return Lacking(
        tuple(found),
        tuple(newest[key] for key in sorted(newest)),
        {kind: _shortest(words) for kind, words in guidance.items()},
    )


def _is_newer(package: Package, installed: Mapping[str, str]) -> bool:
    edition = installed.get(package.key)
    return edition is not None and package.against(parse(package.key, edition)) > 0


def _holds(update: Update, installed: Mapping[str, str]) -> bool:
    """Whether its guidance is for a host with these packages."""
    if not update.applicabilities:
        return True
    for each in update.applicabilities:
        key = f"{each.name}.{each.arch}"
        if key in installed and each.holds(parse(key, installed[key])):
            return True
    return False


def _shortest(words: Iterable[str]) -> tuple[str, ...]:
    """Without what the other words bring with them."""
    wanted = dict.fromkeys(words)
    covered = set()
    if "RebootHost" in wanted:
        covered |= {"RestartToolstack", "EvacuateHost", "RestartDeviceModel"}
    if "RestartVM" in wanted:
        covered.add("RestartDeviceModel")
    return tuple(word for word in wanted if word not in covered)

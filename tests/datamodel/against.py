"""Compares the catalogue with a list of facts about the API: ``python tests/datamodel/against.py FACTS.json``.

The file holds one object per class in the form of :mod:`xapid.datamodel.export`, without our prose. Exits with 1 and the
differences if there are any.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.export import export

_OURS_ALONE = {"doc", "derived_from"}
_MEMBERS = ("enums", "fields", "messages")


def main(file: str) -> int:
    """The number of differences, at most 1."""
    facts = {cls["name"]: cls for cls in json.loads(Path(file).read_text())}
    ours = {cls["name"]: cls for cls in export(catalogue())}
    differences = [
        f"{cls}{member}\n  facts: {left}\n  ours:  {right}"
        for cls in sorted(facts.keys() | ours.keys())
        for member, (left, right) in _pairs(facts.get(cls, {}), ours.get(cls, {}))
        if left != right
    ]
    print("\n".join(differences) or f"{len(ours)} classes agree with the facts")
    return int(bool(differences))


def _pairs(left: dict[str, Any], right: dict[str, Any]) -> list[tuple[str, tuple[Any, Any]]]:
    pairs = [
        (f": {key}", (left.get(key), right.get(key)))
        for key in sorted((left.keys() | right.keys()) - {*_OURS_ALONE, *_MEMBERS})
    ]
    for kind in _MEMBERS:
        a, b = ({m["name"]: _bare(m) for m in side.get(kind, ())} for side in (left, right))
        pairs += [(f".{name}", (a.get(name), b.get(name))) for name in sorted(a.keys() | b.keys())]
    return pairs


def _bare(member: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in member.items() if key not in _OURS_ALONE}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""How much of the API this server answers, counted from the declarations and from the functions bound to them.

Five kinds are counted apart: *derived* messages follow from a field or a class; *implemented* ones have a function;
*removed* ones are gone from the API and answer so; *refused* ones are refused by the reference server too, whatever they
are called with; the rest are *not yet done* and answer NOT_IMPLEMENTED. ``docs/coverage.md`` is :func:`page`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final, Literal

import attrs

from xapid.datamodel.catalogue import Catalogue, Entry, catalogue
from xapid.dispatch.endpoint import kind_of
from xapid.operations.binding import Bound, bind

Kind = Literal["derived", "implemented", "removed", "refused", "not yet done"]
KINDS: Final[tuple[Kind, ...]] = ("derived", "implemented", "removed", "refused", "not yet done")


@attrs.frozen
class Coverage:
    """The kind of every message, by its wire name."""

    names: dict[str, Kind]

    def of(self, kind: Kind, cls: str | None = None) -> list[str]:
        """The messages of one kind, of one class or all, in alphabetical order."""
        return sorted(n for n, k in self.names.items() if k == kind and cls in (None, n.partition(".")[0]))

    @property
    def not_done(self) -> list[str]:
        return self.of("not yet done")


def count(api: Catalogue | None = None, bound: Mapping[str, Bound] | None = None) -> Coverage:
    """The kind of every message of ``api``, given the functions that messages have."""
    api = catalogue() if api is None else api
    bound = bind(api) if bound is None else bound
    return Coverage({name: _kind(entry, bound.get(name)) for name, entry in api.messages.items()})


def _kind(entry: Entry, bound: Bound | None) -> Kind:
    match kind_of(entry, bound):
        case "removed":
            return "removed"
        case "refused":
            return "refused"
        case "missing":
            return "not yet done"
        case _:
            return "derived" if entry.message.implicit else "implemented"


def summary(coverage: Coverage) -> str:
    """One line per kind."""
    counts = Counter(coverage.names.values())
    lines = [f"{counts[kind]:>6,}  {kind}" for kind in KINDS]
    return "\n".join([*lines, f"{len(coverage.names):>6,}  messages"])


def page(coverage: Coverage) -> str:
    """``docs/coverage.md``."""
    counts = Counter(coverage.names.values())
    classes = sorted({name.partition(".")[0] for name in coverage.names}, key=str.lower)
    lines = [
        "# Coverage",
        "",
        "Written by `make coverage` from the declarations and the functions bound to them; do not edit.",
        "",
        "| kind | messages | what it means |",
        "| --- | ---: | --- |",
        *(f"| {kind} | {counts[kind]:,} | {_MEANING[kind]} |" for kind in KINDS),
        f"| **all** | **{len(coverage.names):,}** | in {len(classes)} classes |",
        "",
        "## By class",
        "",
        "| class | " + " | ".join(KINDS) + " |",
        "| --- |" + " ---: |" * len(KINDS),
    ]
    for cls in classes:
        figures = " | ".join(str(len(coverage.of(kind, cls)) or "") for kind in KINDS)
        lines.append(f"| {cls} | {figures} |")
    lines += ["", "## Not yet done", ""]
    lines += [f"- `{cls}`: {', '.join(missing)}" for cls in classes if (missing := _short(coverage, cls))] or ["Nothing."]
    return "\n".join(lines) + "\n"


def _short(coverage: Coverage, cls: str) -> list[str]:
    return [f"`{name.partition('.')[2]}`" for name in coverage.of("not yet done", cls)]


_MEANING: Final[dict[Kind, str]] = {
    "derived": "follow from a field or a class",
    "implemented": "have a function of their own",
    "removed": "gone from the API; answer MESSAGE_REMOVED",
    "refused": "refused by the reference server too, whatever they are called with",
    "not yet done": "answer NOT_IMPLEMENTED; this number only shrinks",
}

"""The published API does not drift: names, types, defaults and roles are those of the snapshot beside this file.

A change on purpose is recorded with ``python tests/datamodel/test_snapshot.py``, and is then seen in review.
"""

from __future__ import annotations

import json
from pathlib import Path

from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.export import export

SNAPSHOT = Path(__file__).parent / "snapshot.txt"


def lines() -> list[str]:
    """One line per class, enum, field and message, without the prose."""
    out = []
    for cls in export(catalogue()):
        fields, messages, enums = cls.pop("fields"), cls.pop("messages"), cls.pop("enums")
        out.append(_line("class", cls["name"], cls))
        out += [_line("enum", f"{cls['name']} {enum['name']}", enum) for enum in enums]
        out += [_line("field", f"{cls['name']}.{field['name']}", field) for field in fields]
        out += [_line("message", f"{cls['name']}.{m['name']}", m) for m in messages if not m.get("implicit")]
        out.append(f"derived {cls['name']} {' '.join(_derived(m) for m in messages if m.get('implicit'))}")
    return out


def _line(kind: str, name: str, values: dict) -> str:
    rest = {key: value for key, value in values.items() if key not in ("name", "doc")}
    return f"{kind} {name} {json.dumps(rest, sort_keys=True)}"


def _derived(message: dict) -> str:
    return f"{message['name']}:{len(message['params'])}:{message['roles'][-1] if message['roles'] else '-'}"


def test_the_export_is_that_of_the_snapshot():
    recorded = SNAPSHOT.read_text().splitlines()
    current = lines()
    gone, new = set(recorded) - set(current), set(current) - set(recorded)
    assert not gone and not new, "\n".join(["the API drifted", *sorted(f"- {g}" for g in gone), *sorted(f"+ {n}" for n in new)])
    assert current == recorded


if __name__ == "__main__":
    SNAPSHOT.write_text("\n".join(lines()) + "\n")

"""Writes TypeScript types of the API's records to standard output, for ``make web`` to check the console against."""

from __future__ import annotations

from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.types import Bool, Enum, Float, Int, Map, Set, Type


def written(kind: Type) -> str:
    """How a type looks in JSON."""
    match kind:
        case Set(item):
            return f"readonly {_in_list(item)}[]"
        case Map(_, value):
            return f"Readonly<Record<string, {written(value)}>>"
        case Enum(values=values):
            return " | ".join(f'"{value}"' for value in values)
        case _ if kind in (Int, Float):
            return "number"
        case _ if kind == Bool:
            return "boolean"
        case _:
            return "string"


def _in_list(kind: Type) -> str:
    text = written(kind)
    return f"({text})" if " | " in text or text.startswith("readonly") else text


if __name__ == "__main__":
    print("// Made by records.py from the declarations of the API.\n\nexport interface Records {")
    for cls in catalogue().classes.values():
        print(f"  {cls.name}: {{")
        for field in cls.fields:
            print(f"    readonly {field.name}: {written(field.type)};")
        print("  };")
    print("}")

"""Spellings that handbooks print although no server takes them; here they work, with a hint how to write them instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from xapid.cli.arguments import CommandLine

_Params = tuple[tuple[str, str], ...]


def mended(args: CommandLine) -> tuple[CommandLine, str]:
    """The command line as it was meant, and a hint if it was not written so."""
    mend = _MENDS.get(args.command)
    if mend is None:
        return args, ""
    params, hint = mend(args.params)
    return (attrs.evolve(args, params=params), hint) if hint else (args, "")


def _resize(params: _Params) -> tuple[_Params, str]:
    """``vdi-resize size=uuid=X size=10GiB``"""
    if not any(name == "size" for name, _ in params):
        return params, ""
    meant = []
    for name, value in params:
        if name == "size" and value.startswith("uuid="):
            meant.append(("uuid", value.removeprefix("uuid=")))
        else:
            meant.append(("disk-size" if name == "size" else name, value))
    return tuple(meant), "write vdi-resize uuid=<uuid> disk-size=<size>"


def _power_on(params: _Params) -> tuple[_Params, str]:
    """``host-set-power-on-mode power-on-config=key:value``"""
    if not any(name == "power-on-config" and ":" in value for name, value in params):
        return params, ""
    meant = []
    for name, value in params:
        if name == "power-on-config" and ":" in value:
            key, _, of = value.partition(":")
            meant.append((f"{name}:{key}", of))
        else:
            meant.append((name, value))
    return tuple(meant), "write power-on-config:<key>=<value>"


_MENDS: Final[Mapping[str, Callable[[_Params], tuple[_Params, str]]]] = {
    "vdi-resize": _resize,
    "host-set-power-on-mode": _power_on,
}

"""What handbooks print although no server takes it: other spellings, and objects that are not named where only one can be
meant. Here it works, with a hint how to write it instead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

import attrs

from xapid.cli.api import Api
from xapid.cli.arguments import STANDARD, CommandLine
from xapid.database import Row

_INSTALL: Final = "host-server-certificate-install"
_OF_A_HOST: Final = {"host-enable": (), _INSTALL: ("certificate", "private-key", "certificate-chain")}
"""Commands that are printed without a host, and what they are printed with."""
_Params = tuple[tuple[str, str], ...]


def mended(args: CommandLine) -> tuple[CommandLine, str]:
    """The command line as it was meant, and a hint if it was not written so."""
    mend = _MENDS.get(args.command)
    if mend is None:
        return args, ""
    params, hint = mend(args.params)
    return (attrs.evolve(args, params=params), hint) if hint else (args, "")


def may_lack(args: CommandLine, name: str) -> bool:
    """Whether a parameter that a command requires is found out by :func:`completed`."""
    return args.command == "pool-param-set" and name == "uuid" and not _only(args, ())


async def completed(args: CommandLine, api: Api) -> tuple[CommandLine, str]:
    """The command line with the object that it does not name, for a user who is logged in, and a hint if one was found.

    ``pool-param-set`` means the pool. In a pool of several hosts, ``host-enable`` means the one that is disabled, if just one
    is, and ``host-server-certificate-install`` the one that was called.
    """
    meant: list[Row] = []
    if "uuid" not in args and may_lack(args, "uuid"):
        meant = await api.records("pool")
    elif args.command in _OF_A_HOST and "multiple" not in args and _only(args, _OF_A_HOST[args.command]):
        hosts = await api.records("host")
        is_installing = args.command == _INSTALL
        meant = [host for host in hosts if (host.ref == api.here if is_installing else not host.enabled) and len(hosts) > 1]
    if len(meant) != 1:
        return args, ""
    return attrs.evolve(args, params=(*args.params, ("uuid", meant[0].uuid))), f"write {args.command} uuid={meant[0].uuid}"


def _only(args: CommandLine, names: Collection[str]) -> bool:
    """Whether nothing is given but these, and what any command takes."""
    return all(name in STANDARD or name in names for name, _ in args.params)


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

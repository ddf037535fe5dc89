"""Messages that nobody declared: an extension of that name on the coordinator answers them, as it does ``host.call_extension``.

The extension gets the whole call, the session included, and its value goes back as it is, of whatever type. Who calls needs
the rights that ``host.call_extension`` takes, and that is what the audit log says was called.
"""

from __future__ import annotations

import json
from typing import Any, Final

import attrs

from xapid.dispatch.endpoint import Endpoint
from xapid.operations.context import Context
from xapid.operations.host_plugins import extend, read_call
from xapid.wire.call import Loose
from xapid.wire.loose_values import ANYTHING

LIKE: Final = "host.call_extension"


@attrs.frozen(eq=False)
class Extension(Endpoint):
    """One call of one."""

    given: list[Any] = attrs.field(factory=list)

    def arguments(self, spelled: str, params: list[Loose]) -> list[Any]:
        """Those of ``host.call_extension``: the number of parameters is for the extension to judge."""
        return self.given


def extension(like: Endpoint, host: str, name: str, params: list[Loose]) -> Extension:
    """What carries out a call of ``name``; ``like`` is the endpoint of :data:`LIKE`."""
    call = json.dumps({"method": name, "params": params}, default=str)
    return Extension(like.entry, like.kind, _run, like.decoders, like.defaults, like.required, ANYTHING, True, [host, call])


async def _run(context: Context, host: str, call: str) -> Any:
    return await extend(context, host, *read_call(call))

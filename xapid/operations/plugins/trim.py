"""The plugin ``trim``: gives the space that deleted disks took back to the array that an SR lies on, as interfaces offer it.

Simulated storage gives space back by itself; what is left to do is to see that it can, to note when it was asked for, and to
measure the SR anew. What stands in the way is told in the result, in the form that the reference server's plugin has.
"""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape

from xapid.datamodel.types import frozenmap
from xapid.operations.allowed.sr_facts import features_of
from xapid.operations.context import Context

_LAST: Final = "trim_last_triggered"


async def do_trim(context: Context, host: str, args: frozenmap) -> str:
    """``True``, or a small XML document with an ``errcode`` and an ``errmsg``. The argument is ``sr_uuid``.

    Errors: UUID_INVALID; those of ``SR.update``.
    """
    db = context.db
    sr = db.table("SR").by_uuid(args.get("sr_uuid", ""))
    if "SR_TRIM" not in features_of(db, sr.type):
        return _refusal("UnsupportedSRForTrim", f"SRs of type {sr.type} cannot give space back: {sr.uuid}")
    if not any(pbd.host == host and pbd.currently_attached for pbd in (db.get("PBD", ref) for ref in sr.PBDs)):
        return _refusal("SRUnavailable", f"the SR is not attached to this host: {sr.uuid}")
    with db.transaction() as tx:
        tx.add_to(sr.ref, "other_config", _LAST, f"{context.clock.seconds():.0f}")
    await context.call("SR.update", sr.ref)
    return "True"


def _refusal(code: str, message: str) -> str:
    pairs = "".join(
        f"<key_value_pair><key>{key}</key><value>{escape(value)}</value></key_value_pair>"
        for key, value in (("errcode", code), ("errmsg", message))
    )
    return f'<?xml version="1.0" ?><trim_response>{pairs}</trim_response>'

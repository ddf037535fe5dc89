"""Updates of hosts, and what is left to do after them (class ``host``)."""

from __future__ import annotations

from xapid.operations.context import Context
from xapid.operations.updating import apply


def apply_updates(context: Context, self: str, hash: str) -> tuple[tuple[str, ...], ...]:
    """There are no warnings: nothing that a simulated host is told to install can half succeed."""
    apply(context, context.db.get("host", self), hash)
    return ()


def emergency_clear_mandatory_guidance(context: Context) -> None:
    with context.db.transaction() as tx:
        tx.update(context.db.get("host", context.origin.host or context.host), pending_guidances=())

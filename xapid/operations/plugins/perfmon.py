"""The plugin ``perfmon``: what graphical clients call after they have changed for which figures there are alarms.

The settings are read every minute anyway (:mod:`xapid.operations.threshold_alarms`), so there is nothing to be done.
"""

from __future__ import annotations

from xapid.datamodel.types import frozenmap
from xapid.operations.context import Context


async def refresh(context: Context, host: str, args: frozenmap) -> str:
    """The settings count from the next minute on."""
    return "True"

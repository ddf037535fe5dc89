"""What rules want to know about a storage repository. Serves the rules of SRs and VDIs."""

from __future__ import annotations

from functools import cached_property

import attrs

from xapid.database import Database, Row
from xapid.operations.allowed.rules import Facts


@attrs.frozen(eq=False, slots=False)
class SrFacts(Facts):
    """What rules know about an SR; ``row`` is the SR."""

    @cached_property
    def features(self) -> frozenset[str]:
        """What its backend can do, by the names of SM.features; nothing can be made or deleted on the tools SR."""
        found = features_of(self.db, self.row.type)
        return found - {"VDI_CREATE", "VDI_DELETE"} if self.row.is_tools_sr else found

    @cached_property
    def pbds(self) -> list[Row]:
        """Its PBDs."""
        return self.all("PBD", self.row.PBDs)

    @cached_property
    def attached(self) -> bool:
        """Whether any host has it plugged."""
        return any(pbd.currently_attached for pbd in self.pbds)


def features_of(db: Database, type_: str) -> frozenset[str]:
    """What the backend of SRs of one type can do."""
    for sm in db.table("SM").rows():
        if sm.type == type_:
            return frozenset(sm.features)
    return frozenset()

"""What the modules that fill a new pool share: the open transaction, where identities come from, and the moment."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Any, Protocol

import attrs

from xapid.database import Transaction
from xapid.datamodel.types import frozenmap
from xapid.inventory.presets import Counts


class Identities(Protocol):
    """Where uuids, MAC addresses and chance come from; :class:`xapid.ids.Ids` is one."""

    @property
    def random(self) -> Random: ...
    def uuid(self) -> str: ...
    def ref(self) -> str: ...
    def mac(self) -> str: ...


@attrs.frozen
class HostCertificate:
    """What the certificate that the hosts present says of itself: fingerprints as upper-case pairs joined by colons."""

    fingerprint_sha256: str
    fingerprint_sha1: str
    not_before: datetime
    not_after: datetime


@attrs.frozen(kw_only=True)
class Build:
    """A pool being filled. Every module adds its rows through :meth:`make`, inside the one transaction."""

    tx: Transaction
    ids: Identities
    now: datetime
    counts: Counts
    port: int
    """Where the hosts' consoles answer, at each host's address."""
    certificate: HostCertificate | None = None

    def make(self, cls: str, **values: Any) -> str:
        """A new object of class ``cls``; lists and dicts are frozen on the way. Returns its reference."""
        return self.tx.create(cls, **{name: frozen(value) for name, value in values.items()})


def frozen(value: Any) -> Any:
    """``value`` as rows hold it: maps and sets that cannot change."""
    if isinstance(value, dict):
        return frozenmap({key: frozen(item) for key, item in value.items()})
    if isinstance(value, list | set | tuple):
        return tuple(frozen(item) for item in value)
    return value


def stamp(moment: datetime) -> str:
    """A moment as hosts write it into ``other_config``: seconds since the epoch, with a bare point."""
    return f"{int(moment.timestamp())}."

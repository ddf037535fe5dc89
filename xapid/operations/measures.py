"""The data sources of hosts, VMs and SRs: what is measured of them now, and what of it is kept over time.

Serves ``get_data_sources``, ``record_data_source``, ``query_data_source`` and ``forget_data_source_archives`` of all three.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context
from xapid.stats import Kind, Store, describe

_FRESH: Final = 10.0
"""Seconds for which what was measured last counts as what is so now."""


@attrs.frozen
class Measured:
    """One object's figures of this moment, and the archives of all."""

    kind: Kind
    uuid: str
    figures: Mapping[str, float]
    store: Store

    def records(self) -> tuple[dict[str, Any], ...]:
        """All its data sources."""
        return tuple(self._record(name, value) for name, value in self.figures.items())

    def value(self, name: str) -> float:
        """The figure of one data source. Errors: INVALID_VALUE."""
        self._check(name)
        return self.figures[name]

    def keep(self, name: str) -> None:
        """Keep a data source over time from now on. Errors: INVALID_VALUE."""
        self._check(name)
        self.store.keep(self.kind, self.uuid, name)

    def forget(self, name: str) -> None:
        """Drop what was kept of a data source. Errors: INVALID_VALUE."""
        self._check(name)
        self.store.forget(self.kind, self.uuid, name)

    def _check(self, name: str) -> None:
        if name not in self.figures:
            raise XenAPIError("INVALID_VALUE", "data_source", name)

    def _record(self, name: str, value: float) -> dict[str, Any]:
        source = describe(self.kind, name)
        return {
            "name_label": name,
            "name_description": source.doc,
            "enabled": self.store.keeps(self.kind, self.uuid, name),
            "standard": source.standard,
            "units": source.units,
            "min": source.least,
            "max": source.most,
            "value": value,
        }


async def of_host(context: Context, host: str) -> Measured:
    """What is measured of a host. Errors: HANDLE_INVALID, HOST_OFFLINE, CANNOT_CONTACT_HOST."""
    return await _measured(context, "host", context.db.get("host", host).uuid, host)


async def of_vm(context: Context, vm: str) -> Measured:
    """What is measured of a VM, the control domain included; nothing of one without a domain. Errors: as for a host."""
    row = context.db.get("VM", vm)
    if row.power_state not in ("Running", "Paused"):
        return Measured("vm", row.uuid, {}, context.services.stats)
    return await _measured(context, "vm", row.uuid, row.resident_on, row.is_control_domain)


async def of_sr(context: Context, sr: str) -> Measured:
    """What is measured of an SR by the host that the message runs on. Errors: as for a host."""
    return await _measured(context, "sr", context.db.get("SR", sr).uuid, context.host)


async def _measured(context: Context, kind: Kind, uuid: str, host: str, is_control_domain: bool = False) -> Measured:
    agent, store = context.agent(host), context.services.stats
    series = store.find(kind, uuid)
    if series is not None and context.clock.seconds() - series.time < _FRESH and series.host == agent.uuid:
        return Measured(kind, uuid, series.figures, store)
    sample = await agent.metrics.sample()
    if kind == "host":
        figures = sample["host"]
    elif kind == "sr":
        figures = sample["srs"].get(uuid, {})
    else:
        figures = sample["control_domain"] if is_control_domain else sample["vms"].get(uuid, {})
    return Measured(kind, uuid, figures, store)

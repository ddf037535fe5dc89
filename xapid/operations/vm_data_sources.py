"""What is measured of a VM: its data sources, their values, and which of them are kept."""

from __future__ import annotations

from typing import Any

from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context
from xapid.operations.measures import of_vm


async def get_data_sources(context: Context, self: str) -> tuple[dict[str, Any], ...]:
    return (await of_vm(context, self)).records()


async def record_data_source(context: Context, self: str, data_source: str) -> None:
    (await of_vm(context, self)).keep(data_source)


async def query_data_source(context: Context, self: str, data_source: str) -> float:
    vm = context.db.get("VM", self)
    if vm.power_state not in ("Running", "Paused"):
        raise XenAPIError("VM_BAD_POWER_STATE", vm.ref, "running;paused", vm.power_state.lower())
    return (await of_vm(context, self)).value(data_source)


async def forget_data_source_archives(context: Context, self: str, data_source: str) -> None:
    (await of_vm(context, self)).forget(data_source)

"""Thin provisioning of SRs in volume groups (class ``LVHD``), which no storage driver here offers."""

from __future__ import annotations

from typing import NoReturn

from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context


def enable_thin_provisioning(
    context: Context, host: str, SR: str, initial_allocation: int, allocation_quantum: int
) -> NoReturn:
    context.db.get("host", host)
    raise XenAPIError("SR_OPERATION_NOT_SUPPORTED", context.db.get("SR", SR).ref)

"""Limits on how fast callers may call: how much there is to spend, and who shares it (class ``Rate_limit``)."""

from __future__ import annotations

import math
from typing import Any

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.operations.context import Context


def create(context: Context, args: dict[str, Any]) -> str:
    for name in ("burst_size", "fill_rate"):
        _check(name, args.get(name, 0.0))
    with context.db.transaction() as tx:
        return tx.create("Rate_limit", **args)


def add_caller(context: Context, self: str, caller: str) -> None:
    """A caller has one limit at a time; the new one takes the place of the one it had."""
    context.db.get("Rate_limit", self)
    with context.db.transaction() as tx:
        tx.update(context.db.get("Caller", caller), rate_limit=self)


def remove_caller(context: Context, self: str, caller: str) -> None:
    context.db.get("Rate_limit", self)
    row = context.db.get("Caller", caller)
    if row.rate_limit == self:
        with context.db.transaction() as tx:
            tx.update(row, rate_limit=NULL_REF)


def set_burst_size(context: Context, self: str, value: float) -> None:
    _set(context, self, "burst_size", value)


def set_fill_rate(context: Context, self: str, value: float) -> None:
    _set(context, self, "fill_rate", value)


def _set(context: Context, limit: str, name: str, value: float) -> None:
    row = context.db.get("Rate_limit", limit)
    _check(name, value)
    with context.db.transaction() as tx:
        tx.update(row, **{name: value})


def _check(name: str, value: float) -> None:
    """Errors: INVALID_VALUE, for a number of tokens that cannot be; also for none per second, with which all would stop."""
    if not math.isfinite(value) or value < 0 or (name == "fill_rate" and value == 0):
        raise XenAPIError("INVALID_VALUE", name, str(value))

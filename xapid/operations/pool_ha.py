"""Calls about failing hosts that need no liveset: what could be restarted where (class ``pool``)."""

from __future__ import annotations

from typing import Any

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.placement.checks import Question, assert_can_boot_here, is_live

_RESTART = "restart"


def disable_ha(context: Context) -> None:
    pool = the_pool(context.db)
    if not pool.ha_enabled:
        raise XenAPIError("HA_NOT_ENABLED")
    with context.db.transaction() as tx:
        tx.update(pool, ha_enabled=False, ha_overcommitted=False, ha_plan_exists_for=0)


def ha_prevent_restarts_for(context: Context, seconds: int) -> None:
    """Nothing is restarted by itself while HA is off, so there is nothing to hold back."""


def ha_schedule_plan_recomputation(context: Context) -> None:
    """Plans are made when they are asked for."""


def ha_failover_plan_exists(context: Context, n: int) -> bool:
    return n <= ha_compute_max_host_failures_to_tolerate(context)


def ha_compute_max_host_failures_to_tolerate(context: Context) -> int:
    return _tolerable(context.db, any(_is_protected(vm) for vm in context.db.table("VM")))


def ha_compute_hypothetical_max_host_failures_to_tolerate(context: Context, configuration: Any) -> int:
    for vm, priority in configuration.items():
        context.db.get("VM", vm)
        if priority not in ("", "best-effort", _RESTART):
            raise XenAPIError("INVALID_VALUE", "ha_restart_priority", priority)
    return _tolerable(context.db, _RESTART in configuration.values())


def ha_compute_vm_failover_plan(context: Context, failed_hosts: tuple[str, ...], failed_vms: tuple[str, ...]) -> dict[str, Any]:
    db = context.db
    left = [host for host in db.table("host") if host.ref not in failed_hosts]
    return {vm: frozenmap(_place(db, db.get("VM", vm), left)) for vm in failed_vms}


def _tolerable(db: Database, protected: bool) -> int:
    """How many hosts may fail: all, if no VM has to go on running; else all but the one where they would."""
    live = sum(is_live(db, host) for host in db.table("host"))
    return max(0, live - 1) if protected else live


def _is_protected(vm: Row) -> bool:
    return bool(vm.ha_always_run and vm.ha_restart_priority == _RESTART)


def _place(db: Database, vm: Row, hosts: list[Row]) -> dict[str, str]:
    refused = "NO_HOSTS_AVAILABLE"
    for host in hosts:
        try:
            assert_can_boot_here(Question(db=db, vm=vm, host=host))
        except XenAPIError as error:
            refused = error.code
        else:
            return {"host": host.ref}
    return {"error_code": refused}

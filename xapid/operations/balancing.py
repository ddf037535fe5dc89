"""What a workload balancing server advises: where VMs should start, move, and go when their host is emptied.

Serves the WLB messages of ``pool``, ``host`` and ``VM``, and asks on behalf of placement. A recommendation is a list of texts;
the first is ``WLB``. Nothing depends on a balancer: if it fails, an alert says so and placement goes on without it.
"""

from __future__ import annotations

from typing import Final

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations.alerts import raise_alert
from xapid.operations.balancer import Result, ask
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.operations.evacuation_plan import Plan, plan_evacuation, resident_vms
from xapid.operations.licences import assert_licensed, is_licensed
from xapid.placement.checks import Question, assert_can_boot_here, is_live
from xapid.placement.memory import free, needed_to_start

Recommendation = tuple[str, ...]
ADVISED: Final = "WLB"
OWN_CHOICE: Final = "wlb_choose_host_disable"
"""Key in ``pool.other_config``: the pool places VMs itself even if it has a balancer."""


def assert_enabled(context: Context) -> None:
    """Errors: LICENCE_RESTRICTION, WLB_NOT_INITIALIZED, WLB_DISABLED."""
    assert_licensed(context.db, "WLB")
    pool = the_pool(context.db)
    if not pool.wlb_url:
        raise XenAPIError("WLB_NOT_INITIALIZED")
    if not pool.wlb_enabled:
        raise XenAPIError("WLB_DISABLED")


def is_asked(db: Database) -> bool:
    """Whether placement asks the balancer."""
    pool = the_pool(db)
    return bool(is_licensed(db, "WLB") and pool.wlb_url and pool.wlb_enabled and pool.other_config.get(OWN_CHOICE) != "true")


async def for_pool(context: Context) -> dict[str, Recommendation]:
    """Moves that make the pool better, by VM: where to, the numbers of the set and of the move, and why. Switching a host on or
    off is told of its control domain.
    """
    assert_enabled(context)
    result = await ask(context, "GetOptimizationRecommendations", _pool_uuid(context))
    if result.is_empty:
        return {}
    number = _number(result, result.text("OptimizationId"))
    found: dict[str, Recommendation] = {}
    for part in result.parts("Recommendations"):
        vm, about = _subject(context.db, result, part, "VmToMoveUuid", "MoveToHostUuid", "MoveFromHostUuid")
        if "Reason" not in part:
            raise result.malformed("a recommendation has no Reason")
        found[vm] = (ADVISED, about, number, _number(result, part.get("RecommendationId")), part["Reason"])
    return found


async def for_vm(context: Context, vm: Row) -> dict[str, Recommendation]:
    """How good each live host is for a VM: from ``0.0``, with the reason, to five stars."""
    assert_enabled(context)
    result = await ask(context, "VMGetRecommendations", {**_pool_uuid(context), "VmUuid": vm.uuid})
    parts = result.parts("Recommendations")
    if parts and len(parts) != sum(is_live(context.db, host) for host in context.db.table("host")):
        raise result.malformed("there is not one recommendation for each live host")
    found: dict[str, Recommendation] = {}
    for part in parts:
        number = _number(result, part.get("RecommendationId"))
        stars = part.get("Stars")
        rating = ("0.0", number, part.get("ZeroScoreReason", "")) if stars is None else (_number(result, stars), number)
        found[_host(context.db, result, part.get("HostUuid"))] = (ADVISED, *rating)
    return found


async def for_evacuation(context: Context, host: str) -> dict[str, Recommendation]:
    """Where each VM of a host should go, as the uuid of a host and the number of the move."""
    assert_enabled(context)
    parameters = {"HostUuid": context.db.get("host", host).uuid, **_pool_uuid(context)}
    result = await ask(context, "HostGetRecommendations", parameters)
    found: dict[str, Recommendation] = {}
    for part in result.parts("Recommendations"):
        vm, to = _subject(context.db, result, part, "VmUuid", "HostUuid", "HostUuid")
        found[vm] = (ADVISED, to, _number(result, part.get("RecommendationId")))
    return found


async def plan_for(context: Context, host: str) -> Plan:
    """How a host is to be emptied: as the balancer advises, where that is possible, else as the pool itself thinks best."""
    db = context.db
    own = plan_evacuation(db, host)
    if not is_asked(db) or not resident_vms(db, host):
        return own
    try:
        advised = await for_evacuation(context, host)
    except XenAPIError as error:
        _tell(context, db.get("host", host), error)
        return own
    return _merged(db, own, {vm: _by_uuid(db, advice[1]) for vm, advice in advised.items()})


async def advised_host(context: Context, vm: Row, *, force: bool) -> Row | None:
    """The best of the hosts on which a VM can start, as the balancer sees it. None if it is not asked, or has no advice."""
    db = context.db
    if not is_asked(db):
        return None
    try:
        advice = await for_vm(context, vm)
    except XenAPIError as error:
        if error.code == "TASK_CANCELLED":
            raise
        _tell(context, vm, error)
        return None
    rated = sorted(((float(rating[1]), ref) for ref, rating in advice.items() if float(rating[1]) > 0), reverse=True)
    vm = db.get("VM", vm.ref)
    for _, ref in rated:
        host = db.table("host").find(ref)
        if host is not None and "evacuate" not in host.current_operations.values() and _fits(db, vm, host, force=force):
            return host
    return None


def _merged(db: Database, own: Plan, advised: dict[str, Row | None]) -> Plan:
    """The pool's plan, with the hosts of the balancer for VMs that fit there."""
    left = {host.ref: free(db, host.ref) for host in db.table("host")}
    moves = {}
    for vm, target in own.moves.items():
        row, better = db.get("VM", vm), advised.get(vm)
        roomy = better is not None and left[better.ref] >= needed_to_start(row)
        if better is not None and roomy and better.enabled and _fits(db, row, better, memory=False):
            moves[vm] = better.ref
        else:
            moves[vm] = target
        left[moves[vm]] -= needed_to_start(row)
    return Plan(moves, own.refusals)


def _fits(db: Database, vm: Row, host: Row, *, force: bool = False, memory: bool = True) -> bool:
    try:
        assert_can_boot_here(Question(db=db, vm=vm, host=host, memory=memory, cpu_features=not force))
    except XenAPIError:
        return False
    return bool(host.ref != vm.resident_on)


def _tell(context: Context, about: Row, error: XenAPIError) -> None:
    text = f"Placement went on without the workload balancing server: {', '.join(error.description)}"
    raise_alert(context.db, context.now(), "WLB_CONSULTATION_FAILED", about, text)


def _pool_uuid(context: Context) -> dict[str, str]:
    return {"PoolUuid": the_pool(context.db).uuid}


def _subject(db: Database, result: Result, part: dict[str, str], vm: str, to: str, switched: str) -> tuple[str, str]:
    """The VM that a recommendation is about, and the uuid of a host. Without a VM it is about switching that host on or off."""
    if part.get(vm):
        row = db.table("VM").find_uuid(part[vm])
        if row is None:
            raise result.malformed("the uuid of a VM is unknown")
        return row.ref, db.get("host", _host(db, result, part.get(to))).uuid
    host = db.get("host", _host(db, result, part.get(switched)))
    return host.control_domain, host.uuid


def _host(db: Database, result: Result, uuid: str | None) -> str:
    row = None if uuid is None else db.table("host").find_uuid(uuid)
    if row is None:
        raise result.malformed("the uuid of a host is missing or unknown")
    return row.ref


def _by_uuid(db: Database, uuid: str) -> Row | None:
    return db.table("host").find_uuid(uuid)


def _number(result: Result, text: str | None) -> str:
    try:
        float(text or "")
    except ValueError:
        raise result.malformed("a number is missing") from None
    return str(text)

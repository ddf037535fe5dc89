"""The plugin ``maintenance``: a host is emptied to where an administrator wants its VMs, and gets back what it had.

``evacuate``, ``undo_evacuate`` and ``list_undo`` work on the host that they are called for. Texts that they return are JSON.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations import evacuation_record as record
from xapid.operations.context import Context
from xapid.operations.evacuation import empty
from xapid.operations.evacuation_plan import Plan, plan_evacuation
from xapid.operations.evacuation_record import Evacuated
from xapid.operations.marks import marked

UNMOVABLE: Final = ("refuse", "suspend", "shutdown")
"""What may become of VMs that cannot move."""
_PUT_ASIDE: Final = {"suspend": ("VM.suspend", "suspended"), "shutdown": ("VM.clean_shutdown", "stopped")}


async def evacuate(context: Context, host: str, args: frozenmap) -> str:
    """Empty a disabled host. Returns a JSON object of the uuids of its VMs and of the hosts that they went to (null: stopped
    where it was).

    ``target``: uuid of the host that is to take all VMs; without it, they are spread evenly. ``network``: uuid of the network
    that they move over. ``batch_size``: how many move at a time. ``unmovable``: ``refuse`` (nothing happens if a VM cannot
    move), ``suspend`` or ``shutdown``.

    Errors: HOST_NOT_DISABLED; OTHER_OPERATION_IN_PROGRESS while another host is evacuated or an evacuation undone;
    UUID_INVALID, INVALID_VALUE; those of ``host.evacuate``.
    """
    db = context.db
    row = db.get("host", host)
    if row.enabled:
        raise XenAPIError("HOST_NOT_DISABLED")
    _assert_alone(context)
    target = None if "target" not in args else _by_uuid(db, "host", args["target"]).ref
    network = NULL_REF if "network" not in args else _by_uuid(db, "network", args["network"]).ref
    unmovable = _one_of(args, "unmovable", UNMOVABLE)
    batch = args.get("batch_size", "0")
    if not batch.isascii() or not batch.isdigit():
        raise XenAPIError("INVALID_VALUE", "batch_size", batch)
    before = {entry.vm for entry in record.evacuated(db, host)}
    with _busy(context, row):
        plan = plan_evacuation(db, host, target)
        if unmovable != "refuse":
            record.note_start(db, host)
            for vm in plan.refusals:
                await _put_aside(context, host, db.get("VM", vm), unmovable)
            plan = Plan(plan.moves, {})
        with marked(context, db.get("host", host), "evacuate"):
            await empty(context, host, network, int(batch), plan)
        with db.transaction() as tx:
            record.note_for_clients(tx, db, host)
    return _text({entry.vm: entry.to or None for entry in record.evacuated(db, host) if entry.vm not in before})


async def list_undo(context: Context, host: str, args: frozenmap) -> str:
    """What undoing would do: a JSON list of an object for each VM on record.

    Its keys: ``vm`` (uuid), ``name``, ``state`` before the evacuation, ``how`` it left (``moved``, ``suspended``, ``stopped``),
    ``to`` (uuid of the host, if it moved), and ``available``: true, or false with the ``reason`` ``gone``, ``moved`` or
    ``changed``.
    """
    return _text([_described(context.db, entry) for entry in record.evacuated(context.db, host)])


async def undo_evacuate(context: Context, host: str, args: frozenmap) -> str:
    """Bring back what the evacuation of an enabled host took away, each VM in its former power state. Not to be cancelled.

    Without a record, what graphical clients noted of an evacuation of theirs is undone (``MAINTENANCE_MODE_EVACUATED_VMS_…``).
    Returns a JSON object: ``returned`` and ``unavailable`` are lists of uuids. Nothing is done to those that are unavailable,
    and they are off the record afterwards. After a failure the record has those that are not back yet.

    Errors: OPERATION_NOT_ALLOWED if nothing is on record; HOST_DISABLED; OTHER_OPERATION_IN_PROGRESS as for ``evacuate``; the
    first of what bringing VMs back failed with, when all have been tried.
    """
    db = context.db
    row = db.get("host", host)
    entries = record.evacuated(db, host)
    if not entries:
        raise XenAPIError("OPERATION_NOT_ALLOWED", "There is no evacuation of this host that could be undone")
    if not row.enabled:
        raise XenAPIError("HOST_DISABLED", host)
    _assert_alone(context)
    returned, unavailable, failures = [], [], []
    steady = context.uninterrupted()
    with _busy(context, row):
        for number, entry in enumerate(entries, 1):
            if record.why_not(db, entry) is not None:
                unavailable.append(entry.vm)
                record.forget(db, host, entry.vm)
                continue
            try:
                await _bring_back(steady, host, entry)
            except XenAPIError as error:
                failures.append(error)
            else:
                returned.append(entry.vm)
                record.forget(db, host, entry.vm)
            context.task.progress(number / len(entries))
        with db.transaction() as tx:
            record.note_for_clients(tx, db, host)
    if failures:
        raise failures[0]
    return _text({"returned": returned, "unavailable": unavailable})


async def _put_aside(context: Context, host: str, vm: Row, unmovable: str) -> None:
    message, how = _PUT_ASIDE[unmovable]
    state = vm.power_state
    try:
        await context.call(message, vm.ref)
    except XenAPIError:
        if unmovable == "suspend":
            raise
        await context.call("VM.hard_shutdown", vm.ref)
    record.note_put_aside(context.db, host, context.db.get("VM", vm.ref), state, how)  # type: ignore[arg-type]


async def _bring_back(context: Context, host: str, entry: Evacuated) -> None:
    vm = context.db.table("VM").by_uuid(entry.vm).ref
    paused = entry.state == "Paused"
    if entry.how == "moved":
        await context.call("VM.pool_migrate", vm, host, frozenmap({"live": "true"}))
    elif entry.how == "suspended":
        await context.call("VM.resume_on", vm, host, paused, False)
    else:
        await context.call("VM.start_on", vm, host, paused, False)


def _described(db: Database, entry: Evacuated) -> dict[str, Any]:
    vm, reason = db.table("VM").find_uuid(entry.vm), record.why_not(db, entry)
    described = {"vm": entry.vm, "name": "" if vm is None else vm.name_label, "state": entry.state, "how": entry.how}
    if entry.to:
        described["to"] = entry.to
    return {**described, "available": reason is None} | ({} if reason is None else {"reason": reason})


def _assert_alone(context: Context) -> None:
    """Only one evacuation or undoing at a time: VMs would be sent to and fro. Errors: OTHER_OPERATION_IN_PROGRESS."""
    for host, task in context.services.rearranging.items():
        raise XenAPIError.relayed("OTHER_OPERATION_IN_PROGRESS", "host", host, "evacuate", task)
    for row in context.db.table("host"):
        for task, operation in row.current_operations.items():
            if operation == "evacuate":
                raise XenAPIError.relayed("OTHER_OPERATION_IN_PROGRESS", "host", row.ref, operation, task)


class _busy:
    """Holds a host as the one whose VMs are moved about."""

    def __init__(self, context: Context, host: Row) -> None:
        self._rearranging = context.services.rearranging
        self._host, self._task = host.ref, context.task.ref

    def __enter__(self) -> None:
        self._rearranging[self._host] = self._task

    def __exit__(self, *_: object) -> None:
        self._rearranging.pop(self._host, None)


def _one_of(args: frozenmap, name: str, words: tuple[str, ...]) -> str:
    word = str(args.get(name, words[0]))
    if word not in words:
        raise XenAPIError("INVALID_VALUE", name, word)
    return word


def _by_uuid(db: Database, cls: str, uuid: str) -> Row:
    row = db.table(cls).find_uuid(uuid)
    if row is None:
        raise XenAPIError("UUID_INVALID", cls, uuid)
    return row


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()

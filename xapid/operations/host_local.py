"""What hosts keep, attach and reserve on behalf of the pool: calls that hosts of a pool make to each other (class ``host``)."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.logger import Logger

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations.agent_errors import translated
from xapid.operations.allowed.sr_facts import features_of
from xapid.operations.context import Context
from xapid.operations.local_facts import SCHED_GRAN, STATIC, fact, facts, keep
from xapid.placement.choice import reserve

log = Logger()

_STATIC_FEATURE = "VDI_GENERATE_CONFIG"
_BY_CPU = "cpu"


def set_localdb_key(context: Context, host: str, key: str, value: str) -> None:
    with context.db.transaction() as tx:
        keep(tx, context.db.get("host", host), key, value)


def get_sched_gran(context: Context, self: str) -> str:
    return fact(context.db, context.db.get("host", self), SCHED_GRAN) or _BY_CPU


def set_sched_gran(context: Context, self: str, value: str) -> None:
    """It takes effect when the host is rebooted."""
    with context.db.transaction() as tx:
        keep(tx, context.db.get("host", self), SCHED_GRAN, value)


def notify(context: Context, ty: str, params: str) -> None:
    """Scripts tell for people's information alone: nothing that they may tell changes what the agent does."""
    log.info("a script on host {host} tells of {what}: {params}", host=context.host, what=ty, params=params)


def update_firewalld_service_status(context: Context) -> None:
    """The firewall of the machine is its administrator's; the daemon opens its own ports by listening on them."""


def allocate_resources_for_vm(context: Context, self: str, vm: str, live: bool) -> None:
    """Keep memory for a VM on a host. What was kept is given up when the VM starts or is halted.

    Errors: HOST_OFFLINE, HOST_NOT_ENOUGH_FREE_MEMORY; VM_BAD_POWER_STATE if it is to move ``live`` and does not run.
    """
    db = context.db
    row = db.get("VM", vm)
    context.agent(self)
    if live and row.power_state not in ("Running", "Paused"):
        raise XenAPIError("VM_BAD_POWER_STATE", vm, "running", row.power_state.lower())
    reserve(db, row, self)


async def attach_static_vdis(context: Context, host: str, vdi_reason_map: Mapping[str, str]) -> None:
    """Attach disks now and whenever the host starts. Those that are attached so already stay as they are.

    Errors: HANDLE_INVALID; SR_OPERATION_NOT_SUPPORTED for a disk that cannot be attached without the database.
    """
    db = context.db
    row = db.get("host", host)
    disks = {vdi: db.get("VDI", vdi) for vdi in vdi_reason_map}
    for disk in disks.values():
        if _STATIC_FEATURE not in features_of(db, db.get("SR", disk.SR).type):
            raise XenAPIError("SR_OPERATION_NOT_SUPPORTED", disk.SR)
    for vdi, disk in disks.items():
        if fact(db, row, STATIC + disk.uuid) is None:
            await _attach(context, host, disk)
            with db.transaction() as tx:
                keep(tx, row, STATIC + disk.uuid, vdi_reason_map[vdi])


async def detach_static_vdis(context: Context, host: str, vdis: tuple[str, ...]) -> None:
    """Let disks go that were attached so. Others are passed over."""
    db = context.db
    row = db.get("host", host)
    for disk in [db.get("VDI", vdi) for vdi in vdis]:
        if fact(db, row, STATIC + disk.uuid) is not None:
            await _detach(context, host, disk)
            with db.transaction() as tx:
                keep(tx, row, STATIC + disk.uuid, None)


async def attach_all_static(context: Context, host: str) -> None:
    """The host has started: its static disks are attached, as far as that is possible."""
    for disk in _static(context, host):
        try:
            await _attach(context, host, disk)
        except XenAPIError as error:
            log.warn("disk {uuid} was not attached again: {error}", uuid=disk.uuid, error=error)


async def detach_all_static(context: Context, host: str) -> None:
    """The host is about to go down: its static disks are let go until it is back."""
    for disk in _static(context, host):
        await _detach(context, host, disk)


def sm_dp_destroy(context: Context, host: str, dp: str, allow_leak: bool) -> None:
    """Datapaths are there as long as the VBDs that need them, so there is none that nobody needs."""
    context.db.get("host", host)


async def _attach(context: Context, host: str, disk: Row) -> None:
    db: Database = context.db
    storage, sr = context.agent(host).storage, db.get("SR", disk.SR).uuid
    with translated(db):
        await storage.vdi_attach(sr, disk.uuid, bool(disk.read_only))
        if disk.type != "redo_log":  # that one is in use only where, and while, it is written to
            await storage.vdi_activate(sr, disk.uuid, bool(disk.read_only))


async def _detach(context: Context, host: str, disk: Row) -> None:
    db = context.db
    storage, sr = context.agent(host).storage, db.get("SR", disk.SR).uuid
    with translated(db):
        await storage.vdi_deactivate(sr, disk.uuid)
        await storage.vdi_detach(sr, disk.uuid)


def _static(context: Context, host: str) -> list[Row]:
    db = context.db
    uuids = [key.removeprefix(STATIC) for key in facts(db, db.get("host", host), STATIC)]
    return [disk for uuid in uuids if (disk := db.table("VDI").find_uuid(uuid)) is not None]

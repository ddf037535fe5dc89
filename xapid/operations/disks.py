"""Virtual disks between the database and a storage agent: what an agent is told, and what is recorded of its answer.

Serves the messages of VDI, and whoever makes disks for VMs. Also keeps the sums of an SR in step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from xapid.agent.interface import IStorage
from xapid.agent.values import AgentFailure, VdiSpec, VdiState
from xapid.database import Database, Row, Transaction
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations import allowed
from xapid.operations.context import Context


def assert_managed(vdi: Row) -> None:
    """Errors: VDI_NOT_MANAGED."""
    if not vdi.managed:
        raise XenAPIError("VDI_NOT_MANAGED", vdi.ref)


def host_with(db: Database, preferred: str, *srs: Row) -> str:
    """A host that has all of ``srs`` plugged, ``preferred`` if it does. Errors: SR_HAS_NO_PBDS, SR_NOT_ATTACHED."""
    candidates: set[str] | None = None
    for sr in srs:
        pbds = [pbd for ref in sr.PBDs if (pbd := db.table("PBD").find(ref)) is not None]
        if not pbds:
            raise XenAPIError("SR_HAS_NO_PBDS", sr.ref)
        hosts = {pbd.host for pbd in pbds if pbd.currently_attached}
        candidates = hosts if candidates is None else candidates & hosts
        if not candidates:
            raise XenAPIError("SR_NOT_ATTACHED", sr.ref)
    if candidates is None or preferred in candidates:
        return preferred
    return min(candidates)


def storage_for(context: Context, *srs: Row) -> IStorage:
    """The storage agent of a host that reaches ``srs``. Errors: as :func:`host_with`, and what ``Context.agent`` raises."""
    return context.agent(host_with(context.db, context.host, *srs)).storage


def storage_of(context: Context, sr: Row) -> IStorage:
    """The storage agent for work on an SR, or on disks of it: the coordinator's, where several hosts are to have the SR.

    Errors: SR_HAS_NO_PBDS also where the coordinator's host is the one that it is not plugged on; those of :func:`storage_for`.
    """
    pbds = [pbd for ref in sr.PBDs if (pbd := context.db.table("PBD").find(ref)) is not None]
    coordinators = {pool.master for pool in context.db.table("pool")}
    if len(pbds) > 1 and not any(pbd.currently_attached and pbd.host in coordinators for pbd in pbds):
        raise XenAPIError("SR_HAS_NO_PBDS", sr.ref)
    return storage_for(context, sr)


def spec_of(vdi: Row, uuid: str, *, read_only: bool, sm_config: dict[str, str] | None = None) -> VdiSpec:
    """A new disk ``uuid`` like ``vdi``, as an agent is to make it."""
    return VdiSpec(
        vdi=uuid,
        name=vdi.name_label,
        description=vdi.name_description,
        type=vdi.type,
        virtual_size=vdi.virtual_size,
        read_only=read_only,
        sm_config=dict(vdi.sm_config) if sm_config is None else sm_config,
    )


def fields_of(state: VdiState) -> dict[str, Any]:
    """The fields of a VDI that storage decides about."""
    return {
        "location": state["location"],
        "virtual_size": state["virtual_size"],
        "physical_utilisation": state["physical_utilisation"],
        "sm_config": frozenmap(state["sm_config"]),
    }


INHERITED = (
    "name_label", "name_description", "SR", "type", "sharable", "other_config", "xenstore_data", "on_boot", "allow_caching",
    "tags",
)  # fmt: skip
"""What a clone or a snapshot has of the disk that it was made of."""


def inherited(vdi: Row) -> dict[str, Any]:
    """Those fields."""
    return {name: getattr(vdi, name) for name in INHERITED}


def record(tx: Transaction, db: Database, state: VdiState, **fields: Any) -> str:
    """Put a disk that an agent made into the database; returns its reference."""
    ref = tx.create("VDI", **{"uuid": state["vdi"], "managed": True, "parent": NULL_REF, **fields, **fields_of(state)})
    vdi = db.get("VDI", ref)
    account(tx, db, vdi.SR, vdi.virtual_size, vdi.physical_utilisation)
    allowed.refresh(tx, db, vdi)
    return ref


async def settle(db: Database, storage: IStorage, sr: Row, vdi: Row, state: VdiState) -> None:
    """What a disk takes has changed, and maybe what others share with it: record both, as the storage says."""
    full = await storage.sr_stat(sr.uuid)
    with db.transaction() as tx:
        if vdi.ref in db.table("VDI"):
            tx.update(vdi.ref, **fields_of(state))
        if sr.ref in db.table("SR"):
            tx.update(sr.ref, **{name: full[name] for name in ("physical_utilisation", "virtual_allocation")})


def shares(tx: Transaction, vdi: Row, state: VdiState) -> None:
    """A disk shares its contents from now on: it takes less by itself, and its SR no less than before."""
    tx.update(vdi.ref, physical_utilisation=state["physical_utilisation"])


def remove(tx: Transaction, db: Database, vdi: Row, *, vbds: bool, freed: int = 0) -> None:
    """Take the record of a disk out of the database, with ``vbds`` those of the drives it is in too. Suspend images are no
    longer those of their VMs. ``freed`` is what its SR has more room by.
    """
    vdi = db.get("VDI", vdi.ref)
    if vbds:
        for vbd in _present(db, "VBD", vdi.VBDs):
            remove_vbd(tx, db, vbd)
    if vdi.type == "suspend":
        for vm in db.table("VM").holders("suspend_VDI", vdi.ref):
            tx.update(vm, suspend_VDI=NULL_REF)
    tx.destroy(vdi)
    account(tx, db, vdi.SR, -vdi.virtual_size, -freed)


def remove_vbd(tx: Transaction, db: Database, vbd: Row) -> None:
    """Take the record of a drive out of the database, with its metrics."""
    if vbd.metrics in db.table("VBD_metrics"):
        tx.destroy(vbd.metrics)
    tx.destroy(vbd)


def account(tx: Transaction, db: Database, sr: str, virtual: int, physical: int) -> None:
    """Add to the sums that an SR shows."""
    row = db.table("SR").find(sr)
    if row is not None:
        used = max(0, row.physical_utilisation + physical) if row.physical_size >= 0 else row.physical_utilisation
        tx.update(row, virtual_allocation=max(0, row.virtual_allocation + virtual), physical_utilisation=used)


def named(message: str, params: Sequence[Any]) -> dict[str, Any]:
    """The parameters of a message of VDI by their names, which for introducing are those of fields."""
    declared = catalogue().messages[f"VDI.{message}"].message.params
    return {param.name: value for param, value in zip(declared, params, strict=True)}


@contextmanager
def being_made(context: Context, uuid: str) -> Iterator[None]:
    """Around the making of a disk that takes its time: who looks through its SR meanwhile is not to find it."""
    making = context.services.making
    making.add(uuid)
    try:
        yield
    finally:
        making.discard(uuid)


@contextmanager
def storage_errors(sr: Row, vdi: Row | None = None) -> Iterator[None]:
    """Around calls of a storage agent: what it could not do, as the errors that clients know.

    Errors: SR_BACKEND_FAILURE_44 (no space), SR_OPERATION_NOT_SUPPORTED, VDI_IN_USE, VDI_MISSING, SR_NOT_ATTACHED.
    """
    try:
        yield
    except AgentFailure as failure:
        disk = vdi.ref if vdi is not None else NULL_REF
        match failure.reason, failure.details:
            case "no_space", _:
                raise XenAPIError.relayed("SR_BACKEND_FAILURE_44", "", "There is insufficient space", "") from failure
            case "not_supported", _:
                raise XenAPIError("SR_OPERATION_NOT_SUPPORTED", sr.ref) from failure
            case "device_in_use", _:
                raise XenAPIError("VDI_IN_USE", disk) from failure
            case "no_such_object", ("VDI", *_):
                raise XenAPIError("VDI_MISSING", sr.ref, disk) from failure
            case "no_such_object", _:
                raise XenAPIError("SR_NOT_ATTACHED", sr.ref) from failure
        raise


def _present(db: Database, cls: str, refs: Iterable[str]) -> list[Row]:
    return [row for ref in refs if (row := db.table(cls).find(ref)) is not None]

"""SRs and PBDs between the database and a storage agent: what an agent is told, and what is recorded of its answer.

Serves SR and PBD, and whoever removes storage with everything on it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from xapid.agent.values import SrConfig, SrState, VdiState
from xapid.database import Database, Row, Transaction
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations import allowed
from xapid.operations.context import Context
from xapid.operations.disks import remove_vbd, storage_errors

_PASSWORD = "password"
_SECRET = "password_secret"
_DIRTY = "dirty"


def check_driver(db: Database, type_: str) -> Row:
    """The SM object of a kind of SR. Errors: SR_UNKNOWN_DRIVER."""
    for driver in db.table("SM"):
        if driver.type == type_:
            return driver
    raise XenAPIError("SR_UNKNOWN_DRIVER", type_)


def sr_config(db: Database, sr: Row, device_config: Mapping[str, str]) -> SrConfig:
    """An SR as an agent takes it, with the disks that are on record."""
    return SrConfig(
        sr=sr.uuid,
        type=sr.type,
        content_type=sr.content_type,
        shared=sr.shared,
        device_config=dict(device_config),
        sm_config=dict(sr.sm_config),
        physical_size=max(0, sr.physical_size),
        known=[vdi_state(db, vdi) for ref in sr.VDIs if (vdi := db.table("VDI").find(ref)) is not None],
    )


def vdi_state(db: Database, vdi: Row) -> VdiState:
    """A disk as an agent takes it."""
    source = db.table("VDI").find(vdi.snapshot_of)
    return VdiState(
        vdi=vdi.uuid,
        location=vdi.location,
        name=vdi.name_label,
        description=vdi.name_description,
        type=vdi.type,
        virtual_size=vdi.virtual_size,
        physical_utilisation=vdi.physical_utilisation,
        read_only=vdi.read_only,
        is_a_snapshot=vdi.is_a_snapshot,
        snapshot_of="" if source is None else source.uuid,
        sm_config=dict(vdi.sm_config),
    )


def record_state(tx: Transaction, sr: Row, state: SrState) -> None:
    """Take down how full an SR is."""
    tx.update(sr, **_state_fields(state))


def _state_fields(state: SrState) -> dict[str, Any]:
    return {
        "physical_size": state["physical_size"],
        "physical_utilisation": state["physical_utilisation"],
        "virtual_allocation": state["virtual_allocation"],
        "clustered": state["clustered"],
    }


def _found_fields(state: VdiState) -> dict[str, Any]:
    return {
        "virtual_size": state["virtual_size"],
        "physical_utilisation": state["physical_utilisation"],
        "read_only": state["read_only"],
        "is_a_snapshot": state["is_a_snapshot"],
        "sm_config": frozenmap(state["sm_config"]),
        "missing": False,
    }


def is_known(db: Database, sr: Row, found: list[VdiState], state: SrState) -> bool:
    """Whether all that a search found is on record, and nothing else is."""
    present = {vdi.location: vdi for vdi in disks_of(db, sr)}
    if (
        _DIRTY in sr.other_config
        or not _holds(sr, _state_fields(state))
        or {disk["location"] for disk in found} != set(present)
    ):
        return False
    return all(_holds(present[disk["location"]], _found_fields(disk)) for disk in found)


def _holds(row: Row, fields: dict[str, Any]) -> bool:
    return all(getattr(row, name) == value for name, value in fields.items())


def record_scan(tx: Transaction, db: Database, sr: Row, found: list[VdiState], before: Collection[str]) -> None:
    """Make the disks on record those that were found, matched by location. What vanished of those on record ``before`` the
    search is removed; others have come since.
    """
    present = {vdi.location: vdi for vdi in (db.get("VDI", ref) for ref in sr.VDIs)}
    changed = []
    for state in found:
        fields = _found_fields(state)
        known = present.pop(state["location"], None)
        if known is not None:
            tx.update(known, **fields)
            continue
        ref = tx.create(
            "VDI",
            uuid=state["vdi"],
            SR=sr.ref,
            name_label=state["name"],
            name_description=state["description"],
            type=state["type"] or "user",
            location=state["location"],
            managed=True,
            **fields,
        )
        changed.append(db.get("VDI", ref))
    for vdi in present.values():
        if vdi.ref in before:
            remove_disk(tx, db, vdi)
    for state in found:
        source, copy = db.table("VDI").find_uuid(state["snapshot_of"]), db.table("VDI").find_uuid(state["vdi"])
        if source is not None and copy is not None:
            tx.update(copy, snapshot_of=source.ref)
    tx.remove_from(db.get("SR", sr.ref), "other_config", _DIRTY)
    allowed.refresh(tx, db, *changed)


def remove_disk(tx: Transaction, db: Database, vdi: Row) -> None:
    """Take the record of a disk that is gone out of the database: its drives go with it, and optical ones become empty."""
    for vbd in (db.get("VBD", ref) for ref in vdi.VBDs):
        if vbd.type == "CD":
            tx.update(vbd, VDI=NULL_REF, empty=True)
        else:
            remove_vbd(tx, db, vbd)
    tx.destroy(vdi)


def remove_sr(tx: Transaction, db: Database, sr: Row) -> None:
    """Take an SR, its PBDs and its disks out of the database, and out of what refers to it."""
    for ref in sr.VDIs:
        remove_disk(tx, db, db.get("VDI", ref))
    for ref in sr.PBDs:
        remove_pbd(tx, db, db.get("PBD", ref))
    for cls, fields in (
        ("pool", ("default_SR", "suspend_image_SR", "crash_dump_SR")),
        ("host", ("suspend_image_sr", "crash_dump_sr", "local_cache_sr")),
    ):
        for row in db.table(cls):
            tx.update(row, **{field: NULL_REF for field in fields if getattr(row, field) == sr.ref})
    tx.destroy(sr)


def remove_pbd(tx: Transaction, db: Database, pbd: Row) -> None:
    """Take a PBD out of the database, with the secrets that only it knows."""
    for key, value in pbd.device_config.items():
        secret = db.table("secret").find_uuid(value) if key.endswith(_SECRET) else None
        if secret is not None:
            tx.destroy(secret)
    tx.destroy(pbd)


def with_secrets(tx: Transaction, db: Database, device_config: Mapping[str, str]) -> frozenmap:
    """``device_config`` as a PBD may hold it: passwords become secrets, and each secret is one of its own."""
    hidden: dict[str, str] = {}
    for key, value in device_config.items():
        given = db.table("secret").find_uuid(value) if key.endswith(_SECRET) else None
        if given is not None:
            hidden[key] = _secret(tx, db, given.value)
        elif key.endswith(_PASSWORD):
            hidden[f"{key}_secret"] = _secret(tx, db, value)
        else:
            hidden[key] = value
    return frozenmap(hidden)


def revealed(db: Database, device_config: Mapping[str, str]) -> dict[str, str]:
    """``device_config`` as a backend needs it: with the passwords instead of the secrets."""
    shown: dict[str, str] = {}
    for key, value in device_config.items():
        secret = db.table("secret").find_uuid(value) if key.endswith(_SECRET) else None
        if secret is None:
            shown[key] = value
        else:
            shown[key.removesuffix("_secret")] = secret.value
    return shown


async def plug_pbd(context: Context, ref: str) -> None:
    """Make the SR of a PBD usable on the PBD's host. Errors: SR_UNKNOWN_DRIVER, SR_NOT_SHARABLE, those of the backend."""
    db = context.db
    pbd = db.get("PBD", ref)
    if pbd.currently_attached:
        return
    sr = db.get("SR", pbd.SR)
    check_driver(db, sr.type)
    if not sr.shared and any(other.currently_attached for other in _pbds(db, sr)):
        raise XenAPIError("SR_NOT_SHARABLE", sr.ref, pbd.host)
    with storage_errors(sr):
        state = await context.agent(pbd.host).storage.sr_attach(sr_config(db, sr, revealed(db, pbd.device_config)))
    with db.transaction() as tx:
        tx.update(db.get("PBD", ref), currently_attached=True)
        record_state(tx, db.get("SR", sr.ref), state)
        allowed.refresh(tx, db, db.get("SR", sr.ref), *disks_of(db, sr))


def disks_of(db: Database, sr: Row) -> Iterable[Row]:
    """The disks of an SR that are there."""
    return [vdi for ref in sr.VDIs if (vdi := db.table("VDI").find(ref)) is not None]


def _pbds(db: Database, sr: Row) -> list[Row]:
    return [db.get("PBD", ref) for ref in sr.PBDs]


def _secret(tx: Transaction, db: Database, value: str) -> str:
    return str(db.get("secret", tx.create("secret", value=value)).uuid)

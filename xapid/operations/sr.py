"""SRs: places for disks, made, found, measured and given up (class ``SR``)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from xml.etree import ElementTree

from xapid.agent.values import AgentFailure, FoundSr
from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations import allowed
from xapid.operations.attachments import hang_blob
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.operations.disks import storage_errors, storage_of
from xapid.operations.measures import of_sr
from xapid.operations.replication import disable, enable
from xapid.operations.storage_rows import (
    check_driver,
    record_scan,
    record_state,
    remove_sr,
    revealed,
    sr_config,
    with_secrets,
)

_PROBES_RECORDS = {"gfs2"}
"""Kinds of SR whose backends describe what they find in records instead of XML."""


async def create(
    context: Context,
    host: str,
    device_config: Any,
    physical_size: int,
    name_label: str,
    name_description: str,
    type: str,
    content_type: str,
    shared: bool,
    sm_config: Any,
) -> str:
    db = context.db
    type = type.lower()
    check_driver(db, type)
    db.get("host", host)
    coordinator = the_pool(db).master
    others = [row.ref for row in db.table("host") if shared and row.ref not in (host, coordinator)]
    hosts = list(dict.fromkeys([coordinator, host, *others])) if shared else [host]
    with db.transaction() as tx:
        ref = tx.create(
            "SR",
            name_label=name_label,
            name_description=name_description,
            type=type,
            content_type=content_type,
            shared=shared,
            sm_config=sm_config,
            physical_size=physical_size,
            default_vdi_visibility=True,
        )
        pbds = [tx.create("PBD", host=each, SR=ref, device_config=with_secrets(tx, db, device_config)) for each in hosts]
    sr = db.get("SR", ref)
    try:
        with storage_errors(sr):
            state = await context.agent(hosts[0]).storage.sr_create(sr_config(db, sr, device_config))
        with db.transaction() as tx:
            record_state(tx, sr, state)
        await context.call("PBD.plug", pbds[0])
    except BaseException:
        with db.transaction() as tx:
            remove_sr(tx, db, db.get("SR", ref))
        raise
    for pbd in pbds[1:]:
        with suppress(XenAPIError):  # A host that is away plugs the SR when it is back.
            await context.call("PBD.plug", pbd)
    _refresh(context, ref)
    return ref


def introduce(
    context: Context,
    uuid: str,
    name_label: str,
    name_description: str,
    type: str,
    content_type: str,
    shared: bool,
    sm_config: Any,
) -> str:
    db = context.db
    if db.table("SR").find_uuid(uuid) is not None:
        raise XenAPIError("SR_UUID_EXISTS", uuid)
    with db.transaction() as tx:
        ref = tx.create(
            "SR",
            uuid=uuid,
            name_label=name_label,
            name_description=name_description,
            type=type.lower(),
            content_type=content_type,
            shared=shared,
            sm_config=sm_config,
            physical_size=-1,
            physical_utilisation=-1,
            default_vdi_visibility=True,
        )
    _refresh(context, ref)
    return ref


async def destroy(context: Context, sr: str) -> None:
    db = context.db
    row = db.get("SR", sr)
    _check_removable(db, row)
    if not row.PBDs:
        raise XenAPIError("SR_HAS_NO_PBDS", sr)
    if any(vdi.managed and vdi.type != "rrd" for vdi in (db.get("VDI", ref) for ref in row.VDIs)):
        raise XenAPIError("SR_NOT_EMPTY")
    pbd = next((found for found in (db.get("PBD", ref) for ref in row.PBDs) if found.host == context.host), None)
    pbd = pbd or db.get("PBD", row.PBDs[0])
    with storage_errors(row):
        await context.agent(pbd.host).storage.sr_destroy(sr_config(db, row, revealed(db, pbd.device_config)))
    with db.transaction() as tx:
        remove_sr(tx, db, db.get("SR", sr))


def forget(context: Context, sr: str) -> None:
    db = context.db
    row = db.get("SR", sr)
    _check_removable(db, row)
    with db.transaction() as tx:
        remove_sr(tx, db, row)


async def update(context: Context, sr: str) -> None:
    row = context.db.get("SR", sr)
    with storage_errors(row):
        state = await storage_of(context, row).sr_stat(row.uuid)
    with context.db.transaction() as tx:
        record_state(tx, context.db.get("SR", sr), state)


async def scan(context: Context, sr: str) -> None:
    db = context.db
    row = db.get("SR", sr)
    before = row.VDIs
    with storage_errors(row):
        storage = storage_of(context, row)
        found = await storage.sr_scan(row.uuid)
        state = await storage.sr_stat(row.uuid)
    with db.transaction() as tx:
        found = [disk for disk in found if disk["vdi"] not in context.services.making]
        record_scan(tx, db, db.get("SR", sr), found, before)
        record_state(tx, db.get("SR", sr), state)


def get_supported_types(context: Context) -> tuple[str, ...]:
    return tuple(sorted({driver.type for driver in context.db.table("SM")}))


async def probe(context: Context, host: str, device_config: Any, type: str, sm_config: Any) -> str:
    found = await _probe(context, host, device_config, type, sm_config)
    root = ElementTree.Element("SRlist")
    for sr in found:
        if sr["sr"]:
            _describe(ElementTree.SubElement(root, "SR"), sr)
    versions = next((sr["extra"]["versions"] for sr in found if "versions" in sr["extra"]), "")
    if versions:
        supported = ElementTree.SubElement(root, "SupportedVersions")
        for version in versions.split():
            ElementTree.SubElement(supported, "Version").text = version
    return '<?xml version="1.0" ?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _describe(element: ElementTree.Element, sr: FoundSr) -> None:
    """SRs on block devices say where they are and how large; those on file servers only which they are."""
    ElementTree.SubElement(element, "UUID").text = sr["sr"]
    config = sr["device_config"]
    device = config.get("device") or config.get("SCSIid")
    if device:
        ElementTree.SubElement(element, "Devlist").text = device
        ElementTree.SubElement(element, "size").text = str(sr["total_space"])
    if sr["name"]:
        ElementTree.SubElement(element, "name_label").text = sr["name"]


async def probe_ext(context: Context, host: str, device_config: Any, type: str, sm_config: Any) -> tuple[dict[str, Any], ...]:
    check_driver(context.db, type.lower())
    if type.lower() not in _PROBES_RECORDS:
        raise XenAPIError.relayed("SR_OPERATION_NOT_SUPPORTED")
    return tuple(_probe_result(sr) for sr in await _probe(context, host, device_config, type, sm_config))


def set_shared(context: Context, sr: str, value: bool) -> None:
    row = context.db.get("SR", sr)
    if not value and len(row.PBDs) > 1:
        raise XenAPIError.relayed("SR_HAS_MULTIPLE_PBDS", *row.PBDs)
    with context.db.transaction() as tx:
        tx.update(row, shared=value)


def set_name_label(context: Context, sr: str, value: str) -> None:
    with context.db.transaction() as tx:
        tx.update(context.db.get("SR", sr), name_label=value)


def set_name_description(context: Context, sr: str, value: str) -> None:
    with context.db.transaction() as tx:
        tx.update(context.db.get("SR", sr), name_description=value)


def create_new_blob(context: Context, sr: str, name: str, mime_type: str, public: bool) -> str:
    return hang_blob(context, "SR", sr, name, mime_type, public)


def set_physical_size(context: Context, self: str, value: int) -> None:
    _only_backends(context, self)


def set_virtual_allocation(context: Context, self: str, value: int) -> None:
    _only_backends(context, self)


def set_physical_utilisation(context: Context, self: str, value: int) -> None:
    _only_backends(context, self)


def assert_can_host_ha_statefile(context: Context, sr: str) -> None:
    row = context.db.get("SR", sr)
    _check_plugged_everywhere(context.db, row)
    features = check_driver(context.db, row.type).features
    if not {"VDI_GENERATE_CONFIG", "VDI_ATTACH_OFFLINE"} & set(features):
        raise XenAPIError("SR_OPERATION_NOT_SUPPORTED", sr)


def assert_supports_database_replication(context: Context, sr: str) -> None:
    row = context.db.get("SR", sr)
    _check_plugged_everywhere(context.db, row)
    if "SR_METADATA" not in check_driver(context.db, row.type).features:
        raise XenAPIError("SR_OPERATION_NOT_SUPPORTED", sr)


async def enable_database_replication(context: Context, sr: str) -> None:
    assert_supports_database_replication(context, sr)
    await enable(context, context.db.get("SR", sr))


async def disable_database_replication(context: Context, sr: str) -> None:
    await disable(context, context.db.get("SR", sr))


def get_live_hosts(context: Context, sr: str) -> tuple[str, ...]:
    db = context.db
    pbds = [db.get("PBD", ref) for ref in db.get("SR", sr).PBDs]
    live = {host.ref for host in db.table("host") if host.enabled and _is_live(db, host)}
    return tuple(pbd.host for pbd in pbds if pbd.currently_attached and pbd.host in live)


async def get_data_sources(context: Context, sr: str) -> tuple[dict[str, Any], ...]:
    return (await of_sr(context, sr)).records()


async def record_data_source(context: Context, sr: str, data_source: str) -> None:
    (await of_sr(context, sr)).keep(data_source)


async def query_data_source(context: Context, sr: str, data_source: str) -> float:
    return (await of_sr(context, sr)).value(data_source)


async def forget_data_source_archives(context: Context, sr: str, data_source: str) -> None:
    (await of_sr(context, sr)).forget(data_source)


async def _probe(context: Context, host: str, device_config: Any, type: str, sm_config: Any) -> list[FoundSr]:
    db = context.db
    type = type.lower()
    check_driver(db, type)
    try:
        return await context.agent(host).storage.sr_probe(type, revealed(db, device_config), dict(sm_config))
    except AgentFailure as failure:
        raise XenAPIError("SR_BACKEND_FAILURE", failure.reason, "", " ".join(failure.details)) from failure


def _probe_result(found: FoundSr) -> dict[str, Any]:
    sr = None
    if found["sr"]:
        sr = {
            "uuid": found["sr"],
            "name_label": found["name"],
            "name_description": "",
            "free_space": found["free_space"],
            "total_space": found["total_space"],
            "clustered": False,
            "health": "healthy",
        }
    return {
        "configuration": frozenmap(found["device_config"]),
        "complete": found["complete"],
        "sr": sr,
        "extra_info": frozenmap(found["extra"]),
    }


def _refresh(context: Context, ref: str) -> None:
    with context.db.transaction() as tx:
        allowed.refresh(tx, context.db, context.db.get("SR", ref))


def _check_removable(db: Database, sr: Row) -> None:
    """Errors: SR_INDESTRUCTIBLE, SR_IS_CACHE_SR, SR_HAS_PBD."""
    if sr.other_config.get("indestructible") == "true":
        raise XenAPIError("SR_INDESTRUCTIBLE", sr.ref)
    for host in db.table("host"):
        if host.local_cache_sr == sr.ref:
            raise XenAPIError("SR_IS_CACHE_SR", host.ref)
    if any(db.get("PBD", ref).currently_attached for ref in sr.PBDs):
        raise XenAPIError("SR_HAS_PBD", sr.ref)


def _check_plugged_everywhere(db: Database, sr: Row) -> None:
    """Errors: SR_HAS_NO_PBDS, SR_NOT_ATTACHED."""
    if not sr.PBDs:
        raise XenAPIError("SR_HAS_NO_PBDS", sr.ref)
    if not all(db.get("PBD", ref).currently_attached for ref in sr.PBDs):
        raise XenAPIError("SR_NOT_ATTACHED", sr.ref)


def _is_live(db: Database, host: Row) -> bool:
    metrics = db.table("host_metrics").find(host.metrics)
    return metrics is not None and bool(metrics.live)


def _only_backends(context: Context, sr: str) -> None:
    """Backends say how full SRs are, and no client. Errors: PERMISSION_DENIED."""
    context.db.get("SR", sr)
    raise XenAPIError("PERMISSION_DENIED", "")

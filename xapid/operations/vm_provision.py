"""Making a VM of a template: ``VM.provision`` reads the disks that the template wants and makes them."""

from __future__ import annotations

import re
from typing import Final

import attrs
from lxml import etree

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations import allowed
from xapid.operations.constructor import constructor_record
from xapid.operations.context import Context
from xapid.operations.vm_copying import discard_disks
from xapid.operations.vm_template import make_ordinary

_SCRIPT: Final = re.compile("/opt/xensource/packages/post-install-scripts/[a-z/-]+")
"""Where a template's script may be. As guests are simulated, there is nothing that it could be run on."""
_NO_SPACE: Final = ("SR_BACKEND_FAILURE_44", "SR_FULL")


@attrs.frozen
class WantedDisk:
    """One ``disk`` element of a template's ``disks``."""

    device: str
    size: int
    sr: str
    bootable: bool
    type: str


async def provision(context: Context, vm: str) -> None:
    db = context.db
    row = db.get("VM", vm)
    script = row.other_config.get("postinstall")
    if script is not None and not _SCRIPT.fullmatch(script):
        raise XenAPIError(
            "PERMISSION_DENIED",
            "The template's script is not where such scripts are, or has an odd name",
        )
    wanted = wanted_disks(row.other_config.get("disks", ""))
    srs = [_find_sr(db, disk.sr) for disk in wanted]
    make_ordinary(context, row)
    made: list[str] = []
    try:
        for number, (disk, sr) in enumerate(zip(wanted, srs, strict=True)):
            await _make_disk(context, row, disk, sr, made)
            context.task.progress((number + 1) / (len(wanted) + 1))
    except BaseException as error:
        await _undo(context, made)
        if isinstance(error, XenAPIError) and error.code in _NO_SPACE:
            raise XenAPIError("PROVISION_FAILED_OUT_OF_SPACE") from error
        raise
    with db.transaction() as tx:
        tx.remove_from(vm, "other_config", "disks", "postinstall")
        allowed.refresh(tx, db, db.get("VM", vm))


def wanted_disks(text: str) -> list[WantedDisk]:
    """The disks in a template's ``other_config:disks``; none if there is no such text. Errors: INTERNAL_ERROR if it is odd."""
    if not text:
        return []
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(text.encode(), parser)
        return [_wanted(element) for element in root.iter("disk")]
    except (etree.XMLSyntaxError, ValueError) as problem:
        raise XenAPIError("INTERNAL_ERROR", f"other_config:disks cannot be read: {problem}") from problem


def _wanted(element: etree._Element) -> WantedDisk:
    return WantedDisk(
        device=str(element.get("device", "")),
        size=int(element.get("size", "0")),
        sr=str(element.get("sr", "")),
        bootable=element.get("bootable") == "true",
        type=str(element.get("type") or "system"),
    )


def _find_sr(db: Database, uuid: str) -> Row:
    """By uuid, or by a name that only one SR has. Errors: UUID_INVALID."""
    found = db.table("SR").find_uuid(uuid)
    if found is not None:
        return found
    named = db.table("SR").by_name(uuid) if uuid else []
    if len(named) != 1:
        raise XenAPIError("UUID_INVALID", "sr", uuid)
    return named[0]


async def _make_disk(context: Context, vm: Row, wanted: WantedDisk, sr: Row, made: list[str]) -> None:
    db = context.db
    record = constructor_record(
        db,
        "VDI",
        name_description="Made by the template provisioner",
        SR=sr.ref,
        virtual_size=wanted.size,
        type=wanted.type,
        sm_config=frozenmap({"vmhint": vm.uuid}),
    )
    disk: str = await context.call("VDI.create", record)
    made.append(disk)
    drive = constructor_record(
        db,
        "VBD",
        VM=vm.ref,
        VDI=disk,
        userdevice=wanted.device,
        bootable=wanted.bootable,
        mode="RW",
        type="Disk",
        empty=False,
        unpluggable=wanted.type != "system",
        other_config=frozenmap({"owner": ""}),
    )
    vbd: str = await context.call("VBD.create", drive)
    await context.call("VDI.set_name_label", disk, db.get("VBD", vbd).userdevice)


async def _undo(context: Context, made: list[str]) -> None:
    for disk in made:
        row = context.db.table("VDI").find(disk)
        for vbd in () if row is None else row.VBDs:
            await context.call("VBD.destroy", vbd)
    await discard_disks(context, made)

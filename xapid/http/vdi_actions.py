"""``/export_raw_vdi`` and ``/import_raw_vdi``: the contents of disks, in several formats.

An upload of nothing, with which some ask where to go, does nothing. A host that does not reach the storage sends clients to one
that does. How it went is told by the task.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import Ref
from xapid.dispatch.places import hosts_of_sr, marks_for_reading
from xapid.http import transfers
from xapid.http.exchange import Exchange, Serve
from xapid.http.work import Works
from xapid.operations import allowed, disk_contents, vdi_transfer
from xapid.operations.vdi_transfer import FORMATS, Incoming
from xapid.wire.xmlrpc import value_text

UNKNOWN_LENGTH: Final = 1125899906842624
"""What a client announces that does not know how much it will send; it ends the connection after the last byte."""
_TYPES: Final = {
    "raw": transfers.BYTES,
    "vhd": "application/vhd",
    "tar": "application/x-tar",
    "qcow2": "application/x-qemu-disk",
}


class VdiActions:
    """Serves what is on disks."""

    def __init__(self, works: Works) -> None:
        self._works = works
        self._db = works.db

    @property
    def actions(self) -> Mapping[str, Serve]:
        """For the server."""
        return {"get_export_raw_vdi": self.get, "put_import_raw_vdi": self.put}

    async def get(self, exchange: Exchange) -> None:
        """Serves ``GET /export_raw_vdi``."""
        query = exchange.head.query
        if self._is_elsewhere(exchange):
            return
        work = self._works.begin(exchange, "VDI.export_raw")
        if work is None:
            return
        async with self._works.carried(exchange, work):
            format_ = FORMATS.get(query.get("format", "raw"))
            if format_ is None:
                transfers.refuse(exchange, 404, _unknown(query))
            disk = self._disk(query.get("vdi", ""))
            filename = f"{disk.uuid}.{format_}"
            base = self._disk(query["base"]) if query.get("base") else None
            marks = marks_for_reading(self._db, disk)
            async with self._works.dispatcher.work(work.session, work.task, exchange.origin, *marks) as context:
                pieces = vdi_transfer.give_out(context, disk, format_, base)
                async for piece in pieces:
                    if not exchange.started:
                        transfers.begin_download(exchange, work, filename, content_type=_TYPES[format_])
                    exchange.write(piece)
                    await exchange.drained()
                if not exchange.started:
                    transfers.begin_download(exchange, work, filename, content_type=_TYPES[format_])

    async def put(self, exchange: Exchange) -> None:
        """Serves ``PUT /import_raw_vdi``."""
        query = exchange.head.query
        if self._is_elsewhere(exchange) or transfers.only_asks(exchange):
            return
        work = self._works.begin(exchange, "VDI.import_raw")
        if work is None:
            return
        async with self._works.carried(exchange, work):
            format_ = FORMATS.get(query.get("format", "raw"))
            if exchange.head.is_chunked or format_ is None:
                transfers.refuse(exchange, 404, _unknown(query))
            length = exchange.head.length
            length = None if length == UNKNOWN_LENGTH else length
            incoming = Incoming(
                read=exchange.read,
                cut_off=lambda: exchange.cut_off,
                format=format_,
                records=query.get("chunked", "").lower() in ("true", "1"),
                length=length,
            )
            disk, sr = self._target(exchange, incoming)
            async with self._works.dispatcher.work(work.session, work.task, exchange.origin) as context:
                transfers.begin_upload(exchange, work)
                if disk is not None:
                    ref = await vdi_transfer.take_in(context, incoming, disk)
                else:
                    assert sr is not None and length is not None
                    ref = await vdi_transfer.take_in_new(context, incoming, sr, length)
            work.result = value_text(Ref("VDI"), ref)

    def _target(self, exchange: Exchange, incoming: Incoming) -> tuple[Row | None, Row | None]:
        """The disk to write to, or else the SR for a new one. Errors, answered: VDI_MISSING and others."""
        query = exchange.head.query
        try:
            if query.get("vdi"):
                disk = self._disk(query["vdi"])
                _assert_writable(self._db, disk)
                return disk, None
            if not query.keys() & {"sr_id", "sr_uuid"}:
                raise XenAPIError("VDI_MISSING", "", "")
            sr = self._db.get("SR", query["sr_id"]) if "sr_id" in query else self._db.table("SR").by_uuid(query["sr_uuid"])
            if incoming.format != "raw" or incoming.records or incoming.length is None:
                raise XenAPIError("IMPORT_ERROR", "only raw contents of a known length make a new disk")
            allowed.check(self._db, sr, "vdi_create")
            return None, sr
        except XenAPIError as error:
            transfers.refuse(exchange, 400, error)

    # Both ---------------------------------------------------------------------------------------------------------------

    def _disk(self, named: str) -> Row:
        """A disk by its reference or uuid. Errors: HANDLE_INVALID."""
        table = self._db.table("VDI")
        return table.find(named) or table.find_uuid(named) or self._db.get("VDI", named)

    def _is_elsewhere(self, exchange: Exchange) -> bool:
        """Send a client to a host that reaches the SR, if this one does not."""
        query, vdis, srs = exchange.head.query, self._db.table("VDI"), self._db.table("SR")
        disk = vdis.find(query.get("vdi", "")) or vdis.find_uuid(query.get("vdi", ""))
        if disk is not None:
            sr = srs.find(disk.SR)
        else:
            sr = srs.find(query.get("sr_id", "")) or srs.find_uuid(query.get("sr_uuid", ""))
        return sr is not None and self._works.elsewhere(exchange, hosts_of_sr(self._db, sr))


def _unknown(query: Mapping[str, str]) -> XenAPIError:
    return XenAPIError("INTERNAL_ERROR", f"no such format or encoding: {query.get('format', 'raw')}")


def _assert_writable(db: Database, disk: Row) -> None:
    """Errors: VDI_IN_USE, for disks that any VM has attached that is not suspended."""
    if disk_contents.users(db, disk):
        raise XenAPIError("VDI_IN_USE", disk.ref, "import")

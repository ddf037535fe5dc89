"""``/export``, ``/import``, ``/export_metadata`` and ``/import_metadata``: VMs as archives.

An upload of nothing, with which some ask where to go, does nothing. A host that does not reach the storage sends clients to one
that does.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import Ref, Set
from xapid.dispatch.context import CallContext
from xapid.dispatch.places import Mark, hosts_of_sr
from xapid.http import transfers
from xapid.http.chunks import cut
from xapid.http.exchange import Exchange, Serve
from xapid.http.work import Work, Works
from xapid.operations import disks, vm_transfer
from xapid.operations.vm_archive import DEVICES, Extent, own_disks
from xapid.operations.vm_import import Request
from xapid.wire.xmlrpc import value_text

VMS: Final = Set(Ref("VM"))
_FILE: Final = "export.xva"
_DISK: Final = "vdi:"
_NIC: Final = "vif:"


class VmActions:
    """Serves VMs as archives."""

    def __init__(self, works: Works) -> None:
        self._works = works
        self._db = works.db

    @property
    def actions(self) -> Mapping[str, Serve]:
        """For the server."""
        return {
            "get_export": self.get_export,
            "get_export_metadata": self.get_export_metadata,
            "put_import": self.put_import,
            "put_import_metadata": self.put_import_metadata,
        }

    # Downloads ----------------------------------------------------------------------------------------------------------

    async def get_export(self, exchange: Exchange) -> None:
        """Serves ``GET /export``."""
        query, vm = exchange.head.query, self._find_vm(exchange)
        if vm is not None and self._works.elsewhere(exchange, self._hosts_with_disks(vm)):
            return
        work = self._works.begin(exchange, "VM.export")
        if work is None:
            return
        async with self._works.carried(exchange, work):
            vm = self._vm(exchange)
            packer = vm_transfer.packing(vm_transfer.METHODS.get(query.get("use_compression", ""), ""))
            transfers.begin_download(exchange, work, _FILE, version="HTTP/1.0")
            async with self._context(exchange, work, Mark(vm, "export")) as context:
                async for piece in vm_transfer.export(context, vm, packer, power_state=_said(query, "preserve_power_state")):
                    exchange.write(piece)
                    await exchange.drained()

    async def get_export_metadata(self, exchange: Exchange) -> None:
        """Serves ``GET /export_metadata``."""
        query = exchange.head.query
        work = self._works.begin(exchange, "VM.export_metadata")
        if work is None:
            return
        async with self._works.carried(exchange, work):
            if _said(query, "all"):
                vms = [vm for vm in self._db.table("VM").rows() if _said(query, "include_dom0") or not vm.is_control_domain]
                vms = [vm for vm in vms if not vm.is_a_snapshot]
            else:
                vms = [self._vm(exchange)]
            extent = Extent(
                snapshots=_said(query, "export_snapshots", otherwise=True),
                power_state=True,
                left_out=frozenset(query.get("excluded_device_types", "").split(",")) & DEVICES.keys(),
            )
            marks = [] if _said(query, "all") else [Mark(vm, "metadata_export") for vm in vms]
            async with self._context(exchange, work, *marks) as context:
                data = vm_transfer.export_metadata(context, vms, extent)
            transfers.begin_download(exchange, work, _FILE, length=len(data))
            await exchange.send(cut(data))

    # Uploads ------------------------------------------------------------------------------------------------------------

    async def put_import(self, exchange: Exchange) -> None:
        """Serves ``PUT /import``."""
        query = exchange.head.query
        if self._is_elsewhere(exchange) or transfers.only_asks(exchange):
            return
        work = self._works.begin(exchange, "VM.import")
        if work is None:
            return
        async with self._works.carried(exchange, work):
            if exchange.head.is_chunked:
                transfers.refuse(exchange, 403, XenAPIError("IMPORT_ERROR_CANNOT_HANDLE_CHUNKED"))
            async with self._context(exchange, work) as context:
                try:
                    sr = vm_transfer.place_for_disks(context, query.get("sr_id"), query.get("sr_uuid"))
                    disks.host_with(self._db, context.host, sr)
                except XenAPIError as error:
                    transfers.refuse(exchange, 400, error)
                transfers.begin_upload(exchange, work)
                request = Request(sr=sr.ref, restore=_said(query, "restore"), force=_said(query, "force"))
                vms = await vm_transfer.take_in(context, exchange.read, request)
                work.result = value_text(VMS, vms)

    async def put_import_metadata(self, exchange: Exchange) -> None:
        """Serves ``PUT /import_metadata``."""
        query = exchange.head.query
        if transfers.only_asks(exchange):
            return
        work = self._works.begin(exchange, "VM.metadata_import")
        if work is None:
            return
        async with self._works.carried(exchange, work):
            if exchange.head.is_chunked:
                transfers.refuse(exchange, 403, XenAPIError("IMPORT_ERROR_CANNOT_HANDLE_CHUNKED"))
            transfers.begin_upload(exchange, work)
            request = Request(
                restore=_said(query, "restore"),
                force=_said(query, "force"),
                dry_run=_said(query, "dry_run"),
                live=_said(query, "live"),
                disks={key.removeprefix(_DISK): ref for key, ref in query.items() if key.startswith(_DISK)},
                networks={key.removeprefix(_NIC): ref for key, ref in query.items() if key.startswith(_NIC)},
            )
            async with self._context(exchange, work) as context:
                vms = await vm_transfer.take_in_metadata(context, exchange.read, request)
            work.result = value_text(VMS, vms)

    def _is_elsewhere(self, exchange: Exchange) -> bool:
        """Send a client to a host with the SR that it wants its disks on, if this one does not reach it."""
        query, table = exchange.head.query, self._db.table("SR")
        if "sr_id" in query:
            sr = table.find(query["sr_id"])
        elif "sr_uuid" in query:
            sr = table.find_uuid(query["sr_uuid"])
        else:
            sr = next((table.find(pool.default_SR) for pool in self._db.table("pool")), None)
        return sr is not None and sr.content_type != "iso" and self._works.elsewhere(exchange, hosts_of_sr(self._db, sr))

    # Both ---------------------------------------------------------------------------------------------------------------

    def _context(self, exchange: Exchange, work: Work, *marks: Mark) -> AbstractAsyncContextManager[CallContext]:
        return self._works.dispatcher.work(work.session, work.task, exchange.origin, *marks)

    def _vm(self, exchange: Exchange) -> Row:
        """The VM of the query. Errors: HANDLE_INVALID, UUID_INVALID."""
        query, table = exchange.head.query, self._db.table("VM")
        return table.by_uuid(query["uuid"]) if "uuid" in query else self._db.get("VM", query.get("ref", ""))

    def _find_vm(self, exchange: Exchange) -> Row | None:
        try:
            return self._vm(exchange)
        except XenAPIError:
            return None

    def _hosts_with_disks(self, vm: Row) -> list[str]:
        """The hosts that reach all disks of a VM; any would do for one without."""
        srs = {disk.SR for disk in own_disks(self._db, vm)}
        reach = [set(hosts_of_sr(self._db, self._db.get("SR", ref))) for ref in srs]
        return sorted(set.intersection(*reach)) if reach else []


def _said(query: Mapping[str, str], name: str, *, otherwise: bool = False) -> bool:
    return query[name].lower() in ("true", "1") if name in query else otherwise

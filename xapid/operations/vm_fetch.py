"""VMs that the server gets for itself: ``VM.import`` from an address, and ``VM.import_convert`` from a foreign hypervisor."""

from __future__ import annotations

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.operations.vm_import import Request
from xapid.operations.vm_transfer import place_for_disks, take_in

_CONVERSION = "conversion"
"""The host plugin that converts VMs of other hypervisors, where an administrator has put one."""


async def import_(context: Context, url: str, sr: str, full_restore: bool, force: bool) -> tuple[str, ...]:
    """Errors: IMPORT_ERROR and its kin; DEFAULT_SR_NOT_FOUND, SR_OPERATION_NOT_SUPPORTED."""
    place = place_for_disks(context, None if sr == NULL_REF else sr, None)
    fetched = await context.services.elsewhere.fetch(url)
    try:
        with context.task.cancellable(fetched.close):
            return await take_in(context, fetched.read, Request(sr=place.ref, restore=full_restore, force=force))
    except XenAPIError:
        context.task.check_cancelled()
        raise
    finally:
        fetched.close()


async def import_convert(context: Context, type: str, username: str, password: str, sr: str, remote_config: frozenmap) -> None:
    """Has the plugin do it. Errors: XENAPI_MISSING_PLUGIN, XENAPI_PLUGIN_FAILURE."""
    place = context.db.get("SR", sr)
    if place.content_type == "iso":
        raise XenAPIError("SR_OPERATION_NOT_SUPPORTED", sr)
    args = {**remote_config, "type": type, "username": username, "password": password, "sr": place.uuid}
    await context.call("host.call_plugin", the_pool(context.db).master, _CONVERSION, "main", frozenmap(args))

"""What a host tells whoever looks for a mistake (class ``host``): what reports can hold, and sending one."""

from __future__ import annotations

from typing import Any

from xapid.datamodel.errors import XenAPIError
from xapid.formats.packing import pack
from xapid.operations.addressing import is_http_url
from xapid.operations.context import Context
from xapid.operations.posts import UploadFailed
from xapid.operations.system_status import About, capabilities, report


def get_system_status_capabilities(context: Context, host: str) -> str:
    context.db.get("host", host)
    return capabilities()


async def bugreport_upload(context: Context, host: str, url: str, options: Any) -> None:
    """Errors: INVALID_VALUE, for an address that reports cannot be sent to; SYSTEM_STATUS_RETRIEVAL_FAILED."""
    context.db.get("host", host)
    if not is_http_url(url):
        raise XenAPIError("INVALID_VALUE", "url", url)
    about = About(context.db, context.services, context.config, host)
    file = await pack(report(about), "system_status", "tar.bz2", context.clock, context.services.run)
    with file, context.task.cancellable():
        try:
            await context.services.elsewhere.upload(url, file, options.get("http_proxy", ""))
        except UploadFailed as failure:
            raise XenAPIError("SYSTEM_STATUS_RETRIEVAL_FAILED", str(failure)) from failure

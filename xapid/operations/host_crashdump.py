"""What hosts left behind when they crashed (class ``host_crashdump``): files in the state directory of their daemon."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations.addressing import is_http_url
from xapid.operations.context import Context
from xapid.operations.posts import UploadFailed

FOLDER: Final = "crashdumps"


def destroy(context: Context, self: str) -> None:
    row = context.db.get("host_crashdump", self)
    file = _file(context, row)
    if file is not None:
        file.unlink(missing_ok=True)
    with context.db.transaction() as tx:
        tx.destroy(row)


async def upload(context: Context, self: str, url: str, options: Any) -> None:
    """Errors: INVALID_VALUE, for an address that nothing can be sent to; OPERATION_NOT_ALLOWED, if the file is gone."""
    row = context.db.get("host_crashdump", self)
    file = _file(context, row)
    if file is None or not file.is_file():
        raise XenAPIError("OPERATION_NOT_ALLOWED", "the contents of the dump are not here")
    if not is_http_url(url):
        raise XenAPIError("INVALID_VALUE", "url", url)
    with file.open("rb") as contents:
        try:
            await context.services.elsewhere.upload(url, contents, options.get("http_proxy", ""))
        except UploadFailed as failure:
            raise XenAPIError("INTERNAL_ERROR", str(failure)) from failure


def _file(context: Context, row: Row) -> Path | None:
    """Where a dump is. A name that leads elsewhere leads nowhere."""
    state, name = context.config.state_directory, str(row.filename)
    if state is None or not name or Path(name).name != name:
        return None
    return state / FOLDER / name

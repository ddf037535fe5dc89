"""Blobs hung onto other objects: what every ``create_new_blob`` does."""

from __future__ import annotations

from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context

DEFAULT_TYPE = "application/octet-stream"


def new_blob(context: Context, mime_type: str, public: bool) -> str:
    """An empty blob. Returns its reference."""
    with context.db.transaction() as tx:
        return tx.create("blob", mime_type=mime_type or DEFAULT_TYPE, public=public)


def hang_blob(context: Context, cls: str, ref: str, name: str, mime_type: str, public: bool) -> str:
    """An empty blob under ``name`` in ``blobs`` of an object. Errors: HANDLE_INVALID, MAP_DUPLICATE_KEY."""
    row = context.db.get(cls, ref)
    if name in row.blobs:
        raise XenAPIError("MAP_DUPLICATE_KEY", cls, "blobs", ref, name)
    with context.db.transaction() as tx:
        blob = new_blob(context, mime_type, public)
        tx.add_to(row, "blobs", name, blob)
    return blob

"""Blobs: bytes that clients keep beside objects (class ``blob``). The bytes themselves go over HTTP."""

from __future__ import annotations

from xapid.operations.attachments import new_blob
from xapid.operations.context import Context


def create(context: Context, mime_type: str, public: bool) -> str:
    return new_blob(context, mime_type, public)


def destroy(context: Context, self: str) -> None:
    with context.db.transaction() as tx:
        tx.destroy(context.db.get("blob", self))

"""Blobs: bytes that clients keep beside objects (class ``blob``). The bytes themselves go over HTTP."""

from __future__ import annotations

from xapid.operations.attachments import new_blob
from xapid.operations.context import Context


def create(context: Context, mime_type: str, public: bool) -> str:
    return new_blob(context, mime_type, public)


def destroy(context: Context, self: str) -> None:
    """VMs forget a blob that is gone; other objects go on naming it, as clients know it."""
    db = context.db
    row = db.get("blob", self)
    with db.transaction() as tx:
        for vm in db.table("VM"):
            names = [name for name, blob in vm.blobs.items() if blob == self]
            if names:
                tx.remove_from(vm, "blobs", *names)
        tx.destroy(row)

"""Virtual TPMs: a record, and a secret that keeps their state."""

from __future__ import annotations

import base64
import binascii

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations import allowed
from xapid.operations.context import Context


def create(context: Context, vM: str, is_unique: bool) -> str:
    db = context.db
    vm = db.get("VM", vM)
    with db.transaction() as tx:
        ref = tx.create("VTPM", VM=vM, is_unique=is_unique, contents=tx.create("secret"))
        allowed.refresh(tx, db, db.get("VTPM", ref), vm)
    return ref


def destroy(context: Context, self: str) -> None:
    db = context.db
    vtpm = db.get("VTPM", self)
    allowed.check(db, vtpm, "destroy")
    vm = db.table("VM").find(vtpm.VM)
    with db.transaction() as tx:
        if vtpm.contents in db.table("secret"):
            tx.destroy(vtpm.contents)
        tx.destroy(vtpm)
        if vm is not None:
            allowed.refresh(tx, db, vm)


def get_contents(context: Context, self: str) -> str:
    return str(_secret(context, self).value)


def set_contents(context: Context, self: str, contents: str) -> None:
    secret = _secret(context, self)
    try:
        base64.b64decode(contents, validate=True)
    except binascii.Error as problem:
        raise XenAPIError("INTERNAL_ERROR", "the state of a virtual TPM must be given in base64") from problem
    with context.db.transaction() as tx:
        tx.update(secret, value=contents)


def _secret(context: Context, vtpm: str) -> Row:
    return context.db.get("secret", context.db.get("VTPM", vtpm).contents)

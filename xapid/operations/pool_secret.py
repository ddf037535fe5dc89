"""``pool.rotate_secret``: another secret for the pool, in stages (:mod:`~xapid.operations.host_secret` is a host's part).

What has been done is kept after each stage with both secrets, so that a rotation which was cut short goes on where it was when
it is called again: every stage may be repeated, and after each one all hosts understand each other.
"""

from __future__ import annotations

import json
from typing import Any, Final

from xapid.database import Database
from xapid.datamodel.errors import XenAPIError
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.operations.licences import assert_licensed
from xapid.placement.checks import is_live

CHECKPOINT: Final = "pool-secret-rotation"
"""Its name begins like that of the secret, since it holds two: such facts are sealed where they are kept."""
_STAGES: Final = (
    ("accept", "host.notify_accept_new_pool_secret"),
    ("send", "host.notify_send_new_pool_secret"),
    ("members", "host.cleanup_pool_secret"),
    ("coordinator", "host.cleanup_pool_secret"),
)
"""The stages by name, and the message that each host gets in it."""


async def rotate_secret(context: Context) -> None:
    """Give the pool another secret, or finish doing so.

    Errors: LICENCE_RESTRICTION, CANNOT_CONTACT_HOST, HA_IS_ENABLED, NOT_SUPPORTED_DURING_UPGRADE; INTERNAL_ERROR while
    another operation of the pool is under way, and when a stage could not be finished on some host.
    """
    db, far = context.db, context.services.pool
    if far.is_rotating:
        raise XenAPIError("INTERNAL_ERROR", "A rotation of the pool's secret is already running")
    was_pending = the_pool(db).is_psr_pending
    _set_pending(db, True)
    far.is_rotating = True
    try:
        try:
            _check(context)
        except XenAPIError:
            if not was_pending:
                _set_pending(db, False)
            raise
        await _rotate(context)
    finally:
        far.is_rotating = False


def _check(context: Context) -> None:
    db = context.db
    pool = the_pool(db)
    assert_licensed(db, "Pool_secret_rotation")
    for host in db.table("host"):
        if not is_live(db, host):
            raise XenAPIError("CANNOT_CONTACT_HOST", host.ref)
    if pool.ha_enabled:
        raise XenAPIError("HA_IS_ENABLED")
    if "rolling_upgrade_in_progress" in pool.other_config:
        raise XenAPIError("NOT_SUPPORTED_DURING_UPGRADE")
    if pool.current_operations:
        text = f"Operations of the pool are under way: {', '.join(sorted(set(pool.current_operations.values())))}"
        raise XenAPIError("INTERNAL_ERROR", text)


async def _rotate(context: Context) -> None:
    db = context.db
    done = json.loads(db.meta.get(CHECKPOINT, "null")) or {
        "old": context.services.pool.secret, "new": context.services.pool.new_secret(), "finished": [],
    }  # fmt: skip
    _keep(db, done)
    await db.durable()
    for name, message in _STAGES:
        if name in done["finished"]:
            continue
        await _stage(context, name, message, done["old"], done["new"])
        done["finished"].append(name)
        _keep(db, done)
        await db.durable()
    with db.transaction():
        _keep(db, None)
        _set_pending(db, False)


async def _stage(context: Context, name: str, message: str, old: str, new: str) -> None:
    db = context.db
    coordinator = the_pool(db).master
    hosts = sorted((host.ref for host in db.table("host")), key=lambda ref: ref != coordinator)
    if name in ("members", "coordinator"):
        hosts = [ref for ref in hosts if (ref == coordinator) == (name == "coordinator")]
    failed = []
    for host in hosts:
        try:
            await context.call(message, host, old, new)
        except XenAPIError:
            failed.append(host)
    if failed:
        text = f"The rotation of the pool's secret stopped in its stage '{name}' on {', '.join(failed)}: call it again"
        raise XenAPIError("INTERNAL_ERROR", text)


def _set_pending(db: Database, value: bool) -> None:
    with db.transaction() as tx:
        tx.update(the_pool(db), is_psr_pending=value)


def _keep(db: Database, done: dict[str, Any] | None) -> None:
    with db.transaction() as tx:
        tx.set_meta(CHECKPOINT, None if done is None else json.dumps(done))

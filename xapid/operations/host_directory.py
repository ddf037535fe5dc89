"""Whom a host asks about users that are not its own (class ``host``).

The coordinator asks the directory; the other hosts have the same on record, so that each can become the coordinator.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from xapid.auth.directories import ACCOUNT, SHOWN, TYPES
from xapid.auth.directory import DirectoryProblem
from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context

ENABLE_SUFFIXES: Final = frozenset(
    {
        "WRONG_CREDENTIALS", "PERMISSION_DENIED", "DOMAIN_LOOKUP_FAILED", "UNAVAILABLE", "INVALID_OU",
        "INVALID_TRUSTED_CERTS", "NO_TRUSTED_CERTS",
    }
)  # fmt: skip
"""Reasons that have a code of their own when a host is to ask a directory."""


async def enable_external_auth(context: Context, host: str, config: Any, service_name: str, auth_type: str) -> None:
    """Errors: AUTH_ALREADY_ENABLED, AUTH_UNKNOWN_TYPE, AUTH_ENABLE_FAILED… when the coordinator cannot ask the directory."""
    row = context.db.get("host", host)
    if row.external_auth_type:
        raise XenAPIError("AUTH_ALREADY_ENABLED", row.external_auth_type, row.external_auth_service_name)
    if auth_type not in TYPES:
        raise XenAPIError("AUTH_UNKNOWN_TYPE", auth_type)
    try:
        await enable(context, row, dict(config), service_name, auth_type)
    except DirectoryProblem as problem:
        suffix = f"_{problem.reason}" if problem.reason in ENABLE_SUFFIXES else ""
        raise XenAPIError(f"AUTH_ENABLE_FAILED{suffix}", problem.text) from problem


async def enable(context: Context, row: Row, config: dict[str, str], service: str, kind: str) -> None:
    """Raises DirectoryProblem."""
    facts = {}
    if row.ref == the_pool(context.db).master:
        directory = context.services.directories.bare(kind, service, config)
        await directory.probe()
        facts[ACCOUNT] = orjson.dumps(config).decode()
    shown = {key: config[key] for key in SHOWN if config.get(key)}
    with context.db.transaction() as tx:
        for key, value in facts.items():
            tx.set_meta(key, value)
        tx.update(
            row, external_auth_type=kind, external_auth_service_name=service,
            external_auth_configuration=frozenmap({"domain": service, **shown}),
        )  # fmt: skip


def disable_external_auth(context: Context, host: str, config: Any, force: bool) -> None:
    """Nothing has to be undone in the directory, so nothing can fail. Without a directory, nothing happens."""
    row = context.db.get("host", host)
    if not row.external_auth_type:
        return
    leads = row.ref == the_pool(context.db).master
    with context.db.transaction() as tx:
        if leads:
            tx.set_meta(ACCOUNT, None)
        tx.update(row, external_auth_type="", external_auth_service_name="", external_auth_configuration=frozenmap())
    if leads:
        context.services.sessions.destroy_where(lambda session: bool(session.auth_user_sid))


async def external_auth_set_ldaps(context: Context, host: str, ldaps: bool, force: bool) -> None:
    """Errors: AUTH_IS_DISABLED, AUTH_SET_LDAPS_FAILED when the directory cannot be asked so, unless it is forced."""
    row = context.db.get("host", host)
    if row.external_auth_type != "AD":
        raise XenAPIError("AUTH_IS_DISABLED")
    facts = {}
    if row.ref == the_pool(context.db).master:
        account = orjson.loads(context.db.meta.get(ACCOUNT, "{}")) | {"ldaps": "true" if ldaps else "false"}
        try:
            await context.services.directories.bare("AD", row.external_auth_service_name, account).probe()
        except DirectoryProblem as problem:
            if not force:
                raise XenAPIError("AUTH_SET_LDAPS_FAILED", host, problem.text) from problem
        facts[ACCOUNT] = orjson.dumps(account).decode()
    shown = dict(row.external_auth_configuration) | {"ldaps": "true" if ldaps else "false"}
    with context.db.transaction() as tx:
        for key, value in facts.items():
            tx.set_meta(key, value)
        tx.update(row, external_auth_configuration=frozenmap(shown))

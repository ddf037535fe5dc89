"""Class ``subject``: directory users and groups that may log in, and their roles."""

from __future__ import annotations

from typing import Any

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations.context import Context
from xapid.operations.directories import directory


async def create(context: Context, args: dict[str, Any]) -> str:
    """The details come from the directory. A new subject has no role, so it cannot log in yet.

    Errors: AUTH_IS_DISABLED, SUBJECT_ALREADY_EXISTS, SUBJECT_CANNOT_BE_RESOLVED.
    """
    source, identifier = directory(context), args["subject_identifier"]
    _refuse_duplicate(context, identifier)
    details = await source.get_subject_information(identifier)
    _refuse_duplicate(context, identifier)
    with context.db.transaction() as tx:
        return tx.create("subject", subject_identifier=identifier, other_config=frozenmap(details), roles=())


def destroy(context: Context, self: str) -> None:
    """The sessions that it admitted end with it."""
    row = context.db.get("subject", self)
    with context.db.transaction() as tx:
        tx.destroy(row)
    context.services.sessions.destroy_where(lambda session: session.subject == self)


def add_to_roles(context: Context, self: str, role: str) -> None:
    """Errors: ROLE_NOT_FOUND for anything but a role for users, ROLE_ALREADY_EXISTS."""
    found = context.db.table("role").find(role)
    if found is None or not found.subroles or found.is_internal:
        raise XenAPIError("ROLE_NOT_FOUND")
    row = context.db.get("subject", self)
    if role in row.roles:
        raise XenAPIError("ROLE_ALREADY_EXISTS")
    with context.db.transaction() as tx:
        tx.update(row, roles=(role, *row.roles))


def remove_from_roles(context: Context, self: str, role: str) -> None:
    """Errors: ROLE_NOT_FOUND."""
    row = context.db.get("subject", self)
    if role not in row.roles:
        raise XenAPIError("ROLE_NOT_FOUND")
    with context.db.transaction() as tx:
        tx.update(row, roles=tuple(ref for ref in row.roles if ref != role))


def get_permissions_name_label(context: Context, self: str) -> tuple[str, ...]:
    row = context.db.get("subject", self)
    table = context.db.table("role")
    roles = [found for ref in row.roles if (found := table.find(ref)) is not None]
    permissions = dict.fromkeys(permission for role in roles for permission in role.subroles)
    return tuple(table.get(ref).name_label for ref in permissions if ref in table)


def _refuse_duplicate(context: Context, identifier: str) -> None:
    if any(row.subject_identifier == identifier for row in context.db.table("subject")):
        raise XenAPIError("SUBJECT_ALREADY_EXISTS")

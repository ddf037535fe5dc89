"""Class ``task``: tasks that clients make, watch, cancel and remove.

A task belongs to the directory user whose session made it. Others need the permission ``task.destroy/any``.
"""

from __future__ import annotations

from xapid.auth.rbac import ANY_TASK
from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations.context import Context


def create(context: Context, label: str, description: str) -> str:
    return context.services.tasks.create(label, description, context.session, context.host)


def destroy(context: Context, self: str) -> None:
    """A task that has not ended is removed when it has."""
    _own(context, self)
    context.services.tasks.destroy(self)


def cancel(context: Context, task: str) -> None:
    """A task that cannot be stopped, or has ended, goes on as if nothing had been said; that is no error."""
    _own(context, task)
    context.services.tasks.cancel(task, by=context.task.ref)


def set_status(context: Context, self: str, value: str) -> None:
    _own(context, self)
    context.services.tasks.set(self, status=value)


def set_progress(context: Context, self: str, value: float) -> None:
    _own(context, self)
    context.services.tasks.set(self, progress=value)


def set_result(context: Context, self: str, value: str) -> None:
    _own(context, self)
    context.services.tasks.set(self, result=value)


def set_error_info(context: Context, self: str, value: tuple[str, ...]) -> None:
    _own(context, self)
    context.services.tasks.set(self, error_info=value)


def add_to_other_config(context: Context, self: str, key: str, value: str) -> None:
    row = _own(context, self)
    if key in row.other_config:
        raise XenAPIError("MAP_DUPLICATE_KEY", "task", "other_config", self, key)
    if not key:
        raise XenAPIError("INTERNAL_ERROR", "a map cannot have an empty key")
    context.services.tasks.set(self, other_config=row.other_config.with_item(key, value))


def remove_from_other_config(context: Context, self: str, key: str) -> None:
    row = _own(context, self)
    context.services.tasks.set(self, other_config=row.other_config.without(key))


def set_other_config(context: Context, self: str, value: frozenmap) -> None:
    _own(context, self)
    context.services.tasks.set(self, other_config=value)


def _own(context: Context, task: str) -> Row:
    """The task, if the caller may change it. Errors: HANDLE_INVALID, RBAC_PERMISSION_DENIED."""
    row = context.db.get("task", task)
    session = context.session
    if session.unrestricted or (session.auth_user_sid and session.auth_user_sid == context.services.tasks.owner(task)):
        return row
    context.services.rbac.require(session, ANY_TASK)
    return row

"""The external directory, as operations reach it."""

from __future__ import annotations

from xapid.auth.directory import IDirectory
from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context


def directory(context: Context) -> IDirectory:
    """The directory of the pool. Errors: AUTH_IS_DISABLED."""
    found = context.services.logins.directory
    if found is None:
        raise XenAPIError("AUTH_IS_DISABLED")
    return found

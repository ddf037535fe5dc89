"""External directories: who a directory user is in the pool, and what that user may do.

Serves ``subject.*``, ``auth.*`` and the logins of directory users. A directory (Active Directory, LDAP) answers four
questions; whether it is asked at all is the pool's choice (``host.enable_external_auth``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs
from zope.interface import Interface

from xapid.auth.rbac import Rbac
from xapid.auth.sessions import Identity
from xapid.database import Database
from xapid.datamodel.errors import XenAPIError

LOGIN: Final = "session.login_with_password"


class IDirectory(Interface):
    """A directory of users and groups. Identifiers are the directory's own, such as SIDs."""

    async def authenticate(username: str, password: str) -> str:
        """The identifier of the user with these credentials. Raises NotAuthenticated, DirectoryProblem."""

    async def get_subject_identifier(name: str) -> str:
        """The identifier of the user or group called ``name``. Errors: SUBJECT_CANNOT_BE_RESOLVED, AUTH_SERVICE_ERROR."""

    async def get_subject_information(identifier: str) -> Mapping[str, str]:
        """What is known of a user or group: ``subject-name``, ``subject-gecos``, … Errors: as above."""

    async def get_group_membership(identifier: str) -> Sequence[str]:
        """The identifiers of the groups that a user or group is in, through others too. Errors: as above."""


class NotAuthenticated(Exception):
    """The directory does not know the user, or not with this password."""


class DirectoryProblem(Exception):
    """The directory cannot be asked. ``reason`` is the end of an error code (``WRONG_CREDENTIALS``, …), or empty."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(reason, text)
        self.reason = reason
        self.text = text


BARRED: Final = {
    "subject-account-disabled": "The account is disabled",
    "subject-account-locked": "The account is locked",
    "subject-account-expired": "The account has expired",
}
"""What a directory tells of accounts that let nobody in, and what their users are told."""


@attrs.frozen
class Admission:
    """Looks up in the database what a user whom ``directory`` vouches for may do."""

    db: Database
    rbac: Rbac
    directory: IDirectory

    async def identity(self, user: str, sid: str) -> Identity:
        """Errors: SESSION_AUTHORIZATION_FAILED for users that no subject covers, RBAC_PERMISSION_DENIED without roles."""
        known: Mapping[str, str] = await self.directory.get_subject_information(sid)
        for key, text in BARRED.items():
            if known.get(key) == "true":
                raise XenAPIError("SESSION_AUTHORIZATION_FAILED", user, text)
        groups: Sequence[str] = await self.directory.get_group_membership(sid)
        covering = {sid, *groups}
        subjects = [row for row in self.db.table("subject") if row.subject_identifier in covering]
        if not subjects:
            raise XenAPIError("SESSION_AUTHORIZATION_FAILED", user, "No subject of the pool covers this user")
        table = self.db.table("role")
        roles = {role.name_label for subject in subjects for role in map(table.find, subject.roles) if role is not None}
        if not roles:
            raise XenAPIError("RBAC_PERMISSION_DENIED", LOGIN, "The user has no role in this pool")
        own = next((row for row in subjects if row.subject_identifier == sid), subjects[0])
        return Identity(
            user=user,
            subject=own.ref,
            auth_user_sid=sid,
            permissions=self.rbac.granted(roles),
        )

"""Role-based access control: what a session may call.

A permission is the lower-case name of a message (``vm.start``), of an HTTP handler (``http/get_export``), or of one of the
few rights that are neither (``task.destroy/any``). Who has which is derived from the declarations in
the classes and :mod:`xapid.datamodel.http_actions`; no list of permissions is kept anywhere.

Maps may have keys with rights of their own: for them the permission of ``add_to_`` and ``remove_from_`` is
``vm.add_to_other_config/key:folder``, and setting the whole map needs that of each such key that it changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from xapid.auth.sessions import Session
from xapid.database.database import Database
from xapid.datamodel.catalogue import Catalogue, Entry
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.http_actions import ACTIONS, BY_NAME
from xapid.datamodel.roles import POOL_OPERATOR, ROLES, Roles

ANY_TASK: Final = "task.destroy/any"
"""The right over tasks of others."""
EXTRA: Final[Mapping[str, Roles]] = {ANY_TASK: POOL_OPERATOR}
"""Rights that are neither a message nor a handler, with who has them."""
KEY: Final = "/key:"


@attrs.frozen
class Permission:
    """A right that roles give. ``name`` has the case of the wire; sessions and clients see :attr:`label`."""

    name: str
    roles: Roles

    @property
    def label(self) -> str:
        return self.name.lower()


def permissions(api: Catalogue) -> Iterator[Permission]:
    """Every permission there is."""
    for entry in api.messages.values():
        roles = _roles(entry)
        yield Permission(entry.name, roles)
        for pattern, key_roles in entry.message.map_key_roles.items():
            yield Permission(f"{entry.name}{KEY}{pattern}", key_roles)
    for action in ACTIONS:
        yield Permission(action.permission, action.roles)
        for name, roles in action.sub_actions.items():
            yield Permission(f"{action.permission}/{name}", roles)
    for name, roles in EXTRA.items():
        yield Permission(name, roles)


class Rbac:
    """Decides whether a session may make a call."""

    def __init__(self, api: Catalogue, db: Database) -> None:
        self._api = api
        self._db = db
        self._roles: dict[str, Roles] = {permission.label: permission.roles for permission in permissions(api)}
        self._labels: dict[str, str] = {name: name.lower() for name in api.messages}
        self._keyed: dict[str, tuple[str, ...]] = {
            name: tuple(pattern.lower() for pattern in entry.message.map_key_roles)
            for name, entry in api.messages.items()
            if entry.message.map_key_roles
        }
        self._granted: dict[Roles, frozenset[str]] = {}

    def check(self, session: Session, entry: Entry, args: Sequence[Any]) -> None:
        """May ``session`` call ``entry`` with ``args`` (typed, without the session)? Errors: RBAC_PERMISSION_DENIED."""
        if session.unrestricted:
            return
        name = entry.name
        permission = self._labels[name]
        patterns = self._keyed.get(name)
        if patterns is not None:
            pattern = _pattern(patterns, args[1])
            if pattern is not None:
                permission = f"{permission}{KEY}{pattern}"
        self.require(session, permission)
        field = entry.message.name.removeprefix("set_")
        if field != entry.message.name and f"{entry.cls.name}.add_to_{field}" in self._keyed:
            row = self._db.find(args[0])
            if row is not None and row.kind == entry.cls.name:
                self.check_map_change(session, entry.cls.name, field, getattr(row, field), args[1])

    def check_map_change(self, session: Session, cls: str, field: str, old: Mapping[str, str], new: Mapping[str, str]) -> None:
        """May ``session`` change the protected keys in which two values of a map differ? Errors: RBAC_PERMISSION_DENIED."""
        if session.unrestricted:
            return
        add, remove = f"{cls}.add_to_{field}", f"{cls}.remove_from_{field}"
        for key in {**old, **new}:
            if old.get(key) == new.get(key):
                continue
            message = add if key in new else remove
            pattern = _pattern(self._keyed.get(message, ()), key)
            if pattern is not None:
                self.require(session, f"{message.lower()}{KEY}{pattern}")

    def check_http(self, session: Session, action: str, sub_action: str | None = None) -> None:
        """May ``session`` use an HTTP handler? Errors: RBAC_PERMISSION_DENIED."""
        declared = BY_NAME[action]
        if declared.open and sub_action is None:
            return
        permission = declared.permission if sub_action is None else f"{declared.permission}/{sub_action}"
        self.require(session, permission.lower())

    def allows(self, session: Session, permission: str) -> bool:
        """Whether ``session`` has a permission, given in lower case."""
        return session.unrestricted or permission in session.permissions

    def require(self, session: Session, permission: str) -> None:
        """Errors: RBAC_PERMISSION_DENIED, with the roles that have the permission."""
        if not self.allows(session, permission):
            raise self.denial(permission)

    def denial(self, permission: str) -> XenAPIError:
        """The error for want of ``permission``."""
        having = self._roles.get(permission, frozenset())
        names = ", ".join(role for role in ROLES if role in having)
        text = f"No permission in user session. (Roles with this permission: {names})"
        return XenAPIError("RBAC_PERMISSION_DENIED", permission, text)

    def granted(self, roles: Iterable[str]) -> frozenset[str]:
        """What a session of a user with these roles holds: the role names, and every permission that they give."""
        key = frozenset(roles)
        known = self._granted.get(key)
        if known is None:
            known = key | {label for label, having in self._roles.items() if having & key}
            self._granted[key] = known
        return known


def _roles(entry: Entry) -> Roles:
    roles = entry.message.roles
    return entry.cls.roles if roles is None else roles


def _pattern(patterns: Iterable[str], key: str) -> str | None:
    """The protected pattern that a map key falls under; the case of the key does not matter."""
    key = key.lower()
    for pattern in patterns:
        if key == pattern or (pattern.endswith("*") and key.startswith(pattern[:-1])):
            return pattern
    return None

"""The roles and permissions as objects of class ``role``.

Serves ``role.*``. They are static: the same in every pool, made from the declarations at each start, neither journalled
nor reported as events. A composite role's ``subroles`` are all the permissions that it gives; a permission's are empty. A
reference is made from the MD5 sum of the name as the wire spells it, and the uuid is the same value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from typing import Any, Final
from uuid import UUID

import attrs

from xapid.auth.rbac import Permission, permissions
from xapid.database.database import Database
from xapid.datamodel.catalogue import Catalogue
from xapid.datamodel.roles import ROLES
from xapid.ids import REF_PREFIX

INTERNAL: Final = frozenset({"client-cert"})
"""Roles that are not for users."""


@attrs.frozen
class RoleRecord:
    """One object of class ``role``."""

    uuid: str
    name_label: str
    name_description: str
    subroles: tuple[str, ...] = ()
    is_internal: bool = False

    @property
    def ref(self) -> str:
        return REF_PREFIX + self.uuid


def role_uuid(name: str) -> str:
    """The uuid of the role or permission with this name, in the case of the wire."""
    return str(UUID(bytes=hashlib.md5(name.encode(), usedforsecurity=False).digest()))


def role_ref(name: str) -> str:
    """The reference of the role or permission with this name, in the case of the wire."""
    return REF_PREFIX + role_uuid(name)


@cache
def records(api: Catalogue) -> tuple[RoleRecord, ...]:
    """The roles, from the most to the least powerful, then every permission."""
    return tuple(_records(api))


@cache
def _fields(api: Catalogue) -> tuple[tuple[str, dict[str, Any]], ...]:
    """The records by reference, as tables take them."""
    return tuple((record.ref, attrs.asdict(record, recurse=False)) for record in records(api))


def _records(api: Catalogue) -> Iterator[RoleRecord]:
    every = sorted(permissions(api), key=lambda permission: permission.name)
    refs = {permission.name: role_ref(permission.name) for permission in every}
    for name, doc in ROLES.items():
        subroles = tuple(refs[permission.name] for permission in every if name in permission.roles)
        yield RoleRecord(role_uuid(name), name, doc, subroles, name in INTERNAL)
    for permission in every:
        yield _leaf(permission)


def _leaf(permission: Permission) -> RoleRecord:
    what = "handler" if permission.name.startswith("http/") else "call"
    return RoleRecord(role_uuid(permission.name), permission.label, f"Permission for the {what} {permission.name}.")


def install(db: Database) -> None:
    """Put the static rows in place. They are of generation 0, so no journal and no listener hears of them."""
    table = db.table("role")
    for ref, values in _fields(db.api):
        table.put(ref, table.new(ref, 0, values))

"""Roles of role-based access control, from the most to the least powerful, and the sets that messages are open to."""

from __future__ import annotations

from typing import Final

Roles = frozenset[str]

ROLES: Final = {
    "pool-admin": "May do anything, including what other administrators may not.",
    "pool-operator": "Manages the pool's resources: hosts, storage, networks, high availability and users.",
    "vm-power-admin": "Creates and manages virtual machines, and decides where they run.",
    "vm-admin": "Creates, changes and removes virtual machines.",
    "vm-operator": "Uses virtual machines: starts, stops and reaches their consoles.",
    "client-cert": "Is a program that a client certificate identified; internal.",
    "read-only": "Looks at everything and changes nothing.",
}

LOCAL_ROOT: Final[Roles] = frozenset()
"""Open to nobody by role: only the local superuser, who needs none."""
POOL_ADMIN: Final[Roles] = LOCAL_ROOT | {"pool-admin"}
POOL_OPERATOR: Final[Roles] = POOL_ADMIN | {"pool-operator"}
VM_POWER_ADMIN: Final[Roles] = POOL_OPERATOR | {"vm-power-admin"}
VM_ADMIN: Final[Roles] = VM_POWER_ADMIN | {"vm-admin"}
VM_OPERATOR: Final[Roles] = VM_ADMIN | {"vm-operator"}
READ_ONLY: Final[Roles] = VM_OPERATOR | {"client-cert", "read-only"}

CLIENT_CERT: Final[Roles] = frozenset({"client-cert"})
"""Added to a set above for calls that certified programs make as well."""

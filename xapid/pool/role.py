"""What this daemon is in its pool: the coordinator, a member, or a member that has lost its coordinator.

A daemon that leads answers for its own host and for the simulated hosts in its process; at the addresses of those it
answers as members do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from xapid.database import Database
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF

EMERGENCY_CALLS: Final = frozenset(
    {
        "pool.emergency_reset_master", "pool.emergency_transition_to_master", "pool.is_slave",
        "session.slave_local_login", "session.slave_local_login_with_password", "session.local_logout",
        "host.propose_new_master", "host.commit_new_master", "host.abort_new_master", "host.local_assert_healthy",
        "host.signal_networking_change", "host.local_management_reconfigure", "host.ha_xapi_healthcheck",
        "host.emergency_ha_disable", "host.management_disable", "host.get_system_status_capabilities",
        "host.is_in_emergency_mode", "host.shutdown_agent", "host.emergency_reset_server_certificate",
        "host.emergency_disable_tls_verification", "host.emergency_reenable_tls_verification",
        "host.emergency_clear_mandatory_guidance", "host.update_firewalld_service_status",
    }
)  # fmt: skip
"""What a member without a coordinator still answers."""

POOL_LOGINS: Final = frozenset({"session.login_with_password", "session.slave_login"})


class Role:
    """The role, as dispatch and operations ask for it."""

    def __init__(self, db: Database, *, with_ports: bool = False) -> None:
        """``with_ports``: the daemons of the pool may use different ones, so clients are told."""
        self._db = db
        self._with_ports = with_ports
        self._pools = db.table("pool")
        self._hosts = db.table("host")
        self.emergency: XenAPIError | None = None
        """What answers all calls but a few, while the daemon cannot do its work."""
        self.leader: str | None = None
        """As a member: the address of the coordinator that clients are sent to. None: this daemon leads."""
        self.leader_thumbprints: Mapping[str, str] = {}
        """As a member: what :attr:`thumbprints` is at the coordinator, which tells it with every answer to a hello."""

    def follow(self, address: str, port: int) -> None:
        """As a member, send clients there."""
        shown = f"[{address}]" if ":" in address else address
        self.leader = f"{shown}:{port}" if self._with_ports else address

    @property
    def coordinator(self) -> str:
        """Reference of the coordinator's host object."""
        pool = self._pools.first()
        return NULL_REF if pool is None else str(pool.master)

    @property
    def coordinator_address(self) -> str:
        """What HOST_IS_SLAVE tells clients: the address, without a port, since clients keep theirs."""
        if self.leader is not None:
            return self.leader
        row = self._db.table("host").find(self.coordinator)
        return "" if row is None else str(row.address)

    @property
    def thumbprints(self) -> Mapping[str, str]:
        """Of the certificate that clients see at the coordinator, as ``sha-256`` and ``sha-1``; empty while nobody knows it."""
        if self.leader is not None:
            return self.leader_thumbprints
        host = self._hosts.find(self.coordinator)
        for row in map(self._db.table("Certificate").find, () if host is None else host.certificates):
            if row is not None and row.type == "host":
                return {"sha-256": row.fingerprint_sha256, "sha-1": row.fingerprint_sha1}
        return {}

    def admit(self, message: str) -> None:
        """Errors: while the daemon is in emergency mode, what put it there, for all but a few messages."""
        if self.emergency is not None and message not in EMERGENCY_CALLS:
            raise self.emergency

    def admit_login(self, message: str, host: str) -> None:
        """Errors: HOST_IS_SLAVE, for logging in to the pool at a member."""
        if message in POOL_LOGINS and self.is_member(host):
            raise XenAPIError("HOST_IS_SLAVE", self.coordinator_address)

    def is_member(self, host: str) -> bool:
        """Whether the host whose address was called is a member. One that is not on record is none."""
        return self.leader is not None or (host != self.coordinator and host in self._hosts)

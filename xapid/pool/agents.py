"""The agents of all hosts of the pool, by host: simulated ones of this process, and remote ones of member daemons."""

from __future__ import annotations

from xapid.agent.interface import IHostAgent
from xapid.database import Database
from xapid.datamodel.errors import XenAPIError


class HostAgents:
    """Finds agents (:class:`xapid.operations.services.Agents`)."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._agents: dict[str, IHostAgent] = {}

    def add(self, host: str, agent: IHostAgent) -> None:
        """``agent`` is the hand of the host with this reference from now on."""
        self._agents[host] = agent

    def remove(self, host: str) -> IHostAgent | None:
        """The host has no agent any more; returns the one that it had."""
        return self._agents.pop(host, None)

    def find(self, host: str) -> IHostAgent | None:
        """The agent of a host, whether the host is live or not."""
        return self._agents.get(host)

    def all(self) -> list[tuple[str, IHostAgent]]:
        """Every host that has an agent, and that agent."""
        return list(self._agents.items())

    def get(self, host: str) -> IHostAgent:
        """The agent of a live host. Errors: HANDLE_INVALID, HOST_OFFLINE, CANNOT_CONTACT_HOST."""
        self.assert_live(host)
        agent = self._agents.get(host)
        if agent is None:
            raise XenAPIError("CANNOT_CONTACT_HOST", host)
        return agent

    def assert_live(self, host: str) -> None:
        """Errors: HANDLE_INVALID; HOST_OFFLINE for a host that is not heard of."""
        row = self._db.get("host", host)
        metrics = self._db.table("host_metrics").find(row.metrics)
        if metrics is None or not metrics.live:
            raise XenAPIError("HOST_OFFLINE", host)

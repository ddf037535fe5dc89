"""Simulated hosts: :class:`~xapid.agent.simulator.host.SimulatedHost` does all that an agent does, in memory."""

from xapid.agent.simulator.durations import PROFILES, Durations
from xapid.agent.simulator.host import SimulatedHost
from xapid.agent.simulator.machine import Machine, Surroundings

__all__ = ["PROFILES", "Durations", "Machine", "SimulatedHost", "Surroundings"]

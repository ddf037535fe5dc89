"""Consoles of simulated VMs: a screen that shows a guest boot and echoes what is typed, for VNC clients and for terminals.

Serves ``/console`` and ``/vncsnapshot`` through :class:`xapid.agent.interface.IConsoles`.
"""

from xapid.agent.simulator.console.consoles import SimulatedConsoles

__all__ = ["SimulatedConsoles"]

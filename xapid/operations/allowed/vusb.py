"""Which operations a virtual USB port allows. Serves ``VUSB.allowed_operations`` and ``VUSB.unplug``."""

from __future__ import annotations

from xapid.operations.allowed.rules import Rule, Rules
from xapid.operations.allowed.vif import HOTPLUG, PortFacts, concurrency, leaving, power_state

RULES: Rules[PortFacts] = Rules(
    "VUSB",
    ("attach", "plug", "unplug"),
    PortFacts,
    (Rule(concurrency), Rule(power_state, HOTPLUG), Rule(leaving, HOTPLUG)),
)

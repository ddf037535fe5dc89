"""Which operations a network allows: none that clients see. Serves ``network.allowed_operations``."""

from __future__ import annotations

from xapid.operations.allowed.rules import Facts, Rules

RULES: Rules[Facts] = Rules("network", (), Facts, ())

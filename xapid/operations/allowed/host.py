"""Which operations a host allows. Serves ``host.allowed_operations``, and everything that starts, moves or empties."""

from __future__ import annotations

from functools import cached_property

import attrs

from xapid.operations.allowed.rules import Facts, Refusal, Rule, Rules

ARRIVING = {"provision", "vm_resume", "vm_migrate"}
LEAVING = {"evacuate", "reboot", "shutdown"}
EXCLUDED_BY = {
    **{operation: set(LEAVING) for operation in ARRIVING},
    **{operation: set(ARRIVING) for operation in LEAVING},
}
"""Operation → those that must not be under way."""
EXCLUDED_BY["provision"] |= {"provision"}
EXCLUDED_BY["reboot"] |= {"shutdown", "apply_updates"}
EXCLUDED_BY["shutdown"] |= {"reboot", "apply_updates"}
EXCLUDED_BY["apply_updates"] = {"reboot", "shutdown"}
EXCLUDED_BY["enable"] = {"apply_updates"}
DURING_UPGRADE = {"evacuate", "provision"}
"""All that is published while the hosts of a pool run different versions. The rest works all the same: whoever upgrades hosts
restarts them."""


@attrs.frozen(eq=False, slots=False)
class HostFacts(Facts):
    """What rules know about a host; ``row`` is the host."""

    @cached_property
    def live(self) -> bool:
        """Whether the coordinator hears from it."""
        metrics = self.find("host_metrics", self.row.metrics)
        return metrics is not None and metrics.live


def _concurrency(host: HostFacts, operation: str) -> Refusal | None:
    excluding = EXCLUDED_BY.get(operation, ())
    for task, current in host.row.current_operations.items():
        if current in excluding:
            return "OTHER_OPERATION_IN_PROGRESS", "host", host.row.ref, current, task
    return None


def _disabled(host: HostFacts, operation: str) -> Refusal | None:
    return ("HOST_NOT_DISABLED",) if host.row.enabled else None


def _dead(host: HostFacts, operation: str) -> Refusal | None:
    return ("HOST_IS_LIVE", host.row.ref) if host.live else None


def _has_power_on_mode(host: HostFacts, operation: str) -> Refusal | None:
    return None if host.row.power_on_mode else ("HOST_POWER_ON_MODE_DISABLED",)


def _published(host: HostFacts, operation: str) -> bool:
    return operation in DURING_UPGRADE or not host.upgrading


RULES: Rules[HostFacts] = Rules(
    "host",
    (
        "provision", "evacuate", "shutdown", "reboot", "power_on", "vm_start", "vm_resume", "vm_migrate", "apply_updates",
        "enable",
    ),
    HostFacts,
    (
        Rule(_concurrency),
        Rule(_disabled, {"reboot", "shutdown", "apply_updates"}),
        Rule(_dead, {"power_on"}),
        Rule(_has_power_on_mode, {"power_on"}),
    ),
    published=_published,
)  # fmt: skip

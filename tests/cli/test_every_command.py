"""Every command of xe is there and comes to an end, whatever it is given."""

from __future__ import annotations

import pytest

from xapid.cli.catalogue import commands

NOBODY = "00000000-0000-4000-8000-000000000002"
VALUES = {
    "class": "nosuch",
    "disk-size": "1GiB",
    "priority": "5",
    "ldaps": "true",
    "value": "true",
    "update": "true",
    "ca": "true",
    "mark": "true",
}
NUMBERS = (
    *("vlan", "size", "virtual-size", "memory", "min", "max", "target", "total", "multiplier", "new-vcpus", "seconds"),
    *("static-min", "static-max", "dynamic-min", "dynamic-max", "initial-allocation", "allocation-quantum", "dest-port"),
    *("first-port", "last-port", "update-sync-day", "burst-size", "fill-rate"),
)
LEAVE_ALONE = {
    # These would change the very host or pool that the other commands are tried on.
    "host-management-disable",
    "host-shutdown-agent",
    "host-prepare-for-poweroff",
    "host-reset-server-certificate",
    "pool-join",
    "pool-emergency-transition-to-master",
    "pool-emergency-reset-master",
    "session-subject-identifier-logout-all",
    "user-password-change",
}
FAULTS = ("INTERNAL_ERROR", "MESSAGE_METHOD_UNKNOWN", "MESSAGE_PARAMETER_COUNT_MISMATCH", "Unknown command", "\nFor usage run")


def words(command) -> list[str]:
    given = {name: VALUES.get(name, "1" if name in NUMBERS else NOBODY) for name in command.required}
    if command.selects:
        given.setdefault("uuid", NOBODY)
    return [f"{name}={value}" for name, value in given.items()]


def test_every_command_ends_and_none_stumbles(xe):
    stumbled = {}
    for name, command in commands().items():
        if name in LEAVE_ALONE:
            continue
        result = xe(name, *words(command), files={NOBODY: b"contents"})
        if result.status not in (0, 1) or any(fault in result.err for fault in FAULTS):
            stumbled[name] = result.err or result.status
    assert not stumbled


@pytest.mark.parametrize("missing", ["all", "each"])
def test_a_command_without_its_parameters_says_which_it_lacks(xe, missing):
    for name, command in commands().items():
        if command.required:
            given = words(command)[:-1] if missing == "each" and not command.selects else []
            result = xe(name, *given)
            lacked = command.required[len(given)] if given else command.required[0]
            assert result.err.startswith(f"Required parameter not found: {lacked}\n"), name
            assert result.status == 1


def test_every_command_can_be_explained(xe):
    for name in commands():
        explained = xe.good("help", name).out
        assert f"command name            : {name}\n" in explained
        assert explained.splitlines()[3].removeprefix("        description     : ").strip(), name

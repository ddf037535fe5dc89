"""What is not done yet is known."""

from __future__ import annotations

from xapid.cli.catalogue import commands
from xapid.cli.coverage import messages_of, not_done


def test_the_messages_of_a_row_and_of_a_function_are_found():
    assert messages_of(commands()["vif-plug"]) == {"VIF.plug"}
    assert messages_of(commands()["vm-start"]) == {"VM.start", "VM.start_on"}


def test_only_commands_whose_messages_are_missing_are_not_done():
    undone = not_done()
    assert all(messages_of(commands()[name]) >= set(messages) for name, messages in undone.items())
    assert not undone.keys() & {"vm-start", "vm-list", "network-create", "sr-create"}

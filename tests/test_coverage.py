"""The count of what is answered."""

from __future__ import annotations

from xapid.coverage import KINDS, count, page, summary
from xapid.datamodel.catalogue import catalogue


def test_every_message_is_counted_once_and_by_what_it_answers():
    api = catalogue()
    coverage = count(api, {"VM.start"})
    assert coverage.names.keys() == api.messages.keys()
    assert sum(len(coverage.of(kind)) for kind in KINDS) == len(api.messages)
    assert coverage.names["VM.start"] == "implemented"
    assert coverage.names["VM.clean_shutdown"] == "not yet done"
    assert coverage.names["VM.get_power_state"] == "derived"
    assert coverage.of("implemented") == ["VM.start"]


def test_a_removed_message_is_removed_even_if_a_function_is_left():
    api = catalogue()
    removed = next(name for name, entry in api.messages.items() if entry.removed)
    assert count(api, {removed}).names[removed] == "removed"


def test_the_page_and_the_summary_show_the_same_numbers():
    coverage = count(bound={"VM.start"})
    text, short = page(coverage), summary(coverage)
    for kind in KINDS:
        assert f"| {kind} | {len(coverage.of(kind)):,} |" in text
        assert f"{len(coverage.of(kind)):,}  {kind}" in short
    assert "`clean_shutdown`" in text
    vm = next(line for line in text.splitlines() if line.startswith("- `VM`:"))
    assert "`pause`" in vm
    assert "`start`" not in vm

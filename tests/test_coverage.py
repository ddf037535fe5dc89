"""The count of what is answered."""

from __future__ import annotations

from xapid.coverage import KINDS, count, page, summary
from xapid.datamodel.catalogue import catalogue
from xapid.operations.binding import Bound

START = {"VM.start": Bound(lambda *_: None, False)}


def test_every_message_is_counted_once_and_by_what_it_answers():
    api = catalogue()
    coverage = count(api, START)
    assert coverage.names.keys() == api.messages.keys()
    assert sum(len(coverage.of(kind)) for kind in KINDS) == len(api.messages)
    assert coverage.names["VM.start"] == "implemented"
    assert coverage.names["VM.clean_shutdown"] == "not yet done"
    assert coverage.names["VM.get_power_state"] == "derived"
    assert coverage.of("implemented") == ["VM.start"]


def test_removed_and_refused_messages_are_told_apart_from_missing_ones():
    api = catalogue()
    coverage = count(api, {})
    assert coverage.of("removed")
    assert all(api.messages[name].message.refused for name in coverage.of("refused"))
    assert not any(api.messages[name].message.implicit for name in coverage.not_done)


def test_a_derived_message_with_a_function_is_still_counted_as_derived():
    assert count(bound={"VM.create": START["VM.start"]}).names["VM.create"] == "derived"


def test_the_page_and_the_summary_show_the_same_numbers():
    coverage = count(bound=START)
    text, short = page(coverage), summary(coverage)
    for kind in KINDS:
        assert f"| {kind} | {len(coverage.of(kind)):,} |" in text
        assert f"{len(coverage.of(kind)):,}  {kind}" in short
    assert "`clean_shutdown`" in text
    vm = next(line for line in text.splitlines() if line.startswith("- `VM`:"))
    assert "`pause`" in vm
    assert "`start`" not in vm

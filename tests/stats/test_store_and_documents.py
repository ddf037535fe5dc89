"""The store of archives, and the answers that clients get from it, in XML and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from lxml import etree

from xapid.stats import Store, whole
from xapid.stats.numbers import text
from xapid.stats.sources import describe
from xapid.stats.updates import Table, archive_for

START = 1_800_000_000


@pytest.fixture
def store() -> Store:
    """A host with one VM, measured for two minutes."""
    store = Store()
    for number in range(25):
        time = START + 5 * number
        store.take("host", "h", "h", time, {"cpu0": 0.5, "xapi_open_fds": 9.0})
        store.take("vm", "v", "h", time, {"memory": float(number), "runnable_any": 0.1})
    return store


def table(store: Store, start: int, interval: int = 5, function: str = "AVERAGE") -> Table:
    return Table.of(store.all(), start, interval, function)  # type: ignore[arg-type]


def whole_text(pieces: Iterator[bytes]) -> bytes:
    return b"".join(pieces)


def test_only_standard_sources_are_kept_until_another_is_asked_for(store: Store) -> None:
    assert table(store, START).legend == ("AVERAGE:host:h:cpu0", "AVERAGE:vm:v:memory")
    store.keep("vm", "v", "runnable_any")
    store.take("vm", "v", "h", START + 125, {"memory": 25.0, "runnable_any": 0.25})
    found = json.loads(whole_text(table(store, START + 115).json()))
    assert found["meta"]["legend"][2] == "AVERAGE:vm:v:runnable_any"
    assert [row["values"] for row in found["data"]] == [["NaN", "25", "0.25"], ["0.5", "24", "NaN"]]


def test_a_source_may_be_kept_before_anything_was_measured() -> None:
    store = Store()
    store.keep("vm", "v", "runnable_any")
    store.take("vm", "v", "h", START, {"runnable_any": 0.5})
    assert table(store, START - 5).legend == ("AVERAGE:vm:v:runnable_any",)


def test_what_is_forgotten_begins_anew_if_it_is_standard_and_goes_if_not(store: Store) -> None:
    store.keep("vm", "v", "runnable_any")
    store.forget("vm", "v", "runnable_any")
    store.forget("vm", "v", "memory")
    store.take("vm", "v", "h", START + 125, {"memory": 25.0, "runnable_any": 0.25})
    series = store.find("vm", "v")
    assert series is not None
    assert series.archive.names == ("memory",)
    newest, before = (series.archive.rings("AVERAGE")[0].row(START + at) for at in (125, 120))
    assert newest is not None and before is not None
    assert newest[0] == 25.0
    assert before[0] != before[0]


def test_a_vm_that_moves_takes_its_archives_along_and_leaves_the_host(store: Store) -> None:
    store.take("vm", "v", "other", START + 125, {"memory": 25.0, "runnable_any": 0.1})
    assert [one.uuid for one in store.on("other", "vm", START + 125)] == ["v"]
    assert not list(store.on("h", "vm", START + 125))
    assert table(store, START).times[-1] == START + 5


def test_a_vm_that_is_not_measured_any_more_is_not_on_the_host_but_is_found(store: Store) -> None:
    assert [one.uuid for one in store.on("h", "vm", START + 125)] == ["v"]
    assert not list(store.on("h", "vm", START + 145))
    assert store.find("vm", "v") is not None


def test_json_rows_come_newest_first_with_values_as_strings(store: Store) -> None:
    found = json.loads(whole_text(table(store, START + 105).json()))
    assert found == {
        "meta": {
            "start": START + 110, "step": 5, "end": START + 120, "rows": 3, "columns": 2,
            "legend": ["AVERAGE:host:h:cpu0", "AVERAGE:vm:v:memory"],
        },
        "data": [
            {"t": START + 120, "values": ["0.5", "24"]},
            {"t": START + 115, "values": ["0.5", "23"]},
            {"t": START + 110, "values": ["0.5", "22"]},
        ],
    }  # fmt: skip


def test_xml_says_the_same(store: Store) -> None:
    assert whole_text(table(store, START + 110).xml()).decode() == (
        f"<xport><meta><start>{START + 115}</start><step>5</step><end>{START + 120}</end><rows>2</rows><columns>2</columns>"
        "<legend><entry>AVERAGE:host:h:cpu0</entry><entry>AVERAGE:vm:v:memory</entry></legend></meta><data>"
        f"<row><t>{START + 120}</t><v>0.5</v><v>24</v></row><row><t>{START + 115}</t><v>0.5</v><v>23</v></row></data></xport>"
    )


def test_polling_from_the_end_gives_nothing_twice(store: Store) -> None:
    first = table(store, START + 105)
    assert not table(store, first.end).times
    store.take("vm", "v", "h", START + 125, {"memory": 25.0, "runnable_any": 0.1})
    assert list(table(store, first.end).times) == [START + 125]


def test_a_negative_start_counts_from_the_newest_row(store: Store) -> None:
    assert list(table(store, -10).times) == [START + 120, START + 115]


@pytest.mark.parametrize(
    ("interval", "start", "step"),
    [
        (0, -300, 5), (0, -3600, 60), (0, -86400, 3600), (0, -30 * 86400, 86400), (0, -3000 * 86400, 86400),
        (5, -600, 5), (5, -7200, 5), (60, -600, 60), (3600, -600, 3600), (86400, -600, 86400),
        (7, -300, 60), (61, -300, 3600), (100_000, -300, 86400),
    ],
)  # fmt: skip
def test_the_archive_is_the_one_asked_for_or_the_finest_that_reaches_back(interval: int, start: int, step: int) -> None:
    assert (5, 60, 3600, 86400)[archive_for(interval, START + start, START)] == step


def test_least_and_greatest_values_are_kept_of_hosts_and_on_demand_of_vms(store: Store) -> None:
    assert table(store, START, 60, "MAX").legend == ("MAX:host:h:cpu0",)
    store.with_extremes = True
    store.take("vm", "w", "h", START + 120, {"memory": 1.0})
    assert table(store, START, 60, "MIN").legend == ("MIN:host:h:cpu0", "MIN:vm:w:memory")
    assert table(store, START, 60, "LAST").legend == ()


def test_a_table_of_nothing_is_a_table() -> None:
    empty = Table.of([], START, 60, "AVERAGE")
    assert json.loads(whole_text(empty.json()))["meta"]["rows"] == 0
    assert etree.fromstring(whole_text(empty.xml())).findtext("meta/step") == "60"


def test_the_whole_archive_has_all_its_rows_oldest_first(store: Store) -> None:
    series = store.find("vm", "v")
    assert series is not None
    root = etree.fromstring(whole_text(whole.xml(series)))
    assert (root.findtext("version"), root.findtext("step"), root.findtext("lastupdate")) == ("0003", "5", str(START + 120))
    assert [source.findtext("name") for source in root.findall("ds")] == ["memory"]
    assert root.findtext("ds/last_ds") == "24"
    assert [archive.findtext("cf") for archive in root.findall("rra")] == ["AVERAGE"] * 4
    assert [archive.findtext("pdp_per_row") for archive in root.findall("rra")] == ["1", "12", "720", "17280"]
    first = [row.findtext("v") for row in root.findall("rra")[0].findall("database/row")]
    assert len(first) == 120
    assert first[:95] == ["NaN"] * 95
    assert first[95:98] == ["0.0", "1", "2"]
    assert first[-1] == "24"


def test_the_whole_archive_is_the_same_in_json(store: Store) -> None:
    series = store.find("host", "h")
    assert series is not None
    found = json.loads(whole_text(whole.json(series)))
    assert found["ds"][0]["name"] == "cpu0"
    assert [archive["cf"] for archive in found["rra"]] == ["AVERAGE"] * 4 + ["MIN"] * 4 + ["MAX"] * 4
    assert [len(archive["database"]) for archive in found["rra"]] == [120, 120, 168, 366] * 3
    assert found["rra"][0]["database"][-1] == ["0.5"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, "0.0"), (-0.0, "0.0"), (0.5, "0.5"), (4294967296.0, "4294967296"), (float("nan"), "NaN"),
     (float("inf"), "Infinity"), (float("-inf"), "-Infinity"), (1e-7, "1e-07")],
)  # fmt: skip
def test_figures_are_written_as_the_reference_server_does(value: float, expected: str) -> None:
    assert text(value) == expected


def test_families_of_sources_are_known_by_their_names() -> None:
    assert describe("vm", "vif_3_rx").doc == "Bytes received on interface 3"
    assert describe("vm", "vbd_xvda_write").units == "B/s"
    assert describe("host", "pif_aggr_rx").doc == "Bytes received on all interfaces"
    assert describe("host", "cpu_avg").most == 1.0
    assert not describe("host", "never heard of").standard

"""Archives as files: what a later process goes on from, and what it does with files that are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from twisted.internet import defer
from twisted.internet.task import Clock

from xapid.operations.keeping import EVERY, Keeping
from xapid.stats import Store, kept, whole
from xapid.stats.store import ALL
from xapid.testing.logged import LoggedFailures

START = 1_800_000_000


def measured(ticks: int = 1000) -> Store:
    """A host and a VM, measured for a while, with a gap."""
    store = Store()
    store.keep("vm", "v", "runnable_any")
    for number in range(ticks):
        time = START + 5 * number
        store.take("host", "h", "h", time, {"cpu0": number % 7 / 7, "memory_free_kib": 9.0})
        if number % 50:
            store.take("vm", "v", "h", time, {"memory": float(number), "runnable_any": 0.1})
    return store


def documents(store: Store) -> list[bytes]:
    return [b"".join(whole.xml(series)) for series in store.all()]


def test_archives_come_back_as_they_were_with_whose_they_are() -> None:
    store = measured()
    again = Store()
    for series in store.all():
        found = kept.unpacked(kept.packed(series))
        assert found is not None
        assert (found.host, found.asked, found.archive.functions) == (series.host, series.asked, series.archive.functions)
        again.put(found)
    assert documents(again) == documents(store)
    for one, other in zip(store.all(), again.all(), strict=True):
        for function in ALL:
            for ring, copy in zip(one.archive.rings(function), other.archive.rings(function), strict=True):
                assert ring.span(0, ring.last).tobytes() == copy.span(0, copy.last).tobytes()
                assert (ring.last, ring.step, ring.capacity) == (copy.last, copy.step, copy.capacity)


def test_history_goes_on_behind_a_gap() -> None:
    """And a source that was asked for is kept on."""
    store = measured(100)
    series = store.find("vm", "v")
    assert series is not None
    found = kept.unpacked(kept.packed(series))
    assert found is not None
    again = Store()
    again.put(found)
    later = START + 5 * 110
    again.take("vm", "v", "other", later, {"memory": 7.0, "runnable_any": 0.5, "vif_0_rx": 1.0})
    ring = found.archive.rings("AVERAGE")[0]
    newest, before, last = ring.row(later), ring.row(later - 5), ring.row(START + 5 * 99)
    assert found.archive.names == ("memory", "runnable_any", "vif_0_rx")
    assert newest is not None and list(newest) == [7.0, 0.5, 1.0]
    assert before is not None and all(value != value for value in before)
    assert last is not None and list(last)[:2] == [99.0, 0.1]
    assert again.keeps("vm", "v", "runnable_any")


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: data[:99] + b"?" + data[100:], lambda data: b""])
def test_a_damaged_file_is_none(damage: Callable[[bytes], bytes]) -> None:
    (series, *_) = measured(10).all()
    assert kept.unpacked(damage(kept.packed(series))) is None


def at_once(function: Callable[[], object]) -> defer.Deferred[object]:
    return defer.execute(function)


def test_archives_are_written_every_hour_and_at_the_end_and_read_at_the_start(tmp_path: Path) -> None:
    folder = kept.Folder(tmp_path / "statistics")
    clock, store = Clock(), measured(100)
    keeping = Keeping(store, folder, clock, at_once)  # type: ignore[arg-type]
    keeping.start()
    clock.advance(EVERY)
    assert sorted(path.name for path in folder.path.iterdir()) == ["host-h", "vm-v"]
    store.drop("host", "h")
    (folder.path / ".vm-v.new").write_bytes(b"of a process that died")
    store.take("vm", "v", "h", START + 5 * 100, {"memory": 1.0})
    defer.ensureDeferred(keeping.stop())
    assert [path.name for path in folder.path.iterdir()] == ["vm-v"]
    clock.advance(2 * EVERY)
    (folder.path / "vm-junk").write_bytes(b"junk")
    again = Store()
    Keeping(again, folder, clock, at_once).start()  # type: ignore[arg-type]
    assert documents(again) == documents(store)


def test_a_full_disk_is_said_and_no_more(tmp_path: Path, xapid_logged: LoggedFailures) -> None:
    (tmp_path / "statistics").write_bytes(b"in the way")
    keeping = Keeping(measured(1), kept.Folder(tmp_path / "statistics"), Clock(), at_once)  # type: ignore[arg-type]
    done = defer.ensureDeferred(keeping.save())
    assert done.called
    xapid_logged.flush()

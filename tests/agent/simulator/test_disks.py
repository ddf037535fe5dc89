"""What is on simulated disks: shared, frozen, compared, and still there after the process has ended."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xapid.agent.simulator.disks import BlockStore
from xapid.agent.simulator.disks.upload import Full

MIB = 1 << 20
SR = "sr"
BLOCK = 2 * MIB
SIZE = 4 * BLOCK


def run(work):
    """What a coroutine that waits for nothing returns."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


def write(store, disk, *writes, **options):
    upload = store.upload(SR, disk, **options)
    for offset, data in writes:
        upload.write(offset, data)
    run(store.commit(upload))


@pytest.fixture(params=["memory", "files"])
def store(request, tmp_path):
    return BlockStore(None if request.param == "memory" else tmp_path)


def test_a_disk_that_was_never_written_to_is_zeroes_and_takes_nothing(store):
    assert store.read("a", 5 << 40, 1000) == bytes(1000)
    assert (store.stored(SR), store.exclusive("a"), "a" in store) == (0, 0, False)


def test_bytes_come_back_wherever_they_were_put(store):
    write(store, "a", (BLOCK - 3, b"across"), (700, b"odd"))
    assert store.read("a", BLOCK - 4, 8) == b"\0across\0"
    assert store.read("a", 699, 5) == b"\0odd\0"
    assert store.stored(SR) == 2 * BLOCK


def test_zeroes_take_no_room_and_hide_what_was_there(store):
    write(store, "a", (0, b"x" * BLOCK))
    write(store, "a", (0, bytes(BLOCK)), (BLOCK, bytes(BLOCK)))
    assert (store.read("a", 0, SIZE), store.stored(SR)) == (bytes(SIZE), 0)


def test_nothing_of_an_upload_shows_before_its_end_and_nothing_of_an_abandoned_one_remains(store, tmp_path):
    write(store, "a", (0, b"before"))
    upload = store.upload(SR, "a")
    upload.write(0, b"after!")
    assert store.read("a", 0, 6) == b"before"
    store.abandon(upload)
    assert (store.read("a", 0, 6), store.stored(SR)) == (b"before", BLOCK)
    assert len(list((tmp_path / "segments").glob("*"))) <= 1


def test_a_clone_shares_until_either_is_written_to(store):
    write(store, "a", (0, b"a" * BLOCK), (BLOCK, b"b" * BLOCK))
    run(store.share(SR, "a", "c"))
    assert (store.stored(SR), store.exclusive("a"), store.exclusive("c")) == (2 * BLOCK, 0, 0)
    write(store, "a", (10, b"new"))
    assert store.read("c", 0, BLOCK) == b"a" * BLOCK
    assert store.read("a", 0, 20) == b"a" * 10 + b"new" + b"a" * 7
    assert (store.stored(SR), store.exclusive("a"), store.exclusive("c")) == (3 * BLOCK, BLOCK, BLOCK)


def test_what_nobody_uses_any_more_is_given_back(store, tmp_path):
    write(store, "a", (0, b"a" * BLOCK), (BLOCK, b"b" * BLOCK))
    run(store.share(SR, "a", "c"))
    write(store, "c", (0, b"c" * BLOCK))
    assert store.remove("a") == BLOCK
    assert store.remove("c") == 2 * BLOCK
    assert (store.stored(SR), list(tmp_path.glob("segments/*")), list(tmp_path.glob("maps/*"))) == (0, [], [])


def test_what_is_held_for_reading_stays_as_it_was(store):
    write(store, "a", (0, b"old"))
    held = store.hold("a")
    write(store, "a", (0, b"new"))
    store.remove("a")
    assert store.read(held, 0, 3) == b"old"
    store.release(held)
    assert store.stored(SR) == 0


def test_there_may_be_no_room(store):
    upload = store.upload(SR, "a", lambda: BLOCK)
    upload.write(0, b"x" * BLOCK)
    with pytest.raises(Full):
        upload.write(BLOCK, b"x")


def test_it_is_known_to_64_kib_what_was_written_since(store):
    write(store, "a", (0, b"a" * BLOCK))
    run(store.share(SR, "a", "before"))
    write(store, "a", (3 * 65536 + 5, b"x"), (BLOCK + 65536 * 9, b"y"))
    bits = store.changes("before", "a", SIZE)
    assert len(bits) == SIZE // 65536 // 8
    assert [n for n in range(SIZE // 65536) if bits[n // 8] << n % 8 & 0x80] == [3, 32 + 9]
    run(store.forget_data("before"))
    assert (store.changes("before", "a", SIZE), store.read("before", 0, 5)) == (bits, bytes(5))


def test_everything_is_there_again_after_a_restart_but_for_what_was_not_finished(tmp_path):
    store = BlockStore(tmp_path)
    write(store, "a", (0, b"a" * BLOCK), (BLOCK + 512, b"b" * 512))
    run(store.share(SR, "a", "c"))
    write(store, "c", (5, b"c"))
    run(store.share(SR, "a", "ghost"))
    run(store.forget_data("ghost"))
    half = store.upload(SR, "a")
    half.write(0, b"half")
    (tmp_path / "maps" / "a.new").write_bytes(b"half")
    again = BlockStore(tmp_path)
    for name in ("a", "c", "ghost"):
        assert again.read(name, 0, SIZE) == store.read(name, 0, SIZE)
        assert again.exclusive(name) == store.exclusive(name)
        assert again.changes(name, "a", SIZE) == store.changes(name, "a", SIZE)
    assert again.stored(SR) == store.stored(SR)
    assert len(list((tmp_path / "segments").iterdir())) == 2
    assert not list((tmp_path / "maps").glob("*.new"))


def test_contents_that_cannot_be_kept_leave_a_disk_as_it_was(tmp_path):
    store = BlockStore(tmp_path)
    write(store, "a", (0, b"a" * BLOCK))
    write(store, "b", (0, b"b" * BLOCK))

    def full(function):
        raise OSError("no space left on device")

    store.in_thread, kept = full, store.in_thread
    for new in ("b", "c"):
        with pytest.raises(OSError, match="no space"):
            run(store.share(SR, "a", new))
    store.in_thread = kept
    assert (store.read("b", 0, 5), "c" in store, store.stored(SR)) == (b"bbbbb", False, 2 * BLOCK)
    run(store.share(SR, "a", "b"))
    assert (store.read("b", 0, 5), store.stored(SR)) == (b"aaaaa", BLOCK)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["write", "zero", "clone", "remove", "restart"]), st.integers(0, 5), st.integers(0, 5),
        st.integers(0, SIZE - 1), st.sampled_from([1, 512, 4096, 65536, 70_000, BLOCK]),
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_disks_hold_what_plain_arrays_would(steps, tmp_path_factory):
    """And their differences, put on one, make the other of it; and blocks are counted once."""
    folder = tmp_path_factory.mktemp("disks")
    store, model = BlockStore(folder), {}
    for number, (action, one, other, offset, length) in enumerate(steps):
        disk, target = f"d{one}", f"d{other}"
        length = min(length, SIZE - offset)
        if action in ("write", "zero"):
            data = bytes(length) if action == "zero" else random.Random(number).randbytes(length)
            write(store, disk, (offset, data))
            model.setdefault(disk, bytearray(SIZE))[offset : offset + length] = data
        elif action == "clone" and disk in model and target not in model:
            run(store.share(SR, disk, target))
            model[target] = bytearray(model[disk])
        elif action == "remove":
            store.remove(disk)
            model.pop(disk, None)
        elif action == "restart":
            store = BlockStore(folder)
    for disk, expected in model.items():
        assert store.read(disk, 0, SIZE) == expected
        for base, from_base in model.items():
            patched = bytearray(from_base)
            for _, ranges in store.ranges(disk, base):
                for at, size in ranges:
                    patched[at : at + size] = expected[at : at + size]
            assert patched == expected
    held = {(held.segment, block) for disk in model for block, held in store.blocks(disk).items()}
    assert store.stored(SR) == len(held) * BLOCK

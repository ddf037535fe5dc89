"""Archives of VMs: written and read again, in the layout that the reference server has, and refused when damaged."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TypeVar

import pytest
import xxhash
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from xapid.datamodel.errors import XenAPIError
from xapid.xva import archive, checksums, compression, tar
from xapid.xva.archive import CHUNK, Archive, Disk
from xapid.xva.streams import ByteStream, Truncated

T = TypeVar("T")
DOCUMENT = b"<value>the document</value>"


def run(work: Awaitable[T]) -> T:
    async def main() -> T:
        return await work

    return asyncio.run(main())


def source(data: bytes, size: int = 65_536) -> Callable[[], Awaitable[bytes]]:
    pieces = iter([data[at : at + size] for at in range(0, len(data), size)])

    async def read() -> bytes:
        return next(pieces, b"")

    return read


async def ranges(*used: tuple[int, int]) -> AsyncIterator[tuple[int, int]]:
    for found in used:
        yield found


def written(*disks: tuple[str, bytes]) -> bytes:
    """An archive as we write it."""

    async def write() -> bytes:
        parts = archive.member("ova.xml", DOCUMENT)
        for name, data in disks:

            async def read(offset: int, length: int, data: bytes = data) -> bytes:
                return data[offset : offset + length]

            async for _, members in archive.chunks(Disk(name, len(data), read, ranges((0, len(data))))):
                parts += members
        return b"".join([*parts, tar.END])

    return run(write())


def by_hand(*files: tuple[str, bytes]) -> bytes:
    """An archive as another program writes it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as out:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def summed(name: str, data: bytes) -> list[tuple[str, bytes]]:
    return [(name, data), (f"{name}.xxhash", f"{xxhash.xxh64_intdigest(data):016X}".encode())]


def contents(data: bytes, sizes: dict[str, int], *, force: bool = False, piece: int = 65_536) -> dict[str, bytes]:
    """What the disks of an archive hold."""

    async def read() -> dict[str, bytes]:
        reader = Archive(source(data, piece), force=force)
        assert await reader.document() == DOCUMENT
        disks = {name: bytearray(size) for name, size in sizes.items()}
        async for chunk in reader.chunks(sizes):
            disks[chunk.disk][chunk.offset : chunk.offset + len(chunk.data)] = chunk.data
        return {name: bytes(disk) for name, disk in disks.items()}

    return run(read())


def refusal(data: bytes, sizes: dict[str, int]) -> tuple[str, ...]:
    with pytest.raises(XenAPIError) as caught:
        contents(data, sizes)
    return caught.value.description


SPARSE = bytes(CHUNK) + b"one" + bytes(3 * CHUNK) + b"two" + bytes(2 * CHUNK + 100)


def test_what_is_written_is_read_again() -> None:
    data = written(("Ref:3", SPARSE), ("Ref:12", b"small"))
    assert contents(data, {"Ref:3": len(SPARSE), "Ref:12": 5}) == {"Ref:3": SPARSE, "Ref:12": b"small"}


def test_chunks_of_zeros_are_left_out_but_for_the_first_and_the_last() -> None:
    """And every chunk is followed by its checksum, in a tar archive that others read."""
    with tarfile.open(fileobj=io.BytesIO(written(("Ref:3", SPARSE)))) as found:
        names = found.getnames()
        chunks = [f"Ref:3/{number:08d}" for number in (0, 1, 4, 6)]
        assert names == ["ova.xml", *(name for chunk in chunks for name in (chunk, f"{chunk}.xxhash"))]
        first = found.extractfile("Ref:3/00000001.xxhash")
        assert first is not None
        assert first.read() == f"{xxhash.xxh64_intdigest(SPARSE[CHUNK : 2 * CHUNK]):016X}".encode()


def test_without_the_package_for_xxh64_checksums_are_sha1(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which every reader knows; an archive with the others is refused in words that say what is missing."""
    ours = written(("Ref:3", b"data"))
    monkeypatch.setattr(checksums, "HAS_XXHASH", False)
    data = written(("Ref:3", b"data"))
    assert hashlib.sha1(b"data").hexdigest().encode() in data
    assert contents(data, {"Ref:3": 4}) == {"Ref:3": b"data"}
    code, reason = refusal(ours, {"Ref:3": 4})
    assert code == "IMPORT_ERROR"
    assert "xapid[xva]" in reason


@pytest.mark.parametrize(
    "pack", [gzip.compress, zstandard.compress, lambda data: gzip.compress(data[:999]) + gzip.compress(data[999:])]
)
def test_compressed_archives_are_unpacked(pack: Callable[[bytes], bytes]) -> None:
    data = pack(written(("Ref:3", SPARSE)))
    assert contents(data, {"Ref:3": len(SPARSE)}, piece=1000) == {"Ref:3": SPARSE}


@pytest.mark.parametrize("method", ["gzip", "zstd", ""])
def test_what_we_compress_we_unpack(method: compression.Method) -> None:
    plain = written(("Ref:3", SPARSE))
    packer = compression.compressor(method)
    assert contents(packer.compress(plain) + packer.flush(), {"Ref:3": len(SPARSE)}) == {"Ref:3": SPARSE}


def test_without_its_package_zstd_is_refused_in_words_that_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "HAS_ZSTD", False)
    code, reason = refusal(zstandard.compress(written()), {})
    assert code == "IMPORT_ERROR"
    assert "xapid[xva]" in reason
    with pytest.raises(checksums.Missing, match="zstandard"):
        compression.compressor("zstd")


def test_a_compressed_bomb_is_unpacked_a_little_at_a_time() -> None:
    """However much a stream grows, no more than a bounded piece of it is there at once."""
    data = zstandard.ZstdCompressor(level=3).compress(bytes(512 << 20))
    assert len(data) < 100_000

    async def largest() -> int:
        stream = await compression.decompressed(ByteStream(source(data)))
        return len(await stream.some())

    assert run(largest()) <= 128 << 20


def test_empty_chunks_use_up_a_number_and_no_space() -> None:
    """A writer that waits puts them in; what follows stays where it belongs."""
    chunk = b"a" * CHUNK
    data = by_hand(
        ("ova.xml", DOCUMENT),
        *summed("Ref:3/00000000", chunk), *summed("Ref:3/00000001", b""), *summed("Ref:3/00000004", b"end"),
    )  # fmt: skip
    assert contents(data, {"Ref:3": 3 * CHUNK + 3}) == {"Ref:3": chunk + bytes(2 * CHUNK) + b"end"}


def test_archives_of_other_programs_are_read() -> None:
    """SHA-1 checksums, a list of them at the end, folders between the files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as out:
        folder = tarfile.TarInfo("Ref:3")
        folder.type = tarfile.DIRTYPE
        for name, data in [
            ("ova.xml", DOCUMENT), ("Ref:3/00000000", b"data"),
            ("Ref:3/00000000.checksum", hashlib.sha1(b"data").hexdigest().encode()), ("checksum.xml", b"<x/>"),
        ]:  # fmt: skip
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
            if name == "ova.xml":
                out.addfile(folder)
    assert contents(buffer.getvalue(), {"Ref:3": 4}) == {"Ref:3": b"data"}


def test_a_damaged_chunk_is_refused_unless_forced() -> None:
    data = by_hand(("ova.xml", DOCUMENT), ("Ref:3/00000000", b"date"), summed("Ref:3/00000000", b"data")[1])
    assert refusal(data, {"Ref:3": 4}) == ("IMPORT_ERROR_SOME_CHECKSUMS_FAILED",)
    assert contents(data, {"Ref:3": 4}, force=True) == {"Ref:3": b"date"}


UNEXPECTED = "IMPORT_ERROR_UNEXPECTED_FILE"
BAD: dict[str, tuple[bytes, dict[str, int], str]] = {
    "no archive": (b"<!DOCTYPE html>" * 100, {}, UNEXPECTED),
    "nothing": (b"", {}, "IMPORT_ERROR_PREMATURE_EOF"),
    "another file first": (by_hand(("readme", b"x")), {}, UNEXPECTED),
    "a file too many": (by_hand(("ova.xml", DOCUMENT), ("other", b"x")), {}, UNEXPECTED),
    "a disk nobody knows": (by_hand(("ova.xml", DOCUMENT), ("Ref:4/00000000", b"x")), {"Ref:3": 1}, UNEXPECTED),
    "a disk too few": (by_hand(("ova.xml", DOCUMENT)), {"Ref:3": 1}, "IMPORT_ERROR_PREMATURE_EOF"),
    "the last chunk missing": (
        by_hand(("ova.xml", DOCUMENT), ("Ref:3/00000000", bytes(10))), {"Ref:3": 20}, "IMPORT_ERROR_PREMATURE_EOF",
    ),
    "beyond the disk": (by_hand(("ova.xml", DOCUMENT), ("Ref:3/00000000", bytes(10))), {"Ref:3": 9}, "IMPORT_ERROR"),
    "backwards": (
        by_hand(("ova.xml", DOCUMENT), ("Ref:3/00000001", b"x"), ("Ref:3/00000000", b"y")), {"Ref:3": 9}, UNEXPECTED,
    ),
    "damaged gzip": (gzip.compress(written())[:20] + b"\xff" * 50, {}, "IMPORT_ERROR"),
    "truncated gzip": (gzip.compress(written())[:30], {}, "IMPORT_ERROR_PREMATURE_EOF"),
    "damaged zstd": (zstandard.compress(written())[:8] + b"\xff" * 50, {}, "IMPORT_ERROR"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_archives_are_refused(case: str) -> None:
    data, sizes, code = BAD[case]
    assert refusal(data, sizes)[0] == code


@pytest.mark.parametrize("size", [b"-0000000001\0", b"0000000_001\0", b"+0000000001\0"])
def test_a_size_is_spelled_in_octal_digits_and_nothing_else(size: bytes) -> None:
    block = bytearray(tar.header("ova.xml", 1))
    block[124:136] = size
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    with pytest.raises(tar.NotTar):
        tar.parse(bytes(block))


def test_wherever_an_archive_is_cut_it_is_refused() -> None:
    data = by_hand(("ova.xml", DOCUMENT), *summed("Ref:3/00000000", b"some data"))
    end = len(data.rstrip(b"\0")) // 512 * 512 + 512
    for cut in range(0, end, 61):
        assert refusal(data[:cut], {"Ref:3": 9})[0] in ("IMPORT_ERROR_PREMATURE_EOF", "IMPORT_ERROR_UNEXPECTED_FILE")


@given(st.binary(max_size=2000), st.integers(1, 700))
@settings(max_examples=200, deadline=None)
def test_no_bytes_whatever_do_more_than_be_refused(noise: bytes, at: int) -> None:
    data = by_hand(("ova.xml", DOCUMENT), *summed("Ref:3/00000000", b"some data"))
    spoilt = data[: 1024 + at] + noise
    assert refusal(spoilt, {"Ref:3": 9})[0].startswith("IMPORT_ERROR")


@pytest.mark.parametrize(
    ("size", "used", "numbers"),
    [
        (0, [], []),
        (1, [], [0]),
        (CHUNK, [(0, CHUNK)], [0]),
        (CHUNK + 1, [], [0, 1]),
        (2 << 40, [], [0, (2 << 20) - 1]),
        (10 * CHUNK, [(0, 1), (CHUNK + 5, 1), (CHUNK + 9, 2 * CHUNK - 9), (8 * CHUNK, 0)], [0, 1, 2, 9]),
        (3 * CHUNK, [(0, 9 * CHUNK)], [0, 1, 2]),
    ],
)
def test_only_chunks_in_use_are_looked_at(size: int, used: Iterable[tuple[int, int]], numbers: list[int]) -> None:
    async def listed() -> list[int]:
        return [number async for number in archive.chunk_numbers(size, ranges(*used))]

    assert run(listed()) == numbers


@given(st.lists(st.binary(min_size=1, max_size=50)), st.lists(st.integers(0, 40)))
@settings(deadline=None)
def test_a_stream_gives_its_bytes_in_whatever_pieces_are_asked_for(pieces: list[bytes], counts: list[int]) -> None:
    whole, rest = b"".join(pieces), iter(pieces)

    async def read() -> bytes:
        return next(rest, b"")

    async def check() -> None:
        stream, at = ByteStream(read), 0
        for count in counts:
            assert await stream.peek(count) == whole[at : at + count]
            if at + count > len(whole):
                with pytest.raises(Truncated):
                    await stream.exactly(count)
                return
            if count % 2:
                await stream.skip(count)
            else:
                assert await stream.exactly(count) == whole[at : at + count]
            at += count

    run(check())

"""Raw, VHD and qcow2 images: what is written can be read back, by us and by QEMU's tools; what is damaged is refused."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess

import pytest

from tests.formats.conftest import MIB, empty, filled, run, stream, turn, written
from xapid.formats.ends import BadImage, TooSmall
from xapid.formats.qcow2 import read_qcow2, write_qcow2
from xapid.formats.raw import read_raw, read_records, write_raw, write_records
from xapid.formats.vhd import Parent, read_vhd, write_vhd
from xapid.xva.streams import Truncated

UUID, BASE = "5b1c2d3e-4f50-4a61-8b72-9c8d0e1f2a3b", "00000000-0000-4000-8000-000000000001"
NOW = 1_800_000_000.0


def vhd(disk, parent=None):
    return written(write_vhd(disk, UUID, NOW, parent))


def from_vhd(data, disk):
    run(read_vhd(stream(data), disk))


def from_qcow2(data, disk):
    run(read_qcow2(io.BytesIO(data), len(data), disk, turn))


def refused(kind, reader, data, disk):
    with pytest.raises(kind):
        reader(data, disk)


def qemu_img(*args):
    tool = shutil.which("qemu-img")
    assert tool is not None, "Debian's qemu-utils is needed"
    return subprocess.run([tool, *map(str, args)], check=True, capture_output=True, text=True, timeout=60).stdout


# Raw --------------------------------------------------------------------------------------------------------------------


def test_raw_contents_come_back_byte_for_byte(disk):
    target = empty()
    data = written(write_raw(disk))
    assert data == disk.data
    assert run(read_raw(stream(data), target)) == disk.size
    assert target.data == disk.data


def test_raw_contents_that_do_not_fit_are_refused():
    refused(TooSmall, lambda data, disk: run(read_raw(stream(data), disk)), bytes(MIB + 1), empty(MIB))


def test_records_change_only_what_they_name(disk):
    target = filled((0, 8 * MIB), seed=2)
    expected = bytearray(target.data)
    for offset, length in disk.used:
        expected[offset : offset + length] = disk.data[offset : offset + length]
    run(read_records(stream(written(write_records(disk))), target))
    assert target.data == expected


@pytest.mark.parametrize("data", [b"", bytes(11), struct.pack("<QI", 0, 10) + b"short", struct.pack("<QI", 0, 1) + b"x"])
def test_records_that_do_not_end_are_cut_off(data):
    refused(Truncated, lambda data, disk: run(read_records(stream(data), disk)), data, empty())


def test_a_record_beyond_the_end_is_refused():
    refused(TooSmall, lambda data, disk: run(read_records(stream(data), disk)), struct.pack("<QI", 8 * MIB, 1) + b"x", empty())


# VHD --------------------------------------------------------------------------------------------------------------------


def test_a_vhd_comes_back_byte_for_byte(disk):
    target = empty()
    from_vhd(vhd(disk), target)
    assert target.data == disk.data


def test_a_differencing_vhd_changes_only_its_sectors(disk):
    target = filled((0, 8 * MIB), seed=2)
    expected = bytearray(target.data)
    for offset, length in disk.used:
        expected[offset : offset + length] = disk.data[offset : offset + length]
    from_vhd(vhd(disk, Parent(BASE, f"{BASE}.vhd")), target)
    assert target.data == expected


def test_a_fixed_vhd_is_the_disk_with_a_footer(disk):
    footer = bytearray(vhd(disk)[:512])
    footer[16:24] = b"\xff" * 8
    footer[60:64] = (2).to_bytes(4)
    footer[64:68] = bytes(4)
    footer[64:68] = (~sum(footer) & 0xFFFFFFFF).to_bytes(4)
    target = empty()
    from_vhd(bytes(disk.data + footer), target)
    assert target.data == disk.data
    refused(BadImage, from_vhd, bytes(disk.data[512:] + footer), empty())


@pytest.mark.parametrize("mebibytes", [256, 258])
def test_a_vhd_whose_table_fills_sectors_is_like_any_other(mebibytes):
    disk, target = filled((0, 512), (255 * MIB, 512), size=mebibytes * MIB), empty(mebibytes * MIB)
    from_vhd(vhd(disk), target)
    assert target.data == disk.data


def test_an_empty_vhd_of_two_tebibytes_is_its_table(disk):
    class Vast:
        size = 2040 << 30

        async def extents(self):
            return
            yield

    assert len(vhd(Vast())) < 5 * MIB


@pytest.mark.parametrize("damage", ["footer", "header", "cut", "cut early", "no footer", "none", "junk"])
def test_a_damaged_vhd_is_refused(damage):
    data = bytearray(vhd(filled((0, 4096))))
    match damage:
        case "footer":
            data[50] ^= 1
        case "header":
            data[512 + 100] ^= 1
        case "cut":
            del data[-700:]
        case "cut early":
            del data[2000:]
        case "no footer":
            del data[-512:]
        case "none":
            data.clear()
        case _:
            data[:] = b"junk" * 1000
    with pytest.raises((BadImage, Truncated)):
        from_vhd(bytes(data), empty())


def test_a_vhd_of_a_larger_disk_is_refused():
    refused(TooSmall, from_vhd, vhd(filled((0, 512))), empty(4 * MIB))


# qcow2 ------------------------------------------------------------------------------------------------------------------


def test_a_qcow2_image_comes_back_byte_for_byte(disk):
    target = empty()
    from_qcow2(written(write_qcow2(disk)), target)
    assert target.data == disk.data


def test_a_qcow2_image_with_a_backing_file_changes_only_its_clusters():
    base = filled((0, 8 * MIB), seed=2)
    changed = filled((70 * 1024, 512), seed=3)
    changed.data[:70_000] = base.data[:70_000]
    image = written(write_qcow2(changed, "base.qcow2"))
    target = filled((0, 8 * MIB), seed=2)
    from_qcow2(image, target)
    assert target.data[64 * 1024 : 128 * 1024] == changed.data[64 * 1024 : 128 * 1024]
    assert target.data[: 64 * 1024] == base.data[: 64 * 1024]
    assert target.data[128 * 1024 :] == base.data[128 * 1024 :]


@pytest.mark.parametrize("damage", ["cut", "magic", "encrypted", "features", "table", "none"])
def test_a_damaged_qcow2_image_is_refused(damage):
    data = bytearray(written(write_qcow2(filled((0, 4096)))))
    match damage:
        case "cut":
            del data[-1:]
        case "magic":
            data[0] = 0
        case "encrypted":
            data[35] = 1
        case "features":
            data[79] = 4
        case "table":
            data[40:48] = (1 << 40).to_bytes(8)
        case _:
            data.clear()
    with pytest.raises((BadImage, Truncated)):
        from_qcow2(bytes(data), empty())


def test_a_qcow2_image_of_a_larger_disk_is_refused():
    refused(TooSmall, from_qcow2, written(write_qcow2(filled((0, 512)))), empty(4 * MIB))


# QEMU's tools -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("format_", "theirs"), [("vhd", "vpc"), ("qcow2", "qcow2")])
def test_qemu_reads_what_we_write(tmp_path, disk, format_, theirs):
    image, raw = tmp_path / "image", tmp_path / "raw"
    image.write_bytes(vhd(disk) if format_ == "vhd" else written(write_qcow2(disk)))
    if format_ == "qcow2":
        qemu_img("check", "-f", theirs, image)
    qemu_img("convert", "-f", theirs, "-O", "raw", image, raw)
    assert raw.read_bytes() == disk.data


@pytest.mark.parametrize(
    ("options", "reader"),
    [
        (("-O", "vpc", "-o", "subformat=dynamic,force_size=on"), from_vhd),
        (("-O", "vpc", "-o", "subformat=fixed,force_size=on"), from_vhd),
        (("-O", "qcow2"), from_qcow2),
        (("-O", "qcow2", "-c"), from_qcow2),
        (("-O", "qcow2", "-o", "compat=0.10,cluster_size=4k"), from_qcow2),
    ],
)
def test_we_read_what_qemu_writes(tmp_path, disk, options, reader):
    raw, image = tmp_path / "raw", tmp_path / "image"
    raw.write_bytes(disk.data)
    qemu_img("convert", "-f", "raw", *options, raw, image)
    target = empty()
    reader(image.read_bytes(), target)
    assert target.data == disk.data


def test_qemu_puts_a_delta_on_its_backing_file(tmp_path):
    base, disk = filled((0, 8 * MIB), seed=2), filled((0, 8 * MIB), seed=2)
    disk.data[5 * MIB : 5 * MIB + 512] = bytes(512)
    disk.used = [(5 * MIB, 512)]
    (tmp_path / "base.qcow2").write_bytes(written(write_qcow2(base)))
    (tmp_path / "delta.qcow2").write_bytes(written(write_qcow2(disk, "base.qcow2")))
    qemu_img("convert", "-f", "qcow2", "-O", "raw", tmp_path / "delta.qcow2", tmp_path / "raw")
    assert (tmp_path / "raw").read_bytes() == disk.data

"""What repositories say of themselves, and what is made of it if it is wrong."""

from __future__ import annotations

import asyncio
import bz2
import gzip
import lzma

import pytest

from update_repository import UPDATEINFO, make
from xapid.updates import metadata
from xapid.updates.hosts import lacking
from xapid.updates.metadata import BadMetadata
from xapid.updates.offers import Offers, look, reader_of, understood


def offer(directory):
    return asyncio.run(look(reader_of(directory)))


def test_updates_are_read_with_what_they_ask_for(tmp_path):
    checksum = make(tmp_path)
    found = offer(tmp_path)
    assert found.checksum == checksum
    first, second = found.updates
    assert first.json() == {
        "id": "UPDATE-1", "summary": "Mends a hole", "description": "more", "special-info": "s", "type": "security",
        "URL": "https://example.test/1", "issued": "20250304T05:06:07Z", "severity": "High",
        "livepatches": [{
            "component": "kernel", "base_build_id": "abc", "base_version": "4.19", "base_release": "1", "to_version": "4.19",
            "to_release": "2",
        }],
        "guidance": {
            "mandatory": ["RestartToolstack"], "recommended": ["EvacuateHost"], "full": ["RebootHost", "RestartVM"],
            "livepatch": [],
        },
    }  # fmt: skip
    assert (second.id, second.severity, len(second.applicabilities)) == ("UPDATE-2", "None", 1)
    assert found.oldest() == {"kernel.x86_64": "0:4.19-1", "xen.x86_64": "0:4.17-3"}


def test_a_host_lacks_what_is_newer_than_what_it_has(tmp_path):
    make(tmp_path)
    found = offer(tmp_path)
    gaps = lacking(found, found.oldest())
    assert [update.id for update in gaps.updates] == ["UPDATE-1", "UPDATE-2"]
    assert [package.full_name for package in gaps.packages] == ["kernel-4.19-2.x86_64.rpm", "xen-4.17-6.x86_64.rpm"]
    assert gaps.guidance == {
        "mandatory": ("RebootHost",), "recommended": ("EvacuateHost",), "full": ("RebootHost", "RestartVM"), "livepatch": (),
    }  # fmt: skip
    newer = lacking(found, {"kernel.x86_64": "0:4.19-2", "xen.x86_64": "0:4.17-5"})
    assert [update.id for update in newer.updates] == ["UPDATE-2"]
    assert newer.guidance["mandatory"] == ()
    assert lacking(found, {"kernel.x86_64": "1:1-1"}).updates == ()


def test_a_package_of_which_there_is_one_version_is_new_to_hosts(tmp_path):
    make(tmp_path, packages=[("kernel", "4.19", "2"), ("xen", "4.17", "6")])
    assert offer(tmp_path).oldest() == {"kernel.x86_64": "0:0-0", "xen.x86_64": "0:0-0"}


def test_documents_are_unpacked_by_their_names():
    packed = {"a.gz": gzip.compress(b"x"), "a.bz2": bz2.compress(b"x"), "a.xz": lzma.compress(b"x"), "a.xml": b"x"}
    for name, data in packed.items():
        assert metadata.unpacked(name, data, "REPOSYNC_FAILED") == b"x"
    for name in ("a.gz", "a.bz2", "a.xz"):
        with pytest.raises(BadMetadata, match="cannot be unpacked"):
            metadata.unpacked(name, b"rubbish", "REPOSYNC_FAILED")


def test_a_document_that_unpacks_to_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(metadata, "LARGEST", 1000)
    with pytest.raises(BadMetadata, match="too large"):
        metadata.unpacked("a.gz", gzip.compress(bytes(2000)), "REPOSYNC_FAILED")


@pytest.mark.parametrize(
    ("updateinfo", "code"),
    [
        ("rubbish", "INVALID_UPDATEINFO_XML"),
        ("<other/>", "INVALID_UPDATEINFO_XML"),
        ("<updates><update type='x'><id>a</id></update></updates>", "INVALID_UPDATEINFO_XML"),
        ("<updates>" + "<update type='x'><id>a</id><summary>s</summary></update>" * 2 + "</updates>", "INVALID_UPDATEINFO_XML"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><updates/>", "INVALID_UPDATEINFO_XML"),
        (UPDATEINFO.replace('version="4.17" release="6"', 'version="4.17"'), "INVALID_UPDATEINFO_XML"),
    ],
)
def test_what_is_wrong_in_updates_is_an_error(tmp_path, updateinfo, code):
    make(tmp_path, updateinfo)
    with pytest.raises(BadMetadata) as caught:
        offer(tmp_path)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("<repomd", "<other", "REPOSYNC_FAILED"),
        ('type="updateinfo"', 'type="else"', "REPOSYNC_FAILED"),
        ('href="repodata/updateinfo', 'href="../updateinfo', "REPOSYNC_FAILED"),
        ('href="repodata/updateinfo', 'href="/etc/updateinfo', "REPOSYNC_FAILED"),
        ('href="repodata/updateinfo', 'href="repodata/absent', "REPOSYNC_FAILED"),
        ('type="sha256"', 'type="rot13"', "REPOSYNC_FAILED"),
        (None, None, "UPDATEINFO_HASH_MISMATCH"),
    ],
)
def test_a_repository_that_does_not_agree_with_itself_is_an_error(tmp_path, old, new, code):
    make(tmp_path)
    repomd = tmp_path / "repodata" / "repomd.xml"
    if old is None:
        (tmp_path / "repodata" / "updateinfo.xml.gz").write_bytes(gzip.compress(b"<updates/>"))
    else:
        text = repomd.read_text().replace(old, new)
        repomd.write_text(text.replace("</repomd>", f"</{new[1:]}>") if old == "<repomd" else text)
    with pytest.raises(BadMetadata) as caught:
        offer(tmp_path)
    assert caught.value.code == code


def test_files_outside_a_repository_are_not_read(tmp_path):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "repository").mkdir()
    (tmp_path / "repository" / "link").symlink_to(tmp_path / "secret")
    for path in ("../secret", "link", "/etc/passwd", "absent", "."):
        with pytest.raises(BadMetadata):
            asyncio.run(reader_of(tmp_path / "repository")(path))


def test_offers_outlive_a_restart_where_there_is_a_directory(tmp_path):
    make(tmp_path / "source")
    found = offer(tmp_path / "source")
    Offers(tmp_path / "kept").put("uuid", found)
    again = Offers(tmp_path / "kept")
    assert again.get("uuid") == found
    assert again.get("other") is None
    again.forget("uuid")
    assert Offers(tmp_path / "kept").get("uuid") is None
    (tmp_path / "kept" / "broken").mkdir()
    assert again.get("broken") is None
    assert understood(found.documents) == found


def test_a_repository_is_found_by_the_last_name_of_its_address(tmp_path):
    (tmp_path / "base").mkdir()
    offers = Offers(sources=tmp_path)
    assert offers.directory_of("https://example.test/a/base/") == tmp_path / "base"
    for url in ("https://example.test/a/other", "https://example.test/", "https://example.test/..", "https://example.test"):
        assert offers.directory_of(url) is None
    assert Offers().directory_of("https://example.test/base") is None

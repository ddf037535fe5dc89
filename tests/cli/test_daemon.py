"""A thin client on a real connection: files that go both ways."""

from __future__ import annotations

import pytest

from cli.thin_client import ThinClient
from xapid.testing.processes import PASSWORD


@pytest.fixture
def xe(xapid_daemon):
    client = ThinClient(xapid_daemon.url, PASSWORD)

    def run(*words):
        out, err, status = client(*words)
        assert (err, status) == ("", 0), words
        return out.strip()

    return run


def test_a_vm_goes_through_a_file(xe, tmp_path):
    vm = xe("vm-install", "template=Debian Bookworm 12", "new-name-label=there and back")
    assert xe("vm-export", f"vm={vm}", f"filename={tmp_path / 'vm.xva'}") == "Export succeeded"
    made = xe("vm-import", f"filename={tmp_path / 'vm.xva'}")
    assert made != vm
    assert xe("vm-param-get", f"uuid={made}", "param-name=name-label") == "there and back"
    assert xe("task-list", "--minimal") == ""


def test_a_disk_goes_through_a_file(xe, tmp_path):
    sr = xe("sr-list", "name-label=Shared storage", "--minimal")
    disk = xe("vdi-create", f"sr-uuid={sr}", "name-label=d", "virtual-size=2MiB")
    (tmp_path / "in").write_bytes(b"contents".ljust(2 << 20, b"\0"))
    xe("vdi-import", f"uuid={disk}", f"filename={tmp_path / 'in'}")
    assert xe("vdi-export", f"uuid={disk}", f"filename={tmp_path / 'out'}") == "Export succeeded"
    assert (tmp_path / "out").read_bytes() == (tmp_path / "in").read_bytes()


def test_files_that_the_user_does_not_have_are_said_so(xapid_daemon):
    _, err, status = ThinClient(xapid_daemon.url, PASSWORD)("pool-crl-install", "filename=/nonexistent")
    assert (err, status) == ("Error: Failed to read file: /nonexistent\n", 1)


def test_what_was_fetched_or_sent_is_told(xe, tmp_path):
    log = tmp_path / "log"
    assert xe("audit-log-get", f"filename={log}") == f"audit-log-get into file {log} succeeded"
    assert b"session.login_with_password" in log.read_bytes()
    pool = xe("pool-list", "--minimal")
    blob = xe("blob-create", "name=b", f"pool-uuid={pool}")
    (tmp_path / "in").write_bytes(b"contents")
    assert xe("blob-put", f"uuid={blob}", f"filename={tmp_path / 'in'}") == "Blob put succeeded"
    assert xe("blob-get", f"uuid={blob}", f"filename={tmp_path / 'out'}") == "Blob get succeeded"
    assert (tmp_path / "out").read_bytes() == b"contents"

"""Disks read over the network block device protocol by a stock client, ``qemu-img``."""

from __future__ import annotations

import random
import subprocess

import pytest

from archives_over_https import asked
from xapid.testing.waiting import starts_again

SIZE = 6 << 20
CONTENT = random.Random(4).randbytes(1 << 20) * 2 + bytes(3 << 20) + random.Random(5).randbytes(1 << 20)


@pytest.fixture
def read(tool, tmp_path):
    """Copies what is told of a disk with ``qemu-img``; gives the bytes, or what it complains of."""
    program = tool("qemu-img")

    def copy(info, *, tls=False, **instead):
        info = info | instead
        (tmp_path / "ca-cert.pem").write_text(info["cert"])
        source = f"driver=nbd,server.type=inet,server.host={info['address']},server.port={info['port']}"
        source += f",export={info['exportname']}" + (",tls-creds=t" if tls else "")
        creds = f"tls-creds-x509,id=t,dir={tmp_path},endpoint=client,verify-peer=on,sanity-check=off"
        command = [program, "convert", *(["--object", creds] if tls else []), "--image-opts", source, "-O", "raw"]
        done = subprocess.run([*command, str(tmp_path / "copy")], capture_output=True, text=True, timeout=60, check=False)
        return (tmp_path / "copy").read_bytes() if done.returncode == 0 else done.stderr

    return copy


def test_a_snapshot_is_read_byte_by_byte_at_every_host_that_reaches_it(xapid_daemons, read):
    daemon = xapid_daemons.start()
    session = daemon.session()
    api = session.xenapi
    network = next(api.PIF.get_network(pif) for pif in api.PIF.get_all() if api.PIF.get_management(pif))
    sr = api.pool.get_default_SR(api.pool.get_all()[0])
    disk = api.VDI.create({"SR": sr, "virtual_size": str(SIZE), "type": "user", "sharable": False, "read_only": False,
                           "other_config": {}, "name_label": "d"})  # fmt: skip
    assert asked(daemon, "PUT", "/import_raw_vdi", CONTENT, session_id=session._session, vdi=disk)[0] == 200
    snapshot = api.VDI.snapshot(disk)
    assert api.VDI.get_nbd_info(snapshot) == []

    api.network.add_purpose(network, "insecure_nbd")
    told = api.VDI.get_nbd_info(snapshot)
    assert len(told) == 3
    assert [read(info) for info in told] == [CONTENT] * 3
    assert "SESSION_INVALID" in read(told[0], exportname=f"/{api.VDI.get_uuid(snapshot)}?session_id=OpaqueRef:none")

    api.network.remove_purpose(network, "insecure_nbd")
    assert "refused" in read(told[0])

    api.network.add_purpose(network, "nbd")
    told = api.VDI.get_nbd_info(snapshot)
    assert [read(info, tls=True) for info in told] == [CONTENT] * 3
    assert "TLS" in read(told[0])
    api.host.restart_agent(api.pool.get_master(api.pool.get_all()[0]))
    starts_again(session)
    assert [read(info, tls=True) for info in api.VDI.get_nbd_info(snapshot)] == [CONTENT] * 3
    told = api.VDI.get_nbd_info(snapshot)
    api.VDI.destroy(snapshot)
    assert "UUID_INVALID" in read(told[0], tls=True)

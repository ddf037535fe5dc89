"""What is swept up, and what stays."""

from __future__ import annotations

import XenAPI

from xapid.testing.in_process import Server


def test_what_hangs_on_a_destroyed_object_goes_within_half_a_minute(
    xapid_server: Server, xapid_session: XenAPI.Session
) -> None:
    """The VM's devices and metrics go; its disk stays, since nobody destroyed that."""
    api, db = xapid_session.xenapi, xapid_server.pool.db
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "short-lived")
    api.VM.provision(vm)
    sr = api.pool.get_default_SR(api.pool.get_all()[0])
    disk = {"SR": sr, "virtual_size": str(1 << 30), "type": "user", "sharable": False, "read_only": False, "other_config": {}}
    vdi = api.VDI.create(disk)
    device = {"VM": vm, "VDI": vdi, "userdevice": "0", "bootable": True, "mode": "RW", "type": "Disk", "empty": False}
    vbd = api.VBD.create(device | {"other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {}})
    metrics = api.VM.get_metrics(vm)
    with db.transaction() as tx:
        tx.destroy(vm)
    assert vbd in db.table("VBD")
    xapid_server.clock.advance(31)
    assert vbd not in db.table("VBD")
    assert metrics not in db.table("VM_metrics")
    assert vdi in db.table("VDI")


def test_a_pool_as_it_is_made_has_nothing_to_sweep(xapid_server: Server) -> None:
    generation = xapid_server.pool.db.generation
    xapid_server.clock.advance(31)
    assert xapid_server.pool.db.generation == generation

"""What a record must hold from which an object is made, and what of it clients may leave out."""

from __future__ import annotations

import pytest

from xapid.datamodel.types import NULL_REF

REQUIRED = {
    "VBD": "VM VDI mode empty userdevice bootable type other_config qos_algorithm_type qos_algorithm_params",
    "VIF": "device network VM MAC MTU other_config qos_algorithm_type qos_algorithm_params",
    "VDI": "SR virtual_size type sharable read_only other_config",
    "PBD": "host SR device_config",
    "network": "other_config",
    "VMSS": "type frequency",
    "VM": """
        user_version is_a_template affinity VCPUs_params actions_after_shutdown actions_after_reboot
        actions_after_crash PV_bootloader PV_kernel PV_ramdisk PV_args PV_bootloader_args PV_legacy_args
        HVM_boot_policy HVM_boot_params platform PCI_bus other_config recommendations memory_static_max
        memory_dynamic_max memory_dynamic_min memory_static_min VCPUs_max VCPUs_at_startup""",
    "secret": "value",
    "VM_appliance": "",
    "VM_group": "",
}
MIB = 1 << 20


@pytest.fixture
def record(api):
    """The least that makes an object of each class."""
    sr = next(ref for ref, row in api.SR.get_all_records().items() if row["type"] in ("lvm", "ext", "dummy") or row["shared"])
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "v")
    template = api.VM.get_record(vm)
    network = next(iter(api.network.get_all()))
    return {
        "VBD": {
            "VM": vm, "VDI": NULL_REF, "mode": "RO", "empty": True, "userdevice": "3", "bootable": False, "type": "CD",
            "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
        },
        "VIF": {
            "device": "0", "network": network, "VM": vm, "MAC": "", "MTU": "1500", "other_config": {},
            "qos_algorithm_type": "", "qos_algorithm_params": {},
        },
        "VDI": {
            "SR": sr, "virtual_size": str(8 * MIB), "type": "user", "sharable": False, "read_only": False, "other_config": {},
        },
        "PBD": {"host": api.host.get_all()[0], "SR": api.SR.introduce("", "s", "", "nfs", "", True, {}), "device_config": {}},
        "network": {"other_config": {}},
        "VMSS": {"type": "snapshot", "frequency": "hourly"},
        "VM": {name: template[name] for name in REQUIRED["VM"].split()},
        "secret": {"value": "v"},
        "VM_appliance": {},
        "VM_group": {},
    }  # fmt: skip


@pytest.mark.parametrize("cls", REQUIRED)
def test_a_record_may_leave_out_what_has_a_default_and_nothing_else(api, record, cls, refused):
    """XO leaves out descriptions and tags; nobody leaves out more."""
    kind = getattr(api, cls)
    assert set(record[cls]) == set(REQUIRED[cls].split())
    before = set(kind.get_all())
    for name in REQUIRED[cls].split():
        rest = {other: value for other, value in record[cls].items() if other != name}
        assert refused(kind.create, rest) == ["INTERNAL_ERROR", f'Dispatcher_FieldNotFound("{name}")']
    assert set(kind.get_all()) == before
    made = kind.create(record[cls])
    assert set(kind.get_all()) == before | {made}
    complete = kind.get_record(made)
    for name in complete.keys() & {"name_label", "name_description"}:
        assert complete[name] == ""
    assert complete.get("tags", []) == []


def test_a_record_may_hold_what_nobody_may_set_or_nobody_knows(api, record):
    """Scripts hand back the record of another object, uuid and all; XO adds ``unpluggable``."""
    disk = api.VDI.create({**record["VDI"], "name_label": "d", "tags": ["t"], "xenstore_data": {"a": "b"}})
    whole = api.VDI.get_record(disk)
    copy = api.VDI.create({**whole, "name_label": "copy", "no_such_field": {"a": [1]}})
    second = api.VDI.get_record(copy)
    assert second["uuid"] != whole["uuid"]
    assert (second["name_label"], second["tags"], second["xenstore_data"]) == ("copy", ["t"], {"a": "b"})
    vbd = api.VBD.create({**record["VBD"], "unpluggable": False, "currently_attached": True})
    assert (api.VBD.get_unpluggable(vbd), api.VBD.get_currently_attached(vbd)) == (False, False)


def test_what_a_record_leaves_out_is_as_the_api_says(api, record):
    network = api.network.get_record(api.network.create(record["network"]))
    assert (network["MTU"], network["managed"], network["tags"]) == ("1500", True, [])
    vif = api.VIF.get_record(api.VIF.create(record["VIF"]))
    assert (vif["locking_mode"], vif["ipv4_allowed"], vif["ipv6_allowed"]) == ("network_default", [], [])
    policy = api.VMSS.get_record(api.VMSS.create(record["VMSS"]))
    assert (policy["enabled"], policy["retained_snapshots"]) == (True, "7")
    vm = api.VM.get_record(api.VM.create(record["VM"]))
    expected = {
        "power_state": "Halted", "HVM_shadow_multiplier": 1.0, "ha_restart_priority": "", "order": "0", "version": "0",
        "domain_type": "hvm" if record["VM"]["HVM_boot_policy"] else "unspecified", "generation_id": "0:0",
    }  # fmt: skip
    assert {name: vm[name] for name in expected} == expected

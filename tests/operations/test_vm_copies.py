"""VMs made of other VMs, and put back to what they were, as a stock client sees it on a simulated pool."""

from __future__ import annotations

import pytest

from refusals import refused

pytestmark = pytest.mark.xapid(duration_profile="instant", vms_per_host=1)

NULL = "OpaqueRef:NULL"


@pytest.fixture
def vm(api):
    return api.VM.get_by_name_label("vm-1-1")[0]


@pytest.fixture
def template(api):
    return api.VM.get_by_name_label("Debian Bookworm 12")[0]


def disk_of(api, vm):
    (vbd,) = (v for v in api.VM.get_VBDs(vm) if api.VBD.get_type(v) == "Disk")
    return api.VBD.get_VDI(vbd)


def mac_of(api, vm):
    return api.VIF.get_MAC(api.VM.get_VIFs(vm)[0])


@pytest.mark.parametrize("how", ["clone", "copy"])
def test_a_clone_has_disks_and_addresses_of_its_own(api, vm, how):
    """Its disks are its own to delete; the rest of its record is the source's."""
    args = (NULL,) if how == "copy" else ()
    new = getattr(api.VM, how)(vm, "another", *args)
    old, record = api.VM.get_record(vm), api.VM.get_record(new)
    assert (record["name_label"], record["power_state"], record["is_a_snapshot"]) == ("another", "Halted", False)
    assert (record["parent"], record["domid"], record["memory_static_max"]) == (NULL, "-1", old["memory_static_max"])
    assert record["other_config"]["mac_seed"] != old["other_config"]["mac_seed"]
    assert disk_of(api, new) != disk_of(api, vm)
    assert mac_of(api, new) != mac_of(api, vm)
    assert record["metrics"] not in (old["metrics"], NULL)
    (vbd,) = record["VBDs"]
    assert api.VBD.get_other_config(vbd) == {"owner": ""}
    assert api.VBD.get_allowed_operations(vbd) == ["attach"]


def test_a_full_copy_goes_to_the_sr_of_choice_but_not_to_an_iso_library(api, vm):
    local = api.SR.get_by_name_label("Local storage")[0]
    assert api.VDI.get_SR(disk_of(api, api.VM.copy(vm, "local", local))) == local
    library = api.SR.get_by_name_label("ISO library")[0]
    assert refused(api.VM.copy, vm, "iso", library)[0] == "OPERATION_NOT_ALLOWED"


def test_a_clone_that_fails_leaves_no_disks(api, vm):
    """The second disk is on an SR that makes none."""
    record = {"name_label": "second", "SR": api.SR.get_by_name_label("Local storage")[0], "virtual_size": "4194304"}
    disk = api.VDI.create({**record, "type": "user", "sharable": False, "read_only": False, "other_config": {}})
    api.VBD.create({
        "VM": vm, "VDI": disk, "mode": "RW", "empty": False, "userdevice": "1", "bootable": False, "type": "Disk",
        "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    })  # fmt: skip
    (pbd,) = api.SR.get_PBDs(record["SR"])
    api.PBD.unplug(pbd)
    disks, vms = set(api.VDI.get_all()), set(api.VM.get_all())
    assert refused(api.VM.clone, vm, "never")[0] in ("SR_NOT_ATTACHED", "SR_HAS_NO_PBDS")
    assert (set(api.VDI.get_all()), set(api.VM.get_all())) == (disks, vms)


def test_snapshots_form_a_tree(api, vm):
    """Reverting moves the VM to the snapshot; the next snapshot grows from there."""
    first = api.VM.snapshot(vm, "first")
    second = api.VM.snapshot(vm, "second")
    assert (api.VM.get_parent(first), api.VM.get_parent(second), api.VM.get_parent(vm)) == (NULL, first, second)
    api.VM.revert(first)
    assert api.VM.get_parent(vm) == first
    third = api.VM.snapshot(vm, "third")
    assert api.VM.get_parent(third) == first
    assert set(api.VM.get_snapshots(vm)) == {first, second, third}
    api.VM.destroy(first)
    assert (api.VM.get_parent(second), api.VM.get_parent(third)) == (NULL, NULL)


def test_a_snapshot_keeps_addresses_and_knows_what_its_disks_were(api, vm):
    snapshot = api.VM.snapshot(vm, "kept")
    assert mac_of(api, snapshot) == mac_of(api, vm)
    assert api.VDI.get_snapshot_of(disk_of(api, snapshot)) == disk_of(api, vm)
    record = api.VM.get_record(snapshot)
    assert (record["is_a_template"], record["is_a_snapshot"], record["snapshot_of"]) == (True, True, vm)
    assert record["snapshot_info"]["power-state-at-snapshot"] == "Halted"


def test_disks_can_be_left_out_of_a_snapshot(api, vm):
    snapshot = api.VM.snapshot(vm, "without", [disk_of(api, vm)])
    assert api.VM.get_VBDs(snapshot) == []


def test_a_revert_brings_settings_and_disks_back(api, vm):
    """Every snapshot of the disk that was replaced is one of the new disk; the old one is gone."""
    api.VM.set_PV_args(vm, "before")
    one, two = api.VM.snapshot(vm, "one"), api.VM.snapshot(vm, "two")
    disk, name, uuid = disk_of(api, vm), api.VM.get_name_label(vm), api.VM.get_uuid(vm)
    api.VM.set_PV_args(vm, "after")
    api.VM.set_name_label(vm, "renamed")
    api.VM.revert(one)
    record = api.VM.get_record(vm)
    assert (record["PV_args"], record["name_label"], record["uuid"]) == ("before", name, uuid)
    assert (record["is_a_template"], record["is_a_snapshot"], record["power_state"]) == (False, False, "Halted")
    assert disk_of(api, vm) != disk
    assert refused(api.VDI.get_uuid, disk)[0] == "HANDLE_INVALID"
    assert {api.VDI.get_snapshot_of(disk_of(api, snapshot)) for snapshot in (one, two)} == {disk_of(api, vm)}
    api.VM.start(vm, False, False)


def test_a_vm_that_is_gone_comes_back_with_its_uuid(api, vm):
    uuid = api.VM.get_uuid(vm)
    snapshot = api.VM.snapshot(vm, "last")
    api.VM.destroy(vm)
    api.VM.revert(snapshot)
    back = api.VM.get_by_uuid(uuid)
    assert api.VM.get_snapshot_of(snapshot) == back
    assert api.VM.get_power_state(back) == "Halted"
    assert len(api.VM.get_VBDs(back)) == 1


def test_a_checkpoint_of_a_running_vm_holds_its_memory_and_leaves_it_running(api, vm, xapid_clock):
    api.VM.start(vm, False, False)
    xapid_clock.pass_time(3)
    checkpoint = api.VM.checkpoint(vm, "with memory")
    assert (api.VM.get_power_state(vm), api.VM.get_power_state(checkpoint)) == ("Running", "Suspended")
    assert api.VM.get_suspend_VDI(vm) == NULL
    assert api.VM.get_snapshot_info(checkpoint)["power-state-at-snapshot"] == "Running"
    api.VM.revert(checkpoint)
    assert api.VM.get_power_state(vm) == "Suspended"
    assert api.VM.get_suspend_VDI(vm) not in (NULL, api.VM.get_suspend_VDI(checkpoint))
    api.VM.resume(vm, False, False)
    assert api.VM.get_power_state(api.VM.clone(checkpoint, "fresh")) == "Halted"


def test_a_destroyed_vm_leaves_its_disks(api, vm):
    disk, vbds, metrics = disk_of(api, vm), api.VM.get_VBDs(vm), api.VM.get_metrics(vm)
    api.VM.destroy(vm)
    assert api.VDI.get_VBDs(disk) == []
    assert "destroy" in api.VDI.get_allowed_operations(disk)
    assert refused(api.VBD.get_uuid, vbds[0])[0] == refused(api.VM_metrics.get_uuid, metrics)[0] == "HANDLE_INVALID"


def test_provisioning_makes_the_disks_that_the_template_wants(api, template):
    vm = api.VM.clone(template, "installed")
    config = api.VM.get_other_config(vm)
    assert config["base_template_name"] == "Debian Bookworm 12"
    sr = api.pool.get_default_SR(api.pool.get_all()[0])
    config["disks"] = config["disks"].replace('sr=""', f'sr="{api.SR.get_uuid(sr)}"')
    api.VM.set_other_config(vm, config)
    api.VM.provision(vm)
    record = api.VM.get_record(vm)
    assert (record["is_a_template"], "disks" in record["other_config"]) == (False, False)
    disk = api.VDI.get_record(disk_of(api, vm))
    assert (disk["SR"], disk["name_label"], disk["type"], disk["virtual_size"]) == (sr, "0", "system", str(10 << 30))
    assert disk["sm_config"].get("vmhint") == record["uuid"]
    (vbd,) = (api.VBD.get_record(ref) for ref in record["VBDs"])
    assert (vbd["bootable"], vbd["mode"], vbd["other_config"]) == (True, "RW", {"owner": ""})
    assert str(api.VM_metrics.get_install_time(record["metrics"])) == "20260101T00:00:00Z"
    api.VM.start(vm, False, False)


@pytest.mark.parametrize(
    ("disks", "code"),
    [
        ('<provision><disk device="0" size="1" sr="nowhere" bootable="true" type="system"/></provision>', "UUID_INVALID"),
        ("<provision><disk", "INTERNAL_ERROR"),
        ('<provision><disk device="0" size="much" sr="Shared storage"/></provision>', "INTERNAL_ERROR"),
    ],
)
def test_a_template_with_impossible_disks_stays_a_template(api, template, disks, code):
    vm = api.VM.clone(template, "never")
    api.VM.set_other_config(vm, {"disks": disks})
    before = set(api.VDI.get_all())
    assert refused(api.VM.provision, vm)[0] == code
    assert (set(api.VDI.get_all()), api.VM.get_is_a_template(vm)) == (before, True)


@pytest.mark.parametrize(
    "script", ["", "debian", "/etc/passwd", "/opt/xensource/packages/post-install-scripts/../x", "/opt/xensource/packages/x"]
)
def test_a_template_names_a_script_where_such_are_or_is_not_provisioned(api, template, script):
    vm = api.VM.clone(template, "never")
    api.VM.set_other_config(vm, {"postinstall": script})
    assert refused(api.VM.provision, vm)[0] == "PERMISSION_DENIED"
    assert (api.VM.get_is_a_template(vm), api.VM.get_other_config(vm)) == (True, {"postinstall": script})
    api.VM.set_other_config(vm, {"postinstall": "/opt/xensource/packages/post-install-scripts/debian-etch"})
    api.VM.provision(vm)
    assert (api.VM.get_is_a_template(vm), api.VM.get_other_config(vm)) == (False, {})


def test_disks_that_do_not_fit_are_taken_back(api, template):
    vm = api.VM.clone(template, "never")
    sizes = (1 << 30, 1 << 42)
    disks = "".join(f'<disk device="{n}" size="{size}" sr="Shared storage"/>' for n, size in enumerate(sizes))
    api.VM.set_other_config(vm, {"disks": f"<provision>{disks}</provision>"})
    before = set(api.VDI.get_all())
    assert refused(api.VM.provision, vm)[0] in ("PROVISION_FAILED_OUT_OF_SPACE", "SR_BACKEND_FAILURE_79")
    assert (set(api.VDI.get_all()), api.VM.get_VBDs(vm)) == (before, [])


def test_templates_that_come_with_the_system_are_protected(api, template):
    assert refused(api.VM.destroy, template)[0] in ("VM_IS_TEMPLATE", "VM_CANNOT_DELETE_DEFAULT_TEMPLATE")
    assert refused(api.VM.start, template, False, False) == ["VM_IS_TEMPLATE", template, "start"]


def test_what_is_made_of_a_template_of_ones_own_counts_as_installed_when_it_becomes_a_vm(api, vm):
    """The template has no metrics, but what is made of it has."""
    api.VM.set_is_a_template(vm, True)
    new = api.VM.clone(vm, "new")
    metrics = api.VM.get_metrics(new)
    assert str(api.VM_metrics.get_install_time(metrics)) == "19700101T00:00:00Z"
    api.VM.provision(new)
    assert (api.VM.get_metrics(new), str(api.VM_metrics.get_install_time(metrics))) == (metrics, "20260101T00:00:00Z")


def test_a_vm_becomes_a_template_unless_it_is_protected(api, vm):
    api.VM.set_ha_restart_priority(vm, "restart")
    assert refused(api.VM.set_is_a_template, vm, True) == ["VM_IS_PROTECTED", vm]
    api.VM.set_ha_restart_priority(vm, "")
    api.VM.set_is_a_template(vm, True)
    assert {"provision", "clone"} <= set(api.VM.get_allowed_operations(vm))
    assert "start" not in api.VM.get_allowed_operations(vm)
    api.VM.set_is_a_template(vm, False)
    assert "start" in api.VM.get_allowed_operations(vm)

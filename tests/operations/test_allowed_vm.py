from __future__ import annotations

import pytest

from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations import allowed
from xapid.operations.allowed.vm import OPERATIONS

ALL = list(OPERATIONS)
HALTED = """snapshot clone copy start start_on migrate_send changing_dynamic_range changing_static_range
    changing_shadow_memory changing_NVRAM make_into_template export metadata_export destroy create_vtpm"""
DEFAULT_TEMPLATE = """clone copy provision changing_dynamic_range changing_static_range changing_shadow_memory changing_NVRAM
    export metadata_export"""
WITH_DRIVERS = """snapshot checkpoint pause clean_shutdown clean_reboot hard_shutdown hard_reboot suspend pool_migrate
    migrate_send changing_dynamic_range changing_VCPUs_live metadata_export sysprep"""
SUSPENDED = "snapshot checkpoint hard_shutdown resume resume_on migrate_send export metadata_export destroy"
SNAPSHOT = {"is_a_template": True, "is_a_snapshot": True}


def test_the_table_has_every_operation_in_the_declared_order():
    assert list(catalogue().enums["vm_operations"].values) == ALL


@pytest.mark.parametrize(
    ("power", "fields", "expected"),
    [
        ("Halted", {}, HALTED),
        ("Running", {"guest": "drivers"}, WITH_DRIVERS),
        ("Running", {"domain_type": "pv"}, WITH_DRIVERS),
        ("Running", {}, "snapshot pause hard_shutdown hard_reboot changing_dynamic_range metadata_export sysprep"),
        ("Paused", {"guest": "drivers"}, "snapshot checkpoint unpause hard_shutdown hard_reboot metadata_export"),
        ("Paused", {}, "snapshot unpause hard_shutdown hard_reboot metadata_export"),
        ("Suspended", {}, SUSPENDED),
        ("Halted", {"is_a_template": True}, f"{DEFAULT_TEMPLATE} migrate_send destroy"),
        ("Halted", {"is_a_template": True, "is_default_template": True}, DEFAULT_TEMPLATE),
        ("Halted", {"is_a_template": True, "other_config": frozenmap({"default_template": "true"})}, DEFAULT_TEMPLATE),
        ("Halted", SNAPSHOT, "clone copy revert export metadata_export destroy"),
        ("Suspended", SNAPSHOT, "clone copy revert hard_shutdown export metadata_export destroy"),
        (
            "Running",
            {"is_control_domain": True, "domain_type": "pv"},
            "changing_dynamic_range changing_static_range metadata_export",
        ),
        (
            "Halted",
            {"is_control_domain": True},
            "start start_on changing_dynamic_range changing_static_range metadata_export destroy",
        ),
    ],
)
def test_a_vm_advertises_what_its_kind_and_power_state_allow(world, power, fields, expected):
    if fields.get("guest") == "drivers":
        fields = {**fields, "guest": world.DRIVERS}
    vm = world.vm(power, **fields)
    assert set(world.row(vm).allowed_operations) == set(expected.split())


def test_the_pool_may_allow_clones_of_suspended_vms(world):
    world.set(world.pool, other_config=frozenmap({"allow_clone_suspended_vm": "true"}))
    assert set(world.row(world.vm("Suspended")).allowed_operations) == set(f"{SUSPENDED} clone copy".split())


@pytest.mark.parametrize(
    ("operation", "vm", "template"),
    [
        ("snapshot", (), ("VM_IS_TEMPLATE", "snapshot")),
        ("create_template", (), ("VM_IS_TEMPLATE", "(unknown operation)")),
        ("revert", ("REVERT_ONLY_ALLOWED_ON_SNAPSHOT",), ("VM_IS_TEMPLATE", "revert")),
        ("checkpoint", ("VM_BAD_POWER_STATE", "paused, suspended, running", "halted"), None),
        ("snapshot_with_quiesce", ("VM_BAD_POWER_STATE", "running", "halted"), None),
        ("provision", ("PROVISION_ONLY_ALLOWED_ON_TEMPLATE",), ()),
        ("hard_reboot", ("VM_BAD_POWER_STATE", "paused, running", "halted"), None),
        ("query_services", ("NOT_SYSTEM_DOMAIN",), ("VM_IS_TEMPLATE", "(unknown operation)")),
        ("assert_operation_valid", (), ("VM_IS_TEMPLATE", "assertoperationvalid")),
        ("data_source_op", ("VM_BAD_POWER_STATE", "running", "halted"), None),
        ("update_allowed_operations", (), ("VM_IS_TEMPLATE", "update_allowed_operations")),
        ("import", ("VM_BAD_POWER_STATE", "", "halted"), None),
        ("changing_VCPUs", (), ()),
        ("create_vtpm", (), ("VM_IS_TEMPLATE", "create_vtpm")),
    ],
)
def test_refusals_on_halted_vms_and_templates_are_the_recorded_ones(world, operation, vm, template):
    """``template`` None: the same as for the VM."""
    for ref, expected in ((world.vm(), vm), (world.vm(is_a_template=True), vm if template is None else template)):
        refusal = world.refused(ref, operation)
        no_ref = [part for part in refusal if part != ref]
        assert tuple(no_ref) == expected


def _compatible(operation, current):
    if operation in ("hard_shutdown", "hard_reboot"):
        return current not in {"hard_shutdown": ["hard_shutdown"], "hard_reboot": ["hard_shutdown", "hard_reboot"]}[operation]
    together = [
        ({"clone", "copy", "export"}, {"clone", "copy", "export"}),
        ({"snapshot", "checkpoint"}, {"snapshot", "checkpoint"}),
        ({"get_boot_record"}, {"get_boot_record"}),
        ({"snapshot"}, {"snapshot_with_quiesce"}),
        ({"metadata_export", "clean_shutdown", "clean_reboot"}, {"migrate_send"}),
    ]
    return any(operation in new and current in old for new, old in together)


@pytest.mark.parametrize("operation", [name for name in ALL if OPERATIONS[name].states])
def test_an_operation_goes_beside_only_the_operations_that_it_gets_along_with(world, operation):
    states = {"H": "Halted", "P": "Paused", "S": "Suspended", "R": "Running"}
    ref = world.vm(states[OPERATIONS[operation].states[0]], guest=world.DRIVERS)
    for current in ALL:
        world.set(ref, current_operations=frozenmap({"OpaqueRef:t": current}))
        refusal = world.refused(ref, operation)
        busy = bool(refusal) and refusal[0] == "OTHER_OPERATION_IN_PROGRESS"
        assert busy is not _compatible(operation, current), current
        if busy:
            assert refusal[1:3] + refusal[4:] == ("VM", ref, "OpaqueRef:t")


def test_several_operations_under_way_are_listed_in_braces(world):
    vm = world.vm(current_operations=frozenmap({"t1": "clone", "t2": "copy"}))
    assert world.refused(vm, "start") == ("OTHER_OPERATION_IN_PROGRESS", "VM", vm, "{clone,copy}", "{t1,t2}")
    assert world.refused(vm, "export") == ()


def test_a_blocked_operation_is_refused_before_anything_else(world):
    vm = world.vm("Running", blocked_operations=frozenmap({"start": "on holiday"}))
    assert world.refused(vm, "start") == ("OPERATION_BLOCKED", vm, "on holiday")


@pytest.mark.parametrize("operation", ["suspend", "checkpoint", "pool_migrate", "migrate_send"])
def test_a_guest_that_cannot_be_suspended_says_why(world, operation):
    other = frozenmap({"data-cant-suspend-reason": "licensing"})
    vm = world.vm("Running", guest={**world.DRIVERS, "other": other})
    assert world.refused(vm, operation) == ("VM_NON_SUSPENDABLE", vm, "licensing")


@pytest.mark.parametrize(
    ("feature", "operations"),
    [
        ("feature-suspend", {"suspend", "checkpoint", "pool_migrate", "migrate_send"}),
        ("feature-shutdown", {"clean_shutdown", "clean_reboot"}),
        ("feature-poweroff", {"clean_shutdown"}),
        ("feature-reboot", {"clean_reboot"}),
        ("feature-vcpu-hotplug", {"changing_VCPUs_live"}),
    ],
)
def test_a_guest_without_drivers_gains_operations_by_announcing_features(world, feature, operations):
    plain, able = world.vm("Running", guest={}), world.vm("Running", guest={"other": frozenmap({feature: "1"})})
    assert set(world.row(able).allowed_operations) - set(world.row(plain).allowed_operations) == operations


def test_force_waives_what_a_guest_announces(world):
    vm = world.vm("Running")
    assert world.refused(vm, "pool_migrate") == ("VM_LACKS_FEATURE", vm)
    assert world.refused(vm, "pool_migrate", strict=False) == ()
    assert world.refused(vm, "pool_migrate", args={"options": frozenmap({"force": "true"})}) == ()
    assert world.refused(vm, "changing_VCPUs_live", strict=False) == ("VM_LACKS_FEATURE", vm)


def test_an_immobile_vm_stays_unless_forced(world):
    vm = world.vm("Running", guest=world.DRIVERS)
    world.set(world.row(vm).metrics, nomigrate=True)
    assert world.refused(vm, "suspend") == ("VM_IS_IMMOBILE", vm)
    assert world.refused(vm, "suspend", strict=False) == ()
    world.set(world.row(vm).metrics, nomigrate=False, nested_virt=True)
    assert world.refused(vm, "changing_dynamic_range") == ("VM_IS_USING_NESTED_VIRT", vm)


def test_without_metrics_the_platform_says_whether_a_vm_may_move(world):
    vm = world.vm("Suspended", platform=frozenmap({"nomigrate": "true"}))
    world.set(vm, metrics=NULL_REF)
    assert world.refused(vm, "migrate_send") == ("VM_IS_IMMOBILE", vm)


def test_a_control_domain_is_neither_stopped_nor_destroyed_by_clients(world):
    dom0 = world.vm("Running", domain_type="pv", is_control_domain=True)
    world.set(world.host, control_domain=dom0)
    for operation in ("clean_shutdown", "hard_shutdown", "snapshot", "suspend", "pause", "checkpoint", "changing_VCPUs"):
        assert world.refused(dom0, operation)[0] == "OPERATION_NOT_ALLOWED", operation
    assert world.refused(dom0, "destroy") == ("VM_BAD_POWER_STATE", dom0, "halted, suspended", "running")
    assert world.refused(dom0, "clone") == ("VM_BAD_POWER_STATE", dom0, "halted", "running")


def test_disks_that_forget_at_boot_forbid_keeping_state(world):
    vm = world.vm("Running", guest=world.DRIVERS)
    world.vbd(vm)
    disk = world.disk(sm_config=frozenmap({"on_boot": "reset"}))
    world.vbd(vm, disk)
    assert world.refused(vm, "snapshot") == ("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION",)
    assert world.refused(vm, "pool_migrate") == ()
    world.set(disk, sm_config=frozenmap({"on_boot": "reset", "caching": "true"}))
    assert world.refused(vm, "pool_migrate") == ("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION",)


def test_devices_that_cannot_go_along_forbid_moving(world):
    usb, pci, gpu = (world.vm("Running", guest=world.DRIVERS) for _ in range(3))
    world.make("VUSB", VM=usb)
    assert world.refused(usb, "snapshot") == ("VM_HAS_VUSBS", usb)
    world.make("PCI", attached_VMs=(pci,))
    assert world.refused(pci, "suspend") == ("VM_HAS_PCI_ATTACHED", pci)
    kind = world.make("VGPU_type", implementation="nvidia")
    vgpu = world.make("VGPU", VM=gpu, type=kind)
    assert world.refused(gpu, "pool_migrate") == ("VM_HAS_VGPU", gpu)
    world.set(vgpu, compatibility_metadata=frozenmap({"a": "b"}))
    assert world.refused(gpu, "pool_migrate") == ()


@pytest.mark.parametrize(
    ("field", "cls", "code"),
    [
        ("appliance", "VM_appliance", "VM_IS_PART_OF_AN_APPLIANCE"),
        ("protection_policy", "VMPP", "VM_ASSIGNED_TO_PROTECTION_POLICY"),
        ("snapshot_schedule", "VMSS", "VM_ASSIGNED_TO_SNAPSHOT_SCHEDULE"),
    ],
)
def test_a_member_of_a_group_does_not_become_a_template(world, field, cls, code):
    group = world.make(cls)
    vm, stray = world.vm(**{field: group}), world.vm(**{field: world.STALE})
    assert world.refused(vm, "make_into_template") == (code, vm, group)
    assert world.refused(stray, "make_into_template") == ()


def test_a_vm_has_one_vtpm_at_most(world):
    vm = world.vm()
    world.make("VTPM", VM=vm)
    assert world.refused(vm, "create_vtpm") == ("VTPM_MAX_AMOUNT_REACHED", "1")


def test_a_rolling_upgrade_allows_what_old_hosts_can_do(world):
    world.set(world.pool, other_config=frozenmap({"rolling_upgrade_in_progress": "true"}))
    vm = world.vm()
    assert world.refused(vm, "migrate_send") == ()
    assert world.refused(vm, "snapshot") == ("NOT_SUPPORTED_DURING_UPGRADE",)


def test_a_snapshot_with_quiesce_never_succeeds(world):
    vm = world.vm("Running", guest=world.DRIVERS)
    assert world.refused(vm, "snapshot_with_quiesce") == ("VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED", vm)


def test_beginning_and_ending_show_in_both_fields(world):
    vm = world.vm()
    before = world.row(vm).allowed_operations
    with world.db.transaction() as tx:
        allowed.begin(tx, world.db, world.row(vm), "start", "OpaqueRef:t")
    assert world.row(vm).current_operations == {"OpaqueRef:t": "start"}
    assert world.row(vm).allowed_operations == ()
    with world.db.transaction() as tx:
        allowed.end(tx, world.db, world.row(vm), "OpaqueRef:t")
    assert world.row(vm).current_operations == {}
    assert world.row(vm).allowed_operations == before


def test_refreshing_a_vm_reaches_its_devices_their_disks_and_its_appliance_and_writes_only_what_changed(world):
    group = world.make("VM_appliance")
    vm = world.vm(appliance=group)
    disk = world.disk()
    vbd, vif = world.vbd(vm, disk), world.vif(vm)
    world.set(vm)
    assert world.row(group).allowed_operations == ("start",)
    generation = world.db.generation
    world.set(vm)
    assert world.db.generation == generation
    with world.db.transaction() as tx:
        tx.update(vbd, currently_attached=True)
        tx.update(vif, currently_attached=True)
        metrics = tx.create("VM_guest_metrics", **world.DRIVERS)
        tx.update(vm, power_state="Running", guest_metrics=metrics)
        allowed.refresh(tx, world.db, world.row(vm))
    assert world.row(group).allowed_operations == ("clean_shutdown", "hard_shutdown", "shutdown")
    assert world.row(vbd).allowed_operations == ("attach", "unplug", "unplug_force", "pause", "unpause")
    assert world.row(vif).allowed_operations == ("attach", "unplug")
    assert world.row(disk).allowed_operations == ("clone", "snapshot")


def test_what_is_gone_is_passed_over(world):
    vm = world.row(world.vm())
    with world.db.transaction() as tx:
        tx.destroy(vm)
        allowed.refresh(tx, world.db, vm)
        allowed.end(tx, world.db, vm, "t")
    assert world.row(vm.ref) is None

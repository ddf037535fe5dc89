"""Which operations a VM allows: the whole table of operations and power states, who goes beside whom, and what guards what."""

from __future__ import annotations

import pytest

from xapid.datamodel.types import frozenmap

pytestmark = pytest.mark.xapid(duration_profile="instant", vms_per_host=1, lock_patience=0)

NULL = "OpaqueRef:NULL"
STATES = {"H": "halted", "P": "paused", "S": "suspended", "R": "running"}

# Power states in which an ordinary VM allows an operation; what other kinds of VMs allow it too (T templates, D templates
# that are no default ones, N snapshots, C control domains); and whether it may appear in allowed_operations.
TABLE = """
    snapshot                     HPSR  -     advertised
    clone                        H     TDN   advertised
    copy                         H     TDN   advertised
    create_template              HS    -     -
    revert                       HPSR  N     advertised
    checkpoint                   PSR   -     advertised
    snapshot_with_quiesce        R     -     advertised
    provision                    H     TD    advertised
    start                        H     C     advertised
    start_on                     H     C     advertised
    pause                        R     -     advertised
    unpause                      P     -     advertised
    clean_shutdown               R     -     advertised
    clean_reboot                 R     -     advertised
    hard_shutdown                PSR   N     advertised
    power_state_reset            HPSR  -     -
    hard_reboot                  PR    -     advertised
    suspend                      R     -     advertised
    csvm                         S     -     -
    resume                       S     -     advertised
    resume_on                    S     -     advertised
    pool_migrate                 R     -     advertised
    migrate_send                 HSR   D     advertised
    get_boot_record              PSR   -     -
    send_sysrq                   R     -     -
    send_trigger                 R     -     -
    query_services               HPSR  -     -
    shutdown                     PSR   -     -
    call_plugin                  R     -     -
    changing_memory_live         R     C     -
    awaiting_memory_live         R     C     -
    changing_dynamic_range       HR    TDC   advertised
    changing_static_range        H     TDC   advertised
    changing_memory_limits       H     TDC   -
    changing_shadow_memory       H     TD    advertised
    changing_shadow_memory_live  R     -     -
    changing_VCPUs               H     TDC   -
    changing_VCPUs_live          R     -     advertised
    changing_NVRAM               H     TD    advertised
    assert_operation_valid       HPSR  -     -
    data_source_op               R     C     -
    update_allowed_operations    HPSR  -     -
    make_into_template           H     -     advertised
    import                       -     -     -
    export                       HS    TDN   advertised
    metadata_export              HPSR  TDNC  advertised
    reverting                    HPSR  -     -
    destroy                      HS    DNC   advertised
    create_vtpm                  H     -     advertised
    sysprep                      R     -     advertised
"""
ROWS = {
    name: (states.strip("-"), kinds.strip("-"), word == "advertised")
    for name, states, kinds, word in map(str.split, TABLE.split("\n")[1:-1])
}
ODD = {
    "assert_operation_valid": "assertoperationvalid", "data_source_op": "data_sources_op",
    **dict.fromkeys(("changing_memory_limits", "changing_VCPUs", "query_services", "create_template", "sysprep"),
                    "(unknown operation)"),
}  # fmt: skip
"""Operations that errors write in another way."""


def spelled(operation):
    return ODD.get(operation, operation)


def bad_state(vm, states, actual):
    expected = ", ".join(word for letter, word in STATES.items() if letter in states)
    return ["VM_BAD_POWER_STATE", vm, expected, actual]


@pytest.mark.parametrize("power", ["Halted", "Paused", "Suspended", "Running"])
def test_an_operation_is_valid_in_its_power_states_alone(api, brought, refused, power):
    """Those of snapshots and templates, and those that never succeed, are refused as such where the state would do."""
    vm = brought(power)
    own = {
        "revert": ["REVERT_ONLY_ALLOWED_ON_SNAPSHOT"], "provision": ["PROVISION_ONLY_ALLOWED_ON_TEMPLATE"],
        "snapshot_with_quiesce": ["VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED", vm], "query_services": ["NOT_SYSTEM_DOMAIN", vm],
    }  # fmt: skip
    for operation, (states, _, _) in ROWS.items():
        expected = own.get(operation, []) if power[0] in states else bad_state(vm, states, power.lower())
        assert refused(api.VM.assert_operation_valid, vm, operation) == expected, operation
    valid = {name for name, row in ROWS.items() if power[0] in row[0] and row[2] and name not in own}
    assert set(api.VM.get_allowed_operations(vm)) == valid


@pytest.mark.parametrize(
    ("kind", "letter", "error"),
    [
        ("default template", "T", "VM_IS_TEMPLATE"),
        ("template", "D", "VM_IS_TEMPLATE"),
        ("snapshot", "N", "VM_IS_SNAPSHOT"),
        ("checkpoint", "N", "VM_IS_SNAPSHOT"),
        ("control domain", "C", "OPERATION_NOT_ALLOWED"),
    ],
)
def test_templates_snapshots_and_control_domains_allow_what_fits_them(api, brought, refused, kind, letter, error):
    if kind == "default template":
        ref = api.VM.get_by_name_label("Other install media")[0]
    elif kind == "template":
        ref = brought("Halted")
        api.VM.set_is_a_template(ref, True)
    elif kind == "snapshot":
        ref = api.VM.snapshot(brought("Halted"), "s")
    elif kind == "checkpoint":
        ref = api.VM.checkpoint(brought("Running"), "s")
    else:
        ref = api.host.get_control_domain(api.host.get_all()[0])
    power = api.VM.get_power_state(ref)
    valid = set()
    for operation, (states, kinds, advertised) in ROWS.items():
        also = "S" if letter == "N" and operation in ("clone", "copy") else ""
        also += (
            "R" if letter == "C" and operation in ("changing_VCPUs", "changing_static_range", "changing_memory_limits") else ""
        )
        states = "".join(s for s in "HPSR" if s in states + also)
        found = refused(api.VM.assert_operation_valid, ref, operation)
        if power[0] not in states:
            assert found == bad_state(ref, states, power.lower()), operation
        elif letter not in kinds and letter != "C":
            assert found == [error, ref, spelled(operation)], operation
        elif letter == "C" and (letter not in kinds or operation == "changing_VCPUs"):
            only = {"revert": "REVERT_ONLY_ALLOWED_ON_SNAPSHOT", "provision": "PROVISION_ONLY_ALLOWED_ON_TEMPLATE"}
            assert found[0] == only.get(operation, error), operation
        else:
            assert found == [], operation
            valid |= {operation} if advertised else set()
    assert set(api.VM.get_allowed_operations(ref)) == valid


@pytest.mark.parametrize("power", ["Paused", "Running"])
def test_a_guest_without_drivers_does_less(api, brought, power):
    expected = {"Running": "snapshot pause hard_shutdown hard_reboot changing_dynamic_range metadata_export sysprep",
                "Paused": "snapshot unpause hard_shutdown hard_reboot metadata_export"}  # fmt: skip
    assert set(api.VM.get_allowed_operations(brought(power, agent=False))) == set(expected[power].split())


# Who goes beside whom -----------------------------------------------------------------------------------------------------


def compatible(operation, current):
    """Whether ``operation`` may begin while ``current`` is under way."""
    match operation:
        case "clone" | "copy" | "export":
            return current in ("clone", "copy", "export")
        case "snapshot":
            return current in ("snapshot", "checkpoint", "snapshot_with_quiesce")
        case "checkpoint":
            return current in ("snapshot", "checkpoint")
        case "get_boot_record":
            return current == "get_boot_record"
        case "hard_shutdown":
            return current != "hard_shutdown"
        case "hard_reboot":
            return current not in ("hard_shutdown", "hard_reboot")
        case "metadata_export" | "clean_shutdown" | "clean_reboot":
            return current == "migrate_send"
        case _:
            return False


@pytest.mark.parametrize("power", ["Halted", "Suspended", "Running"])
def test_an_operation_begins_only_beside_those_that_it_gets_along_with(api, brought, refused, change, power):
    vm = brought(power)
    for current in ROWS:
        change(vm, current_operations=frozenmap({"OpaqueRef:task": current}))
        for operation in [name for name, row in ROWS.items() if power[0] in row[0]]:
            found = refused(api.VM.assert_operation_valid, vm, operation)
            busy = ["OTHER_OPERATION_IN_PROGRESS", "VM", vm, spelled(current), "OpaqueRef:task"]
            assert (found == busy) is not compatible(operation, current), (operation, current)
    change(vm, current_operations=frozenmap())


def test_all_that_is_under_way_is_named(api, brought, refused, change):
    vm = brought("Halted")
    change(vm, current_operations=frozenmap({"OpaqueRef:a": "clone", "OpaqueRef:b": "copy"}))
    expected = ["OTHER_OPERATION_IN_PROGRESS", "VM", vm, "{clone,copy}", "{OpaqueRef:a,OpaqueRef:b}"]
    assert refused(api.VM.start, vm, False, False) == expected
    assert refused(api.VM.assert_operation_valid, vm, "export") == []


# The order of refusals ----------------------------------------------------------------------------------------------------


def test_refusals_come_in_their_order(api, brought, refused, change):
    """Each time the first of those that are left is taken away."""
    vm = brought("Halted")
    api.VM.set_is_a_template(vm, True)
    api.VM.set_blocked_operations(vm, {"suspend": "why"})
    change(vm, current_operations=frozenmap({"OpaqueRef:task": "clone"}))
    ask = (api.VM.assert_operation_valid, vm, "suspend")
    assert refused(*ask) == ["OPERATION_BLOCKED", vm, "why"]
    change(vm, blocked_operations=frozenmap())
    assert refused(*ask) == ["VM_BAD_POWER_STATE", vm, "running", "halted"]
    change(vm, power_state="Running", metrics=NULL, platform=frozenmap({"nomigrate": "true"}))
    assert refused(*ask)[0] == "OTHER_OPERATION_IN_PROGRESS"
    change(vm, current_operations=frozenmap())
    assert refused(*ask) == ["VM_IS_TEMPLATE", vm, "suspend"]
    change(vm, is_a_template=False)
    assert refused(*ask) == ["VM_IS_IMMOBILE", vm]
    change(vm, platform=frozenmap())
    assert refused(*ask) == ["VM_LACKS_FEATURE", vm]


# Which call is guarded by which operation ---------------------------------------------------------------------------------

GUARDS = {
    "start": ("start", (False, False), "Halted"),
    "start_on": ("start_on", ("host", False, False), "Halted"),
    "pause": ("pause", (), "Running"),
    "unpause": ("unpause", (), "Paused"),
    "clean_shutdown": ("clean_shutdown", (), "Running"),
    "clean_reboot": ("clean_reboot", (), "Running"),
    "hard_shutdown": ("hard_shutdown", (), "Running"),
    "hard_reboot": ("hard_reboot", (), "Running"),
    "shutdown": ("shutdown", (), "Running"),
    "power_state_reset": ("power_state_reset", (), "Halted"),
    "suspend": ("suspend", (), "Running"),
    "resume": ("resume", (False, False), "Suspended"),
    "resume_on": ("resume_on", ("host", False, False), "Suspended"),
    "pool_migrate": ("pool_migrate", ("host", {}), "Running"),
    "snapshot": ("snapshot", ("s",), "Halted"),
    "checkpoint": ("checkpoint", ("s",), "Running"),
    "clone": ("clone", ("c",), "Halted"),
    "copy": ("copy", ("c", NULL), "Halted"),
    "csvm": ("csvm", (), "Suspended"),
    "provision": ("provision", (), "Halted"),
    "destroy": ("destroy", (), "Halted"),
    "set_memory_dynamic_range": ("changing_dynamic_range", ("1", "1"), "Halted"),
    "set_memory_dynamic_min": ("changing_dynamic_range", ("1",), "Halted"),
    "set_memory_dynamic_max": ("changing_dynamic_range", ("1",), "Halted"),
    "set_memory_static_range": ("changing_static_range", ("1", "1"), "Halted"),
    "set_memory_static_min": ("changing_static_range", ("1",), "Halted"),
    "set_memory_static_max": ("changing_static_range", ("1",), "Halted"),
    "set_memory": ("changing_memory_limits", ("1",), "Halted"),
    "set_memory_limits": ("changing_memory_limits", ("1", "1", "1", "1"), "Halted"),
    "set_memory_target_live": ("changing_memory_live", ("1",), "Running"),
    "wait_memory_target_live": ("awaiting_memory_live", (), "Running"),
    "set_HVM_shadow_multiplier": ("changing_shadow_memory", (1.0,), "Halted"),
    "set_shadow_multiplier_live": ("changing_shadow_memory_live", (1.0,), "Running"),
    "set_VCPUs_max": ("changing_VCPUs", ("1",), "Halted"),
    "set_VCPUs_number_live": ("changing_VCPUs_live", ("1",), "Running"),
    "set_NVRAM": ("changing_NVRAM", ({},), "Halted"),
    "add_to_NVRAM": ("changing_NVRAM", ("a", "b"), "Halted"),
    "remove_from_NVRAM": ("changing_NVRAM", ("a",), "Halted"),
    "set_is_a_template": ("make_into_template", (True,), "Halted"),
    "set_is_default_template": ("make_into_template", (True,), "Halted"),
    "call_plugin": ("call_plugin", ("guest-agent-operation", "request-rdp-on", {}), "Running"),
    "get_boot_record": ("get_boot_record", (), "Running"),
    "send_sysrq": ("send_sysrq", ("k",), "Running"),
    "send_trigger": ("send_trigger", ("t",), "Running"),
    "query_services": ("query_services", (), "Halted"),
}
"""Message → the operation that guards it, further arguments, and a power state in which it is allowed."""


@pytest.mark.parametrize("message", GUARDS)
def test_blocking_an_operation_blocks_the_calls_that_it_guards(api, brought, refused, message):
    """In a VM that would allow them otherwise, and nothing happens."""
    operation, arguments, power = GUARDS[message]
    vm, host = brought(power), api.host.get_all()[0]
    api.VM.set_blocked_operations(vm, {operation: "for a reason"})
    before = api.VM.get_record(vm)
    arguments = [host if argument == "host" else argument for argument in arguments]
    assert refused(getattr(api.VM, message), vm, *arguments) == ["OPERATION_BLOCKED", vm, "for a reason"]
    assert api.VM.get_record(vm) == before


def test_making_a_virtual_tpm_and_becoming_no_template_have_their_guards_too(api, brought, refused):
    vm = brought("Halted")
    api.VM.set_blocked_operations(vm, {"create_vtpm": "no", "make_into_template": "no"})
    assert refused(api.VTPM.create, vm, False) == ["OPERATION_BLOCKED", vm, "no"]
    api.VM.set_is_a_template(vm, False)


def test_reverting_locks_the_snapshot_and_its_vm(api, brought, refused):
    vm = brought("Halted")
    snapshot = api.VM.snapshot(vm, "s")
    api.VM.set_blocked_operations(vm, {"reverting": "no"})
    assert refused(api.VM.revert, snapshot) == ["OPERATION_BLOCKED", vm, "no"]
    api.VM.set_blocked_operations(vm, {})
    api.VM.set_blocked_operations(snapshot, {"revert": "no"})
    assert refused(api.VM.revert, snapshot) == ["OPERATION_BLOCKED", snapshot, "no"]


def test_updating_what_a_vm_allows_reaches_its_devices(api, brought, change, xapid_server):
    vm = brought("Halted")
    vbd, vif = api.VM.get_VBDs(vm)[0], api.VM.get_VIFs(vm)[0]
    with xapid_server.pool.db.transaction() as tx:
        for ref in (vm, vbd, vif):
            tx.update(ref, allowed_operations=())
    api.VM.update_allowed_operations(vm)
    assert "start" in api.VM.get_allowed_operations(vm)
    assert "attach" in api.VBD.get_allowed_operations(vbd)
    assert api.VIF.get_allowed_operations(vif) == ["attach"]

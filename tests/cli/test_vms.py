"""VMs through their lives, as command lines."""

from __future__ import annotations

import pytest

TEMPLATE = "template=Debian Bookworm 12"


@pytest.fixture
def vm(xe):
    uuid = xe.good("vm-install", TEMPLATE, "new-name-label=web").line
    yield uuid
    xe("vm-uninstall", f"uuid={uuid}", "--force")


def state(xe, vm):
    return xe.good("vm-param-get", f"uuid={vm}", "param-name=power-state").line


def test_a_vm_is_installed_with_the_disks_that_its_template_asks_for(xe, vm):
    assert xe.good("vm-list", "name-label=web", "--minimal").line == vm
    shown = xe.good("vm-disk-list", "vm=web").out
    assert shown.startswith("Disk 0 VBD:\nuuid ( RO)             : ")
    assert "\nDisk 0 VDI:\nuuid ( RO)             : " in shown


def test_templates_are_found_by_name_or_uuid(xe):
    assert xe("vm-install", "template=none", "new-name-label=x").err == "Error: No templates matched\n"
    template = xe.good("template-list", "name-label=Debian Bookworm 12", "--minimal").line
    sr = xe.good("sr-list", "type=nfs", "--minimal").line
    made = xe.good("vm-install", f"template={template}", "new-name-label=y", f"sr-uuid={sr}").line
    disk = xe.good("vm-disk-list", f"uuid={made}", "vbd-params=uuid", "vdi-params=sr-uuid", "--minimal").line.split(",")
    assert disk[0] == sr
    xe.good("vm-uninstall", f"uuid={made}", "--force")


def test_a_vm_starts_where_it_is_told_moves_and_stops(xe, vm):
    hosts = xe.good("host-list", "params=name-label", "--minimal").line.split(",")
    xe.good("vm-start", "vm=web", f"on={hosts[1]}")
    xe.server.clock.pass_time(120)
    assert state(xe, vm) == "running"
    for command, after in (("suspend", "suspended"), ("resume", "running"), ("reboot", "running"), ("pause", "paused")):
        xe.good(f"vm-{command}", "vm=web")
        assert state(xe, vm) == after
        xe.server.clock.pass_time(120)
    xe.good("vm-unpause", "vm=web")
    xe.good("vm-migrate", "vm=web", f"host={hosts[2]}", "live=true")
    xe.server.clock.pass_time(120)
    xe.good("vm-shutdown", "vm=web")
    assert state(xe, vm) == "halted"


def test_long_commands_leave_no_task_behind(xe, vm):
    xe.good("vm-start", f"uuid={vm}")
    xe.good("vm-shutdown", f"uuid={vm}", "--force")
    assert xe.good("task-list").out == ""


def test_failures_of_long_commands_are_those_of_their_tasks(xe, vm):
    lines = xe("vm-resume", f"uuid={vm}").err.splitlines()
    assert lines[1:] == [f"vm: {vm} (web)", "expected: suspended", "actual: halted"]


def test_a_vm_is_copied_and_brought_back(xe, vm):
    snapshot = xe.good("vm-snapshot", f"uuid={vm}", "new-name-label=before", "new-name-description=d").line
    assert xe.good("snapshot-list", f"uuid={snapshot}", "params=name-description").out == "name-description ( RW)    : d\n\n\n"
    xe.good("vm-param-set", f"uuid={vm}", "name-label=changed")
    xe.good("snapshot-revert", f"snapshot-uuid={snapshot}")
    for command in ("vm-clone", "vm-copy"):
        made = xe.good(command, f"uuid={vm}", "new-name-label=copy").line
        xe.good("vm-uninstall", f"uuid={made}", "--force")
    xe.good("snapshot-uninstall", f"snapshot-uuid={snapshot}", "--force")


def test_disks_and_cds_come_and_go(xe, vm):
    xe.good("vm-disk-add", f"uuid={vm}", "disk-size=1GiB", "device=2")
    assert xe.good("vm-disk-list", f"uuid={vm}", "vdi-params=virtual-size", "vbd-params=userdevice").out.count("VBD:") == 2
    xe.good("vm-disk-remove", f"uuid={vm}", "device=2")
    cd = xe.good("cd-list", "params=name-label", "--minimal").line.split(",")[0]
    xe.good("vm-cd-add", f"uuid={vm}", f"cd-name={cd}", "device=3")
    xe.good("vm-cd-eject", f"uuid={vm}")
    xe.good("vm-cd-insert", f"uuid={vm}", f"cd-name={cd}")
    xe.good("vm-cd-remove", f"uuid={vm}", f"cd-name={cd}")
    assert xe.good("vm-cd-list", f"uuid={vm}").out == ""


def test_a_vm_is_only_destroyed_after_a_yes(xe):
    vm = xe.good("vm-install", TEMPLATE, "new-name-label=gone").line
    refused = xe.good("vm-uninstall", f"uuid={vm}", answers=["no"])
    assert refused.out.splitlines()[-2:] == ["Type 'yes' to continue", "Aborted (you typed: 'no')"]
    done = xe.good("vm-uninstall", f"uuid={vm}", answers=["yes"])
    assert done.out.splitlines()[0] == "The following items are about to be destroyed"
    assert done.out.splitlines()[-1] == "All objects destroyed"
    assert xe.good("vm-list", f"uuid={vm}").out == ""


def test_power_state_is_only_reset_by_force(xe, vm):
    assert xe("vm-reset-powerstate", f"uuid={vm}").status == 1


def test_an_export_is_asked_of_the_client(xe, vm):
    result = xe("vm-export", f"uuid={vm}", "filename=x.xva", "compress=true")
    ((verb, file, url),) = result.asked
    assert (verb, file, url.partition("?")[0]) == ("get", "x.xva", "/export")
    assert "use_compression=true" in url and "task_id=" in url and "session_id=" in url
    assert (result.err, result.status) == ("Export failed, unknown error\n", 1)
    assert xe.good("task-list").out == ""


def test_a_console_is_connected_to(xe, vm):
    xe.good("vm-start", f"uuid={vm}")
    ((verb, url),) = xe.good("console", f"uuid={vm}").asked
    assert verb == "connect" and "/console?" in url and url.endswith(xe.session)
    xe.good("vm-shutdown", f"uuid={vm}", "--force")


def test_events_are_waited_for(xe, vm):
    xe.good("event-wait", "class=vm", f"uuid={vm}", "power-state=halted")
    xe.good("event-wait", "class=vm", f"uuid={vm}", "power-state=/=running")
    assert xe("event-wait", "class=nosuch").err == "Error: Unknown class: 'nosuch'\n"


def test_a_vm_takes_its_disks_along_to_another_sr(xe, vm):
    disk = xe.good("vbd-list", f"vm-uuid={vm}", "params=vdi-uuid", "--minimal").line
    host = xe.good("host-list", "--minimal").line.split(",")[1]
    name = xe.good("host-param-get", f"uuid={host}", "param-name=name-label").line
    local = xe.good("sr-list", "name-label=Local storage", f"host={name}", "--minimal").line
    xe.good("vm-start", f"uuid={vm}", f"on={name}")
    xe.server.clock.pass_time(120)
    xe.good("vm-migrate", f"uuid={vm}", f"host-uuid={host}", f"vdi:{disk}={local}")
    moved = xe.good("vbd-list", f"vm-uuid={vm}", "params=vdi-uuid", "--minimal").line
    assert xe.good("vdi-param-get", f"uuid={moved}", "param-name=sr-uuid").line == local
    xe.good("vm-shutdown", f"uuid={vm}", "--force")

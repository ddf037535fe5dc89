from __future__ import annotations

import pytest

from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations import crashdump, vtpm, vusb


def test_a_port_takes_a_group_that_is_free(world):
    group = world.make("USB_group")
    vm = world.vm()
    ref = vusb.create(world.context, vm, group, frozenmap({"a": "b"}))
    assert world.row(ref).allowed_operations == ("attach",)
    assert "snapshot" not in world.row(vm).allowed_operations
    assert world.error(vusb.create, world.vm(), group, frozenmap()) == ("USB_GROUP_CONFLICT", group)
    vusb.destroy(world.context, ref)
    assert "snapshot" in world.row(vm).allowed_operations


def test_a_vm_gets_six_ports_while_it_is_off(world):
    vm, on = world.vm(), world.vm("Running")
    for _ in range(6):
        vusb.create(world.context, vm, world.make("USB_group"), frozenmap())
    assert world.error(vusb.create, vm, world.make("USB_group"), frozenmap()) == ("TOO_MANY_VUSBS", "6")
    error = world.error(vusb.create, on, world.make("USB_group"), frozenmap())
    assert error == ("VM_BAD_POWER_STATE", on, "halted", "running")


def test_a_port_is_unplugged_before_it_is_destroyed(world):
    ref = world.make("VUSB", VM=world.vm("Running"), currently_attached=True)
    assert world.error(vusb.destroy, ref)[0] == "OPERATION_NOT_ALLOWED"
    vusb.unplug(world.context, ref)
    vusb.destroy(world.context, ref)
    assert world.row(ref) is None


def test_a_vtpm_keeps_its_state_in_a_secret_of_its_own(world):
    vm = world.vm()
    ref = vtpm.create(world.context, vm, True)
    assert "create_vtpm" not in world.row(vm).allowed_operations
    assert (world.row(ref).is_unique, world.row(ref).allowed_operations) == (True, ("destroy",))
    assert vtpm.get_contents(world.context, ref) == ""
    vtpm.set_contents(world.context, ref, "AAAA")
    assert vtpm.get_contents(world.context, ref) == "AAAA"
    assert world.error(vtpm.set_contents, ref, "&")[0] == "INTERNAL_ERROR"
    vtpm.destroy(world.context, ref)
    assert len(world.db.table("secret")) == len(world.db.table("VTPM")) == 0
    assert "create_vtpm" in world.row(vm).allowed_operations


def test_a_vtpm_of_a_running_vm_stays(world):
    vm = world.vm("Running")
    assert world.error(vtpm.destroy, world.make("VTPM", VM=vm)) == ("VM_BAD_POWER_STATE", vm, "halted", "running")


def test_destroying_a_crash_dump_destroys_its_disk(world):
    disk = world.disk()
    ref = world.make("crashdump", VM=world.vm(), VDI=disk)
    world.run(crashdump.destroy(world.context, ref))
    assert world.row(ref) is None
    assert world.calls == [("VDI.destroy", disk)]


@pytest.mark.parametrize(
    ("function", "args", "cls"),
    [
        (vusb.create, (NULL_REF, frozenmap()), "VM"),
        (vusb.unplug, (), "VUSB"),
        (vusb.destroy, (), "VUSB"),
        (vtpm.create, (False,), "VM"),
        (vtpm.destroy, (), "VTPM"),
        (vtpm.get_contents, (), "VTPM"),
        (vtpm.set_contents, ("",), "VTPM"),
        (crashdump.destroy, (), "crashdump"),
    ],
)
def test_a_null_reference_is_an_invalid_handle(world, function, args, cls):
    assert world.error(function, NULL_REF, *args) == ("HANDLE_INVALID", cls, NULL_REF)

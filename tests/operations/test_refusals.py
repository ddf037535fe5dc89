from __future__ import annotations

from types import SimpleNamespace

import pytest

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations import host_crashdump, host_patch, lvhd, observer, pool_patch, pusb, sdn_controller


def test_volume_groups_are_not_provisioned_thinly(world):
    assert world.error(lvhd.enable_thin_provisioning, world.host, world.sr, 1, 1) == ("SR_OPERATION_NOT_SUPPORTED", world.sr)


def test_the_record_of_a_host_crash_goes_but_has_no_contents_to_send(world):
    ref = world.make("host_crashdump", host=world.host)
    context = world.context
    context.config = SimpleNamespace(state_directory=None)
    with pytest.raises(XenAPIError, match="OPERATION_NOT_ALLOWED"):
        world.run(host_crashdump.upload(context, ref, "http://x/", frozenmap()))
    host_crashdump.destroy(context, ref)
    assert world.row(ref) is None


def test_a_patch_that_a_host_has_stays(world):
    patch = world.make("pool_patch")
    ref = world.make("host_patch", host=world.host, pool_patch=patch, applied=True)
    assert world.error(host_patch.destroy, ref) == ("PATCH_IS_APPLIED",)
    assert world.error(pool_patch.destroy, patch) == ("PATCH_IS_APPLIED",)
    assert world.error(host_patch.apply, ref) == ("CANNOT_FIND_PATCH",)
    world.set(ref, applied=False)
    pool_patch.destroy(world.context, patch)
    assert world.row(ref) is world.row(patch) is None


def test_a_device_that_a_vm_has_is_not_taken_from_vms(world):
    group = world.make("USB_group")
    ref = world.make("PUSB", host=world.host, USB_group=group, passthrough_enabled=True)
    vm = world.vm()
    port = world.make("VUSB", VM=vm, USB_group=group)
    assert world.error(pusb.set_passthrough_enabled, ref, False) == ("USB_ALREADY_ATTACHED", ref, vm)
    with world.db.transaction() as tx:
        tx.destroy(port)
    pusb.set_passthrough_enabled(world.context, ref, False)
    assert world.row(ref).passthrough_enabled is False


@pytest.mark.parametrize(
    ("protocol", "address", "port", "code"),
    [
        ("ssl", "name", 0, "INVALID_IP_ADDRESS_SPECIFIED"),
        ("pssl", "10.0.0.1", 0, "OPERATION_NOT_ALLOWED"),
        ("ssl", "10.0.0.1", 65536, "VALUE_NOT_SUPPORTED"),
    ],
)
def test_a_controller_has_an_address_to_connect_to(world, protocol, address, port, code):
    assert world.error(sdn_controller.introduce, protocol, address, port)[0] == code


def test_a_pool_has_one_controller(world):
    ref = sdn_controller.introduce(world.context, "ssl", "10.0.0.1", 0)
    assert world.row(ref).port == 6632
    assert world.error(sdn_controller.introduce, "pssl", "", 0)[0] == "OPERATION_NOT_ALLOWED"
    sdn_controller.forget(world.context, ref)
    assert sdn_controller.introduce(world.context, "pssl", "", 6640) != ref


@pytest.mark.parametrize(
    ("function", "args", "error"),
    [
        (observer.set_components, ("xapi", "sm"), ("INVALID_VALUE", "component", "sm")),
        (observer.set_endpoints, ("bugtool", "ftp://x/"), ("INVALID_VALUE", "endpoint", "ftp://x/")),
    ],
)
def test_an_observer_watches_what_there_is_and_tells_whom_it_can_reach(world, function, args, error):
    ref = observer.create(world.context, {"name_label": "o", "components": ("xapi",), "endpoints": ("http://x:9411/",)})
    assert world.error(function, ref, args) == error
    assert (world.row(ref).components, world.row(ref).endpoints) == (("xapi",), ("http://x:9411/",))


@pytest.mark.parametrize(
    ("function", "args", "cls"),
    [
        (lvhd.enable_thin_provisioning, (NULL_REF, 0, 0), "host"),
        (host_crashdump.upload, ("", frozenmap()), "host_crashdump"),
        (host_patch.destroy, (), "host_patch"),
        (host_patch.apply, (), "host_patch"),
        (pusb.scan, (), "host"),
        (pusb.set_passthrough_enabled, (True,), "PUSB"),
        (sdn_controller.forget, (), "SDN_controller"),
        (observer.set_components, (("none",),), "Observer"),
        (observer.set_endpoints, (("none",),), "Observer"),
    ],
)
def test_a_null_reference_is_an_invalid_handle(world, function, args, cls):
    assert world.error(function, NULL_REF, *args) == ("HANDLE_INVALID", cls, NULL_REF)

from __future__ import annotations

import pytest

from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations import vgpu


@pytest.fixture
def create(world):
    """VGPU.create; returns what it makes or fails with."""
    group = world.make("GPU_group")

    def create(vm, device="0", type=NULL_REF):
        return vgpu.create(world.context, vm, group, device, frozenmap(), type)

    create.error = lambda *args: world.error(lambda context: create(*args))
    return create


def test_without_a_type_a_vm_gets_a_whole_gpu(world, create):
    vms = world.vm(), world.vm()
    first, second = (world.row(create(vm)) for vm in vms)
    assert first.type == second.type
    assert world.row(first.type).implementation == "passthrough"
    assert world.row(vms[0]).VGPUs == (first.ref,)


def test_types_that_go_together_are_in_one_vm(world, create):
    vm, other = world.vm(), world.make("VGPU_type", implementation="nvidia")
    kind = world.make("VGPU_type", implementation="nvidia")
    world.set(kind, compatible_types_in_vm=(kind,))
    create(vm, "0", kind)
    create(vm, "1", kind)
    assert create.error(vm, "2", other) == ("VGPU_TYPE_NOT_COMPATIBLE", other)
    assert create.error(vm, "1", kind) == ("DEVICE_ALREADY_EXISTS", "1")


@pytest.mark.parametrize("device", ["", "a", "-1", "²"])
def test_devices_are_numbers(world, create, device):
    assert create.error(world.vm(), device) == ("INVALID_DEVICE", device)


def test_a_vm_gets_gpus_while_it_is_off(world, create):
    vm = world.vm("Running")
    assert create.error(vm) == ("VM_BAD_POWER_STATE", vm, "halted", "running")


def test_a_gpu_in_use_stays(world, create):
    ref = create(world.vm())
    world.set(ref, currently_attached=True)
    assert world.error(vgpu.destroy, ref)[0] == "OPERATION_NOT_ALLOWED"
    world.set(ref, currently_attached=False)
    vgpu.destroy(world.context, ref)
    assert world.row(ref) is None


def test_taking_a_gpu_ends_the_plan_to_take_it(world, create):
    ref, pgpu = create(world.vm()), world.make("PGPU", host=world.host)
    world.set(ref, scheduled_to_be_resident_on=pgpu)
    vgpu.atomic_set_resident_on(world.context, ref, pgpu)
    assert (world.row(ref).resident_on, world.row(ref).scheduled_to_be_resident_on) == (pgpu, NULL_REF)


def test_handles_are_looked_at_first(world):
    assert world.error(vgpu.create, NULL_REF, NULL_REF, "", frozenmap(), NULL_REF) == ("HANDLE_INVALID", "VM", NULL_REF)
    vm = world.vm()
    assert world.error(vgpu.create, vm, NULL_REF, "", frozenmap(), NULL_REF) == ("HANDLE_INVALID", "GPU_group", NULL_REF)
    assert world.error(vgpu.destroy, NULL_REF) == ("HANDLE_INVALID", "VGPU", NULL_REF)
    assert world.error(vgpu.atomic_set_resident_on, NULL_REF, NULL_REF) == ("HANDLE_INVALID", "PGPU", NULL_REF)

from __future__ import annotations

import pytest

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.operations import vmss


@pytest.fixture
def taken(world):
    """Carries out the calls by which snapshots come and go; the snapshots that there are, oldest first."""
    snapshots = []

    def take(vm, name, *rest):
        snapshot = world.vm(name_label=name, is_a_snapshot=True, snapshot_of=vm, snapshot_time=world.context.now())
        world.vbd(snapshot, world.disk())
        snapshots.append(snapshot)
        return snapshot

    def destroy(ref):
        with world.db.transaction() as tx:
            tx.destroy(ref)
        if ref in snapshots:
            snapshots.remove(ref)

    answers = {"VM.snapshot": take, "VM.checkpoint": take, "VM.destroy": destroy, "VDI.destroy": destroy}
    world.on_call = lambda message, *args: answers[message](*args)
    world.answers = answers
    return snapshots


def schedule(world, **fields):
    return world.make("VMSS", **{"name_label": "nightly", "type": "snapshot", "retained_snapshots": 2, **fields})


def alerts(world):
    return [(message.name, message.priority, message.cls, message.body) for message in world.db.table("message")]


def test_every_vm_of_the_schedule_gets_a_snapshot(world, taken):
    ref = schedule(world)
    vms = [world.vm(name_label=name, snapshot_schedule=ref) for name in "ab"]
    world.clock.advance(86400)
    assert world.run(vmss.snapshot_now(world.context, ref)) == ""
    assert [world.row(snapshot).snapshot_of for snapshot in taken] == vms
    assert all(world.row(snapshot).is_vmss_snapshot for snapshot in taken)
    assert world.row(taken[0]).name_label == "nightly-a-19700102T000000Z"
    assert world.row(ref).last_run_time == world.context.now()
    assert alerts(world) == [("VMSS_SNAPSHOT_SUCCEEDED", 5, "VMSS", "")]


def test_a_schedule_may_ask_for_memory_too(world, taken):
    ref = schedule(world, type="checkpoint")
    vm = world.vm(name_label="a", snapshot_schedule=ref)
    world.run(vmss.snapshot_now(world.context, ref))
    assert world.calls == [("VM.checkpoint", vm, "nightly-a-19700101T000000Z")]


def test_the_oldest_snapshots_go_with_their_disks_and_memory(world, taken):
    ref = schedule(world)
    vm = world.vm(snapshot_schedule=ref)
    kept = world.vm(is_a_snapshot=True, snapshot_of=vm)
    for _ in range(2):
        world.run(vmss.snapshot_now(world.context, ref))
        world.clock.advance(60)
    oldest, later = taken
    disk, memory = world.row(world.row(oldest).VBDs[0]).VDI, world.disk()
    world.set(oldest, suspend_VDI=memory)
    world.run(vmss.snapshot_now(world.context, ref))
    assert later in taken
    assert [world.row(gone) for gone in (oldest, disk, memory)] == [None, None, None]
    assert world.row(kept) is not None


def test_a_vm_that_fails_keeps_no_other_from_its_snapshot(world, taken):
    ref = schedule(world)
    bad, good = (world.vm(name_label=name, snapshot_schedule=ref) for name in ("bad", "good"))
    take = world.answers["VM.snapshot"]

    def refuse(vm, *rest):
        if vm == bad:
            raise XenAPIError("VM_BAD_POWER_STATE", vm, "halted", "paused")
        return take(vm, *rest)

    world.answers["VM.snapshot"] = refuse
    world.run(vmss.snapshot_now(world.context, ref))
    assert [world.row(snapshot).snapshot_of for snapshot in taken] == [good]
    ((name, priority, _, body),) = alerts(world)
    assert (name, priority) == ("VMSS_SNAPSHOT_FAILED", 3)
    assert body == f"VM: bad UUID: {world.row(bad).uuid} Error:['VM_BAD_POWER_STATE', '{bad}', 'halted', 'paused']"


def test_a_schedule_that_is_at_work_is_not_run_a_second_time(world, taken):
    ref = schedule(world)
    world.vm(name_label="a", snapshot_schedule=ref)
    take, context = world.answers["VM.snapshot"], world.context

    def meanwhile(vm, *rest):
        assert world.run(vmss.snapshot_now(context, ref)) == ""
        return take(vm, *rest)

    world.answers["VM.snapshot"] = meanwhile
    world.run(vmss.snapshot_now(context, ref))
    assert len(taken) == 1
    assert [alert[:3] for alert in alerts(world)] == [
        ("VMSS_SNAPSHOT_LOCK_FAILED", 3, "VMSS"), ("VMSS_SNAPSHOT_SUCCEEDED", 5, "VMSS"),
    ]  # fmt: skip
    world.answers["VM.snapshot"] = take
    world.run(vmss.snapshot_now(context, ref))
    assert alerts(world)[-1][0] == "VMSS_SNAPSHOT_SUCCEEDED"


def test_a_vm_that_goes_meanwhile_keeps_no_other_from_its_snapshot(world, taken):
    ref = schedule(world)
    first, gone, last = (world.vm(name_label=name, snapshot_schedule=ref) for name in ("first", "gone", "last"))
    take = world.answers["VM.snapshot"]

    def goes(vm, *rest):
        if vm == first:
            world.answers["VM.destroy"](gone)
        return take(vm, *rest)

    world.answers["VM.snapshot"] = goes
    world.run(vmss.snapshot_now(world.context, ref))
    assert [world.row(snapshot).snapshot_of for snapshot in taken] == [first, last]
    assert [name for name, *_ in alerts(world)] == ["VMSS_SNAPSHOT_SUCCEEDED"]


def test_a_null_reference_is_an_invalid_handle(world):
    assert world.error(vmss.snapshot_now, NULL_REF) == ("HANDLE_INVALID", "VMSS", NULL_REF)

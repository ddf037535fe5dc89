from __future__ import annotations

import pytest

from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations import vmss
from xapid.wire.marshal import record_decoder


@pytest.fixture
def create(world):
    """VMSS.create with a record as it comes off the wire."""
    decode = record_decoder(catalogue().classes["VMSS"])

    def create(**fields):
        plain = {"name_label": "s", "type": "snapshot", "frequency": "daily", "schedule": {"hour": "1", "min": "30"}}
        return vmss.create(world.context, decode({**plain, **fields}))

    create.error = lambda **fields: world.error(lambda context: create(**fields))
    return create


@pytest.mark.parametrize(
    ("frequency", "given", "kept"),
    [
        ("hourly", {"min": "15"}, {"min": "15"}),
        ("daily", {"hour": "1", "min": "30"}, {"hour": "1", "min": "30"}),
        ("daily", {"min": "30"}, {"hour": "0", "min": "30"}),
        ("daily", {}, {"hour": "0", "min": "0"}),
        ("weekly", {"hour": "1", "min": "0", "days": "Monday,Friday"}, {"hour": "1", "min": "0", "days": "Monday,Friday"}),
    ],
)
def test_a_schedule_is_filled_up_for_its_frequency(world, create, frequency, given, kept):
    assert world.row(create(frequency=frequency, schedule=given)).schedule == kept


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"frequency": "hourly", "schedule": {"hour": "1", "min": "0"}}, ("schedule:hour", "1")),
        ({"schedule": {"hour": "24", "min": "0"}}, ("schedule:hour", "24")),
        ({"schedule": {"hour": "1", "min": "20"}}, ("schedule:min", "20")),
        ({"frequency": "weekly", "schedule": {"days": "Funday"}}, ("schedule:days", "Funday")),
        ({"schedule": {"bogus": "1"}}, ("schedule:bogus", "1")),
        ({"retained_snapshots": "0"}, ("retained_snapshots", "0")),
        ({"retained_snapshots": "11"}, ("retained_snapshots", "11")),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(world, create, fields, error):
    assert create.error(**fields) == ("INVALID_VALUE", *error)


def test_what_a_new_schedule_leaves_out_stays(world, create):
    ref = create(schedule={"hour": "5", "min": "45"})
    vmss.set_schedule(world.context, ref, frozenmap())
    assert world.row(ref).schedule == {"hour": "5", "min": "45"}
    vmss.set_schedule(world.context, ref, frozenmap({"min": "0"}))
    assert world.row(ref).schedule == {"hour": "5", "min": "0"}
    assert world.error(vmss.set_schedule, ref, frozenmap({"hour": "99"})) == ("INVALID_VALUE", "schedule:hour", "99")


def test_a_schedule_follows_its_frequency(world, create):
    ref = create()
    vmss.set_frequency(world.context, ref, "hourly")
    assert world.row(ref).schedule == {"min": "30"}
    vmss.set_frequency(world.context, ref, "weekly")
    assert world.row(ref).schedule == {"hour": "0", "min": "30", "days": "Monday"}


def test_keys_of_a_schedule_are_added_and_removed_one_by_one(world, create):
    ref = create()
    vmss.add_to_schedule(world.context, ref, "days", "Monday")
    assert world.error(vmss.add_to_schedule, ref, "hour", "9") == ("MAP_DUPLICATE_KEY", "VMSS", "schedule", ref, "hour")
    assert world.error(vmss.add_to_schedule, ref, "bogus", "x")[0] == "INTERNAL_ERROR"
    assert world.error(vmss.add_to_schedule, world.STALE, "k", "v")[0] == "INTERNAL_ERROR"
    for key in ("days", "hour", "absent"):
        vmss.remove_from_schedule(world.context, ref, key)
    assert world.row(ref).schedule == {"min": "30"}


def test_a_schedule_that_vms_follow_is_not_destroyed(world, create):
    ref = create()
    vm = world.vm(snapshot_schedule=ref)
    assert world.error(vmss.destroy, ref) == ("VMSS_HAS_VM",)
    world.set(vm, snapshot_schedule=NULL_REF)
    vmss.destroy(world.context, ref)
    assert world.row(ref) is None


def test_a_few_snapshots_are_retained(world, create):
    ref = create()
    for value in (1, 10):
        vmss.set_retained_snapshots(world.context, ref, value)
    assert world.error(vmss.set_retained_snapshots, ref, 11) == ("INVALID_VALUE", "retained_snapshots", "11")
    assert world.row(ref).retained_snapshots == 10


def test_type_and_last_run_are_set(world, create):
    ref = create()
    vmss.set_type(world.context, ref, "checkpoint")
    vmss.set_last_run_time(world.context, ref, world.context.now())
    assert (world.row(ref).type, world.row(ref).last_run_time) == ("checkpoint", world.context.now())


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("destroy", ()),
        ("set_schedule", (frozenmap(),)),
        ("remove_from_schedule", ("",)),
        ("set_retained_snapshots", (1,)),
        ("set_frequency", ("daily",)),
        ("set_type", ("snapshot",)),
    ],
)
def test_a_null_reference_is_an_invalid_handle(world, name, args):
    assert world.error(getattr(vmss, name), NULL_REF, *args) == ("HANDLE_INVALID", "VMSS", NULL_REF)

from __future__ import annotations

import pytest

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations import dr_task

UUID = "11111111-2222-4333-8444-555555555555"
LISTING = f'<?xml version="1.0" ?>\n<SRlist><SR><UUID>{UUID}</UUID><name_label>far</name_label></SR></SRlist>\n'
DEVICE = frozenmap({"SCSIid": "abc"})


@pytest.fixture
def answer(world):
    """Answers of the messages that are called, as the pool would give them; change them for other answers."""
    world.make("SM", type="lvmohba", features=frozenmap({"SR_METADATA": 1}))
    answers = {
        "SR.probe": lambda *args: LISTING,
        "SR.introduce": lambda uuid, name, *rest: world.make("SR", uuid=uuid, name_label=name, type="lvmohba"),
        "PBD.create": lambda record: world.make("PBD", SR=record["SR"], host=record["host"]),
    }

    def forget(ref):
        with world.db.transaction() as tx:
            for pbd in world.row(ref).PBDs:
                tx.destroy(pbd)
            tx.destroy(ref)

    answers["SR.forget"] = forget
    world.on_call = lambda message, *args: answers.get(message, lambda *args: None)(*args)
    return answers


@pytest.fixture
def create(world, answer):
    return lambda *whitelist: world.run(dr_task.create(world.context, "lvmohba", DEVICE, whitelist))


def test_srs_that_are_listed_are_brought_in_on_every_host(world, create):
    other = world.make("host", enabled=True)
    task = create(UUID)
    (sr,) = world.row(task).introduced_SRs
    assert (world.row(sr).uuid, world.row(sr).name_label) == (UUID, "far")
    assert {world.row(pbd).host for pbd in world.row(sr).PBDs} == {world.host, other}
    assert {call[1] for call in world.calls if call[0] == "PBD.plug"} == set(world.row(sr).PBDs)
    assert world.calls[-1] == ("SR.scan", sr)


def test_srs_that_are_not_listed_or_known_already_stay_out(world, create):
    assert world.row(create()).introduced_SRs == ()
    world.make("SR", uuid=UUID, type="lvmohba")
    assert world.row(create(UUID)).introduced_SRs == ()


def test_there_is_recovery_from_drivers_with_metadata_only(world):
    assert world.error(dr_task.create, "none", DEVICE, ()) == ("SR_UNKNOWN_DRIVER", "none")
    assert world.error(dr_task.create, "nfs", DEVICE, ())[0] == "OPERATION_NOT_ALLOWED"


def test_what_was_brought_in_is_forgotten_at_the_end(world, create):
    task = create(UUID)
    (sr,) = world.row(task).introduced_SRs
    pbds = world.row(sr).PBDs
    world.run(dr_task.destroy(world.context, task))
    assert world.row(task) is world.row(sr) is None
    assert world.calls[-len(pbds) - 1 :] == [*(("PBD.unplug", pbd) for pbd in pbds), ("SR.forget", sr)]


def test_an_sr_with_disks_of_vms_stays(world, create):
    task = create(UUID)
    (sr,) = world.row(task).introduced_SRs
    world.vbd(world.vm(), world.disk(SR=sr))
    world.run(dr_task.destroy(world.context, task))
    assert world.row(task) is None
    assert world.row(sr).introduced_by == NULL_REF


def test_a_recovery_with_an_sr_that_cannot_be_let_go_goes_on(world, create, answer):
    task = create(UUID)

    def forget(ref):
        raise XenAPIError("SR_HAS_PBD", ref)

    answer["SR.forget"] = forget
    error = world.error(dr_task.destroy, task)
    assert error == ("CANNOT_DESTROY_DISASTER_RECOVERY_TASK", f"SR_HAS_PBD, {world.row(task).introduced_SRs[0]}")


def test_a_recovery_that_fails_leaves_nothing(world, answer):
    def plug(ref):
        raise XenAPIError("SR_BACKEND_FAILURE", "1", "", "no path")

    answer["PBD.plug"] = plug
    error = world.error(dr_task.create, "lvmohba", DEVICE, (UUID,))
    assert error == ("SR_BACKEND_FAILURE", "1", "", "no path")
    assert len(world.db.table("DR_task")) == 0
    assert world.db.table("SR").find_uuid(UUID) is None


def test_a_null_reference_is_an_invalid_handle(world):
    assert world.error(dr_task.destroy, NULL_REF) == ("HANDLE_INVALID", "DR_task", NULL_REF)

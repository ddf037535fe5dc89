"""Schedules come due on the clock, and take their snapshots by themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import EPOCH
from xapid.operations.vmss_schedule import Schedules, is_due
from xapid.testing.in_process import Server
from xapid.testing.logged import LoggedFailures


def vmss(frequency: str, last: datetime = EPOCH, enabled: bool = True, **schedule: str) -> Any:
    return SimpleNamespace(
        ref="OpaqueRef:vmss",
        name_label="it",
        frequency=frequency,
        schedule=schedule,
        enabled=enabled,
        last_run_time=last,
        VMs=("vm",),
    )


WEDNESDAY = datetime(2026, 11, 18, 21, 30, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        (vmss("hourly", min="30"), True),
        (vmss("hourly", min="45"), False),
        (vmss("daily", hour="21", min="30"), True),
        (vmss("daily", hour="20", min="30"), False),
        (vmss("weekly", hour="21", min="30", days="Monday, wednesday"), True),
        (vmss("weekly", hour="21", min="30", days="Monday"), False),
        (vmss("hourly", min="30", enabled=False), False),
        (vmss("hourly", last=WEDNESDAY.replace(second=1), min="30"), False),
        (vmss("hourly", last=WEDNESDAY.replace(minute=29), min="30"), True),
    ],
)
def test_a_schedule_is_due_in_its_quarter_of_an_hour(schedule: Any, due: bool) -> None:
    assert is_due(schedule, WEDNESDAY) is due
    schedule.VMs = ()
    assert not is_due(schedule, WEDNESDAY)


def test_the_schedules_of_a_pool_take_snapshots_by_themselves(xapid_server: Server) -> None:
    """Every hour at half past, as many as are to be kept; under a task; an alert tells."""
    api = xapid_server.session().xenapi
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "kept")
    api.VM.provision(vm)
    record = {"name_label": "hourly", "type": "snapshot", "frequency": "hourly", "schedule": {"min": "30"}}
    schedule = api.VMSS.create({**record, "retained_snapshots": "2"})
    api.VM.set_snapshot_schedule(vm, schedule)
    for _ in range(4):
        xapid_server.clock.pass_time(3600)
    snapshots = [api.VM.get_record(ref) for ref in api.VM.get_snapshots(vm)]
    assert len(snapshots) == 2
    assert all(snapshot["is_vmss_snapshot"] for snapshot in snapshots)
    assert api.VMSS.get_last_run_time(schedule).value.endswith(":30:00Z")
    assert {task["name_label"] for task in api.task.get_all_records().values() if task["status"] == "success"} == {
        "VMSS.snapshot_now"
    }
    api.VMSS.set_enabled(schedule, False)
    names = {snapshot["uuid"] for snapshot in snapshots}
    xapid_server.clock.pass_time(7200)
    assert {api.VM.get_uuid(ref) for ref in api.VM.get_snapshots(vm)} == names


def test_one_schedule_that_fails_keeps_no_other_from_its_snapshots(xapid_logged: LoggedFailures) -> None:
    first, second, ran = vmss("hourly", min="0"), vmss("hourly", min="0"), []
    second.ref = "OpaqueRef:second"
    db: Any = SimpleNamespace(table=lambda cls: SimpleNamespace(rows=lambda: [first, second]))
    clock = Clock()
    clock.advance(10)

    async def run(ref: str) -> None:
        ran.append(ref)
        raise XenAPIError("HANDLE_INVALID", "VMSS", ref) if ref == first.ref else ZeroDivisionError

    schedules = Schedules(db, clock, run)
    schedules.start()
    clock.pump([890, 900, 900, 800])
    assert ran == []
    clock.advance(100)
    assert ran == [first.ref, second.ref]
    schedules.stop()
    assert clock.getDelayedCalls() == []
    assert len(xapid_logged.flush(ZeroDivisionError)) == 1


def test_a_schedule_that_is_still_at_work_when_it_is_due_again_misses_that(xapid_server: Server) -> None:
    api, ran = xapid_server.session().xenapi, []
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "kept")
    api.VM.provision(vm)
    record = {"name_label": "hourly", "type": "snapshot", "frequency": "hourly", "schedule": {"min": "30"}}
    api.VM.set_snapshot_schedule(vm, api.VMSS.create({**record, "retained_snapshots": "2"}))
    xapid_server.pool.schedules.stop()
    never: Deferred[None] = Deferred()

    async def run(ref: str) -> None:
        ran.append(ref)
        await never

    schedules = Schedules(xapid_server.pool.db, xapid_server.clock, run)
    schedules.start()
    xapid_server.clock.pass_time(3 * 3600)
    schedules.stop()
    never.callback(None)
    assert len(ran) == 1
    told = [(m["name"], m["priority"], m["cls"]) for m in api.message.get_all_records().values()]
    assert told == [("VMSS_SNAPSHOT_MISSED_EVENT", "3", "VMSS")] * 2


def test_a_member_leaves_schedules_to_its_coordinator() -> None:
    clock = Clock()
    schedules = Schedules(None, clock, None, lambda: True)  # type: ignore[arg-type]
    schedules.start()
    clock.advance(86400)
    schedules.stop()

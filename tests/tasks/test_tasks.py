from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from xapid.database import Database
from xapid.database.event_log import EventLog, Subscription, Token
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import EPOCH, NULL_REF, String, frozenmap
from xapid.ids import Ids
from xapid.tasks import Tasks
from xapid.tasks.registry import FINISHED_KEPT, FINISHED_LIMIT, IDLE_KEPT

api = catalogue()
HOST = "OpaqueRef:host"
START, GET, CANCEL = api.messages["VM.start"], api.messages["VM.get_record"], api.messages["task.cancel"]


class Caller:
    ref = "OpaqueRef:session"
    auth_user_sid = "S-alice"


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.advance(1_700_000_000)
    return clock


@pytest.fixture
def db() -> Database:
    return Database(api, Ids(1))


@pytest.fixture
def tasks(db, clock) -> Tasks:
    return Tasks(db, Ids(2), clock, lambda type_, value: f"<value>{type_}:{value}</value>")


def record(db, ref):
    fields = db.get("task", ref).record()
    del fields["uuid"]
    return fields


FRESH = {
    "name_label": "golden task",
    "name_description": "d",
    "allowed_operations": (),
    "current_operations": {},
    "finished": EPOCH,
    "status": "pending",
    "resident_on": HOST,
    "progress": 0.0,
    "type": "<none/>",
    "result": "",
    "error_info": (),
    "other_config": {},
    "subtask_of": NULL_REF,
    "subtasks": (),
    "backtrace": "()",
}


def test_a_task_that_a_client_makes_is_the_recorded_one(tasks, db):
    ref = tasks.create("golden task", "d", Caller(), HOST)
    fields = record(db, ref)
    assert fields.pop("created").timestamp() == 1_700_000_000
    assert fields == FRESH
    assert db.get("task", ref).session == Caller.ref


def test_an_asynchronous_call_that_succeeds_leaves_its_result(tasks, db, clock):
    task = tasks.for_async(START, Caller(), HOST)
    assert db.get("task", task.ref).status == "pending"
    clock.advance(5)
    task.succeed(String, "done")
    fields = record(db, task.ref)
    assert (fields["finished"] - fields.pop("created")).total_seconds() == 5
    assert fields == FRESH | {
        "finished": fields["finished"],
        "name_label": "Async.VM.start",
        "name_description": "",
        "status": "success",
        "progress": 1.0,
        "result": "<value>string:done</value>",
    }


def test_a_failure_leaves_code_and_parameters(tasks, db):
    task = tasks.for_async(START, Caller(), HOST)
    task.fail(("HANDLE_INVALID", "VM", "OpaqueRef:x"))
    row = db.get("task", task.ref)
    assert (row.status, row.error_info, row.progress, row.result) == (
        "failure",
        ("HANDLE_INVALID", "VM", "OpaqueRef:x"),
        1.0,
        "",
    )
    assert (row.backtrace, row.finished > EPOCH) == ("()", True)


def test_a_failure_that_repeats_what_no_text_may_hold_still_ends_the_task(tasks, db):
    task = tasks.for_async(START, Caller(), HOST)
    task.fail(("HANDLE_INVALID", "VM", "a\x00b\ud800\x1bc"))
    row = db.get("task", task.ref)
    assert (row.status, row.error_info) == ("failure", ("HANDLE_INVALID", "VM", "abc"))


def test_the_first_end_counts(tasks, db):
    task = tasks.for_async(START, Caller(), HOST)
    task.succeed_text("first")
    task.fail(("INTERNAL_ERROR", "second"))
    assert db.get("task", task.ref).status == "success"


def test_a_plain_call_that_ends_at_once_never_has_a_row(tasks, db):
    task = tasks.for_call(START, Caller(), HOST)
    task.progress(0.5)
    with task.cancellable():
        pass
    task.succeed(String, "")
    task.publish()
    assert db.generation == 0


def test_a_plain_call_that_goes_on_has_a_row_as_far_as_it_has_come_until_it_ends(tasks, db):
    task = tasks.for_call(START, Caller(), HOST)
    task.progress(0.25)
    with task.cancellable():
        task.publish()
        row = db.get("task", task.ref)
        assert (row.name_label, row.progress, row.allowed_operations) == ("VM.start", 0.25, ("cancel",))
    assert db.get("task", task.ref).allowed_operations == ()
    task.fail(("INTERNAL_ERROR", "x"))
    assert len(db.table("task")) == 0
    events, _ = EventLog(db).since(Subscription.parse(["task"]), Token())
    assert events == []


@pytest.mark.parametrize("entry", [GET, CANCEL], ids=lambda entry: entry.name)
def test_getters_and_calls_about_tasks_have_none(tasks, db, entry):
    task = tasks.for_call(entry, Caller(), HOST)
    task.publish()
    assert task.ref == task.ref
    assert task.ref.startswith("DummyRef:|")
    assert task.ref.endswith(f"|{entry.name}")
    task.progress(0.5)
    task.succeed(String, "")
    assert db.generation == 0


def test_progress_is_written_in_steps_and_stays_between_0_and_1(tasks, db):
    task = tasks.for_async(START, Caller(), HOST)
    generation = db.generation
    for thousandths in range(100):
        task.progress(thousandths / 1000)
    assert db.generation - generation == 9
    task.progress(7)
    assert db.get("task", task.ref).progress == 1.0


def test_a_part_knows_its_whole_and_the_whole_its_parts(tasks, db):
    whole = tasks.for_async(START, Caller(), HOST)
    part = tasks.for_call(START, Caller(), HOST, parent=whole)
    part.publish()
    other = tasks.for_async(START, Caller(), HOST, subtask_of=whole.ref)
    assert db.get("task", part.ref).subtask_of == whole.ref
    assert db.get("task", whole.ref).subtasks == (part.ref, other.ref)


def test_cancelling_is_seen_at_the_next_checkpoint(tasks, db):
    task = tasks.for_async(START, Caller(), HOST)
    task.check_cancelled()
    tasks.cancel(task.ref, by="DummyRef:|x|task.cancel")
    assert db.get("task", task.ref).current_operations == {"DummyRef:|x|task.cancel": "cancel"}
    with pytest.raises(XenAPIError) as raised:
        task.check_cancelled()
    assert raised.value.description == ("TASK_CANCELLED", task.ref)
    with pytest.raises(XenAPIError, match="TASK_CANCELLED"), task.cancellable():
        pytest.fail("a cancelled task begins nothing")
    task.fail(raised.value.description)
    row = db.get("task", task.ref)
    assert (row.status, row.error_info, row.current_operations) == ("cancelled", ("TASK_CANCELLED", task.ref), {})


def test_cancelling_the_whole_reaches_its_parts_and_what_they_wait_for(tasks, db):
    whole = tasks.for_async(START, Caller(), HOST)
    part = tasks.for_async(START, Caller(), HOST, parent=whole)
    cut: list[str] = []
    with whole.cancellable(lambda: cut.append("ended")):
        pass
    with part.cancellable(lambda: cut.append("part")):
        tasks.cancel(whole.ref, by="x")
        tasks.cancel(whole.ref, by="y")
    assert cut == ["part"]
    with pytest.raises(XenAPIError) as raised:
        part.check_cancelled()
    part.fail(raised.value.description)
    whole.fail(raised.value.description)
    assert db.get("task", whole.ref).error_info == ("TASK_CANCELLED", whole.ref)


def test_cancelling_what_has_ended_or_nobody_works_on_is_harmless(tasks, db):
    ended = tasks.for_async(START, Caller(), HOST)
    ended.succeed_text("")
    tasks.cancel(ended.ref, by="x")
    assert record(db, ended.ref)["current_operations"] == {}
    client = tasks.create("a", "b", Caller(), HOST)
    tasks.cancel(client, by="x")
    row = db.get("task", client)
    assert (row.status, row.current_operations) == ("pending", {"x": "cancel"})
    with pytest.raises(XenAPIError) as raised:
        tasks.cancel("OpaqueRef:stale", by="x")
    assert raised.value.description == ("HANDLE_INVALID", "task", "OpaqueRef:stale")


def test_an_upload_completes_the_task_that_its_client_made(tasks, db):
    ref = tasks.create("upload", "", Caller(), HOST)
    task = tasks.attach(ref)
    task.progress(0.5)
    assert db.get("task", ref).progress == 0.5
    assert tasks.find(ref) is task
    task.succeed_text("OpaqueRef:patch")
    assert (db.get("task", ref).status, db.get("task", ref).result) == ("success", "OpaqueRef:patch")
    assert tasks.find(ref) is None


def test_a_borrowed_task_moves_but_is_left_to_its_owner(tasks, db):
    owner = tasks.for_async(START, Caller(), HOST)
    borrowed = tasks.attach(owner.ref, complete=False)
    borrowed.progress(0.5)
    tasks.cancel(owner.ref, by="x")
    assert borrowed.cancelled
    borrowed.succeed_text("theirs")
    assert (db.get("task", owner.ref).status, db.get("task", owner.ref).progress) == ("pending", 0.5)
    assert tasks.find(owner.ref) is owner


def test_nobody_ends_a_call_by_naming_its_task(tasks, db):
    call = tasks.for_async(START, Caller(), HOST)
    tasks.attach(call.ref).fail(("SESSION_AUTHENTICATION_FAILED",))
    assert db.get("task", call.ref).status == "pending"
    call.succeed_text("")
    assert db.get("task", call.ref).status == "success"


def test_nothing_attaches_to_a_task_that_is_not_there(tasks):
    with pytest.raises(XenAPIError, match="HANDLE_INVALID"):
        tasks.attach("OpaqueRef:stale")


def test_what_a_client_ended_itself_is_not_overwritten(tasks, db):
    ref = tasks.create("upload", "", Caller(), HOST)
    task = tasks.attach(ref)
    tasks.set(ref, status="failure", error_info=("MINE",))
    task.succeed_text("late")
    assert db.get("task", ref).error_info == ("MINE",)


def test_a_finished_task_is_destroyed_at_once(tasks, db):
    task = tasks.for_async(START, Caller(), HOST)
    task.succeed_text("")
    tasks.destroy(task.ref)
    assert task.ref not in db.table("task")
    with pytest.raises(XenAPIError, match="HANDLE_INVALID"):
        tasks.destroy(task.ref)


def test_an_unfinished_task_is_marked_and_goes_after_its_end(tasks, db):
    task = tasks.for_async(START, Caller(), HOST)
    tasks.destroy(task.ref)
    assert db.get("task", task.ref).current_operations == {"task": "destroy"}
    tasks.collect()
    assert db.get("task", task.ref).status == "pending"
    task.succeed_text("")
    assert db.get("task", task.ref).status == "success"
    tasks.collect()
    assert task.ref not in db.table("task")


def test_work_goes_on_without_its_row(tasks, db):
    task = tasks.for_async(START, Caller(), HOST)
    with db.transaction() as tx:
        tx.destroy(task.ref)
    with task.cancellable():
        task.progress(0.5)
    task.succeed_text("")
    assert len(db.table("task")) == 0


def test_a_task_remembers_whose_it_is(tasks, db):
    ref = tasks.create("a", "b", Caller(), HOST)
    assert tasks.owner(ref) == "S-alice"
    tasks.set(ref, status="success")
    tasks.destroy(ref)
    assert tasks.owner(ref) is None


@pytest.mark.parametrize("by_client", [False, True], ids=["by the server", "by its client"])
def test_the_outcome_can_be_read_for_65_minutes_however_it_ended(tasks, db, clock, by_client):
    if by_client:
        ref = tasks.create("a", "", Caller(), HOST)
        clock.advance(2 * FINISHED_KEPT)
        tasks.set(ref, status="success")
    else:
        task = tasks.for_async(START, Caller(), HOST)
        clock.advance(2 * FINISHED_KEPT)
        task.succeed_text("")
        ref = task.ref
    tasks.start()
    clock.advance(FINISHED_KEPT)
    assert ref in db.table("task")
    clock.advance(30)
    assert ref not in db.table("task")
    tasks.stop()
    tasks.stop()
    assert not clock.getDelayedCalls()


def test_a_task_without_progress_for_a_day_is_given_up(tasks, db, clock):
    idle, moving = tasks.create("a", "", Caller(), HOST), tasks.for_async(START, Caller(), HOST)
    clock.advance(IDLE_KEPT)
    moving.progress(0.5)
    tasks.collect()
    assert idle in db.table("task")
    clock.advance(1)
    tasks.collect()
    assert [row.ref for row in db.table("task")] == [moving.ref]


def test_the_oldest_of_too_many_outcomes_go_first(tasks, db, clock):
    ended = []
    pending = tasks.create("a", "", Caller(), HOST)
    for _ in range(FINISHED_LIMIT + 2):
        task = tasks.for_async(START, Caller(), HOST)
        task.succeed_text("")
        ended.append(task.ref)
        clock.advance(1)
    tasks.collect()
    assert [row.ref for row in db.table("task")] == [pending, *ended[2:]]


def test_clients_may_write_what_they_like_into_their_tasks(tasks, db):
    ref = tasks.create("golden task", "d", Caller(), HOST)
    tasks.set(ref, progress=2.0, result="plain & <raw>", other_config=frozenmap({"a": "b"}))
    row = db.get("task", ref)
    assert (row.progress, row.result, row.other_config, row.finished) == (2.0, "plain & <raw>", {"a": "b"}, EPOCH)


def test_a_task_ends_with_its_block_however_that_ends(tasks, db):
    good, refused, broken = (tasks.named(name, Caller, HOST) for name in ("good", "refused", "broken"))
    with good.ending():
        pass
    with pytest.raises(XenAPIError), refused.ending():
        raise XenAPIError("HOST_OFFLINE", HOST)
    with pytest.raises(ZeroDivisionError), broken.ending():
        raise ZeroDivisionError
    found = [db.get("task", task.ref) for task in (good, refused, broken)]
    assert [row.status for row in found] == ["success", "failure", "failure"]
    assert [row.error_info for row in found] == [
        (), ("HOST_OFFLINE", HOST), ("INTERNAL_ERROR", "ZeroDivisionError in broken"),
    ]  # fmt: skip
    assert tasks.under_way() == []

from __future__ import annotations

from functools import partial

import pytest
from twisted.internet.task import Clock

from xapid.auth.sessions import LIFETIME, LIMIT_PER_NAME, LIMIT_UNNAMED, ROOT, TOUCH_AFTER, Identity
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF

HOST = "OpaqueRef:host"
ALICE = Identity(user="alice", auth_user_sid="S-1", subject="OpaqueRef:subject", permissions=frozenset({"vm.start", "a"}))


def test_the_record_of_roots_session_is_the_recorded_one(sessions, db):
    session = sessions.open(ROOT, HOST, originator="replay")
    record = db.get("session", session.ref).record()
    assert record.pop("uuid") not in session.ref
    assert record.pop("last_active") == record.pop("validation_time")
    assert record == {
        "this_host": HOST,
        "this_user": NULL_REF,
        "pool": False,
        "other_config": {},
        "is_local_superuser": True,
        "subject": NULL_REF,
        "auth_user_sid": "",
        "auth_user_name": "root",
        "rbac_permissions": (),
        "tasks": (),
        "parent": NULL_REF,
        "originator": "replay",
        "client_certificate": False,
    }


def test_the_record_of_a_directory_users_session_shows_user_and_permissions(sessions, db):
    row = db.get("session", sessions.open(ALICE, HOST).ref)
    assert (row.auth_user_name, row.auth_user_sid, row.subject) == ("alice", "S-1", "OpaqueRef:subject")
    assert (row.is_local_superuser, row.rbac_permissions) == (False, ("a", "vm.start"))


@pytest.mark.parametrize("ref", ["OpaqueRef:bogus", NULL_REF, "", "x"])
def test_an_unknown_session_is_invalid(sessions, ref):
    with pytest.raises(XenAPIError) as refused:
        sessions.get(ref)
    assert refused.value.description == ("SESSION_INVALID", ref)


def test_use_is_noted_only_when_ten_minutes_have_passed(sessions, db, clock):
    session = sessions.open(ROOT, HOST)
    generation, opened = db.generation, db.get("session", session.ref).last_active
    clock.advance(TOUCH_AFTER)
    assert sessions.get(session.ref) is session
    assert db.generation == generation
    clock.advance(1)
    sessions.get(session.ref)
    assert (db.get("session", session.ref).last_active - opened).total_seconds() == TOUCH_AFTER + 1


def test_a_session_that_ended_is_gone_and_wakes_who_waits_for_it_once(sessions, db):
    session = sessions.open(ROOT, HOST)
    woken: list[str] = []
    session.watch(lambda: woken.append("first"))
    other = partial(woken.append, "second")
    session.watch(other)
    session.unwatch(other)
    session.unwatch(other)
    sessions.destroy(session.ref)
    assert woken == ["first"]
    assert session.ended
    assert sessions.find(session.ref) is None
    assert session.ref not in db.table("session")
    session.watch(lambda: woken.append("late"))
    assert woken == ["first", "late"]
    with pytest.raises(XenAPIError, match="SESSION_INVALID"):
        sessions.destroy(session.ref)


def test_a_watcher_that_fails_does_not_keep_others_from_hearing(sessions, xapid_logged):
    session = sessions.open(ROOT, HOST)
    woken: list[bool] = []
    session.watch(lambda: 1 / 0)
    session.watch(lambda: woken.append(True))
    sessions.destroy(session.ref)
    assert woken == [True]
    assert len(xapid_logged.flush(ZeroDivisionError)) == 1


def test_local_sessions_hold_on_their_host_alone(sessions, db):
    session = sessions.open_local(HOST)
    assert sessions.get_on_member(session.ref, HOST, "192.0.2.1") is session
    assert session.unrestricted
    assert len(db.table("session")) == 0
    for attempt in (lambda: sessions.get(session.ref), lambda: sessions.get_on_member(session.ref, "OpaqueRef:other", "x")):
        with pytest.raises(XenAPIError, match="SESSION_INVALID"):
            attempt()
    sessions.destroy(session.ref)
    with pytest.raises(XenAPIError, match="SESSION_INVALID"):
        sessions.get_on_member(session.ref, HOST, "192.0.2.1")


def test_a_member_sends_clients_to_the_coordinator_and_takes_pool_sessions(sessions):
    pool = sessions.open_pool(HOST)
    assert sessions.get_on_member(pool.ref, HOST, "192.0.2.1") is pool
    with pytest.raises(XenAPIError) as refused:
        sessions.get_on_member(sessions.open(ROOT, HOST).ref, HOST, "192.0.2.1")
    assert refused.value.description == ("HOST_IS_SLAVE", "192.0.2.1")


def test_messages_between_hosts_are_refused_to_clients(sessions):
    entry = next(entry for entry in catalogue().messages.values() if entry.message.pool_internal)
    sessions.refuse_outsiders(sessions.open_pool(HOST), entry)
    with pytest.raises(XenAPIError) as refused:
        sessions.refuse_outsiders(sessions.open(ROOT, HOST), entry)
    assert refused.value.description == (
        "INTERNAL_ERROR",
        f'Internal API "{entry.name}" call attempted with non-pool (external) session',
    )


def test_sessions_end_after_a_day_without_use(sessions, clock):
    idle, used = sessions.open(ROOT, HOST), sessions.open(ROOT, HOST)
    local = sessions.open_local(HOST)
    clock.advance(LIFETIME)
    sessions.get(used.ref)
    clock.advance(1)
    sessions.collect()
    assert (idle.ended, used.ended, local.ended) == (True, False, True)


@pytest.mark.parametrize(("status", "ends"), [("pending", False), ("cancelling", False), ("success", True)])
def test_an_unused_session_lives_while_it_or_its_parent_owns_unfinished_tasks(sessions, db, clock, status, ends):
    parent = sessions.open(ROOT, HOST)
    child = sessions.open(ROOT, HOST, parent=parent.ref)
    with db.transaction() as tx:
        tx.create("task", session=parent.ref, status=status)
    clock.advance(LIFETIME + 1)
    sessions.collect()
    assert (parent.ended, child.ended) == (ends, ends)


@pytest.mark.parametrize(
    ("identity", "originator", "limit"),
    [(ROOT, "", LIMIT_UNNAMED), (ROOT, "tool", LIMIT_PER_NAME), (ALICE, "any", LIMIT_PER_NAME)],
    ids=["root", "root by originator", "directory user"],
)
def test_the_least_recently_used_sessions_beyond_a_groups_limit_end(sessions, clock, identity, originator, limit):
    opened = [sessions.open(identity, HOST, originator=originator) for _ in range(limit)]
    clock.advance(TOUCH_AFTER + 1)
    sessions.get(opened[0].ref)
    opened += [sessions.open(identity, HOST, originator=originator) for _ in range(2)]
    others = [sessions.open(ROOT, HOST, originator="another"), sessions.open_pool(HOST)]
    sessions.collect()
    assert [session for session in opened if session.ended] == opened[1:3]
    assert not any(session.ended for session in others)


def test_collecting_happens_every_half_minute_until_stopped(sessions, clock: Clock):
    session = sessions.open(ROOT, HOST)
    sessions.start()
    clock.advance(LIFETIME)
    assert not session.ended
    clock.advance(30)
    assert session.ended
    sessions.stop()
    sessions.stop()
    assert not clock.getDelayedCalls()


def test_a_session_does_not_show_its_reference_when_printed(sessions):
    session = sessions.open(ROOT, HOST)
    assert session.ref not in repr(session)


@pytest.mark.xapid(session_lifetime=60)
def test_how_long_idle_sessions_live_is_a_setting(xapid_server, xapid_session, xapid_clock):
    sessions, ref = xapid_server.pool.services.sessions, xapid_session._session
    for _ in range(3):
        xapid_clock.pass_time(45)
        assert xapid_session.xenapi.session.get_originator(ref) is not None
    assert sessions.find(ref) is not None
    xapid_clock.pass_time(95)
    assert sessions.find(ref) is None

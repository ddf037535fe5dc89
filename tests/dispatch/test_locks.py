"""Operations that work on the same object wait for each other, or are refused."""

from __future__ import annotations

from typing import Any

import pytest
import XenAPI
from twisted.internet import defer

from xapid.datamodel.errors import XenAPIError
from xapid.dispatch.locks import Locks
from xapid.dispatch.places import Mark
from xapid.testing.in_process import Server


@pytest.fixture
def vm(xapid_session: XenAPI.Session) -> str:
    api = xapid_session.xenapi
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "locked")
    api.VM.provision(vm)
    return str(vm)


def locks(server: Server, patience: float) -> Locks:
    return Locks(server.pool.db, server.pool.services.events, server.clock, patience)


def hold(server: Server, held: Locks, vm: str, operation: str, until: defer.Deferred[None]) -> defer.Deferred[str]:
    """Hold a mark until ``until`` fires; the result says that it was held."""

    async def work() -> str:
        db = server.pool.db
        async with held.hold(lambda: [Mark(db.get("VM", vm), operation)], f"OpaqueRef:{operation}", {}):
            await until
        return operation

    return defer.ensureDeferred(work())


def test_a_mark_shows_in_current_operations_and_is_gone_afterwards(xapid_server: Server, vm: str) -> None:
    """So do the operations that are allowed meanwhile."""
    db, until = xapid_server.pool.db, defer.Deferred[None]()
    done = hold(xapid_server, locks(xapid_server, 0), vm, "clone", until)
    assert db.get("VM", vm).current_operations == {"OpaqueRef:clone": "clone"}
    assert "start" not in db.get("VM", vm).allowed_operations
    until.callback(None)
    assert done.result == "clone"
    assert db.get("VM", vm).current_operations == {}
    assert "start" in db.get("VM", vm).allowed_operations


def test_an_operation_waits_for_the_one_that_keeps_it_out(xapid_server: Server, vm: str) -> None:
    first, second = defer.Deferred[None](), defer.succeed(None)
    held = locks(xapid_server, 20)
    one = hold(xapid_server, held, vm, "clone", first)
    other = hold(xapid_server, held, vm, "start", second)
    assert not other.called
    first.callback(None)
    xapid_server.clock.advance(0)
    assert (one.result, other.result) == ("clone", "start")


def test_patience_ends(xapid_server: Server, vm: str) -> None:
    until: defer.Deferred[None] = defer.Deferred()
    held = locks(xapid_server, 5)
    hold(xapid_server, held, vm, "clone", until)
    other: defer.Deferred[Any] = hold(xapid_server, held, vm, "start", defer.succeed(None))
    xapid_server.clock.advance(6)
    caught: list[Any] = []
    other.addErrback(caught.append)
    (problem,) = caught
    assert problem.check(XenAPIError)
    assert problem.value.description[:2] == ("OTHER_OPERATION_IN_PROGRESS", "VM")
    assert xapid_server.pool.db.get("VM", vm).current_operations == {"OpaqueRef:clone": "clone"}
    until.callback(None)

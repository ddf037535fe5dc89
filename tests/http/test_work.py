"""Uploads and downloads under their tasks: whose task may be named, and how it ends."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
import XenAPI

from http_in_memory import Web
from xapid.auth.sessions import Identity
from xapid.datamodel.errors import XenAPIError
from xapid.http.exchange import Disconnected
from xapid.http.work import Works
from xapid.testing.in_process import Server
from xapid.testing.logged import LoggedFailures
from xapid.wire.call import Origin


@pytest.fixture
def works(xapid_server: Server) -> Works:
    pool = xapid_server.pool
    return Works(pool.db, pool.services, pool.dispatcher, lambda: 443)


def exchange(works: Works, sid: str = "", **arguments: str) -> Any:
    """A request of root, or of a directory user who may import VMs."""
    identity = Identity(
        user=sid, auth_user_sid=sid, is_local_superuser=not sid, permissions=frozenset({"vm-admin"}) if sid else frozenset()
    )
    refused: list[tuple[int, str]] = []
    return SimpleNamespace(
        session=SimpleNamespace(session=works.services.sessions.open(identity, works.services.role.coordinator)),
        head=SimpleNamespace(argument=arguments.get),
        origin=Origin(),
        started=False,
        refused=refused,
        refuse=lambda status, more="": refused.append((status, more)),
    )


def task_of(works: Works, owner: Any) -> str:
    return works.services.tasks.create("upload", "", owner.session.session, works.services.role.coordinator)


def test_only_ones_own_task_can_be_named(works: Works) -> None:
    """By anyone but root and those who may end any task; the task of another goes on untouched."""
    ann, ben, root = exchange(works, "S-1"), exchange(works, "S-2"), exchange(works)
    task = task_of(works, ann)
    thief = exchange(works, "S-2", task_id=task)
    assert works.begin(thief, "VM.import") is None
    assert thief.refused[0][0] == 403
    assert works.db.get("task", task).status == "pending"
    for owner in (ann, root):
        asking = exchange(works, owner.session.session.auth_user_sid, task_id=task)
        work = works.begin(asking, "VM.import")
        assert work is not None
        assert work.task.ref == task
    missing = exchange(works, "S-1", task_id="OpaqueRef:x")
    assert works.begin(missing, "VM.import") is None
    assert missing.refused == [(500, "HANDLE_INVALID task OpaqueRef:x")]
    own = works.begin(ben, "VM.import")
    assert own is not None
    assert works.db.get("task", own.task.ref).name_label == "VM.import"


@pytest.mark.parametrize(
    ("problem", "error", "status"),
    [
        (XenAPIError("IMPORT_ERROR", "why"), ("IMPORT_ERROR", "why"), "failure"),
        (Disconnected(), ("INTERNAL_ERROR", "the client hung up"), "failure"),
        (ZeroDivisionError(), ("INTERNAL_ERROR", "ZeroDivisionError in VM.import"), "failure"),
        (None, (), "success"),
    ],
)
def test_the_task_ends_with_the_work(
    xapid_server: Server,
    works: Works,
    xapid_logged: LoggedFailures,
    problem: Exception | None,
    error: tuple[str, ...],
    status: str,
) -> None:
    asking = exchange(works)
    work = works.begin(asking, "VM.import")
    assert work is not None

    async def serve() -> None:
        async with works.carried(asking, work):
            work.result = "<value>x</value>"
            if problem is not None:
                raise problem

    xapid_server.clock.wait_for(serve())
    row = works.db.get("task", work.task.ref)
    assert (row.status, row.error_info, row.result) == (status, error, "" if problem else "<value>x</value>")
    assert bool(asking.refused) == (status == "failure" and not isinstance(problem, Disconnected))
    xapid_logged.flush(ZeroDivisionError)


def test_a_task_carries_what_headers_say_of_it(web: Web, api: Any, xapid_session: XenAPI.Session) -> None:
    headers = "X-HTTP-Other-Config-Batch: a é\r\nX-Other: b\r\n"
    noted = {"http:batch": "a é"}
    answer = web.ask("GET", f"/export_metadata?all=true&session_id={xapid_session._session}", headers=headers)
    assert api.task.get_other_config(answer.headers["task-id"]) == noted
    sr = api.SR.get_all()[0]
    call = {"jsonrpc": "2.0", "method": "Async.SR.scan", "params": [xapid_session._session, sr], "id": 1}
    answer = web.ask("POST", "/jsonrpc", json.dumps(call).encode(), headers)
    assert api.task.get_other_config(json.loads(answer.body)["result"]) == noted

"""Actions between hosts and pools: shared files, messages, backups where nothing is kept, and what nobody is given."""

from __future__ import annotations

import io
import tarfile

import pytest

MESSAGES = """<?xml version="1.0"?><messages>
<message><ref>OpaqueRef:x</ref><name>VM_STARTED</name><priority>5</priority><cls>VM</cls><obj_uuid>other</obj_uuid>
<timestamp>20250102T03:04:05Z</timestamp><uuid>{}</uuid><body>a &lt;b&gt;</body></message></messages>"""


@pytest.fixture
def session(xapid_session):
    return xapid_session._session


def test_the_files_of_a_pool_are_roots_password_and_certificates(web, session, xapid_server):
    meta = xapid_server.pool.db.meta
    answer = web.ask("GET", f"/sync_config_files/2?session_id={session}")
    assert answer.status == 200
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as archive:
        assert archive.getnames() == ["config/root-password"]
        assert archive.extractfile("config/root-password").read().decode() == meta["root-password"]


def test_messages_of_another_pool_are_kept_once(web, session, api):
    uuid = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    vm = api.VM.get_uuid(api.VM.get_all()[0])
    path = f"/messages?session_id={session}&cls=VM&uuid={vm}"
    for _ in range(2):
        assert web.ask("PUT", path, MESSAGES.format(uuid).encode()).status == 200
    (message,) = api.message.get("VM", vm, "19700101T00:00:00Z").values()
    assert (message["name"], message["priority"], message["body"], message["uuid"]) == ("VM_STARTED", "5", "a <b>", uuid)
    assert str(message["timestamp"]) == "20250102T03:04:05Z"


@pytest.mark.parametrize(
    ("query", "body", "error"),
    [
        ("cls=nonsense&uuid=x", MESSAGES, "cls"),
        ("cls=VM&uuid=x", "no xml", "messages"),
        ("cls=VM&uuid=x", "<!DOCTYPE a><messages/>", "messages"),
        ("cls=VM&uuid=x", MESSAGES.replace("20250102T", "yesterday"), "message"),
        ("cls=VM&uuid=x", MESSAGES.replace("20250102T", "20251399T"), "timestamp"),
        ("cls=VM&uuid=x", MESSAGES.replace(">5<", ">urgent<"), "message"),
        ("cls=VM&uuid=x", MESSAGES.replace(">5<", ">--5<"), "message"),
        ("cls=VM&uuid=x", MESSAGES.replace(">5<", f">{10**20}<"), "message"),
    ],
)
def test_what_are_no_messages_fails_the_task_and_leaves_none(web, session, api, query, body, error):
    task = api.task.create("messages", "")
    assert web.ask("PUT", f"/messages?session_id={session}&task_id={task}&{query}", body.encode()).status == 200
    assert api.task.get_error_info(task)[:2] == ["INVALID_VALUE", error]
    assert api.message.get_all() == []


@pytest.mark.parametrize("public", [True, False])
def test_a_task_that_is_named_with_a_blob_ends(web, session, api, public):
    blob = api.VM.create_new_blob(api.VM.get_all()[0], "notes", "text/plain", public)
    for method, ref, status, ended in (
        ("PUT", blob, 200, "success"), ("GET", blob, 200, "success"), ("GET", "OpaqueRef:x", 404, "failure"),
        ("PUT", "OpaqueRef:x", 404, "failure"),
    ):  # fmt: skip
        task = api.task.create("blob", "")
        answer = web.ask(method, f"/blob?session_id={session}&task_id={task}&ref={ref}", b"text" if method == "PUT" else b"")
        assert (answer.status, api.task.get_status(task)) == (status, ended), method
        if ended == "failure":
            assert api.task.get_error_info(task) == ["HANDLE_INVALID", "blob", "OpaqueRef:x"]
    assert web.ask("GET", f"/blob?ref={blob}").status == (200 if public else 401)


def test_messages_are_about_an_object(web, session):
    assert web.ask("PUT", f"/messages?session_id={session}&cls=VM", b"x").status == 400


def test_nobody_runs_commands_or_uses_the_database_by_its_former_door(web, session):
    for method, path in (("CONNECT", "/remotecmd"), ("POST", "/remote_db_access"), ("POST", "/remote_db_access_v2")):
        assert web.ask(method, f"{path}?session_id={session}", b"x").status == 403
        assert web.ask(method, path, b"x").status == 401


@pytest.mark.parametrize("service", ["", "/xenops", "/SM", "/plugin"])
def test_there_are_no_other_programs_behind_a_host(web, session, service):
    for method in ("GET", "PUT", "POST"):
        assert web.ask(method, f"/services{service}?session_id={session}", b"").status == 404


def test_what_is_not_kept_has_no_backup(web, session, api):
    task = api.task.create("backup", "")
    assert web.ask("GET", f"/host_backup?session_id={session}&task_id={task}").status == 500
    assert api.task.get_error_info(task)[0] == "BACKUP_SCRIPT_FAILED"
    task = api.task.create("restore", "")
    assert web.ask("PUT", f"/host_restore?session_id={session}&task_id={task}", b"x").status == 500
    assert api.task.get_error_info(task)[0] == "RESTORE_SCRIPT_FAILED"

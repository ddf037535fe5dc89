"""Every HTTP action that there is: served, and only to those who may use it, however they say who they are."""

from __future__ import annotations

import base64

import pytest

from xapid.auth.sessions import Identity
from xapid.datamodel.http_actions import ACTIONS
from xapid.datamodel.roles import CLIENT_CERT, ROLES

CALLS = {
    "post_root",
    "post_RPC2",
    "post_json",
    "post_jsonrpc",
    "post_root_options",
    "post_json_options",
    "post_jsonrpc_options",
}
GUARDED = [action for action in ACTIONS if not action.open]


def body_of(action):
    return b"" if action.method in ("PUT", "POST") else None


@pytest.fixture
def user(xapid_server):
    """The session of a directory user with one role."""
    services = xapid_server.pool.services

    def log_in(role):
        identity = Identity(user=role, auth_user_sid=f"sid-{role}", permissions=services.rbac.granted([role]))
        return services.sessions.open(identity, services.role.coordinator).ref

    return log_in


def test_every_action_is_served(web):
    assert {action.name for action in ACTIONS} - CALLS <= web.served.keys()


def test_an_action_is_for_those_who_have_its_role(web, user, api):
    roles = [role for role in ROLES if role not in CLIENT_CERT]
    for action in GUARDED:
        anonymous = web.ask(action.method, action.path, body_of(action))
        assert (anonymous.status, anonymous.headers["www-authenticate"]) == (401, f'Basic realm="{action.name}"')
        weak = [role for role in roles if role not in action.roles]
        if weak:
            task = api.task.create("t", "")
            answer = web.ask(action.method, f"{action.path}?session_id={user(weak[0])}&task_id={task}", body_of(action))
            assert answer.status == 403, action.name
            assert api.task.get_error_info(task)[:2] == ["RBAC_PERMISSION_DENIED", action.permission.lower()]


def test_who_it_is_can_be_said_in_four_ways(web, xapid_session, xapid_server):
    session, services = xapid_session._session, xapid_server.pool.services
    password = xapid_server.config.root_password
    basic = base64.b64encode(f"root:{password}".encode()).decode()
    secret = services.pool.secret
    before = len(services.sessions)
    for target, headers in (
        (f"/audit_log?session_id={session}", ""),
        ("/audit_log", f"Cookie: session_id={session}\r\n"),
        (f"/audit_log?pool_secret={secret}", ""),
        ("/audit_log", f"Cookie: pool_secret={secret}\r\n"),
        ("/audit_log", f"Authorization: Basic {basic}\r\n"),
        ("/audit_log?session_id=OpaqueRef:wrong", f"Cookie: session_id={session}\r\n"),
    ):
        assert web.ask("GET", target, headers=headers).status == 200, (target, headers)
    for target, headers in (
        ("/audit_log?session_id=OpaqueRef:wrong", f"Authorization: Basic {basic}\r\n"),
        (f"/audit_log?session_id={session}", "Cookie: session_id=OpaqueRef:wrong\r\n"),
        ("/audit_log?pool_secret=wrong", ""),
        ("/audit_log", f"Authorization: Basic {base64.b64encode(b'root:wrong').decode()}\r\n"),
    ):
        assert web.ask("GET", target, headers=headers).status == 401, (target, headers)
    assert len(services.sessions) == before


def test_a_task_that_the_server_made_is_named_in_the_answer_and_ends(web, xapid_session, api):
    answer = web.ask("GET", f"/pool/xmldbdump?session_id={xapid_session._session}")
    assert answer.body.endswith(b"</database>")
    record = api.task.get_record(answer.headers["task-id"])
    assert (record["status"], record["name_label"]) == ("success", "Dumping database as XML")

"""What the audit log, fetched over HTTP, tells of calls and of those who fetch it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
import XenAPI

from http_in_memory import Answered, Client
from xapid.auth.sessions import Identity
from xapid.dispatch.http_credentials import HttpAuthenticator
from xapid.http.report_actions import ReportActions
from xapid.http.server import HttpServer
from xapid.testing.in_process import Server

Get = Callable[..., Answered]


@pytest.fixture
def get(xapid_server: Server) -> Iterator[Get]:
    pool, clock = xapid_server.pool, xapid_server.clock
    http = HttpServer(
        pool.dispatcher,
        pool.services.role.coordinator,
        HttpAuthenticator(pool.services),
        clock=clock,
        actions=ReportActions(pool.db, pool.services, pool.config, clock).actions,
    )

    def ask(target: str = "/audit_log", *, session: str | None = None, headers: str = "") -> Answered:
        mark = "&" if "?" in target else "?"
        login = "" if session is None else f"{mark}session_id={quote(session)}"
        client = Client(http, clock)
        client.send(f"GET {target}{login} HTTP/1.1\r\n{headers}\r\n")
        clock.advance(1)
        answer = client.answer()
        client.lose(cleanly=True)
        return answer

    yield ask


@pytest.fixture
def session(xapid_session: XenAPI.Session) -> str:
    return str(xapid_session._session)


def lines(answer: Answered) -> list[str]:
    assert answer.status == 200
    return answer.body.decode().splitlines()


def basic(name: str, password: str) -> str:
    return f"Authorization: Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}\r\n"


def test_the_log_tells_what_was_done_and_by_whom(get: Get, api, session: str) -> None:
    vm = api.VM.get_all()[0]
    api.VM.set_name_label(vm, "s3cr3t")
    answer = get(session=session)
    assert answer.headers["content-type"].startswith("text/plain")
    (line,) = [line for line in lines(answer) if "'VM.set_name_label'" in line]
    assert "('LOCAL_SUPERUSER' 'root' 'xapid.testing' '127.0.0.1' 'ALLOWED' 'OK' 'API' 'VM.set_name_label'" in line
    assert vm in line
    assert "'s3cr3t'))" not in line


def test_whoever_is_refused_is_on_record(get: Get, session: str, xapid_server: Server) -> None:
    weak = xapid_server.pool.services.sessions.open(Identity(user="eve", auth_user_sid="S-eve"), "OpaqueRef:h")
    assert get().status == 401
    assert get(headers=basic("mallory", "guess")).status == 401
    assert get(session=weak.ref).status == 403
    assert get(session=session).status == 200
    unknown, denied, used = [line.partition("] ")[2] for line in lines(get(session=session)) if "'HTTP'" in line]
    peer = "'192.168.1.1'"
    assert unknown == (
        f"('NONE' 'nobody' '' {peer} 'ALLOWED' 'SESSION_AUTHENTICATION_FAILED' 'HTTP' 'http/get_audit_log' "
        "(('uname' 'mallory')))"
    )
    assert denied == f"('S-eve' 'eve' '' {peer} 'DENIED' 'RBAC_PERMISSION_DENIED' 'HTTP' 'http/get_audit_log' ())"
    assert used == f"('LOCAL_SUPERUSER' 'root' 'xapid.testing' {peer} 'ALLOWED' 'OK' 'HTTP' 'http/get_audit_log' ())"


def test_a_session_that_was_stolen_is_worth_nothing_after_logout(get: Get, api, session: str, xapid_server: Server) -> None:
    thief = xapid_server.client()
    thief._session = session
    assert thief.xenapi.VM.get_all() == api.VM.get_all()
    assert get(session=session).status == 200
    api.session.logout()
    answer = thief._ServerProxy__request("VM.get_all", (session,))
    assert answer["ErrorDescription"] == ["SESSION_INVALID", session]
    assert get(session=session).status == 401


def test_a_member_adds_a_line_and_nobody_else_does(api, refused, xapid_server: Server) -> None:
    services = xapid_server.pool.services
    assert refused(api.pool.audit_log_append, "forged")[0] == "INTERNAL_ERROR"
    client = xapid_server.client()
    client._session = services.sessions.open_pool(services.role.coordinator).ref
    client.xenapi.pool.audit_log_append("('x' 'somebody' did something)")
    assert [line.split("] ")[1] for line in services.audit.lines() if "did something" in line] == [
        "('x' 'somebody' did something)"
    ]
    assert not any("forged" in line for line in services.audit.lines())

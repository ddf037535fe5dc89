"""The stages of a call in their order, seen from outside."""

from __future__ import annotations

from typing import Any

import pytest
import XenAPI

from xapid.auth.sessions import Identity
from xapid.testing.in_process import Server, config

STALE = "OpaqueRef:00000000-0000-4000-8000-000000000001"
NULL = "OpaqueRef:NULL"


def call(server: Server, method: str, *params: Any) -> dict[str, Any]:
    """The answer to a call as it stands on the wire, whatever it says."""
    target: Any = server.client()
    proxy = target._ServerProxy__request if hasattr(target, "_ServerProxy__request") else None
    assert proxy is not None
    answer: dict[str, Any] = proxy(method, params)
    return answer


def failure(server: Server, method: str, *params: Any) -> list[str]:
    return list(call(server, method, *params)["ErrorDescription"])


@pytest.fixture
def session(xapid_server: Server) -> str:
    return str(call(xapid_server, "session.login_with_password", "root", xapid_server.config.root_password)["Value"])


@pytest.mark.parametrize("name", ["nosuch.method", "VM", "VM.", ".get_all", "vm.get_all", "system.methodHelp"])
def test_a_name_that_nobody_has_is_unknown_with_and_without_a_session(xapid_server: Server, session: str, name: str) -> None:
    assert failure(xapid_server, name) == ["MESSAGE_METHOD_UNKNOWN", name]
    assert failure(xapid_server, name, session, "x") == ["MESSAGE_METHOD_UNKNOWN", name]
    assert failure(xapid_server, name, "bogus") == ["SESSION_INVALID", "bogus"]


def test_parameters_are_counted_before_the_session_is_looked_at(xapid_server: Server) -> None:
    expected = ["MESSAGE_PARAMETER_COUNT_MISMATCH", "network.get_record", "1"]
    assert failure(xapid_server, "network.get_record") == [*expected, "-1"]
    assert failure(xapid_server, "network.get_record", "bogus") == [*expected, "0"]
    assert failure(xapid_server, "network.get_record", "bogus", "a", "b") == [*expected, "2"]


def test_types_come_before_the_session_and_the_session_before_the_object(xapid_server: Server, session: str) -> None:
    assert failure(xapid_server, "network.set_MTU", "bogus", STALE, "abc")[0] == "INTERNAL_ERROR"
    assert failure(xapid_server, "network.set_MTU", "bogus", STALE, "5") == ["SESSION_INVALID", "bogus"]
    assert failure(xapid_server, "network.set_MTU", session, STALE, "5") == ["HANDLE_INVALID", "network", STALE]


def test_both_spellings_of_a_name_lead_to_the_same_and_refusals_repeat_the_one_used(xapid_server: Server, session: str) -> None:
    assert call(xapid_server, "pool_get_all", session) == call(xapid_server, "pool.get_all", session)
    assert failure(xapid_server, "VM_get_record", session)[1] == "VM_get_record"


def test_a_name_that_manuals_print_for_a_message_is_answered_but_not_listed(xapid_server: Server, session: str) -> None:
    host = call(xapid_server, "host.get_all", session)["Value"][0]
    for name in ("host.set_host_power_on_mode", "host_set_host_power_on_mode"):
        assert call(xapid_server, name, session, host, name, {"key": "value"})["Status"] == "Success"
        assert call(xapid_server, "host.get_power_on_mode", session, host)["Value"] == name
    assert call(xapid_server, "Async.host.set_host_power_on_mode", session, host, "", {})["Status"] == "Success"
    assert failure(xapid_server, "host.set_host_power_on_mode", session, host)[1] == "host.set_host_power_on_mode"
    assert not [name for name in call(xapid_server, "system.listMethods") if "set_host_power_on" in name]


def test_surplus_parameters_are_passed_over_where_some_may_be_left_out(xapid_server: Server) -> None:
    password = xapid_server.config.root_password
    answer = call(xapid_server, "session.login_with_password", "root", password, "2.23", "me", "surplus")
    assert answer["Status"] == "Success"


def test_a_message_that_is_no_more_says_so_to_those_with_a_session(xapid_server: Server, session: str) -> None:
    assert failure(xapid_server, "VMPP.get_all", session) == ["MESSAGE_REMOVED"]
    assert failure(xapid_server, "VMPP.get_all", "bogus") == ["SESSION_INVALID", "bogus"]
    assert failure(xapid_server, "VMPP.set_backup_type", session, NULL, "no such type") == ["MESSAGE_REMOVED"]


def test_a_message_without_a_background_mode_refuses_it_after_all_else(xapid_server: Server, session: str) -> None:
    assert failure(xapid_server, "Async.network.get_record", session)[0] == "MESSAGE_PARAMETER_COUNT_MISMATCH"
    assert failure(xapid_server, "Async.network.get_record", "bogus", STALE) == ["SESSION_INVALID", "bogus"]
    assert failure(xapid_server, "Async.network.get_record", session, STALE)[0] == "Fault"


def test_a_call_in_the_background_answers_with_a_task_that_tells_how_it_went(
    xapid_server: Server, xapid_session: XenAPI.Session
) -> None:
    api = xapid_session.xenapi
    (network,) = api.network.get_by_name_label("Pool-wide network associated with eth0")
    task = api.Async.network.destroy(STALE)
    xapid_server.clock.advance(1)
    record = api.task.get_record(task)
    assert (record["name_label"], record["status"]) == ("Async.network.destroy", "failure")
    assert record["error_info"] == ["HANDLE_INVALID", "network", STALE]
    assert network


def test_a_member_sends_logins_to_the_coordinator_and_takes_sessions_of_its_own_only(
    xapid_server: Server, xapid_session: XenAPI.Session
) -> None:
    coordinator, member, *_ = xapid_server.pool.hosts()
    with pytest.raises(XenAPI.Failure) as caught:
        xapid_server.client(f"https://{member.address}").xenapi.login_with_password("root", "x")
    assert caught.value.details == ["HOST_IS_SLAVE", coordinator.address]


def test_what_fails_by_our_mistake_is_logged_and_tells_clients_no_more_than_its_kind(
    xapid_server: Server, session: str, xapid_logged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(xapid_server.pool.services.sessions, "get", broken)
    answer = failure(xapid_server, "pool.get_all", session)
    assert answer == ["INTERNAL_ERROR", "ZeroDivisionError in pool.get_all"]
    assert xapid_logged.flush(ZeroDivisionError)


def audited(server: Server) -> list[str]:
    return list(server.pool.services.audit.lines())


@pytest.mark.parametrize("no_fast_path", [False, True])
def test_a_getter_that_is_denied_is_audited(no_fast_path: bool) -> None:
    server = Server(config(no_fast_path=no_fast_path))
    services = server.pool.services
    nobody = services.sessions.open(Identity(user="nobody", auth_user_sid="S-2"), services.role.coordinator)
    assert failure(server, "VM.get_all", nobody.ref)[0] == "RBAC_PERMISSION_DENIED"
    assert "'DENIED' 'RBAC_PERMISSION_DENIED' 'API' 'VM.get_all'" in audited(server)[-1]
    server.close()


def test_setters_are_audited_and_getters_are_not_whatever_they_declare(xapid_server: Server, session: str) -> None:
    vm = call(xapid_server, "VM.get_all", session)["Value"][0]
    before = len(audited(xapid_server))
    call(xapid_server, "VM.get_name_label", session, vm)
    assert len(audited(xapid_server)) == before
    call(xapid_server, "VM.get_is_a_template", session, vm)
    assert len(audited(xapid_server)) == before
    call(xapid_server, "VM.set_name_label", session, vm, "new")
    assert "'VM.set_name_label'" in audited(xapid_server)[-1]


def test_an_unknown_message_that_an_extension_knows_takes_the_rights_of_calling_extensions() -> None:
    server = Server(config())
    services = server.pool.services
    services.is_extension = lambda name: name == "Lab.look"
    nobody = services.sessions.open(Identity(user="nobody", auth_user_sid="S-2"), services.role.coordinator)
    assert failure(server, "Lab.look", nobody.ref, "deep")[:2] == ["RBAC_PERMISSION_DENIED", "host.call_extension"]
    assert "deep" not in audited(server)[-1]
    assert failure(server, "Lab.other", nobody.ref, "deep") == ["MESSAGE_METHOD_UNKNOWN", "Lab.other"]
    assert failure(server, "Lab.look", "OpaqueRef:stolen") == ["SESSION_INVALID", "OpaqueRef:stolen"]
    assert failure(server, "Lab.look") == ["MESSAGE_METHOD_UNKNOWN", "Lab.look"]

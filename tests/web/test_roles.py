"""What people with fewer rights see: actions that their role does not allow are greyed out, say why, and do nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from web.conftest import Visitor


@pytest.fixture
def reader(visit: Callable[..., Visitor]) -> Visitor:
    """Somebody with the role read-only."""
    visitor = visit()
    visitor.log_in("reader", "reader")
    return visitor


def is_refused(visitor: Visitor, name: str, role: str, message: str) -> None:
    """The button is greyed out, says why, and does nothing when it is pressed all the same."""
    button = visitor.page.get_by_role("button", name=name, exact=True)
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_attribute("title", f"Your role ({role}) does not allow {message}.")
    button.click(force=True)
    expect(visitor.page.get_by_role("dialog")).to_have_count(0)
    expect(visitor.page.locator(".note")).to_have_count(0)


def test_a_reader_sees_everything_and_changes_nothing(reader: Visitor, api) -> None:
    page = reader.page
    expect(page.locator(".top .who")).to_contain_text("reader read-only")
    (ref,) = api.VM.get_by_name_label("vm-3-2")
    reader.go("vms")
    is_refused(reader, "New VM", "read-only", "VM.clone")
    page.get_by_role("link", name="vm-3-2").click()
    is_refused(reader, "Start", "read-only", "VM.start")
    is_refused(reader, "Snapshot", "read-only", "VM.snapshot")
    reader.picture("read-only")
    assert api.VM.get_power_state(ref) == "Halted"
    page.get_by_role("link", name="Disks and network").click()
    expect(page.get_by_role("table", name="Disks")).to_contain_text("10 GiB")
    page.get_by_role("link", name="Screen").click()
    expect(page.get_by_text("does not allow http/connect_console_ws")).to_be_visible()
    (host,) = api.host.get_by_name_label("xapid-3")
    reader.go(f"host/{api.host.get_uuid(host)}")
    is_refused(reader, "Enter maintenance", "read-only", "host.evacuate")
    assert api.host.get_enabled(host)


def test_the_server_refuses_what_a_changed_page_would_ask_for(reader: Visitor, api) -> None:
    """What is greyed out is a courtesy; who may what is the server's to say."""
    (ref,) = api.VM.get_by_name_label("vm-3-2")
    call = """async ([method, ...params]) => {
        const session = sessionStorage.getItem("xapid.session");
        const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: [session, ...params] });
        return (await fetch("/jsonrpc", { method: "POST", headers: { "content-type": "application/json" }, body })).json();
    }"""
    answer = reader.page.evaluate(call, ["VM.start", ref, False, False])
    assert answer["error"]["message"] == "RBAC_PERMISSION_DENIED"
    assert answer["error"]["data"][0] == "vm.start"
    assert api.VM.get_power_state(ref) == "Halted"
    opened = reader.page.evaluate(
        """ref => new Promise(said => {
            const session = sessionStorage.getItem("xapid.session");
            const socket = new WebSocket(`wss://${location.host}/console?ref=${ref}&session_id=${session}`, ["binary"]);
            socket.onopen = () => said("opened");
            socket.onclose = () => said("refused");
        })""",
        api.VM.get_consoles(api.host.get_control_domain(api.host.get_by_name_label("xapid-1")[0]))[0],
    )
    assert opened == "refused"
    assert any("403" in complaint for complaint in reader.complaints)
    reader.complaints.clear()


def test_an_operator_may_start_but_not_delete(visit: Callable[..., Visitor], api) -> None:
    operator = visit()
    operator.log_in("operator", "operator")
    (ref,) = api.VM.get_by_name_label("vm-3-2")
    operator.go(f"vm/{api.VM.get_uuid(ref)}")
    operator.button("More actions")
    delete = operator.page.get_by_role("menuitem", name="Delete…")
    expect(delete).to_have_attribute("aria-disabled", "true")
    operator.page.keyboard.press("Escape")
    expect(delete).to_have_count(0)
    operator.button("Start")
    operator.done("Start vm-3-2")
    assert api.VM.get_power_state(ref) == "Running"
    api.VM.hard_shutdown(ref)

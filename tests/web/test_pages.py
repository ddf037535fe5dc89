"""Pages as such: live, by keyboard, on a phone, light and dark, whatever things are called."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import APIResponse, Route, expect

from web.conftest import Visitor

HOSTILE = '<img src=x onerror="document.title=1">{{7*7}}"\'&amp;'


def test_changes_show_without_loading_anything_anew(visitor: Visitor, api) -> None:
    page = visitor.page
    (ref,) = api.VM.get_by_name_label("vm-3-1")
    visitor.go("vms")
    row = page.get_by_role("row").filter(has_text="vm-3-1")
    expect(row).to_contain_text("Halted")
    api.VM.start(ref, False, False)
    expect(row).to_contain_text("Running")
    api.VM.set_name_label(ref, "renamed")
    expect(row).to_have_count(0)
    expect(page.get_by_role("row").filter(has_text="renamed")).to_contain_text("Running")
    api.VM.hard_shutdown(ref)
    expect(page.get_by_role("row").filter(has_text="renamed")).to_contain_text("Halted")
    api.VM.set_name_label(ref, "vm-3-1")


def test_names_are_text_whatever_is_in_them(visitor: Visitor, api) -> None:
    page = visitor.page
    (ref,) = api.VM.get_by_name_label("vm-3-1")
    api.VM.set_name_label(ref, HOSTILE)
    api.VM.set_name_description(ref, HOSTILE)
    try:
        visitor.go("vms")
        page.get_by_role("link", name=HOSTILE, exact=True).click()
        expect(page.get_by_role("heading", name=HOSTILE, exact=True)).to_be_visible()
        expect(page.get_by_text(HOSTILE, exact=True).last).to_be_visible()
        assert page.title() == "xapid"
        assert page.locator("main img").count() == 0
    finally:
        api.VM.set_name_label(ref, "vm-3-1")
        api.VM.set_name_description(ref, "")


PRESSED = """async (key) => {
    document.body.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
    await null;
    return document.activeElement.getAttribute("aria-label");
}"""
"""Presses a key, and says what has the focus as soon as what it changes is there."""


def test_the_keyboard_is_enough(visitor: Visitor, api) -> None:
    page = visitor.page
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Go to anything by name")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press("v")
    expect(page.get_by_role("heading", name="Virtual machines")).to_be_visible()
    page.locator("tr[tabindex='0']").first.focus()
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.get_by_role("toolbar")).to_contain_text("1 VM selected")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=re.compile(r"^vm-\d-\d$"))).to_be_visible()
    # The field takes keys at once: not after the next picture, which a busy machine draws late.
    assert page.evaluate(PRESSED, "/") == "Name"
    page.keyboard.type("xapid-3")
    visitor.picture("search")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="xapid-3")).to_be_visible()

    pool = page.get_by_role("treeitem", name="Simulated pool")
    pool.focus()
    page.keyboard.press("ArrowLeft")
    expect(pool).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("ArrowRight")
    expect(pool).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="xapid-1")).to_be_visible()


def test_tables_sort_and_filter(visitor: Visitor, api) -> None:
    page = visitor.page
    visitor.go("vms")
    names = page.get_by_role("table", name="Virtual machines").locator("a.named")
    expect(names.first).to_have_text("vm-1-1")
    page.get_by_role("columnheader", name="Name").get_by_role("button").click()
    expect(names.first).to_have_text("vm-3-2")
    page.get_by_label("Filter").fill("vm-2")
    expect(names).to_have_text(["vm-2-2", "vm-2-1"])
    page.get_by_label("Filter").fill("nothing is called this")
    expect(page.get_by_text("None of them is like this.")).to_be_visible()


def test_alerts_come_and_are_dismissed(visitor: Visitor, api) -> None:
    page = visitor.page
    (ref,) = api.VM.get_by_name_label("vm-3-2")
    message = api.message.create("DISK_ALMOST_FULL", 2, "VM", api.VM.get_uuid(ref), "80 % of it")
    visitor.go("alerts")
    row = page.get_by_role("row").filter(has_text="Disk almost full")
    expect(row).to_contain_text("serious")
    expect(row.get_by_role("link", name="vm-3-2")).to_be_visible()
    visitor.picture("alerts")
    row.get_by_role("button", name="Dismiss").click()
    expect(row).to_have_count(0)
    assert message not in api.message.get_all()


def test_tasks_show_their_progress_and_what_became_of_them(visitor: Visitor, api) -> None:
    page = visitor.page
    task = api.task.create("Copy the archive", "")
    api.task.set_progress(task, 0.4)
    visitor.go("tasks")
    bar = page.get_by_role("progressbar", name="Copy the archive")
    expect(bar).to_have_attribute("aria-valuenow", "40")
    api.task.set_progress(task, 0.7)
    expect(bar).to_have_attribute("aria-valuenow", "70")
    visitor.picture("tasks")
    api.task.set_status(task, "success")
    expect(page.get_by_role("row").filter(has_text="Copy the archive")).to_contain_text("done")
    api.task.destroy(task)
    expect(page.get_by_role("row").filter(has_text="Copy the archive")).to_have_count(0)


def test_the_calls_of_the_page_can_be_read_as_a_program(visitor: Visitor, api) -> None:
    """What is shown does what it says, and shows neither session nor password."""
    page = visitor.page
    visitor.go("calls")
    expect(page.locator(".calls li").first).to_be_visible()
    listed = page.locator(".calls code").all_inner_texts()
    assert "session.xenapi.VM.get_all_records()" in listed
    assert 'session.xenapi.session.login_with_password("…")' in listed
    assert "session.xenapi.session.get_record(session.handle)" in listed
    assert "OpaqueRef:" not in "".join(listed)
    visitor.picture("calls")


PAGES = ["", "vms", "hosts", "storage", "networks", "tasks", "alerts", "report", "calls"]


@pytest.mark.parametrize(("phone", "dark"), [(True, False), (True, True), (False, True)])
def test_every_page_fits_on_its_screen(visit: Callable[..., Visitor], api, phone: bool, dark: bool) -> None:
    visitor = visit(phone=phone, dark=dark)
    visitor.log_in()
    page = visitor.page
    style = "phone" if phone else "desktop"
    colours = "dark" if dark else "light"
    (vm,) = api.VM.get_by_name_label("vm-1-1")
    (host,) = api.host.get_by_name_label("xapid-1")
    own = [f"vm/{api.VM.get_uuid(vm)}", f"host/{api.host.get_uuid(host)}", f"host/{api.host.get_uuid(host)}/charts"]
    own += [f"sr/{api.SR.get_uuid(api.pool.get_default_SR(api.pool.get_all()[0]))}"]
    for path in [*PAGES, *own]:
        visitor.go(path)
        expect(page.locator("main h1")).to_be_visible()
        width = page.evaluate(
            "() => { const main = document.querySelector('main'); return main.scrollWidth - main.clientWidth }"
        )
        assert width <= 0, f"{path} is {width} pixels too wide"
        wider = page.locator("main table, main section").evaluate_all(
            """all => {
                const box = document.querySelector(".page").getBoundingClientRect();
                const places = all.map(one => one.getBoundingClientRect());
                return places.filter(one => one.left < box.left || one.right > box.right).length;
            }"""
        )
        assert wider == 0, f"{path}: {wider} tables reach beyond the page"
        visitor.picture(f"{style}-{colours}-{re.sub('/[0-9a-f-]{36}', '', path).replace('/', '-') or 'pool'}")
    if phone:
        page.get_by_role("button", name="Menu").click()
        page.get_by_role("treeitem", name="xapid-2").click()
        expect(page.get_by_role("heading", name="xapid-2")).to_be_visible()
        expect(page.locator(".frame")).not_to_have_class(re.compile("drawer-open"))
    ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 200) is dark
    page.get_by_role("button", name="Colours: auto").click()
    page.get_by_role("button", name="Colours: light").click()
    assert page.evaluate("() => document.documentElement.dataset.theme") == "dark"


def test_an_address_that_is_none_leads_to_a_page(visitor: Visitor) -> None:
    visitor.go("vm/%")
    expect(visitor.page.get_by_role("link", name="Hosts").first).to_be_visible()
    visitor.go("vms")
    expect(visitor.page.get_by_role("link", name="vm-3-1")).to_be_visible()


def test_a_server_that_is_away_is_waited_for(visit: Callable[..., Visitor], api) -> None:
    visitor = visit()
    visitor.log_in()
    page = visitor.page
    (ref,) = api.VM.get_by_name_label("vm-3-1")
    visitor.go("vms")
    page.context.set_offline(True)
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer.")
    api.VM.set_name_label(ref, "changed meanwhile")
    page.context.set_offline(False)
    expect(page.get_by_role("link", name="changed meanwhile")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    api.VM.set_name_label(ref, "vm-3-1")
    visitor.complaints.clear()


def test_a_console_that_has_lost_events_fetches_everything_anew(visit: Callable[..., Visitor], api) -> None:
    visitor = visit()
    page = visitor.page
    lost = {"jsonrpc": "2.0", "error": {"code": 1, "message": "EVENTS_LOST", "data": []}}
    (ref,) = api.VM.get_by_name_label("vm-3-1")
    misled: list[str] = []

    def mislead(route: Route) -> None:
        """Keeps back the first answer that tells of the new name, and says that events were lost."""
        call = route.request.post_data_json
        if call["method"] != "event.from" or misled:
            route.continue_()
            return
        answer = route.fetch(timeout=60_000)
        if "while nobody looked" in answer.text():
            misled.append(call["method"])
            route.fulfill(json={**lost, "id": call["id"]})
        else:
            route.fulfill(response=answer)

    page.route("**/jsonrpc", mislead)
    visitor.log_in()
    visitor.go("vms")
    expect(page.get_by_role("link", name="vm-3-1")).to_be_visible()
    api.VM.set_name_label(ref, "while nobody looked")
    try:
        expect(page.get_by_role("link", name="while nobody looked")).to_be_visible()
        assert misled
    finally:
        api.VM.set_name_label(ref, "vm-3-1")
    expect(page.get_by_role("link", name="vm-3-1")).to_be_visible()
    page.unroute_all(behavior="ignoreErrors")


def test_what_changes_while_a_table_is_fetched_is_not_lost(visit: Callable[..., Visitor], api) -> None:
    visitor = visit()
    page = visitor.page
    (ref,) = api.VM.get_by_name_label("vm-3-1")
    held: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        """Keeps the table back until an event has told of what is newer."""
        if route.request.post_data_json["method"] == "VM.get_all_records" and not held:
            held.append((route, route.fetch()))
        else:
            route.continue_()

    page.route("**/jsonrpc", hold)
    visitor.log_in()
    visitor.go("vms")
    try:
        with page.expect_response(lambda response: "named meanwhile" in response.text()):
            api.VM.set_name_label(ref, "named meanwhile")
        page.wait_for_timeout(200)
        ((route, answer),) = held
        route.fulfill(response=answer)
        expect(page.get_by_role("link", name="vm-3-2")).to_be_visible()
        expect(page.get_by_role("link", name="named meanwhile")).to_be_visible()
    finally:
        api.VM.set_name_label(ref, "vm-3-1")
    page.unroute_all(behavior="ignoreErrors")

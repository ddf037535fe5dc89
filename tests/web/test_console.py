"""The web console, as people use it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import XenAPI
from playwright.sync_api import expect

from web.conftest import PASSWORD, Visitor


def vm_named(api, name: str) -> str:
    (ref,) = api.VM.get_by_name_label(name)
    return str(ref)


def test_only_who_knows_the_password_gets_in_and_who_logs_out_is_out(visit: Callable[..., Visitor], api) -> None:
    visitor = visit()
    page = visitor.page
    page.goto(visitor.daemon.url)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("The user name or the password is wrong.")
    visitor.picture("login")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Simulated pool")).to_be_visible()
    session = page.evaluate("sessionStorage.getItem('xapid.session')")
    assert api.session.get_auth_user_name(session) == "root"
    assert page.evaluate("document.cookie") == ""
    page.reload()
    expect(page.get_by_role("heading", name="Simulated pool")).to_be_visible()
    visitor.button("Log out")
    expect(page.get_by_label("Password")).to_be_visible()
    with pytest.raises(XenAPI.Failure, match="HANDLE_INVALID"):
        api.session.get_auth_user_name(session)
    assert page.evaluate("sessionStorage.getItem('xapid.session')") is None


def test_who_comes_to_a_member_is_shown_the_way(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.page
    first = visitor.daemon.address
    page.goto(f"https://{first.rpartition('.')[0]}.2:{visitor.daemon.port}/")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("This host is a member of a pool.")
    page.get_by_role("link", name=first).click()
    page.wait_for_url(f"{visitor.daemon.url}/")
    expect(page.get_by_label("Password")).to_be_visible()


def test_a_session_that_ends_elsewhere_leads_back_to_the_first_page(visitor: Visitor, api) -> None:
    session = visitor.page.evaluate("sessionStorage.getItem('xapid.session')")
    other = XenAPI.Session(visitor.daemon.url, ignore_ssl=True)
    other._session, other.last_login_method = session, "login_with_password"
    other.xenapi.session.logout()
    expect(visitor.page.get_by_role("alert")).to_contain_text("Your session has ended.")


def test_a_vm_is_started_and_its_screen_and_charts_are_seen(visitor: Visitor, api) -> None:
    page = visitor.page
    uuid = api.VM.get_uuid(vm_named(api, "vm-1-1"))
    if api.VM.get_power_state(vm_named(api, "vm-1-1")) != "Halted":
        api.VM.hard_shutdown(vm_named(api, "vm-1-1"))
    visitor.go("vms")
    page.get_by_role("link", name="vm-1-1").click()
    visitor.button("Start")
    visitor.done("Start vm-1-1")
    expect(page.locator(".head .below")).to_contain_text("Running on xapid-1")
    assert api.VM.get_power_state(vm_named(api, "vm-1-1")) == "Running"

    page.get_by_role("link", name="Screen").click()
    expect(page.get_by_role("status").filter(has_text="Connected")).to_be_visible()
    canvas = page.locator(".glass canvas")
    lit = "canvas => canvas.getContext('2d').getImageData(0, 0, 640, 400).data.filter((v, n) => n % 4 < 3 && v > 100).length"
    page.wait_for_function(f"() => ({lit})(document.querySelector('.glass canvas')) > 500")
    before = canvas.evaluate(lit)
    page.get_by_label("Text to type on the screen").fill("hello from a browser")
    page.keyboard.press("Enter")
    page.wait_for_function(f"before => ({lit})(document.querySelector('.glass canvas')) > before + 300", arg=before)
    visitor.picture("screen")

    page.get_by_role("link", name="Charts").click()
    for title in ("CPU", "Memory", "Network", "Disk"):
        expect(page.get_by_role("img", name=title)).to_be_visible()
    page.wait_for_function("() => Number(document.querySelector('.charts').dataset.points) >= 2")
    expect(page.get_by_role("img", name="CPU")).to_have_attribute("aria-label", re.compile(r"^CPU: CPU [0-9.]+ %$"))
    visitor.picture("charts")
    assert uuid in page.url

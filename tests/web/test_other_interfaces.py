"""Graphical interfaces that others made, in a browser: what they need of the server, and what pages of other sites do not get.

The interface in ``interface/`` makes the calls that XO Lite makes, in its order, from the same origin as the API
(``--web-root``). It reaches hosts at port 443 of their addresses, which the browser is told to map to that of the daemon.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright

from web.conftest import FLAGS, PASSWORD
from xapid.testing.processes import Daemon, loopback_network

INTERFACE = Path(__file__).parent / "interface"


@pytest.fixture(scope="module")
def network() -> str:
    """The first three numbers of the daemon's addresses."""
    return loopback_network()


@pytest.fixture(scope="module")
def daemon(network: str) -> Iterator[Daemon]:
    """A daemon that serves that interface in place of its own console."""
    flags = ["--bind", f"{network}.1", "--port", "0", "--ephemeral", "--vms-per-host", "1", "--web-root", str(INTERFACE)]
    with Daemon(*flags) as running:
        yield running


@pytest.fixture(scope="module")
def mapped(playwright: Playwright, daemon: Daemon, network: str, tool: Callable[[str], str]) -> Iterator[Browser]:
    """A browser for which port 443 of the hosts is the port at which they listen."""
    rules = ", ".join(f"MAP {network}.{n}:443 {network}.{n}:{daemon.port}" for n in (1, 2, 3))
    browser = playwright.chromium.launch(executable_path=tool("chromium"), args=[*FLAGS, f"--host-resolver-rules={rules}"])
    yield browser
    browser.close()


@pytest.fixture
def page(mapped: Browser, daemon: Daemon) -> Iterator[Page]:
    context = mapped.new_context(ignore_https_errors=True)
    found = context.new_page()
    found.goto(daemon.url)
    found.wait_for_function("() => window.run !== undefined")
    yield found
    context.close()


def test_an_interface_from_the_same_origin_finds_all_that_it_asks_for(page: Page, daemon: Daemon, network: str) -> None:
    seen = page.evaluate("([user, password]) => run(user, password)", ["root", PASSWORD])
    assert seen["wrong"] == "SESSION_AUTHENTICATION_FAILED"
    assert seen["addresses"] == [f"{network}.{n}" for n in (1, 2, 3)]
    assert seen["reached"] == ["opaque"] * 3 or sorted(seen["reached"]) == ["basic", "opaque", "opaque"]
    assert all(seen["counts"])
    assert re.fullmatch(r"\d{8}T\d\d:\d\d:\d\dZ", seen["date"])
    assert seen["started"] == ""
    changes, counts, token = seen["changed"]
    assert ["vm", "mod", "Running"] in changes
    assert {"vm", "pool", "host"} <= counts.keys()
    assert token
    assert seen["location"].startswith(f"https://{network}.")
    assert seen["screen"] == ["binary", "RFB 003.008\n"]
    assert seen["stranger"] == ["refused", ""]
    for figures, step in ((seen["fine"], 5), (seen["coarse"], 3600)):
        assert (figures["status"], figures["step"]) == (200, step)
        assert figures["rows"] == sorted(figures["rows"], reverse=True)
        assert any(entry.startswith(f"AVERAGE:host:{seen['vm']['host']}:") for entry in figures["legend"])
    assert seen["made"] == [2, 2, 1073741824]
    assert seen["odd"][0] in ("INTERNAL_ERROR", "FIELD_TYPE_ERROR", "HANDLE_INVALID")
    assert seen["odd"][1] == "MESSAGE_PARAMETER_COUNT_MISMATCH"
    assert seen["odd"][2] in ("HANDLE_INVALID", "INTERNAL_ERROR", "FIELD_TYPE_ERROR")
    assert (seen["sids"], seen["ended"], seen["after"]) == ([], "", "SESSION_INVALID")


def test_the_console_is_not_where_another_interface_is(page: Page, daemon: Daemon) -> None:
    assert page.title() == "an interface"
    assert page.request.get(f"{daemon.url}/app.js").status == 404
    assert "content-security-policy" not in page.request.get(f"{daemon.url}/").headers


@pytest.fixture(scope="module")
def console(network: str) -> Iterator[Daemon]:
    """Another daemon at the same address: another origin, to which browsers send the same cookies."""
    with Daemon("--bind", f"{network}.1", "--port", "0", "--ephemeral", "--preset", "standalone") as running:
        yield running


CONNECT = """([url, domain]) => new Promise(said => {
    const socket = new WebSocket(`${url.replace("https", "wss")}/console?ref=${domain}`, ["binary"]);
    socket.onopen = () => said("opened");
    socket.onerror = () => said("refused");
    setTimeout(() => said("nothing"), 8000);
})"""
FETCH = """async ([url, domain]) => {
    const picture = new Image();
    const loaded = new Promise(said => {
        picture.onload = () => said("loaded");
        picture.onerror = () => said("refused");
        setTimeout(() => said("nothing"), 8000);
    });
    picture.src = `${url}/vncsnapshot?ref=${domain}`;
    return await loaded;
}"""


def test_a_page_of_another_origin_gets_nothing_from_what_the_browser_remembers(page: Page, console: Daemon) -> None:
    session = console.session()
    (domain,) = [ref for ref, row in session.xenapi.VM.get_all_records().items() if row["is_control_domain"]]
    cookie = {"name": "session_id", "value": session._session, "url": console.url, "sameSite": "None", "secure": True}
    page.context.add_cookies([cookie])
    assert page.evaluate(CONNECT, [console.url, domain]) == "refused"
    assert page.evaluate(FETCH, [console.url, domain]) == "refused"
    own = page.context.new_page()
    own.goto(console.url)
    assert own.evaluate(CONNECT, [console.url, domain]) == "opened"
    assert own.evaluate(FETCH, [console.url, domain]) == "loaded"


def test_the_console_cannot_be_framed(page: Page, console: Daemon) -> None:
    page.evaluate(
        """url => new Promise(done => {
            const frame = document.createElement("iframe");
            frame.onload = done;
            frame.src = url;
            document.body.append(frame);
        })""",
        console.url,
    )
    (frame,) = [frame for frame in page.frames if frame != page.main_frame]
    assert frame.locator("#app").count() == 0

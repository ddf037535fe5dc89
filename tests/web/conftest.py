"""Chromium, and daemons for it to look at. Pictures of pages are kept in ``screenshots/`` (or ``XAPID_SCREENSHOTS``)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, expect, sync_playwright

from xapid.testing.processes import PASSWORD, Daemon, loopback_network

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LIMIT_MS = 20_000
NOT_OF_THE_PAGE = ("Canvas2D", "ERR_NETWORK_CHANGED")
"""What the tests do to pictures, and what other programs do to the machine's network."""
PICTURES = Path(os.environ.get("XAPID_SCREENSHOTS", Path(__file__).parent.parent.parent / "screenshots"))


class DaemonWithPeople(Daemon):
    """A daemon whose directory knows three people with a role each."""

    program = (str(Path(__file__).parent / "daemon_with_people.py"),)


@pytest.fixture(scope="session")
def daemon() -> Iterator[Daemon]:
    """A pool of three hosts with a few VMs. Tests share it: none counts on more than it sees to itself."""
    flags = ["--bind", f"{loopback_network()}.1", "--port", "0", "--ephemeral", "--vms-per-host", "2"]
    with DaemonWithPeople(*flags) as running:
        yield running


@pytest.fixture(scope="session")
def api(daemon: Daemon):
    """The calls of a stock client, to see what the console has done."""
    return daemon.session().xenapi


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """What steers browsers."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium(playwright: Playwright, tool: Callable[[str], str]) -> Iterator[Browser]:
    """The browser, with a profile of its own that is thrown away."""
    browser = playwright.chromium.launch(executable_path=tool("chromium"), args=FLAGS)
    yield browser
    browser.close()


class Visitor:
    """Somebody at a browser, before the console of one daemon. What the page complains about is kept."""

    def __init__(self, page: Page, daemon: Daemon) -> None:
        self.page = page
        self.daemon = daemon
        self.complaints: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(words in message.text for words in NOT_OF_THE_PAGE):
            self.complaints.append(message.text)

    def log_in(self, user: str = "root", password: str | None = None) -> None:
        self.page.goto(self.daemon.url)
        self.page.get_by_label("User name").fill(user)
        self.page.get_by_label("Password").fill(PASSWORD if password is None else password)
        self.page.get_by_role("button", name="Log in").click()
        expect(self.page.get_by_role("heading", name="Simulated pool")).to_be_visible()

    def go(self, path: str) -> None:
        """To a page of the console, without loading it anew."""
        self.page.evaluate("path => { location.hash = path }", f"/{path}")

    def button(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def more(self, name: str) -> None:
        """An entry of the menu."""
        self.button("More actions")
        self.page.get_by_role("menuitem", name=name, exact=True).click()

    def confirm(self, name: str) -> None:
        """The button of a dialog that does it."""
        self.page.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()

    def done(self, title: str) -> None:
        """Waits for the note that something was done."""
        note = self.page.locator(".note.done, .note.failed").filter(has_text=title).first
        note.wait_for()
        assert "failed" not in (note.get_attribute("class") or ""), note.inner_text()

    def picture(self, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png")


@pytest.fixture
def visit(chromium: Browser, daemon: Daemon) -> Iterator[Callable[..., Visitor]]:
    """Opens a browser window of its own; ``visit(phone=True, dark=True)``."""
    expect.set_options(timeout=LIMIT_MS)
    contexts: list[BrowserContext] = []
    visitors: list[Visitor] = []

    def open_window(*, phone: bool = False, dark: bool = False, at: Daemon | None = None) -> Visitor:
        contexts.append(
            chromium.new_context(
                ignore_https_errors=True,
                viewport={"width": 390, "height": 844} if phone else {"width": 1280, "height": 800},
                has_touch=phone,
                color_scheme="dark" if dark else "light",
                locale="en-GB",
            )
        )
        contexts[-1].set_default_timeout(LIMIT_MS)
        visitors.append(Visitor(contexts[-1].new_page(), at or daemon))
        return visitors[-1]

    yield open_window
    for context in contexts:
        context.close()
    for visitor in visitors:
        assert visitor.complaints == []


@pytest.fixture
def visitor(visit: Callable[..., Visitor]) -> Visitor:
    """Root, logged in."""
    visitor = visit()
    visitor.log_in()
    return visitor

"""What the web console takes in Chromium: from the address to the first paint, to a table of all VMs, and to a change in it.

The browser runs on the clients' core with a profile of its own, and begins each round with an empty cache.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from machine import CLIENT_CORE, tool
from servers import Xapid

if TYPE_CHECKING:
    from measures import Bench

HOSTS, VMS_PER_HOST = 4, 500
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
_FIRST_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
_TABLE = """rows => {
    const table = document.querySelector('table[aria-rowcount="' + (rows + 1) + '"] tbody tr[data-row="0"]');
    return table && performance.getEntriesByName("live").length ? performance.now() : undefined;
}"""
_SHOWN = "name => [...document.querySelectorAll('a.named')].some(link => link.textContent === name)"


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser."""
    from playwright.sync_api import sync_playwright  # imported here, as only this row needs it

    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {int(CLIENT_CORE)})  # which what is started inherits
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=tool("chromium"), args=list(FLAGS))
            yield browser
            browser.close()
    finally:
        os.sched_setaffinity(0, mine)


def console(bench: Bench) -> None:
    """The page of all VMs, of a pool that has 2,000, for somebody who has a session."""
    number = HOSTS * VMS_PER_HOST
    flags = ("--hosts", str(HOSTS), "--vms-per-host", str(VMS_PER_HOST))
    with Xapid(bench.certificate, *flags) as server, chromium() as browser:
        (first,) = server.call("VM.get_by_name_label", server.session, "vm-1-1")
        for turn in range(bench.rounds):
            context = browser.new_context(ignore_https_errors=True, viewport={"width": 1280, "height": 800})
            page = context.new_page()
            page.add_init_script(f"sessionStorage.setItem('xapid.session', '{server.session}')")
            page.goto(f"https://127.0.0.1:{server.port}/#/vms")
            bench.note("console", "live table ms", page.wait_for_function(_TABLE, arg=number).json_value())
            bench.note("console", "first paint ms", page.wait_for_function(_FIRST_PAINT).json_value())
            name = f"vm-0 of turn {turn}"  # the first in the table
            begun = page.evaluate("() => performance.now()")
            server.call("VM.set_name_label", server.session, first, name)
            page.wait_for_function(_SHOWN, arg=name)
            bench.note("console", "change ms", page.evaluate("() => performance.now()") - begun)
            context.close()

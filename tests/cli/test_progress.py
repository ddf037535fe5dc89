"""Transfers under way: bars that show how far they are, and clients that go away."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from twisted.internet.task import deferLater

from cli.conftest import Client
from xapid.cli.line import Disconnected
from xapid.cli.progress import bar
from xapid.wire.call import Hangup, Origin

HALF = f"\r[{'=' * 25}{' ' * 25}]  50 %"


class Busy(Client):
    """Takes three seconds for a transfer, of which the server notices the half after one."""

    server = None

    async def _carry(self, url):
        (task,) = parse_qs(urlsplit(url).query)["task_id"]
        clock, api = self.server.clock, self.server.session().xenapi
        await deferLater(clock, 1.5)
        api.task.set_progress(task, 0.5)
        await deferLater(clock, 1.5)
        api.task.set_status(task, "success")
        return True

    async def get(self, file, url):
        return await self._carry(url)

    async def put(self, file, url):
        return await self._carry(url)


@pytest.fixture
def run(xe):
    def carry_out(*words):
        client = Busy()
        client.server = xe.server
        body = "\n".join((f"session_id={xe.session}", *words)).encode()
        status = xe.server.clock.wait_for(xe.lines.carry_out(body, client, Origin("127.0.0.1", host=xe.host, hangup=Hangup())))
        assert status == 0, client.err
        return client.err

    return carry_out


def test_a_bar_has_one_length():
    assert [len(bar(percent)) for percent in (0, 1, 50, 100)] == [58] * 4
    assert bar(100) == f"[{'=' * 50}] 100 %"


@pytest.mark.parametrize("words", [("vm-import", "filename=f"), ("vm-export", "filename=f")])
def test_imports_and_exports_show_how_far_they_are_if_asked(xe, run, words):
    if words[0] == "vm-export":
        words = (*words, f"vm={xe.good('vm-install', 'template=Debian Bookworm 12', 'new-name-label=shown').line}")
    assert run(*words) == ""
    assert run(*words, "--progress") == f"\r{bar(0)}{HALF}\r{bar(100)}\n"


class Gone(Client):
    """Ends while it is told to send a file; before that, the server may have begun to take it."""

    begun = None

    async def put(self, file, url):
        if self.begun is not None:
            (task,) = parse_qs(urlsplit(url).query)["task_id"]
            self.begun.task.set_progress(task, 0.25)
        raise Disconnected


@pytest.mark.parametrize("is_served", [False, True])
def test_of_a_client_that_dies_no_task_is_left_that_nobody_ends(xe, is_served):
    api = xe.server.session().xenapi
    before = set(api.task.get_all())
    client = Gone()
    client.begun = api if is_served else None
    body = f"session_id={xe.session}\nvm-import\nfilename=f"
    with pytest.raises(Disconnected):
        xe.server.clock.wait_for(xe.lines.carry_out(body.encode(), client, Origin("127.0.0.1", host=xe.host, hangup=Hangup())))
    left = set(api.task.get_all()) - before
    # Whoever takes the file ends the task when the rest of it does not come.
    assert [api.task.get_progress(task) for task in left] == ([0.25] if is_served else [])
    given = api.task.create("mine", "")
    body += f"\ntask-uuid={api.task.get_uuid(given)}"
    with pytest.raises(Disconnected):
        xe.server.clock.wait_for(xe.lines.carry_out(body.encode(), client, Origin("127.0.0.1", host=xe.host, hangup=Hangup())))
    assert api.task.get_status(given) == ("pending" if is_served else "failure")

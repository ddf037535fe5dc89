"""Command lines carried out in the test's own process, by a client in memory."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest

from xapid.cli.catalogue import commands
from xapid.cli.serving import CommandLines
from xapid.testing.in_process import Server, config
from xapid.wire.call import Hangup, Origin


@attrs.define
class Client:
    """Notes what it is told, answers prompts from a list, and has files."""

    answers: list[str] = attrs.Factory(list)
    files: dict[str, bytes] = attrs.Factory(dict)
    printed: list[str] = attrs.Factory(list)
    err: str = ""
    asked: list[tuple[str, ...]] = attrs.Factory(list)

    @property
    def out(self):
        return "".join(f"{text}\n" for text in self.printed)

    def print(self, text):
        self.printed.append(text)

    def print_error(self, text):
        self.err += text

    def error(self, code, params):
        self.err += f"Error code: {code}\nError parameters: {', '.join(params)}\n"

    async def drained(self):
        pass

    async def prompt(self):
        return self.answers.pop(0) if self.answers else ""

    async def load(self, file):
        return self.files.get(file)

    async def get(self, file, url):
        self.asked.append(("get", file, url))
        return False

    async def put(self, file, url):
        self.asked.append(("put", file, url))
        return False

    async def connect(self, url):
        self.asked.append(("connect", url))
        return True


@attrs.frozen
class Result:
    out: str
    err: str
    status: int
    asked: list[tuple[str, ...]]

    @property
    def line(self) -> str:
        """The only line of the output."""
        (line,) = self.out.splitlines()
        return line

    @property
    def values(self) -> dict[str, str]:
        """Of a record: its parameters' values by name."""
        lines = [line.strip() for line in self.out.splitlines() if line.strip()]
        return {line.split(" (")[0]: line.split(": ", 1)[1] if ": " in line else "" for line in lines}


class Xe:
    """Runs command lines as root."""

    def __init__(self, server) -> None:
        self.server = server
        self.lines = CommandLines(server.pool.dispatcher, commands(), server.clock)
        self.host = server.pool.services.role.coordinator
        self.session = server.session()._session

    def __call__(self, *words, answers=(), files=None, user=None, password=None, host=None, session=None) -> Result:
        client = Client(list(answers), files or {})
        if user is None:
            body = "\n".join((f"session_id={session or self.session}", *words))
        else:
            body = "\n".join((*words, f"username={user}", f"password={password}"))
        origin = Origin("127.0.0.1", host=host or self.host, hangup=Hangup())
        status = self.server.clock.wait_for(self.lines.carry_out(body.encode(), client, origin))
        return Result(client.out, client.err, status, client.asked)

    def good(self, *words, **more) -> Result:
        """As a call, for what must go well."""
        result = self(*words, **more)
        assert (result.status, result.err) == (0, ""), (words, result.err)
        return result


@pytest.fixture(scope="module")
def xe() -> Iterator[Xe]:
    """Runs command lines in a pool of this process, which the tests of a module share: they make what they change."""
    server = Server(config())
    yield Xe(server)
    server.close()

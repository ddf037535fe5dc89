"""``POST /cli``: one command line from its request to its exit status.

The order of what can go wrong is what clients see: words that are no command line, commands that do not exist, parameters
that are missing, credentials, and only then what the command itself finds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

import attrs
from twisted.internet import defer
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.logger import Logger

from xapid.cli import arguments, spelling, wording
from xapid.cli.api import ORIGINATOR, Api
from xapid.cli.arguments import CommandLine
from xapid.cli.command import Command, Run
from xapid.cli.failures import Ended, ParameterMissing, SyntaxProblem, UnknownCommand
from xapid.cli.line import Disconnected, Line
from xapid.cli.printer import Printer
from xapid.cli.terminal import Terminal
from xapid.datamodel.errors import XenAPIError
from xapid.wire.call import Dispatcher, Hangup, Origin

log = Logger()

BODY_LIMIT: Final = 1024 * 1024
"""The longest command line, in bytes."""


class Request(Protocol):
    """What is needed of an HTTP request."""

    origin: Origin

    async def read(self) -> bytes: ...

    def refuse(self, status: int, more: str = "") -> None: ...

    def take_over(self, taker: TwistedProtocol) -> None: ...


@attrs.frozen(eq=False)
class CommandLines:
    """Serves command lines to the clients of one host."""

    dispatcher: Dispatcher
    commands: Mapping[str, Command]
    clock: IReactorTime
    relay: Callable[[Any, bytes], Awaitable[bool]] | None = None
    """Passes a command line on to another daemon, if it is for that, and says whether it did."""

    async def serve(self, exchange: Request) -> None:
        """Serves one request. There is no HTTP answer: the connection turns to the protocol at once."""
        body = b""
        while data := await exchange.read():
            body += data
            if len(body) > BODY_LIMIT:
                exchange.refuse(500, "the command line is longer than this server reads")
                return
        if self.relay is not None and not self._is_local(body) and await self.relay(exchange, body):
            return
        asked, hangup = exchange.origin, Hangup()
        origin = attrs.evolve(asked, headers={**asked.headers, "originator": ORIGINATOR}, hangup=hangup)
        line = Line(self.clock, hangup)
        exchange.take_over(line)
        working = defer.ensureDeferred(self._converse(body, line, origin))
        working.addErrback(lambda failure: log.failure("a command line failed in the server", failure))

    def _is_local(self, body: bytes) -> bool:
        """Whether the host that is called carries a command line out by itself, or refuses it."""
        try:
            command = self.commands.get(arguments.parse(body).command)
        except SyntaxProblem:
            return True
        return command is None or command.is_local or not command.needs_session

    async def _converse(self, body: bytes, line: Line, origin: Origin) -> None:
        terminal = Terminal(line)
        try:
            if await terminal.greet():
                terminal.exit(await self.carry_out(body, terminal, origin))
        except Disconnected:
            pass
        finally:
            terminal.close()

    async def carry_out(self, body: bytes, terminal: Terminal, origin: Origin) -> int:
        """Carries a command line out; its exit status. Raises :class:`Disconnected`."""
        api = Api(self.dispatcher, origin)
        user, is_traced = "", False
        try:
            args = arguments.parse(body)
            user, is_traced = args.get("username"), args.is_traced
            await self._run(self._understood(args, terminal, api))
        except Ended as end:
            return end.status
        except Disconnected:
            raise
        except Exception as problem:
            if not isinstance(problem, wording.EXPECTED):
                log.failure("a command failed in the server")
            wording.tell(terminal, problem, api, user)
            if is_traced:
                terminal.print_error(f"Raised {type(problem).__name__}\nBacktrace:\n\n")
            return 1
        finally:
            await api.logout()
        return 0

    def _understood(self, args: CommandLine, terminal: Terminal, api: Api) -> Run:
        command = self.commands.get(args.command)
        if command is None:
            raise UnknownCommand(args.command)
        args, hint = spelling.mended(args)
        for name in command.required:
            if name not in args and not spelling.may_lack(args, name):
                raise ParameterMissing(name)
        if hint:
            terminal.print_error(f"Hint: {hint}\n")
        return Run(
            command=command,
            args=args,
            api=api,
            terminal=terminal,
            printer=Printer(terminal, minimal=args.is_minimal),
            clock=self.clock,
            commands=self.commands,
        )

    async def _run(self, run: Run) -> None:
        args, api = run.args, run.api
        if args.session is not None:
            api.session = args.session
        elif run.command.needs_session:
            await _log_in(run, args.get("username"), args.get("password"))
        args, hint = await spelling.completed(args, api)
        if hint:
            run.terminal.print_error(f"Hint: {hint}\n")
        await run.command.body(attrs.evolve(run, args=args))
        run.printer.finish()


async def _log_in(run: Run, user: str, password: str) -> None:
    """Opens a session; on members one that they alone know, for what they do by themselves."""
    try:
        await run.api.login(user, password)
    except XenAPIError as error:
        if not run.command.is_local or error.code == "SESSION_AUTHENTICATION_FAILED":
            raise
        await run.api.login_locally(user, password)

"""What a command is, and what it is given when it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import attrs
from twisted.internet.interfaces import IReactorTime

from xapid.cli.api import Api
from xapid.cli.arguments import CommandLine
from xapid.cli.failures import CommandFailed
from xapid.cli.printer import Printer
from xapid.cli.terminal import Terminal
from xapid.cli.values import boolean


@attrs.frozen(kw_only=True)
class Run:
    """One command line being carried out."""

    command: Command
    args: CommandLine
    api: Api
    terminal: Terminal
    printer: Printer
    clock: IReactorTime
    commands: Any = None
    """Every command, for those that speak of them."""

    def __getitem__(self, name: str) -> str:
        """A parameter that is required, or may be empty."""
        return self.args.get(name)

    def is_set(self, name: str) -> bool:
        """Whether an option is given that needs no value. Raises :class:`CommandFailed` for one that is no yes or no."""
        value = self.args.find(name)
        return value == "" or (value is not None and boolean(name, value))

    @property
    def is_forced(self) -> bool:
        return self.is_set("force")

    def assert_forced(self) -> None:
        """Raises :class:`CommandFailed` unless ``--force`` is given."""
        if not self.is_forced:
            raise CommandFailed("This can lose data. It must be forced (use --force).")

    async def file(self, name: str) -> bytes:
        """The contents of the user's file that a parameter names. Raises :class:`CommandFailed`."""
        contents = await self.terminal.load(self[name])
        if contents is None:
            raise CommandFailed(f"Failed to read file: {self[name]}")
        return contents

    async def with_files(self, name: str, ending: str, failure: str) -> dict[str, str]:
        """The pairs of a map parameter, in which a key with ``ending`` names a file of the user's that holds the value.

        Raises :class:`CommandFailed`, with ``failure`` and the name, for a file that there is not.
        """
        found = {}
        for key, value in self.args.map(name).items():
            if not key.endswith(ending):
                found[key] = value
                continue
            contents = await self.terminal.load(value)
            if contents is None:
                raise CommandFailed(f"{failure}: {value}")
            found[key.removesuffix(ending)] = contents.decode("utf-8", "replace")
        return found

    async def confirm(self, *warnings: str) -> bool:
        """Has the user agree, unless ``--force`` says so already."""
        if self.is_forced:
            return True
        for warning in warnings:
            self.terminal.print(warning)
        self.terminal.print("Type 'yes' to continue")
        typed = await self.terminal.prompt()
        agreed = typed.strip().lower() == "yes"
        if not agreed:
            self.terminal.print(f"Aborted (you typed: '{typed}')")
        return agreed


Body = Callable[[Run], Awaitable[None]]


@attrs.frozen(kw_only=True)
class Command:
    """A command of ``xe``."""

    name: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    """A name that ends in a colon or a dash is a map's."""
    selects: str = ""
    """``vm``, ``host`` or ``sr``, if users name objects by any of their parameters."""
    doc: str = ""
    body: Body = attrs.field(repr=False)
    is_standard: bool = False
    is_hidden: bool = False
    is_local: bool = False
    """Whether it works on a host by itself, also without a pool."""
    deprecated: str = ""
    """What to use instead."""
    needs_session: bool = True
    message: str = ""
    """The message that it comes to, if it is one."""

    def takes(self, name: str) -> bool:
        """Whether a parameter is the command's own, rather than a field of objects."""
        return name in self.required or any(
            name == option or (option[-1:] in (":", "-") and name.startswith(option.rstrip(":-"))) for option in self.optional
        )


_FLAGS = {"standard": "is_standard", "hidden": "is_hidden", "local": "is_local"}


def described(words: str) -> dict[str, Any]:
    """The parts of a command that its declaration spells in words.

    Names of required parameters, names of optional ones in brackets, ``<vm>`` and the like for selectors, and after a bar the
    flags ``standard``, ``hidden`` and ``local``.
    """
    parameters, _, flags = words.partition("|")
    optional = tuple(word[1:-1] for word in parameters.split() if word.startswith("["))
    selects = next((word[1:-1] for word in parameters.split() if word.startswith("<")), "")
    required = tuple(word for word in parameters.split() if word[0] not in "[<")
    return {
        "required": required,
        "optional": optional,
        "selects": selects,
        **{_FLAGS[flag]: True for flag in flags.split()},
    }


def command(name: str, words: str = "", **more: Any) -> Callable[[Body], Command]:
    """Makes a command of a function; its docstring is what ``help`` says."""

    def make(body: Body) -> Command:
        return Command(name=name, doc=_one_line(body.__doc__), body=body, **described(words), **more)

    return make


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())

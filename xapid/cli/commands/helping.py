"""``xe help``."""

from __future__ import annotations

import textwrap

from xapid.cli.command import Command, Run, command

_USAGE = """Usage: xe <command> [-s server] [-pw passwd] [-p port] [-u user] [-pwf password-file]
  [command specific arguments]

To get help on a specific command: xe help <command>
To get a full listing of commands: xe help --all
"""
_WIDTH = 100


@command("help", "[all] |standard", needs_session=False)
async def help_(run: Run) -> None:
    """Explain one or more commands, or list the commands that there are."""
    asked = [name for name, _ in run.args.params if name not in _SWITCHES]
    if asked:
        for name in asked:
            found = run.commands.get(name)
            run.printer.message(f"Unknown command '{name}'" if found is None else explained(found))
        return
    shown = [each for each in run.commands.values() if not each.is_hidden and (run.is_set("all") or each.is_standard)]
    if run.printer.minimal:
        run.printer.lines(each.name for each in shown)
        return
    title = "A full list of commands" if run.is_set("all") else "Common command list"
    listed = textwrap.fill(
        ", ".join(each.name for each in shown), _WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False
    )
    run.printer.message(f"{_USAGE}\n{title}\n{'-' * len(title)}\n\n{listed}\n")


_SWITCHES = frozenset(("all", "minimal", "trace", "username", "password", "server", "port", "force"))


def explained(each: Command) -> str:
    """What ``help`` says of one command."""
    optional = [*each.optional, *([f"<{each.selects}-selectors>"] if each.selects else [])]
    doc = f"{each.doc} (deprecated: {each.deprecated})" if each.deprecated else each.doc
    return "\n".join(
        (
            f"command name            : {each.name}",
            f"        reqd params     : {', '.join(each.required)}",
            f"        optional params : {', '.join(optional)}",
            f"        description     : {doc}",
            "",
        )
    )

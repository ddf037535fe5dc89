"""The console script ``xe``."""

from __future__ import annotations

import os
import sys

from xapid.xe.connection import Unreachable
from xapid.xe.conversation import UNREACHABLE, Conversation, Failed
from xapid.xe.options import USAGE, Options, UsageError, read
from xapid.xe.screen import Screen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Carries out one command line; its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    screen = Screen()
    try:
        if words[:1] == ["--complete"]:
            from xapid.xe import completion

            return completion.main(words[1:])
        return _run(read(words, os.environ), screen)
    except UsageError as problem:
        screen.print_error(f"{problem}\nFor usage run: 'xe help'\n".encode("utf-8", "surrogateescape"))
    except Failed as problem:
        screen.print_error(f"{problem}\n".encode("utf-8", "surrogateescape"))
    except Unreachable as problem:
        screen.print_error(f"{UNREACHABLE}({problem})\n".encode("utf-8", "surrogateescape"))
    except KeyboardInterrupt:
        return 130
    return 1


def _run(options: Options, screen: Screen) -> int:
    if options.asked in ("--help", "-help") or (not options.asked and not options.arguments):
        screen.print(USAGE.encode())
        return 0 if options.asked else 1
    if options.asked in ("-version", "--version"):
        screen.print(b"ThinCLI protocol: 0.2\n")
        return 0
    if options.asked == "--bash-completion":
        from xapid.xe import completion

        screen.print(completion.script())
        return 0
    if options.must_ask and os.isatty(0):
        import getpass

        options.password = getpass.getpass(f"Password of {options.user}: ")
    return Conversation(options, screen).run()


if __name__ == "__main__":
    sys.exit(main())

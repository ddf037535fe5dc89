"""What Bash offers while a command line of ``xe`` is typed: commands, their parameters, uuids and names, files.

Everything is asked of the server, by command lines such as a user could type, with the options that are on the line already.
Bash calls ``xe --complete LINE POINT`` and shows the lines that this prints; the function for that is in the file
``completions/xe`` beside this one.
"""

from __future__ import annotations

import os
from glob import glob

from xapid.xe.connection import Unreachable
from xapid.xe.conversation import Conversation, Failed
from xapid.xe.options import UsageError, read
from xapid.xe.screen import Screen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

BREAKS = "=:"
"""Characters at which Bash begins a new word, so that candidates begin behind them."""
_SWITCHES = ("-s", "-h", "-p", "-u", "-pw", "-pwf", "--cacert", "--fingerprint", "--traceparent")
_GLOBAL = ("--minimal", "--multiple", "--force", "--trace", "--progress")
_NAMES = {"vm": "vm", "host": "host", "sr": "sr", "template": "template", "snapshot": "snapshot"}
"""Parameters that take names or uuids, and of what."""
_OTHER_CLASSES = {"default-SR": "sr", "suspend-image-SR": "sr", "crash-dump-SR": "sr", "master": "host", "affinity": "host"}
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,@%+~")


def script() -> bytes:
    """The file for Bash."""
    with open(os.path.join(os.path.dirname(__file__), "completions", "xe"), "rb") as file:
        return file.read()


def main(arguments: Sequence[str]) -> int:
    """Prints what could come next, a line each."""
    line = os.fsencode(arguments[0]) if arguments else b""
    point = int(arguments[1]) if len(arguments) > 1 and arguments[1].isdigit() else len(line)
    words, quote = split(os.fsdecode(line[:point]))
    typed = words[1:] or [""]
    for each in candidates(typed, _Server(typed[:-1])):
        if each.isprintable():
            print(_as_typed(each, typed[-1], quote))
    return 0


class _Server:
    """Answers questions that are command lines; with nothing, if there is no server or it does not like them."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = list(words)

    def __call__(self, question: Sequence[str]) -> list[str]:
        """The items of minimal output."""
        return _items(self.text([*question, "--minimal"]))

    def help(self, command: str) -> dict[str, list[str]]:
        """What ``help`` says of a command: its required and its optional parameters."""
        found = {}
        for line in self.text(["help", command]).splitlines():
            name, _, value = line.partition(":")
            found[name.strip()] = [word.strip() for word in value.split(",") if word.strip()]
        return found

    def text(self, question: Sequence[str]) -> str:
        """All that is printed."""
        screen = _Kept()
        try:
            options = read(self._words, os.environ)
            options.arguments = list(question)
            status = Conversation(options, screen).run()
        except (UsageError, Failed, Unreachable, OSError):
            return ""
        return "" if status else screen.text


class _Kept(Screen):
    """Shows nothing, and keeps what is printed."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def print(self, data: bytes) -> None:
        self.text += data.decode("utf-8", "replace")

    def print_error(self, data: bytes) -> None:
        """Nobody asked."""

    @staticmethod
    def line() -> bytes:
        return b""


def _items(text: str) -> list[str]:
    items, escaped = [""], False
    for character in text.removesuffix("\n"):
        if escaped or character not in ",\\":
            items[-1] += character
            escaped = False
        elif character == ",":
            items.append("")
        else:
            escaped = True
    return [item for item in items if item]


# Lines -------------------------------------------------------------------------------------------------------------------


def split(line: str) -> tuple[list[str], str]:
    """The words of a line as a shell reads them, the last being unfinished; and the quote that is open in it."""
    words, quote, escaped, is_word = [""], "", False, False
    for character in line:
        if escaped:
            words[-1] += character
            escaped = False
        elif quote:
            if character == quote:
                quote = ""
            elif character == "\\" and quote == '"':
                escaped = True
            else:
                words[-1] += character
        elif character in "'\"":
            quote, is_word = character, True
        elif character == "\\":
            escaped = is_word = True
        elif character in " \t":
            if words[-1] or is_word:
                words.append("")
            is_word = False
        else:
            words[-1] += character
    return words, quote


def _as_typed(candidate: str, typed: str, quote: str) -> str:
    """What Bash is to put in the place of what it takes for the current word."""
    cut = max((typed.rfind(mark) for mark in BREAKS if mark in os.environ.get("COMP_WORDBREAKS", BREAKS)), default=-1) + 1
    rest = candidate[cut:]
    if quote == "'":
        return rest.replace("'", "'\\''")
    if quote:
        return "".join(f"\\{each}" if each in '"\\$`' else each for each in rest)
    return "".join(each if each in _PLAIN else f"\\{each}" for each in rest)


# Candidates --------------------------------------------------------------------------------------------------------------


def candidates(words: Sequence[str], server: _Server) -> list[str]:
    """What the last of the words could become, the others being there."""
    typed = words[-1]
    before = list(_commands(words[:-1]))
    if words[-2:-1] and words[-2] in _SWITCHES:
        found: Iterable[str] = _files(typed) if words[-2] in ("-pwf", "--cacert") else ()
    elif not before:
        found = [*server(["help", "--all"]), *_GLOBAL]
    elif before[0] == "help":
        found = server(["help", "--all"])
    elif typed.startswith("-"):
        found = _GLOBAL
    elif "=" in typed:
        name, _, value = typed.partition("=")
        found = (f"{name}={each}" for each in _values(before, name, value, server))
    else:
        found = _parameters(before, server)
    return sorted({each for each in found if each.startswith(typed)})


def _commands(words: Sequence[str]) -> Iterator[str]:
    """The command and its parameters, without what is for the client."""
    left = iter(words)
    for word in left:
        if word in _SWITCHES:
            next(left, None)
        elif not word.startswith("-"):
            yield word


def _parameters(before: Sequence[str], server: _Server) -> Iterator[str]:
    command = before[0]
    given = {word.partition("=")[0] for word in before[1:]}
    said = server.help(command)
    names = [*said.get("reqd params", []), *said.get("optional params", [])]
    for name in names:
        if name.startswith("<"):
            kind = name.strip("<>").removesuffix("-selectors")
            if kind not in given and "uuid" not in given:
                yield from (f"{kind}=", "uuid=")
        elif name not in given:
            yield name if name.endswith((":", "-")) else f"{name}="
    if command.endswith("-param-set"):
        marks = _marks(before, server)
        for name in _fields(command, server):
            yield f"{name}:" if marks.get(name) == "MRW" else f"{name}="


def _values(before: Sequence[str], name: str, value: str, server: _Server) -> Iterator[str]:
    command = before[0]
    if name in ("filename", "file-name") or name.endswith(("-file", "certificate", "certificate-chain", "private-key")):
        yield from _files(value)
    elif name == "param-name":
        yield from _fields(command, server)
    elif name == "params":
        done = value.rpartition(",")[0]
        for field in ("all", *_fields(command, server)):
            yield f"{done},{field}" if done else field
    elif name == "name-label" and command.endswith("-list"):
        yield from server([command, "params=name-label"])
    elif cls := _NAMES.get(name):
        listing = f"{cls}-list"
        yield from server([listing, "params=name-label"])
        yield from server([listing, "params=uuid"])
    elif cls := _class(before, name, server):
        yield from server([f"{cls}-list", "params=uuid"])
    elif command.endswith("-list"):
        yield from server([command, f"params={name}"])


def _class(before: Sequence[str], name: str, server: _Server) -> str:
    """Whose uuid a parameter wants: ``sr-uuid`` that of an SR, ``uuid`` that of what the command is about."""
    if name in _OTHER_CLASSES:
        return _OTHER_CLASSES[name]
    if name != "uuid" and not name.endswith(("-uuid", "-uuids")):
        return ""
    commands = set(server(["help", "--all"]))
    families = {each.removesuffix("-param-list") for each in commands if each.endswith("-param-list")}
    of = before[0] if name == "uuid" else name.removesuffix("s").removesuffix("-uuid")
    while of not in families and "-" in of:
        of = of.rpartition("-")[0] if name == "uuid" else of.partition("-")[2]
    return of if of in families else ""


def _fields(command: str, server: _Server) -> Iterator[str]:
    """The parameters of the objects that a command of a family is about."""
    family = command.removesuffix("-list") if command.endswith("-list") else command.partition("-param-")[0]
    for name in server.help(f"{family}-list").get("optional params", []):
        if name not in ("params", "database:"):
            yield name


def _marks(before: Sequence[str], server: _Server) -> dict[str, str]:
    """What users may do with each parameter of the object that the line names, such as ``MRW``; nothing if it names none."""
    uuid = next((word for word in before if word.startswith("uuid=")), None)
    if uuid is None:
        return {}
    found = {}
    for line in server.text([f"{before[0].partition('-param-')[0]}-param-list", uuid]).splitlines():
        name, mark, rest = line.strip().partition(" (")
        if mark:
            found[name] = rest.partition(")")[0].strip()
    return found


def _files(typed: str) -> Iterator[str]:
    for path in glob(f"{os.path.expanduser(typed).replace('[', '[[]')}*"):
        yield f"{path}/" if os.path.isdir(path) else path

"""What the user says: the command line, ``XE_…`` in the environment, ``~/.xe``, and the file with a password.

The command line wins over ``XE_EXTRA_ARGS``, that over ``XE_SERVER`` and its like, those over ``~/.xe``. What is not for this
client goes to the server as it stands, in its order. On the command line, certificates are only spoken of by switches, since
``fingerprint=…`` and the like are parameters of the server's commands.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

USAGE = """\
Usage: xe <command> [-s server] [-p port] [-u user] [-pw password] [-pwf password-file]
  [--nossl] [--verify | --cacert file | --fingerprint sha256] [--progress]
  [--debug] [--debug-on-fail] [--traceparent id] [command specific arguments]

  -s, -h          the server; 127.0.0.1 means this machine (its Unix socket, then plain HTTP or TLS)
  -p              its port, if it is not 443 (80 without TLS)
  -u, -pw         who you are; root, if you do not say
  -pwf            a file with your name in the first line and your password in the second
  --verify        check the server's certificate against the authorities of this machine
  --cacert        check it against those in this file
  --fingerprint   or accept just the certificate with this SHA-256
  -version        the version of the protocol

A full list of commands can be obtained by running
  xe help --all
The same can be said as key=value in XE_EXTRA_ARGS (separated by commas), or line by line in ~/.xe,
and as XE_SERVER, XE_PORT, XE_USERNAME, XE_PASSWORD, XE_PASSWORDFILE, XE_CACERT, XE_VERIFY, XE_FINGERPRINT.
Completion for Bash: source <(xe --bash-completion)
"""
LOCAL = "127.0.0.1"
"""The address that stands for this machine."""

_SWITCHES = {"-s": "server", "-h": "server", "-p": "port", "-u": "username", "-pw": "password", "-pwf": "passwordfile"}
_LONG = {"--traceparent": "traceparent", "--cacert": "cacert", "--fingerprint": "fingerprint"}
_FLAGS = {
    "--nossl": "nossl",
    "--debug": "debug",
    "--debug-on-fail": "debugonfail",
    "--verify": "verify",
    "--progress": "progress",
}
_ASSIGNED = frozenset(
    ("server", "port", "username", "password", "passwordfile", "nossl", "debug", "debugonfail", "traceparent")
)
"""What may be given as ``key=value`` among the arguments."""
_CERTIFICATES = frozenset(("cacert", "fingerprint", "verify"))
_ASKED = frozenset(("--help", "-help", "-version", "--version", "--bash-completion"))
_YES = frozenset(("true", "t", "yes", "y", "1", ""))


class UsageError(Exception):
    """The command line says something that cannot be."""


class Options:
    """How to reach a server, as whom, and what to ask of it."""

    def __init__(self, said: Mapping[str, str], arguments: Sequence[str], asked: str = "") -> None:
        self.arguments = list(arguments)
        """The command and its parameters, without credentials."""
        self.asked = asked
        """What this client is asked about itself, such as ``--help``."""
        self.server = said.get("server") or LOCAL
        self.port = _port(said["port"]) if said.get("port") else None
        self.user, self.password = _credentials(said)
        self.must_ask = "password" not in said and "passwordfile" not in said and "username" in said
        """Whether the user gave a name and no password."""
        self.is_plain = _yes(said.get("nossl"))
        self.is_debugged = _yes(said.get("debug"))
        self.is_debugged_on_failure = _yes(said.get("debugonfail"))
        self.shows_progress = _yes(said.get("progress"))
        """Whether the user wants to see how far transfers are, also where standard error is no terminal."""
        self.is_verified = _yes(said.get("verify"))
        self.authorities = said.get("cacert", "")
        self.fingerprint = said.get("fingerprint", "").replace(":", "").lower()
        self.socket = said.get("socket") or "/var/lib/xcp/xapi"
        self.traceparent = _header("traceparent", said.get("traceparent", ""))
        self.baggage = _header("baggage", said.get("baggage", ""))

    @property
    def body(self) -> bytes:
        """What is sent: an argument a line, the credentials last. Raises :class:`UsageError`."""
        words = [*self.arguments, f"username={self.user}", f"password={self.password}"]
        for word in words:
            if "\n" in word or word.endswith("\r"):
                name = word.partition("=")[0] if "=" in word.partition("\n")[0] else "An argument"
                raise UsageError(f"{name} has a line end in it, which the protocol cannot carry.")
        return "\n".join(words).encode("utf-8", "surrogateescape")

    @property
    def files(self) -> frozenset[str]:
        """The values that the user gave: the only files that a server may name."""
        return frozenset(value for _, mark, value in (word.partition("=") for word in self.arguments) if mark and value)


def read(argv: Sequence[str], environment: Mapping[str, str]) -> Options:
    """The options of one run of ``xe``. Raises :class:`UsageError`."""
    said: dict[str, str] = {}
    rest: list[str] = []
    _take(_of_file(environment.get("HOME", "")), said, rest, _ASSIGNED | _CERTIFICATES)
    _take(_of_variables(environment), said, rest, _ASSIGNED | _CERTIFICATES | {"socket", "baggage"})
    _take(_split(environment.get("XE_EXTRA_ARGS", "")), said, rest, _ASSIGNED | _CERTIFICATES)
    arguments: list[str] = []
    asked = _take(argv, said, arguments, _ASSIGNED)
    return Options(said, [*arguments, *rest], asked)


def _take(words: Iterable[str], said: dict[str, str], rest: list[str], assigned: frozenset[str] | set[str]) -> str:
    """Sorts words into what is for this client and the rest; what it is asked about itself, if anything."""
    asked = ""
    own: dict[str, str] = {}
    left = iter(words)
    for word in left:
        name, mark, value = word.partition("=")
        if word in _SWITCHES or word in _LONG:
            following = next(left, None)
            if following is None:
                raise UsageError(f"{word} needs a value.")
            own[_SWITCHES.get(word) or _LONG[word]] = following
        elif word in _FLAGS:
            own[_FLAGS[word]] = "true"
        elif word in _ASKED and not asked:
            asked = word
        elif mark and name in assigned:
            own[name] = value
        else:
            rest.append(word)
    # A source that names a file with credentials overrides the credentials of sources below it, and the other way round.
    if "passwordfile" in own:
        said.pop("username", None)
        said.pop("password", None)
    elif "username" in own or "password" in own:
        said.pop("passwordfile", None)
    said.update(own)
    return asked


def _of_file(home: str) -> Iterator[str]:
    try:
        with open(f"{home}/.xe", encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                if "=" in line and not line.startswith("#"):
                    yield line.strip()
    except OSError:
        return


_VARIABLES = (
    *("server", "port", "username", "password", "passwordfile", "nossl", "cacert", "verify", "fingerprint", "socket"),
    "debug",
)


def _of_variables(environment: Mapping[str, str]) -> Iterator[str]:
    for name in _VARIABLES:
        if value := environment.get(f"XE_{name.upper()}"):
            yield f"{name}={value}"
    for name in ("TRACEPARENT", "BAGGAGE"):
        if value := environment.get(name):
            yield f"{name.lower()}={value}"


def _split(text: str) -> Iterator[str]:
    r"""Words between commas; ``\,`` is a comma."""
    word, escaped = "", False
    for character in text:
        if escaped:
            word += character if character in ",\\" else f"\\{character}"
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == ",":
            yield from _if_any(word)
            word = ""
        else:
            word += character
    yield from _if_any(word + ("\\" if escaped else ""))


def _if_any(word: str) -> Iterator[str]:
    if word.strip():
        yield word.strip()


def _credentials(said: Mapping[str, str]) -> tuple[str, str]:
    file = said.get("passwordfile")
    if file is None:
        return said.get("username", "root"), said.get("password", "null")
    try:
        with open(file, encoding="utf-8", errors="surrogateescape") as lines:
            user, password = lines.readline(), lines.readline()
    except OSError as problem:
        raise UsageError(f"The password file {file} cannot be read: {problem.strerror}.") from None
    if not user.strip() or not password:
        raise UsageError(f"The password file {file} must hold a user name, and a password in the next line.")
    return user.rstrip("\r\n"), password.rstrip("\r\n")


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise UsageError(f"{text} is no port.")
    return int(text)


def _header(name: str, value: str) -> str:
    if any(character < " " for character in value):
        raise UsageError(f"{name} has characters in it that no header can hold.")
    return value


def _yes(text: str | None) -> bool:
    return text is not None and text.lower() in _YES

"""The audit log: a line for every call and HTTP action that does more than read, and for each that was refused to its caller.

Serves ``/audit_log`` and ``pool.audit_log_append``. Reading is what messages do that are called ``get…``, as on the reference
server, so questions of other names have their lines too. A line says when, who, from where, whether it was allowed, how it
ended, and what it was done to. It never holds a secret: of the arguments it shows references, numbers, booleans, words
of closed sets and names, and of messages that are declared secret only the name of the user who wants to come in.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from xapid.auth.sessions import Session
from xapid.database import Database
from xapid.datamodel.catalogue import Entry
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.schema import Param
from xapid.datamodel.types import Bool, DateTime, Enum, Float, Int, Ref, String

log = Logger()

NAMES: Final = frozenset(
    {"label", "name", "name_label", "new_name", "plugin", "fn", "subject_name", "subject_identifier", "uuid", "key"}
)
"""Text parameters that are shown; any other text could be a secret."""
USER: Final = "uname"
READING: Final = "get"
"""What the names of messages begin with that only read."""
UNLOGGED: Final = frozenset({"event.next", "event.from", "host.tickle_heartbeat", "pool.audit_log_append"})
"""Calls that would fill the log, since clients and members make them all the time, and the one whose effect is a line of it."""
UNLOGGED_HTTP: Final = frozenset({"rrd_updates", "post_remote_db_access"})
"""The same among HTTP actions."""
LONGEST_VALUE: Final = 200
LINES_IN_MEMORY: Final = 10_000
FILE_SIZE: Final = 4 * 1024 * 1024
FILES_KEPT: Final = 5

_STAMP = re.compile(r"\[(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)")
_UNFIT = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")


class Peer(Protocol):
    """Where a call came from, as far as the log cares."""

    @property
    def peer(self) -> str: ...


class Store(Protocol):
    """Where lines are kept, oldest first."""

    def append(self, line: str) -> None:
        """Take a line in; it may be kept only with the next :meth:`flush`."""

    def flush(self) -> None:
        """Keep what was taken in. Raises OSError."""

    def lines(self) -> Iterator[str]:
        """Every line."""


class MemoryStore:
    """The latest lines, until the daemon ends."""

    def __init__(self, limit: int = LINES_IN_MEMORY) -> None:
        self._lines: deque[str] = deque(maxlen=limit)

    def append(self, line: str) -> None:
        """Keep a line."""
        self._lines.append(line)

    def flush(self) -> None:
        """Nothing is left to do."""

    def lines(self) -> Iterator[str]:
        """Every line that is left."""
        return iter(list(self._lines))


class FileStore:
    """A file that only its owner reads. At ``size`` bytes it becomes ``path.1``, that one ``path.2``, up to ``kept``."""

    def __init__(self, path: Path, size: int = FILE_SIZE, kept: int = FILES_KEPT) -> None:
        self._path = path
        self._size = size
        self._kept = kept
        self._waiting: list[str] = []
        self._open()

    def append(self, line: str) -> None:
        """Keep a line, with the next flush: a write for each would cost a call more than all else that is done to its line."""
        self._waiting.append(line)

    def flush(self) -> None:
        """Write what waits. Raises OSError, and drops it then."""
        waiting, self._waiting = self._waiting, []
        block: list[bytes] = []
        for line in waiting:
            data = line.encode("utf-8", "replace") + b"\n"
            if self._written and self._written + len(data) > self._size:
                self._file.write(b"".join(block))
                block.clear()
                self._rotate()
            block.append(data)
            self._written += len(data)
        self._file.write(b"".join(block))

    def lines(self) -> Iterator[str]:
        """Every line that is left, from the oldest file to the newest, also if files move on while they are read."""
        self.flush()
        with ExitStack() as opened:
            files = []
            for path in reversed(self._paths()):
                with suppress(FileNotFoundError):
                    files.append(opened.enter_context(path.open(encoding="utf-8", errors="replace")))
            for file in files:
                for line in file:
                    yield line.rstrip("\n")

    def close(self) -> None:
        """Let go of the file."""
        self.flush()
        self._file.close()

    def _open(self) -> None:
        self._path.touch(mode=0o600)
        self._file = self._path.open("ab", buffering=0)
        self._written = self._file.tell()

    def _paths(self) -> list[Path]:
        return [self._path, *(self._path.with_name(f"{self._path.name}.{number}") for number in range(1, self._kept))]

    def _rotate(self) -> None:
        self._file.close()
        paths = self._paths()
        for older, newer in zip(reversed(paths), reversed(paths[:-1]), strict=False):
            if newer.exists():
                newer.replace(older)
        self._open()


@attrs.define
class _Logged(AbstractContextManager[None]):
    """What a call within comes to, for the log. Every call passes through here, so this is no generator."""

    log: AuditLog
    session: Session
    entry: Entry
    args: Sequence[Any]
    origin: Peer | None
    _always: bool = False
    _subjects: str = ""

    def __enter__(self) -> None:
        entry = self.entry
        self._always = not entry.message.name.startswith(READING) and entry.name not in UNLOGGED
        if self._always:
            self._subjects = self.log._subjects(entry, self.args)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        outcome = "OK" if error is None else error.code if isinstance(error, XenAPIError) else "INTERNAL_ERROR"
        if self._always or outcome == "RBAC_PERMISSION_DENIED":
            self.log._record(self.session, "API", self.entry.name, self._subjects, outcome, self.origin)


class AuditLog:
    """Writes what calls did to ``store``, and reads it back."""

    def __init__(self, db: Database, clock: IReactorTime, store: Store, hostname: str = "localhost") -> None:
        self._db = db
        self._clock = clock
        self._store = store
        self._hostname = hostname
        self.listeners: list[Callable[[str], None]] = []
        """Called with each line, without its time."""
        self._will_flush = False

    def call(
        self, session: Session, entry: Entry, args: Sequence[Any], origin: Peer | None = None
    ) -> AbstractContextManager[None]:
        """Log the call that is made within, when it has ended; those that only read only if they are refused."""
        return _Logged(self, session, entry, args, origin)

    def http(self, session: Session, action: str, outcome: str = "OK", origin: Peer | None = None, user: str = "") -> None:
        """Log the use of an HTTP action; ``outcome`` is ``OK`` or an error code. Some are logged only when they are refused.

        ``user`` is the name of someone who was not let in.
        """
        if action not in UNLOGGED_HTTP or outcome != "OK":
            self._record(session, "HTTP", f"http/{action}", _group(USER, user) if user else "", outcome, origin)

    def append(self, text: str) -> None:
        """Log a line that somebody else wrote."""
        self._write(_fit(text))

    def lines(self, since: datetime | None = None) -> Iterator[str]:
        """The lines, oldest first; with ``since`` only those from then on."""
        start = "" if since is None else since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        for line in self._store.lines():
            stamp = _STAMP.match(line)
            if stamp is None or stamp[1] >= start:
                yield line

    def _record(self, session: Session, kind: str, name: str, subjects: str, outcome: str, origin: Peer | None) -> None:
        user = session.user or ("pool" if session.pool else "nobody")
        rank = "LOCAL_SUPERUSER" if session.is_local_superuser else session.auth_user_sid or "NONE"
        allowed = "DENIED" if outcome == "RBAC_PERMISSION_DENIED" else "ALLOWED"
        peer = (origin.peer if origin is not None else "") or "local"
        parts = [_quoted(part) for part in (rank, user, session.originator, peer, allowed, outcome, kind, name)]
        self._write(f"({' '.join(parts)} ({subjects}))")

    def _write(self, text: str) -> None:
        now = self._clock.seconds()
        self._store.append(f"[{_second(int(now))}.{int(now * 1000) % 1000:03d}Z|audit|{self._hostname}] {text}")
        if not self._will_flush:
            self._will_flush = True
            self._clock.callLater(0, self.flush)
        for listener in self.listeners:
            listener(text)

    def flush(self) -> None:
        """Keep what was logged. It happens by itself at the end of the turn."""
        self._will_flush = False
        try:
            self._store.flush()
        except OSError:
            log.failure("The audit log cannot be written")

    def _subjects(self, entry: Entry, args: Sequence[Any]) -> str:
        message = entry.message
        given = zip(message.params, args, strict=False)
        if message.secret:
            return " ".join(_group(param.name, value) for param, value in given if param.name == USER)
        shown = (self._shown(param, value) for param, value in given)
        return " ".join(part for part in shown if part)

    def _shown(self, param: Param, value: Any) -> str:
        match param.type:
            case Ref():
                row = self._db.table(param.type.to).find(value) if param.type.to in self._db.tables else None
                label = getattr(row, "name_label", "")
                return _group(param.name, label, getattr(row, "uuid", ""), value if param.type.to != "session" else "")
            case Enum():
                return _group(param.name, value)
            case _ if param.type in (Int, Float, Bool, DateTime):
                return _group(param.name, str(value))
            case _ if param.type == String and param.name in NAMES:
                return _group(param.name, value)
            case _:
                return ""


def _group(*parts: str) -> str:
    return f"({' '.join(_quoted(part) for part in parts)})"


@lru_cache
def _second(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(1024)
def _quoted(text: str) -> str:
    return "'" + _fit(text)[:LONGEST_VALUE].replace("\\", "\\\\").replace("'", "\\'") + "'"


def _fit(text: str) -> str:
    """One line, whatever a client put in: nobody can forge a line of the log."""
    return _UNFIT.sub(" ", str(text))

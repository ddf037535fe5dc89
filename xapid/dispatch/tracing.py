"""Traces of calls: a span for every call that an Observer watches, and for what the call calls, sent where the Observer says.

Endpoints are collectors that speak OTLP over HTTP (``http://collector:4318``), and ``bugtool``, a file that is in reports on
the state of a host. Spans go out in batches, away from the reactor; a collector that is not there costs calls nothing. A
client that sends ``traceparent`` finds its call in its own trace. While no Observer is enabled, calls take no notice of any of
this; while one is, every call takes the long way. Needs ``opentelemetry-sdk``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
from twisted.logger import Logger

from xapid import __version__
from xapid.auth.passwords import Run
from xapid.database import Database, Row
from xapid.database.database import Change
from xapid.datamodel.errors import XenAPIError
from xapid.wire.call import Origin

log = Logger()

COMPONENT: Final = "xapi"
"""The component of an Observer that means calls."""
FILE: Final = "bugtool"
FILE_SIZE: Final = 8 << 20
"""Bytes of a file of spans; when it is full, it is kept once more and another begun."""
PATIENCE: Final = 2.0
"""Seconds that a collector is waited for, also at the end of the daemon."""
_PATH: Final = "/v1/traces"
_WATCHED: Final = ("Observer", "pool")

_current: ContextVar[Mapping[str, Any]] = ContextVar("spans", default={})  # noqa: B039  # never changed, only replaced
"""The spans that what runs now belongs to, by Observer."""


@attrs.frozen(eq=False)
class _Watch:
    """One Observer at work."""

    settings: tuple[Any, ...]
    hosts: frozenset[str]
    provider: Any
    tracer: Any

    def end(self) -> None:
        """Send what is left. May take its time."""
        self.provider.shutdown()


class Tracing:
    """Follows the Observers of ``db``. Spans are kept in ``directory`` or in memory; ``run`` is where exporters are ended."""

    def __init__(self, db: Database, directory: Path | None, run: Run) -> None:
        self._db = db
        self._directory = directory
        self._run = run
        self._watches: dict[str, _Watch] = {}
        self._files: dict[str, _File] = {}
        self.active = False
        """Whether any call has to be watched."""
        self.changed: Callable[[bool], None] = lambda active: None
        """Called when that changes."""
        db.observers.append(self._committed)

    def start(self) -> None:
        """Watch what the database says is to be watched."""
        self._follow()

    def stop(self) -> None:
        """Send what is left, and watch no more. Waits a little for collectors."""
        for watch in self._watches.values():
            watch.end()
        self._watches.clear()

    def files(self) -> Iterable[tuple[str, bytes]]:
        """The spans that were kept in files."""
        return [(f"{uuid}.ndjson", file.content()) for uuid, file in sorted(self._files.items())]

    @contextmanager
    def span(self, name: str, origin: Origin, host: str, task: str = "", *, nested: bool = False) -> Iterator[None]:
        """Around a call: a span of it for each Observer that watches the host that it came to."""
        parents = _current.get()
        watching = [(ref, watch) for ref, watch in self._watches.items() if not watch.hosts or host in watch.hosts]
        spans = {ref: self._begin(watch, name, origin, task, parents.get(ref), nested=nested) for ref, watch in watching}
        token = _current.set(spans)
        try:
            yield
        except BaseException as error:
            for span in spans.values():
                _fail(span, error.code if isinstance(error, XenAPIError) else "INTERNAL_ERROR")
            raise
        finally:
            with suppress(ValueError):  # whoever waited for this in another context has its own
                _current.reset(token)
            for span in spans.values():
                span.end()

    def _begin(self, watch: _Watch, name: str, origin: Origin, task: str, parent: Any, *, nested: bool) -> Any:
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        if parent is not None:
            context = trace.set_span_in_context(parent)
        else:
            context = TraceContextTextMapPropagator().extract(dict(origin.headers))
        attributes = {"rpc.system": "xenapi", "rpc.method": name, "client.address": origin.peer}
        attributes |= {"user_agent.original": agent} if (agent := origin.headers.get("user-agent")) else {}
        attributes |= {"xs.xapi.task": task} if task else {}
        kind = trace.SpanKind.INTERNAL if nested else trace.SpanKind.SERVER
        return watch.tracer.start_span(name, context, kind, attributes)

    # What the database says -----------------------------------------------------------------------------------------------

    def _committed(self, generation: int, changes: list[Change]) -> None:
        if any(change.table.cls.name in _WATCHED for change in changes):
            self._follow()

    def _follow(self) -> None:
        rows = [row for row in self._db.table("Observer").rows() if _is_on(row)]
        wanted = {row.ref: _settings(row) for row in rows}
        for ref in [ref for ref, watch in self._watches.items() if wanted.get(ref) != watch.settings]:
            ended = self._run(self._watches.pop(ref).end)
            ended.addErrback(lambda failure: log.failure("An observer", failure))
        for row in rows:
            if row.ref not in self._watches:
                self._watch(row)
        active = bool(self._watches)
        if active != self.active:
            self.active = active
            self.changed(active)

    def _watch(self, row: Row) -> None:
        try:
            provider = self._provider(row)
        except ImportError:
            log.warn("observer {name} traces nothing: install xapid[tracing]", name=row.name_label)
            return
        tracer = provider.get_tracer("xapid", __version__)
        self._watches[row.ref] = _Watch(_settings(row), frozenset(row.hosts), provider, tracer)

    def _file(self, uuid: str) -> _File:
        path = None if self._directory is None else self._directory / f"{uuid}.ndjson"
        return self._files.setdefault(uuid, _File(path))

    def _provider(self, row: Row) -> Any:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor

        pool = self._db.table("pool").first()
        about = {
            **row.attributes,
            "service.name": "xapid",
            "service.version": __version__,
            "xs.observer.name": row.name_label,
            "xs.pool.uuid": "" if pool is None else pool.uuid,
        }
        provider = TracerProvider(resource=Resource(about), shutdown_on_exit=False)
        for endpoint in row.endpoints:
            if endpoint == FILE:
                file: Any = self._file(row.uuid)
                to_file = ConsoleSpanExporter(out=file, formatter=lambda span: f"{span.to_json(indent=None)}\n")
                provider.add_span_processor(SimpleSpanProcessor(to_file))
            else:
                exporter = OTLPSpanExporter(endpoint=address(endpoint), timeout=PATIENCE)
                provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
        return provider


def address(endpoint: str) -> str:
    """Where a collector takes spans: what the endpoint says, or the usual path there."""
    parts = urlsplit(endpoint)
    return parts._replace(path=_PATH).geturl() if parts.path in ("", "/") else endpoint


class _File:
    """A file to write to, of bounded size; without a path, in memory."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._kept: list[str] = []
        self._size = 0
        if path is not None:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._size = path.stat().st_size if path.exists() else 0

    def write(self, text: str) -> int:
        if self._size + len(text) > FILE_SIZE:
            self._begin_another()
        self._size += len(text)
        if self._path is None:
            self._kept.append(text)
        else:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(text)
        return len(text)

    def flush(self) -> None:
        """Everything is written at once."""

    def content(self) -> bytes:
        if self._path is None:
            return "".join(self._kept).encode()
        return self._path.read_bytes() if self._path.exists() else b""

    def _begin_another(self) -> None:
        self._size = 0
        self._kept.clear()
        if self._path is not None and self._path.exists():
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))


def _is_on(row: Row) -> bool:
    return bool(row.enabled and row.endpoints and (not row.components or COMPONENT in row.components))


def _settings(row: Row) -> tuple[Any, ...]:
    return row.name_label, row.hosts, row.attributes, row.endpoints


def _fail(span: Any, code: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_attribute("error.type", code)
    span.set_status(Status(StatusCode.ERROR, code))

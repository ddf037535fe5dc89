"""``GET /metrics``: what this server can tell of itself, in the text format that Prometheus reads.

Calls by message and outcome, how long they took, sessions, events, tasks, objects, what the journal has yet to write; on
request also what was measured last of each host and VM. Everything is read where it is kept anyway when somebody asks, so
nothing of this costs a call anything. Needs ``prometheus-client``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from xapid import __version__
from xapid.database import Database
from xapid.dispatch.pipeline import Dispatcher
from xapid.operations.services import Services

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_KINDS: Final = (("host", "host"), ("vm", "VM"))
"""Objects with statistics, and their classes."""
_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Missing(Exception):
    """``prometheus-client`` is not installed."""


@attrs.frozen(eq=False)
class Measures:
    """Puts the page together. ``connections`` are those that are open; ``objects``: also tell of each host and VM."""

    db: Database
    services: Services
    dispatcher: Dispatcher
    connections: Callable[[], int]
    objects: bool = False

    def page(self) -> Iterator[bytes]:
        """The page, in pieces between which others may have their turn. Raises :class:`Missing`."""
        try:
            from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
        except ImportError as problem:
            raise Missing(str(problem)) from problem
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        registry.register(self)
        yield bytes(generate_latest(registry))
        if self.objects:
            yield from self._of_objects()

    def collect(self) -> Iterator[Any]:
        """For ``prometheus_client``: every family of figures but those of single objects."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

        yield InfoMetricFamily("xapid", "This server", {"version": __version__})
        yield from self._calls()
        services, db = self.services, self.db
        yield GaugeMetricFamily("xapid_sessions", "Sessions that are open", len(services.sessions))
        yield GaugeMetricFamily("xapid_connections", "Connections of clients that are open", self.connections())
        yield GaugeMetricFamily("xapid_event_listeners", "Calls that wait for events", services.events.waiting)
        yield GaugeMetricFamily("xapid_journal_queue", "Commits that are not on disk yet", db.outstanding)
        yield CounterMetricFamily("xapid_commits", "Commits to the database since the daemon started", db.generation - db.began)
        tasks = GaugeMetricFamily("xapid_tasks", "Tasks by status", labels=["status"])
        for status, number in sorted(Counter(row.status for row in db.table("task").rows()).items()):
            tasks.add_metric([status], number)
        yield tasks
        objects = GaugeMetricFamily("xapid_objects", "Objects in the database", labels=["class"])
        for name, table in db.tables.items():
            objects.add_metric([name], len(table))
        yield objects

    def _calls(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        calls = CounterMetricFamily("xapid_calls", "Calls that have ended", labels=["message", "outcome"])
        seconds = HistogramMetricFamily("xapid_call_seconds", "How long calls took", labels=["message"])
        for name, tally in (*self.dispatcher.tallies, ("", self.dispatcher.unknown)):
            calls.add_metric([name, "success"], tally.successes)
            for code, number in sorted(tally.failures.items()):
                calls.add_metric([name, code], number)
            seconds.add_metric([name], [(_bound(most), number) for most, number in tally.groups()], tally.seconds)
        yield calls
        yield seconds

    def _of_objects(self) -> Iterator[bytes]:
        """Written by hand, since there may be some 100,000 lines, and the server has other things to do meanwhile."""
        for kind, cls in _KINDS:
            name = f"xapid_{kind}_measured"
            yield f"# HELP {name} What was measured last, by data source\n# TYPE {name} gauge\n".encode()
            for series in self.services.stats.all():
                row = self.db.table(cls).find_uuid(series.uuid) if series.kind == kind else None
                if row is not None:
                    labels = f'uuid="{series.uuid}",name="{row.name_label.translate(_ESCAPES)}"'
                    lines = [
                        f'{name}{{{labels},source="{source.translate(_ESCAPES)}"}} {_number(value)}\n'
                        for source, value in series.figures.items()
                    ]
                    yield "".join(lines).encode()


def _bound(seconds: float) -> str:
    return "+Inf" if seconds == float("inf") else str(seconds)


def _number(value: float) -> str:
    return "NaN" if value != value else str(float(value)).replace("inf", "Inf")

"""The table: ratios of medians against what is asked (the gate) and what is hoped for (the moonshot)."""

from __future__ import annotations

from statistics import median

import attrs
from measures import Figures


@attrs.frozen
class Line:
    """One ratio. ``over`` divides the figure ``of``; without it the figure stands by itself."""

    work: str
    row: str
    of: str
    over: str | None
    unit: str
    gate: float | None = None
    moonshot: float | None = None
    over_row: str = ""
    less_is_better: bool = False


def _against(work: str, row: str, server: str, figure: str, gate: float | None, moonshot: float | None, name: str = "") -> Line:
    """``server``'s figure over ours: for times, so that more is better."""
    return Line(work, row, f"{server} {figure}", f"xapid {figure}", f"x {name or server}", gate, moonshot)


LINES = (
    Line("VM.get_power_state, 64 connections: throughput", "small, 64", "xapid calls/s", "stock calls/s", "x stock", 6, 12),
    _against("… processor time per call", "small, 64", "stock", "cpu µs", None, None),
    _against("… processor time per call", "small, 64", "nginx", "cpu µs", 0.45, 0.75),
    Line("… one connection: throughput", "small, 1", "xapid calls/s", "stock calls/s", "x stock", 2.2, 4),
    _against("VM.get_all_records, 10,000 VMs, warm: time", "listing", "stock", "ms", 10, 20),
    _against("… time", "listing", "nginx", "ms", 0.75, 1.0),
    _against("… processor time", "listing", "nginx", "cpu ms", 0.75, 1.0),
    Line("… every record changed since: time", "listing", "stock ms", "xapid ms", "x stock", 5, 10, "listing, all changed"),
    _against("… warm: first byte", "listing", "stock", "first ms", 100, 500),
    Line("… as JSON: time", "listing, JSON", "xapid ms", None, "ms"),
    _against("one change to 200 parked event.from calls: time", "waiting", "stock", "ms", 5, 8),
    Line("memory of an idle TLS connection", "idle", "xapid KiB", "stock KiB", "x stock", 1, None, less_is_better=True),
    Line("… in KiB", "idle", "xapid KiB", None, "KiB", None, 18, less_is_better=True),
    Line("reconnects with a resumed session: rate", "reconnect", "xapid /s", "nginx /s", "x nginx", 0.6, 0.95),
    Line("small calls while a listing streams: median time", "beside", "times", None, "x quiet", 2, 1.2, less_is_better=True),
    Line("durable writes, 64 connections: rate", "writes", "durable calls/s", "ephemeral calls/s", "x ephemeral", 0.5, 0.8),
    Line("Async calls, 64 connections: rate", "tasks", "calls/s", None, "/s"),
    Line("start with 64 hosts and 1,024 VMs", "start", "s", None, "s"),
    Line("VM.start_on and hard_shutdown on a member daemon: rate", "forwarded", "member pairs/s", "coordinator pairs/s",
         "x coordinator"),
    Line("64 hosts and 5,000 VMs, idle: share of a core", "beats", "idle core %", None, "%"),
    Line("… with 20 listeners for all events", "beats", "20 listeners core %", None, "%"),
    Line("… one change of a host told to them: processor time", "beats", "change µs", None, "µs"),
    Line("… one sign of life: processor time", "beats", "beat µs", None, "µs"),
    Line("join of a host: time", "join", "s", None, "s"),
    Line("evacuation of 200 VMs over 8 hosts: time", "evacuation", "s of 200", None, "s"),
    Line("… processor time for each VM", "evacuation", "cpu ms per VM", None, "ms"),
    Line("a raw import of 256 MiB, put on disk: rate", "transfers", "xapid received MiB/s", "nginx received MiB/s", "x nginx",
         0.5),
    _against("… processor time", "transfers", "nginx", "received cpu ms", 0.5, 0.9),
    Line("a VM with that disk as an XVA: rate", "transfers", "xapid sent MiB/s", "nginx sent MiB/s", "x nginx", 0.5),
    _against("… processor time", "transfers", "nginx", "sent cpu ms", 0.5, 0.9),
    Line("the disk alone: rate", "transfers", "xapid raw MiB/s", "nginx sent MiB/s", "x nginx", 0.5),
    Line("1,000 VMs start at once: rate", "starts", "VMs/s", None, "VMs/s"),
    Line("… small calls meanwhile: 99th percentile", "starts", "small calls p99 ms", None, "ms"),
    Line("10,000 VMs with disk, drive and interface are made: rate", "creation", "VMs/s", None, "VMs/s"),
    Line("… event.from of everything then", "creation", "events first s", None, "s"),
    Line("… and again", "creation", "events again s", None, "s"),
    Line("statistics of 2,000 VMs with 20 data sources: share of a core", "statistics", "core %", None, "%", 3,
         less_is_better=True),
    Line("… memory", "statistics", "MB", None, "MB", 400, less_is_better=True),
    Line("xe vm-list params=all of 10,000 VMs: time", "xe", "vm-list s", "records s", "x VM.get_all_records",
         less_is_better=True),
    Line("a short xe command, from nothing to its end: time", "xe", "pool-list ms", "python ms", "x python -c pass",
         less_is_better=True),
    Line("… in ms", "xe", "pool-list ms", None, "ms", less_is_better=True),
    Line("web console in Chromium, 2,000 VMs: first paint", "console", "first paint ms", None, "ms"),
    Line("… live table", "console", "live table ms", None, "ms"),
    Line("… a change to be seen in it", "console", "change ms", None, "ms"),
    Line("500,000 objects: memory of each", "objects", "bytes", None, "bytes", 1400, 1100, less_is_better=True),
    Line("… longest pause at 1% churn", "objects", "pause ms", None, "ms", 80, 30, less_is_better=True),
    Line("… load from the journal: processor time", "objects", "load s", None, "s"),
)  # fmt: skip


@attrs.frozen
class Result:
    line: Line
    value: float
    least: float
    most: float
    """Of the rounds."""

    @property
    def verdict(self) -> str:
        line = self.line

        def reaches(bound: float | None) -> bool:
            return bound is not None and (self.value <= bound if line.less_is_better else self.value >= bound)

        if reaches(line.moonshot):
            return "moonshot"
        if line.gate is None:
            return "" if line.moonshot is None else "-"
        return "gate" if reaches(line.gate) else "MISSED"


def results(figures: dict[str, Figures]) -> list[Result]:
    """What the rounds come to, for the rows that were measured."""
    found = []
    for line in LINES:
        of = figures.get(line.row, {}).get(line.of)
        over = [1.0] if line.over is None else figures.get(line.over_row or line.row, {}).get(line.over)
        if of and over:
            found.append(Result(line, median(of) / median(over), min(of) / max(over), max(of) / min(over)))
    return found


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _bound(line: Line, bound: float | None) -> str:
    return "" if bound is None else f"{'≤' if line.less_is_better else '≥'} {bound:,g}"


def table(found: list[Result]) -> str:
    """For people; also good Markdown."""
    lines = ["| work | measured | spread | gate | moonshot | reached |", "| --- | ---: | ---: | ---: | ---: | --- |"]
    for result in found:
        line = result.line
        spread = f"{_number(result.least)} … {_number(result.most)}"
        lines.append(
            f"| {line.work} | {_number(result.value)} {line.unit} | {spread} | {_bound(line, line.gate)} "
            f"| {_bound(line, line.moonshot)} | {result.verdict} |"
        )
    return "\n".join(lines)


def figures_text(figures: dict[str, Figures]) -> str:
    """The medians behind the ratios."""
    lines = []
    for row, named in figures.items():
        for name, values in named.items():
            spread = f"{_number(min(values))} … {_number(max(values))}, {len(values)} rounds"
            lines.append(f"  {row:22} {name:24} {_number(median(values)):>10}   ({spread})")
    return "\n".join(lines)

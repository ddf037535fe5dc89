"""``/host_rrd``, ``/vm_rrd`` and ``/sr_rrd``: all archives of one object, in the form that rrdtool made common.

Rows run from the oldest to the newest, and there are always as many as the archive can hold.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from math import nan
from typing import Any
from xml.sax.saxutils import escape

import orjson

from xapid.stats.archive import STEP, UNKNOWN_ALLOWED, Function, Ring
from xapid.stats.numbers import text, texts
from xapid.stats.sources import describe
from xapid.stats.store import Series

VERSION = "0003"
HEARTBEAT = 300.0


def _sources(series: Series) -> Iterator[dict[str, str]]:
    archive = series.archive
    for name, value in zip(archive.names, archive.latest, strict=True):
        source = describe(series.kind, name)
        yield {
            "name": name, "type": "GAUGE", "minimal_heartbeat": f"{HEARTBEAT:.4f}", "min": text(source.least),
            "max": text(source.most), "last_ds": text(value), "value": "0.0", "unknown_sec": "0",
        }  # fmt: skip


def _archives(series: Series) -> list[tuple[Function, Ring]]:
    """Copies, since the answer is written while more is measured."""
    functions = series.archive.functions
    return [(function, ring.part(0)) for function in functions for ring in series.archive.rings(function)]


def _rows(ring: Ring) -> Iterator[list[str]]:
    missing = texts(array("d", [nan]) * ring.columns)
    for time in range(ring.last - (ring.capacity - 1) * ring.step, ring.last + 1, ring.step):
        row = ring.row(time)
        yield missing if row is None else texts(row)


_PREPARED = {"primary_value": "0.0", "secondary_value": "0.0", "value": "0.0", "unknown_datapoints": "0"}
"""Every row is made of finer ones when its span is over, so nothing is ever half done."""


def xml(series: Series) -> Iterator[bytes]:
    """As XML, piece by piece."""
    archive, rings = series.archive, _archives(series)
    prepared = f"<ds>{_elements(_PREPARED)}</ds>" * len(archive.names)
    sources = "".join(f"<ds>{_elements(source)}</ds>" for source in _sources(series))
    yield (
        f'<?xml version="1.0"?><rrd><version>{VERSION}</version><step>{STEP}</step><lastupdate>{archive.updated}</lastupdate>'
        f"{sources}"
    ).encode()
    for function, ring in rings:
        yield (
            f"<rra><cf>{function}</cf><pdp_per_row>{ring.step // STEP}</pdp_per_row>"
            f"<params><xff>{UNKNOWN_ALLOWED:.4f}</xff></params><cdp_prep>{prepared}</cdp_prep><database>"
        ).encode()
        for values in _rows(ring):
            joined = "</v><v>".join(values)
            yield (f"<row><v>{joined}</v></row>" if values else "<row></row>").encode()
        yield b"</database></rra>"
    yield b"</rrd>"


def json(series: Series) -> Iterator[bytes]:
    """As JSON, piece by piece. Figures are strings."""
    archive, rings = series.archive, _archives(series)
    head: dict[str, Any] = {
        "version": VERSION, "step": str(STEP), "lastupdate": str(archive.updated), "ds": list(_sources(series)),
    }  # fmt: skip
    prepared = {"ds": [_PREPARED] * len(archive.names)}
    yield orjson.dumps(head)[:-1] + b',"rra":['
    comma = b""
    for function, ring in rings:
        about = {
            "cf": function, "pdp_per_row": str(ring.step // STEP), "params": {"xff": f"{UNKNOWN_ALLOWED:.4f}"},
            "cdp_prep": prepared,
        }  # fmt: skip
        yield comma + orjson.dumps(about)[:-1] + b',"database":['
        comma = b""
        for values in _rows(ring):
            yield comma + orjson.dumps(values)
            comma = b","
        yield b"]}"
    yield b"]}"


def _elements(fields: dict[str, str]) -> str:
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())

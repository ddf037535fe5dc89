"""Reports on the state of a host: what they can hold, and each part of it.

Serves ``host.get_system_status_capabilities``, ``host.bugreport_upload`` and ``/system-status``. A report is for whoever helps
the administrator, so nothing of it is secret: passwords, keys and the like are left out of what the database says.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from typing import Any, Final
from xml.sax.saxutils import quoteattr

import attrs
import psutil

from xapid import __version__, logs
from xapid.config import Config, settings
from xapid.database import Database
from xapid.database.dump import write
from xapid.datamodel.types import frozenmap
from xapid.operations.services import Services
from xapid.stats import whole
from xapid.stats.store import Series

HIDDEN: Final = "(hidden)"
_SECRETS: Final = {("secret", "value"), ("VTPM", "contents"), ("VM", "NVRAM")}
"""Classes and fields whose values are secret as a whole."""
_SECRET_WORDS: Final = ("password", "secret", "passwd", "token", "private", "key")
"""What is secret has one of these in the name of its field or its key."""

Part = tuple[str, Iterator[bytes]]
"""The name of a file, and what is in it."""


@attrs.frozen(eq=False)
class About:
    """What a report is about, and what it is made from."""

    db: Database
    services: Services
    config: Config
    host: str


@attrs.frozen
class Capability:
    """Something that a report can hold. ``pii``: whether it may have personal data; ``size``: how large it may become."""

    key: str
    make: Callable[[About], Iterator[Part]]
    pii: str = "no"
    size: int = 1 << 20
    checked: bool = True
    content_type: str = "text/plain"


def report(about: About, keys: Iterable[str] | None = None) -> Iterator[Part]:
    """The parts of a report: of all capabilities, or of those named; names that there are not are passed over."""
    wanted = None if keys is None else set(keys)
    for capability in CAPABILITIES:
        if wanted is None or capability.key in wanted:
            yield from capability.make(about)


def capabilities() -> str:
    """All capabilities, as clients read them."""
    lines = [
        f"<capability key={quoteattr(each.key)} content-type={quoteattr(each.content_type)}"
        f' default-checked="{"yes" if each.checked else "no"}" pii="{each.pii}" min-size="0" max-size="{each.size}"'
        ' min-time="0" max-time="10"/>'
        for each in CAPABILITIES
    ]
    return '<?xml version="1.0" ?>\n<system-status-capabilities>\n' + "\n".join(lines) + "\n</system-status-capabilities>\n"


def hide(cls: str, field: str, value: Any) -> Any:
    """``value`` of a field, unless it is secret."""
    if (cls, field) in _SECRETS or (isinstance(value, str) and value and _is_secret(field)):
        return frozenmap() if isinstance(value, dict) else HIDDEN
    if isinstance(value, dict):
        return frozenmap({key: HIDDEN if isinstance(key, str) and _is_secret(key) else item for key, item in value.items()})
    return value


def _is_secret(name: str) -> bool:
    name = name.lower()
    return any(word in name for word in _SECRET_WORDS)


# The parts --------------------------------------------------------------------------------------------------------------


def _text(value: Any) -> Iterator[bytes]:
    yield (value if isinstance(value, str) else json.dumps(value, indent=1, default=str)).encode("utf-8", "replace")


def _server(about: About) -> Iterator[Part]:
    plain = {name: str(getattr(about.config, name)) for name, setting in settings().items() if not setting.secret}
    packages = sorted(f"{each.name} {each.version}" for each in metadata.distributions())
    facts = {"version": __version__, "python": sys.version, "platform": platform.platform(), "settings": plain}
    yield "xapid/server.json", _text({**facts, "packages": packages})


def _database(about: About) -> Iterator[Part]:
    yield "xapid/database.xml", write(about.db, hide)


def _host(about: About) -> Iterator[Part]:
    db = about.db
    host = db.get("host", about.host)
    record = {name: hide("host", name, value) for name, value in host.items()}
    yield "host/host.json", _text(record)
    domains = [
        {name: getattr(row, name) for name in ("uuid", "name_label", "power_state", "domid", "is_control_domain")}
        for row in (db.get("VM", ref) for ref in host.resident_VMs)
    ]
    yield "host/domains.json", _text(domains)


def _logs(about: About) -> Iterator[Part]:
    yield "var/log/xapid.log", (line.encode("utf-8", "replace") for line in logs.recent.lines())


def _audit(about: About) -> Iterator[Part]:
    yield "var/log/audit.log", (f"{line}\n".encode("utf-8", "replace") for line in about.services.audit.lines())


def _statistics(about: About) -> Iterator[Part]:
    uuid = about.db.get("host", about.host).uuid
    for series in about.services.stats.all():
        if series.host == uuid:
            yield f"rrd/{series.kind}-{series.uuid}.xml", _whole(series)


def _whole(series: Series) -> Iterator[bytes]:
    yield from whole.xml(series)


def _processes(about: About) -> Iterator[Part]:
    process = psutil.Process()
    with process.oneshot():
        facts = {
            "memory": process.memory_info()._asdict(),
            "cpu_times": process.cpu_times()._asdict(),
            "threads": process.num_threads(),
            "files": process.num_fds(),
            "sessions": len(about.services.sessions),
            "tasks": [f"{row.name_label} {row.status} {row.progress:.2f}" for row in about.db.table("task").rows()],
        }
    yield "xapid/process.json", _text(facts)


def _network(about: About) -> Iterator[Part]:
    connections = [
        {"local": each.laddr, "remote": each.raddr, "state": each.status} for each in psutil.Process().net_connections("inet")
    ]
    yield "xapid/connections.json", _text(connections)


def _traces(about: About) -> Iterator[Part]:
    for name, data in about.services.tracing.files():
        yield f"traces/{name}", iter((data,))


CAPABILITIES: Final = (
    Capability("xapi", _server),
    Capability("xenserver-databases", _database, pii="yes", size=1 << 28, content_type="application/data"),
    Capability("host-info", _host, pii="maybe"),
    Capability("xenserver-logs", _logs, pii="maybe", size=1 << 24),
    Capability("xapi-audit", _audit, pii="yes", size=20 << 20),
    Capability("persistent-stats", _statistics, size=1 << 28, checked=False),
    Capability("process-list", _processes, pii="yes"),
    Capability("network-status", _network, pii="if_customized"),
    Capability("observer", _traces, pii="maybe", size=1 << 26, checked=False),
)

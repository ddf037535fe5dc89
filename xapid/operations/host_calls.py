"""What a host is asked to do or to tell, with the help of its agent: figures, diagnostics (class ``host``)."""

from __future__ import annotations

import json
import sys
import threading
import traceback
from typing import Any

from xapid.datamodel.types import frozenmap
from xapid.operations.attachments import hang_blob
from xapid.operations.context import Context
from xapid.operations.host_driver import rescan
from xapid.operations.measures import of_host
from xapid.placement.memory import free


def dmesg(context: Context, host: str) -> str:
    row = context.db.get("host", host)
    version = row.software_version.get("xen", "")
    return f"(XEN) Xen version {version} on {row.hostname}\n(XEN) {row.cpu_info.get('cpu_count', '0')} processors\n"


def send_debug_keys(context: Context, host: str, keys: str) -> None:
    context.db.get("host", host)


def compute_free_memory(context: Context, host: str) -> int:
    return max(0, free(context.db, host))


def compute_memory_overhead(context: Context, host: str) -> int:
    return int(context.db.get("host", host).memory_overhead)


async def get_data_sources(context: Context, host: str) -> tuple[dict[str, Any], ...]:
    return (await of_host(context, host)).records()


async def record_data_source(context: Context, host: str, data_source: str) -> None:
    (await of_host(context, host)).keep(data_source)


async def query_data_source(context: Context, host: str, data_source: str) -> float:
    return (await of_host(context, host)).value(data_source)


async def forget_data_source_archives(context: Context, host: str, data_source: str) -> None:
    (await of_host(context, host)).forget(data_source)


def get_diagnostic_timing_stats(context: Context, host: str, counts: bool) -> Any:
    """Of each message that was called: how often, or how long it took on average."""
    context.db.get("host", host)
    tallies = context.services.tallies()
    return frozenmap({name: str(tally.calls) if counts else f"{tally.seconds / tally.calls:.6f}" for name, tally in tallies})


def get_sm_diagnostics(context: Context, host: str) -> str:
    db = context.db
    pbds = [db.get("PBD", ref) for ref in db.get("host", host).PBDs]
    lines = [f"{db.get('SR', pbd.SR).uuid} {'attached' if pbd.currently_attached else 'detached'}" for pbd in pbds]
    return "\n".join(lines)


def get_thread_diagnostics(context: Context, host: str) -> str:
    """What each thread of the daemon is at, as JSON: name → the function, file and line of each frame, the innermost last."""
    context.db.get("host", host)
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    stacks = {
        names.get(ident, str(ident)): [f"{each.name} {each.filename}:{each.lineno}" for each in traceback.extract_stack(frame)]
        for ident, frame in sys._current_frames().items()
    }
    return json.dumps(stacks)


def get_tracked_user_agents(context: Context, self: str) -> Any:
    context.db.get("host", self)
    return frozenmap(context.services.user_agents)


def sync_data(context: Context, host: str) -> None:
    context.db.get("host", host)


def backup_rrds(context: Context, host: str, delay: float) -> None:
    context.db.get("host", host)


def refresh_pack_info(context: Context, host: str) -> None:
    context.db.get("host", host)


def apply_guest_agent_config(context: Context, host: str) -> None:
    context.db.get("host", host)


async def rescan_drivers(context: Context, self: str) -> None:
    await rescan(context, self)


def enable_binary_storage(context: Context, host: str) -> None:
    context.db.get("host", host)


def disable_binary_storage(context: Context, host: str) -> None:
    context.db.get("host", host)


def create_new_blob(context: Context, host: str, name: str, mime_type: str, public: bool) -> str:
    return hang_blob(context, "host", host, name, mime_type, public)


def is_in_emergency_mode(context: Context) -> bool:
    return context.services.role.emergency is not None


def ha_xapi_healthcheck(context: Context) -> bool:
    return True


def local_assert_healthy(context: Context) -> None:
    """Errors: what put the daemon into emergency mode."""
    if context.services.role.emergency is not None:
        raise context.services.role.emergency

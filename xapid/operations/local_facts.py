"""What a host keeps for itself, over restarts: pairs of texts beside the objects of the database.

Serves ``host.set_localdb_key`` and the rules for enabling hosts. The keys with a meaning are named here.
"""

from __future__ import annotations

from typing import Final

from xapid.database import Database, Row, Transaction

_PREFIX: Final = "local:"
AUTO_ENABLE: Final = "host_auto_enable"
"""``false``: an administrator wants the host to stay disabled when it starts."""
UNTIL_REBOOT: Final = "host_disabled_until_reboot"
"""``true``: it has been made ready to lose its power, and must start anew before it is enabled."""
RESTARTED_CLEANLY: Final = "host_restarted_cleanly"
"""``true``: it went down as it should."""
AGENT_BEGAN: Final = "agent-began"
"""When its agent started, in seconds since 1970, as the coordinator heard it last."""
SCHED_GRAN: Final = "sched-gran"
"""In which units its hypervisor schedules virtual CPUs."""
SSH_AUTO: Final = "ssh-auto-mode"
"""``true``: SSH was enabled for a time on a host that goes back to automatic SSH then."""
REDO_LOG: Final = "redo_log_enabled"
"""``true``: the pool's database is also on a disk that the host has attached."""
STATIC: Final = "static-vdi:"
"""Prefix, before the uuid of a disk that is attached whenever the host runs; the value says why."""


def fact(db: Database, host: Row, key: str) -> str | None:
    """What the host keeps under a key."""
    return db.meta.get(f"{_PREFIX}{host.uuid}:{key}")


def facts(db: Database, host: Row, prefix: str = "") -> dict[str, str]:
    """All pairs whose keys begin with ``prefix``."""
    start = f"{_PREFIX}{host.uuid}:"
    return {key.removeprefix(start): value for key, value in db.meta.items() if key.startswith(start + prefix)}


def keep(tx: Transaction, host: Row, key: str, value: str | None) -> None:
    """Keep a text under a key; None: keep none."""
    tx.set_meta(f"{_PREFIX}{host.uuid}:{key}", value)


def forget_all(tx: Transaction, db: Database, host: Row) -> None:
    """The host is no more."""
    for key in facts(db, host):
        keep(tx, host, key, None)

"""Fills an empty database with a pool, in one transaction: the order in which the modules of this room do their part."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime

from xapid.database import Database
from xapid.inventory import devices, hosts, networks, pool, storage, templates, vms
from xapid.inventory.build import Build, HostCertificate, Identities
from xapid.inventory.presets import Counts, preset
from xapid.operations import allowed


def populate(
    db: Database,
    counts: Counts | str,
    addresses: Sequence[str],
    now: datetime,
    ids: Identities,
    *,
    port: int = 443,
    certificate: HostCertificate | None = None,
) -> tuple[str, ...]:
    """Make a pool as ``counts`` (or the preset of that name) says; returns the references of its hosts, coordinator first.

    ``addresses`` are those of the hosts in order; missing ones follow the last. ``port`` is where consoles answer.
    ``certificate`` becomes each host's ``Certificate`` row.
    """
    counts = preset(counts) if isinstance(counts, str) else counts
    with db.transaction() as tx:
        build = Build(tx=tx, ids=ids, now=now, counts=counts, port=port, certificate=certificate)
        fabric = networks.create_networks(build)
        made = [hosts.create_host(build, number, address) for number, address in enumerate(_padded(addresses, counts.hosts), 1)]
        for host in made:
            networks.connect_host(build, fabric, host)
        devices.create_devices(build, made)
        stores = storage.create_storage(build, made)
        for host in made:
            vms.create_control_domain(build, host)
        templates.create_templates(build)
        pool.create_pool(build, made, stores)
        for host in made:
            vms.create_vms(build, host, fabric, stores)
        allowed.refresh(tx, db, *(row for table in db.tables.values() if "allowed_operations" in table.stored for row in table))
    return tuple(host.ref for host in made)


def addresses_from(first: str, count: int) -> list[str]:
    """``count`` successive addresses, ``first`` being the first."""
    start = ipaddress.ip_address(first)
    return [str(start + offset) for offset in range(count)]


def _padded(addresses: Sequence[str], count: int) -> list[str]:
    known = list(addresses[:count])
    return [*known, *addresses_from(known[-1], count - len(known) + 1)[1:]]

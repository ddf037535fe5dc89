"""Every record of ``xe``, and every family of commands over one, by the names that commands have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from xapid.cli.records import tables_host, tables_network, tables_pool, tables_storage, tables_vm
from xapid.cli.records.declared import Listing, Record

RECORDS: Final[Mapping[str, Record]] = {
    record.cls: record
    for tables in (tables_vm, tables_storage, tables_network, tables_host, tables_pool)
    for record in tables.RECORDS
}
"""By class."""
LISTINGS: Final[Mapping[str, tuple[Record, Listing]]] = {
    listing.name: (record, listing) for record in RECORDS.values() for listing in record.listings
}
"""By the name that stands before ``-list``."""

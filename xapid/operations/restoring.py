"""Putting a dump in the place of the whole database: what has to be true of it, and what becomes of the pool's hosts.

Every host of the dump is a host of the pool afterwards. Those that members of this pool run stay theirs; all others, the
coordinator's among them, are run by this daemon, as a restored database is no proof that another machine is there. Root's
password and the pool's secret are not in a dump and stay as they are.
"""

from __future__ import annotations

from twisted.logger import Logger

from xapid.database import Database
from xapid.database.dump import SCHEMA, Dump, DumpError
from xapid.datamodel.errors import XenAPIError

log = Logger()

MEMBER = "member:"


def check(dump: Dump) -> None:
    """Errors: RESTORE_INCOMPATIBLE_VERSION, COULD_NOT_IMPORT_DATABASE."""
    try:
        major, minor = dump.schema
    except DumpError as problem:
        raise XenAPIError("COULD_NOT_IMPORT_DATABASE", str(problem)) from problem
    if major != SCHEMA[0] or minor > SCHEMA[1]:
        raise XenAPIError("RESTORE_INCOMPATIBLE_VERSION")
    pools, hosts = dump.of("pool"), {found.ref for found in dump.of("host")}
    if len(pools) != 1:
        raise XenAPIError("COULD_NOT_IMPORT_DATABASE", f"the dump has {len(pools)} pools")
    if pools[0].values.get("master") not in hosts:
        raise XenAPIError("COULD_NOT_IMPORT_DATABASE", "the coordinator's host is not in the dump")


def restore(db: Database, dump: Dump) -> None:
    """Put ``dump``, which was checked, into ``db``, in one transaction. Errors: DB_UNIQUENESS_CONSTRAINT_VIOLATION."""
    for name, times in sorted(dump.passed_over.items()):
        log.warn("the dump has {name} {times} times, which is not known here", name=name, times=times)
    with db.transaction() as tx:
        dump.put(db)
        hosts = {row.uuid for row in db.table("host").rows()}
        for key in [key for key in db.meta if key.startswith(MEMBER) and key.removeprefix(MEMBER) not in hosts]:
            tx.set_meta(key, None)

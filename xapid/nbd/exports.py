"""What an export's name means: ``/UUID?session_id=REF``, a disk and the session of whoever wants to read it.

Who may ask for the name (``VDI.get_nbd_info``) may read the disk, as long as the session lasts. Meanwhile the disk is busy as
with a copy, which others may read beside it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

from xapid.database import Database
from xapid.datamodel.errors import XenAPIError
from xapid.dispatch.pipeline import Dispatcher
from xapid.dispatch.places import marks_for_reading
from xapid.nbd.protocol import Disk
from xapid.operations import disk_contents
from xapid.operations.services import Services
from xapid.wire.call import Origin


class Exports:
    """Opens disks for clients."""

    def __init__(self, db: Database, services: Services, dispatcher: Dispatcher) -> None:
        self._db = db
        self._services = services
        self._dispatcher = dispatcher

    @asynccontextmanager
    async def open(self, host: str, name: str, revoked: Callable[[], None]) -> AsyncIterator[Disk]:
        """The disk of that name, for the block, to a client of this host; ``revoked`` is called when the session ends.

        Errors: SESSION_INVALID, RBAC_PERMISSION_DENIED, UUID_INVALID, VDI_INCOMPATIBLE_TYPE, those of copying and of reading.
        """
        db, services = self._db, self._services
        asked = urlsplit(name)
        session = services.sessions.get(parse_qs(asked.query).get("session_id", [""])[0])
        disk = db.table("VDI").by_uuid(asked.path.removeprefix("/"))
        entry = services.api.messages["VDI.get_nbd_info"]
        origin = Origin(host=host)
        with services.audit.call(session, entry, [disk.ref], origin):
            services.rbac.check(session, entry, [disk.ref])
            if disk.type == "cbt_metadata":
                raise XenAPIError("VDI_INCOMPATIBLE_TYPE", disk.ref, disk.type)
        task = services.tasks.for_call(entry, session, host)
        session.watch(revoked)
        try:
            async with (
                self._dispatcher.work(session, task, origin, *marks_for_reading(db, disk)),
                disk_contents.reading(db, services.agents, disk) as reader,
            ):
                yield reader
        finally:
            session.unwatch(revoked)

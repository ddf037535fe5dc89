"""Sessions with databases that are not the pool's: dumps in files and on disks, to be read and nothing else.

Serves calls in sessions of ``session.create_from_db_file`` and ``VDI.open_database``. They see the objects of the dump, as a
user who may only read; logging out lets the dump go.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

import attrs

from xapid.auth import roles
from xapid.auth.rbac import Rbac
from xapid.auth.sessions import Session
from xapid.database import Database
from xapid.database.dump import Dump
from xapid.datamodel.catalogue import Catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import Void
from xapid.dispatch.endpoint import Endpoint, by_name, endpoints
from xapid.ids import Ids
from xapid.wire.call import Answer, Call, Codec

MOST: Final = 16
"""Dumps that are open at the same time; one more closes the one that was not used for longest."""
USER: Final = "db-from-file"
READER: Final = "read-only"
LOGOUT: Final = "session.logout"


@attrs.frozen
class _Archive:
    session: Session
    db: Database
    rbac: Rbac
    by_name: Mapping[str, Endpoint]


class Archives:
    """Dumps that are open, by the session that was given for each."""

    def __init__(self, api: Catalogue, ids: Ids) -> None:
        self._api = api
        self._ids = ids
        self._open: OrderedDict[str, _Archive] = OrderedDict()

    def open(self, dump: Dump) -> str:
        """The reference of a session with what ``dump`` holds. Errors: DB_UNIQUENESS_CONSTRAINT_VIOLATION."""
        db = Database(self._api, self._ids)
        roles.install(db)
        dump.put(db)
        rbac = Rbac(self._api, db)
        session = Session(ref=self._ids.secret_ref(), user=USER, permissions=rbac.granted([READER]))
        with db.transaction() as tx:
            tx.create("session", ref=session.ref, auth_user_name=USER, rbac_permissions=(READER,))
        found = {end.name: end for end in endpoints(self._api, db, {}).values()}
        self._open[session.ref] = _Archive(session, db, rbac, by_name(found))
        while len(self._open) > MOST:
            self._open.popitem(last=False)
        return session.ref

    def answer(self, call: Call, codec: Codec) -> Answer | None:
        """The answer to a call in a session with a dump; None if it is in none."""
        first = call.params[0] if call.params else None
        archive = self._open.get(first) if isinstance(first, str) else None
        if archive is None:
            return None
        self._open.move_to_end(archive.session.ref)
        endpoint = archive.by_name.get(call.name)
        try:
            if endpoint is None:
                raise XenAPIError("MESSAGE_METHOD_UNKNOWN", call.name)
            args = endpoint.arguments(call.name, call.params[1:])
            if endpoint.name == LOGOUT:
                del self._open[archive.session.ref]
                return codec.success(Void, None)
            archive.rbac.check(archive.session, endpoint.entry, args)
            if endpoint.kind != "read":
                text = "the database of this session can only be read"
                raise XenAPIError("RBAC_PERMISSION_DENIED", endpoint.name, text)
            return codec.success(endpoint.result, endpoint.run(*args))
        except XenAPIError as refusal:
            return codec.failure(refusal.description)

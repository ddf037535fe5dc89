"""Making a host ready for a VM that comes with its storage: ``host.migrate_receive``."""

from __future__ import annotations

from urllib.parse import quote

from xapid.auth.sessions import Identity
from xapid.datamodel.types import frozenmap
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.operations.licences import assert_licensed
from xapid.operations.migration_network import address_on


def migrate_receive(context: Context, host: str, network: str, options: frozenmap) -> frozenmap:
    """What a sender passes to ``VM.migrate_send``, with a session that has the rights of the caller's.

    Errors: LICENCE_RESTRICTION, HOST_CANNOT_ATTACH_NETWORK, PIF_HAS_NO_NETWORK_CONFIGURATION, INTERFACE_HAS_NO_IP.
    """
    db, services = context.db, context.services
    assert_licensed(db, "Storage_motion")
    row = db.get("host", host)
    ip = address_on(db, host, network, plugged=False)
    caller = context.session
    identity = Identity(
        user=caller.user, is_local_superuser=caller.is_local_superuser, subject=caller.subject,
        auth_user_sid=caller.auth_user_sid, permissions=caller.permissions,
    )  # fmt: skip
    session = services.sessions.open(identity, host, originator="migration", parent=caller.parent).ref
    url, asked = services.elsewhere.url(ip), f"?session_id={quote(session, safe=':')}"
    leader = db.get("host", the_pool(db).master)
    return frozenmap({
        "host": row.ref,
        "SM": f"{url}/services/SM{asked}",
        "xenops": f"{url}/services/xenops{asked}",
        "session_id": session,
        "master": services.elsewhere.url(leader.address),
    })  # fmt: skip

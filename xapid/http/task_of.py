"""The task that a request names in ``task_id``: whoever serves the request ends it, one way or the other.

Clients make one even for statistics, and show it until it is ended. Requests that name none have none, since some come every
few seconds; those whose outcome matters have one of their own (:mod:`xapid.http.work`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from xapid.auth.rbac import ANY_TASK
from xapid.auth.sessions import Session
from xapid.datamodel.errors import XenAPIError
from xapid.http.exchange import Disconnected, Exchange
from xapid.operations.services import Services
from xapid.tasks.running import RunningTask


@contextmanager
def task_of(services: Services, exchange: Exchange) -> Iterator[None]:
    """Ends the task of ``exchange`` with the block: it failed if the block did.

    Tasks that are not there, and those that the caller may not change, are passed over.
    """
    ref = exchange.head.argument("task_id")
    task = None if ref is None else _find(services, exchange.session.session, ref)
    if task is None:
        yield
        return
    try:
        yield
    except XenAPIError as error:
        task.fail(error.description)
        raise
    except Disconnected:
        task.fail(("INTERNAL_ERROR", "the client hung up"))
        raise
    except BaseException as error:
        task.fail(("INTERNAL_ERROR", type(error).__name__))
        raise
    task.succeed_text("")


def _find(services: Services, session: Session, ref: str) -> RunningTask | None:
    owner = services.tasks.owner(ref)
    is_own = bool(session.auth_user_sid) and session.auth_user_sid == owner
    if not is_own and not services.rbac.allows(session, ANY_TASK):
        return None
    try:
        return services.tasks.attach(ref)
    except XenAPIError:
        return None

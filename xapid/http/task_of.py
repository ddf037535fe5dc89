"""The task that a request names in ``task_id``: whoever serves the request ends it, one way or the other.

Clients make one even for statistics, and show it until it is ended. Requests that name none have none, since some come every
few seconds; those whose outcome matters have one of their own (:mod:`xapid.http.work`). A member has its coordinator end it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from xapid.auth.sessions import Session
from xapid.datamodel.errors import XenAPIError
from xapid.http.exchange import Disconnected, Exchange
from xapid.operations.services import Services
from xapid.pool.inquiry import end_task, may_end_any


@asynccontextmanager
async def task_of(services: Services, exchange: Exchange) -> AsyncIterator[None]:
    """Ends the task of ``exchange`` with the block: it failed if the block did.

    Tasks that are not there, and those that the caller may not change, are passed over.
    """
    ref, session = exchange.head.argument("task_id"), exchange.session.session
    if ref is None:
        yield
        return
    failure: tuple[str, ...] | None = None
    try:
        yield
    except XenAPIError as error:
        failure = error.description
        raise
    except Disconnected:
        failure = ("INTERNAL_ERROR", "the client hung up")
        raise
    except BaseException as error:
        failure = ("INTERNAL_ERROR", type(error).__name__)
        raise
    finally:
        await _end(services, session, ref, failure)


async def _end(services: Services, session: Session, ref: str, failure: tuple[str, ...] | None) -> None:
    may_any = may_end_any(services, session)
    coordinator = services.pool.coordinator
    if coordinator is None:
        end_task(services, ref, session.auth_user_sid, may_any, failure)
    else:
        await coordinator.end_task(ref, session, may_any, failure)

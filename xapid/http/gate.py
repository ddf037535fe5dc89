"""Lets requests to an HTTP action pass, or answers them 401 or 403 and fails the task that they named."""

from __future__ import annotations

from typing import Any

import attrs

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.http_actions import HttpAction
from xapid.http.credentials import Authenticator, Credentials, UnknownScheme, credentials
from xapid.http.exchange import Exchange
from xapid.http.other_sites import is_from_elsewhere


@attrs.frozen
class Gate:
    """Stands before the actions that not everybody may use."""

    _authenticator: Authenticator

    async def admit(self, exchange: Exchange, action: HttpAction, realm: str | None = None) -> bool:
        """Whether the caller may use ``action``; if not, the request has been answered.

        If so, ``exchange.session`` is set, and the exchange has to be released.
        """
        head, task = exchange.head, exchange.head.argument("task_id")
        try:
            offered = credentials(head, exchange.origin)
        except UnknownScheme as error:
            exchange.refuse(500, f"there is no authorization scheme {error}")
            return False
        session = await self._open(offered, exchange)
        if session is None:
            if offered:
                user = "" if offered.basic is None else offered.basic[0]
                self._authenticator.note(None, action, exchange.origin, "SESSION_AUTHENTICATION_FAILED", user)
            if task is not None:
                self._authenticator.fail_task(task, XenAPIError.relayed("SESSION_AUTHENTICATION_FAILED"))
            # Who could not use a name and password anyway is not asked for them: a browser would put up a dialog.
            challenge = (
                [] if is_from_elsewhere(head.headers) else [("WWW-Authenticate", f'Basic realm="{realm or action.name}"')]
            )
            exchange.refuse(401, headers=challenge)
            return False
        try:
            self._authenticator.check(session, action)
        except XenAPIError as error:
            self._authenticator.note(session, action, exchange.origin, error.code)
            await self._authenticator.close(session)
            if task is not None:
                self._authenticator.fail_task(task, error)
            exchange.refuse(403, " ".join(error.description))
            return False
        exchange.session, exchange.action = session, action
        return True

    async def _open(self, offered: Credentials, exchange: Exchange) -> Any:
        if not offered:
            return None
        try:
            return await self._authenticator.open(offered, exchange.origin)
        except XenAPIError:
            return None

    async def release(self, exchange: Exchange, outcome: str = "OK") -> None:
        """The exchange is over for its session; ``outcome`` is ``OK`` or an error code."""
        session, exchange.session = exchange.session, None
        assert exchange.action is not None
        self._authenticator.note(session, exchange.action, exchange.origin, outcome)
        await self._authenticator.close(session)

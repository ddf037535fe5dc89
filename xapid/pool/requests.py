"""What daemons of a pool ask of each other, and who may:

===============================  ==================================================================================
``/pool/greet``                  everyone with a certificate that is known (:mod:`xapid.pool.peers`)
``/agent/``, ``/pool/beat``,     the coordinator that this daemon follows
``roster``, ``release``,
``password``, ``secret``,
``copy``
``/pool/hello``, ``adopt``       members, and who is about to be one, of the coordinator
``/pool/farewell``               members, of the coordinator
``/coordinator/``,               members, of the coordinator
``/observer/``
``/pool/propose``, ``commit``,   every daemon of the pool
``abort``, ``reset``
===============================  ==================================================================================

Who may not is answered like one who calls a daemon that follows another. An answer leaves when what it changed is durable.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import orjson
from twisted.internet import defer
from twisted.logger import Logger

from xapid.agent.remote import AGENT, OBSERVER, answer_agent, answer_observer
from xapid.agent.values import AgentFailure
from xapid.datamodel.errors import XenAPIError
from xapid.pool.common import BEAT, HELLO, LEAVING, PASSWORD, RELEASE, ROSTER, STAGE
from xapid.pool.copying import COPY
from xapid.pool.inquiry import INQUIRY
from xapid.pool.joining import ADOPT
from xapid.pool.membership import Place
from xapid.pool.peers import failure
from xapid.pool.succession import ABORT, COMMIT, PROPOSE, RESET

if TYPE_CHECKING:
    from xapid.pool.federation import Federation

log = Logger()

FAREWELL: Final = 0.5
"""Seconds for the answer to get out before a daemon that was ejected hangs up."""
DONE: Final = orjson.dumps({"value": None})

Handler = Callable[[str, str, bytes], Awaitable[bytes]]
"""Carries out a request: the daemon that asks, path, body."""


class Requests:
    """Answers other daemons on behalf of this one."""

    def __init__(self, federation: Federation) -> None:
        self._federation = federation
        self._common = common = federation.common
        self._membership = common.membership
        self._succession = federation.succession
        obeyed, led, known = self._membership.obeys, self._leads_it, self._knows
        self._routes: dict[str, tuple[Callable[[str], bool], Handler]] = {
            AGENT: (obeyed, self._agent),
            BEAT: (obeyed, self._beat),
            ROSTER: (obeyed, self._roster),
            RELEASE: (obeyed, self._release),
            PASSWORD: (obeyed, self._password),
            STAGE: (obeyed, self._stage),
            COPY: (obeyed, federation.copying.take),
            INQUIRY: (led, self._inquiry),
            OBSERVER: (led, self._observer),
            LEAVING: (led, self._farewell),
            HELLO: (self._serves, federation.receiving.hello),
            ADOPT: (self._serves, federation.receiving.adopt),
            PROPOSE: (known, self._propose),
            COMMIT: (known, self._commit),
            ABORT: (known, self._abort),
            RESET: (known, self._reset),
        }

    async def answer(self, daemon: str, path: str, body: bytes) -> bytes:
        """The answer to what another daemon asks for. Raises nothing."""
        try:
            answer = await self._carry_out(daemon, path, body)
        except XenAPIError as refusal:
            answer = orjson.dumps({"error": refusal.description})
        except AgentFailure as problem:
            answer = failure("failed", problem.reason, *problem.details)
        except defer.CancelledError:
            answer = failure("failed", "cancelled")
        except Exception as fault:
            log.failure("a request of another daemon failed unexpectedly: {path}", path=path)
            answer = failure("failed", f"{type(fault).__name__} in {path}")
        if self._common.db.pending:
            await self._common.db.durable()
        return answer

    async def _carry_out(self, daemon: str, path: str, body: bytes) -> bytes:
        for prefix, (may, handler) in self._routes.items():
            if path.startswith(prefix):
                if may(daemon):
                    return await handler(daemon, path, body)
                return failure("unreachable", self._membership.own, "follows another")
        return failure("not_supported", path)

    # Who may ----------------------------------------------------------------------------------------------------------------

    def _serves(self, daemon: str) -> bool:
        return self._membership.leader is None and self._common.role.emergency is None

    def _leads_it(self, daemon: str) -> bool:
        return self._membership.leader is None and self._knows(daemon)

    def _knows(self, daemon: str) -> bool:
        return daemon in self._membership.pins() and daemon != self._membership.own

    # What is done -----------------------------------------------------------------------------------------------------------

    async def _agent(self, daemon: str, path: str, body: bytes) -> bytes:
        host, _, rest = path.removeprefix(AGENT).partition("/")
        own = self._common.own_agent(host)
        return failure("unreachable", host) if own is None else await answer_agent(own, rest, body)

    async def _beat(self, daemon: str, path: str, body: bytes) -> bytes:
        return orjson.dumps({"value": {"began": self._federation.began, "time": self._common.clock.seconds()}})

    async def _farewell(self, daemon: str, path: str, body: bytes) -> bytes:
        for place in self._membership.members():
            ref = self._common.ref_of(place.host)
            if place.who == daemon and ref is not None:
                self._federation.liveness.presence.agent_leaves(self._common.db.get("host", ref))
        return DONE

    async def _roster(self, daemon: str, path: str, body: bytes) -> bytes:
        if self._membership.leader is not None:
            self._membership.take_roster(orjson.loads(body))
        return DONE

    async def _release(self, daemon: str, path: str, body: bytes) -> bytes:
        if self._membership.leader is not None:
            self._membership.note_release()
            self._common.clock.callLater(FAREWELL, lambda: defer.ensureDeferred(self._federation.released()))
        return DONE

    async def _password(self, daemon: str, path: str, body: bytes) -> bytes:
        self._common.passwords.set_hash(body.decode())
        return DONE

    async def _stage(self, daemon: str, path: str, body: bytes) -> bytes:
        try:
            self._common.secrets.stage(*orjson.loads(body))
        except ValueError as problem:
            raise XenAPIError("INVALID_VALUE", "old_ps", str(problem)) from problem
        return DONE

    async def _inquiry(self, daemon: str, path: str, body: bytes) -> bytes:
        answer = self._federation.answer_inquiry
        return failure("not_supported", path) if answer is None else await answer(path, body)

    async def _observer(self, daemon: str, path: str, body: bytes) -> bytes:
        return await answer_observer(self._federation.observer, path, body)

    async def _propose(self, daemon: str, path: str, body: bytes) -> bytes:
        self._succession.propose(*_change(body))
        return DONE

    async def _commit(self, daemon: str, path: str, body: bytes) -> bytes:
        await self._succession.commit(*_change(body))
        return DONE

    async def _abort(self, daemon: str, path: str, body: bytes) -> bytes:
        return orjson.dumps({"value": self._succession.abort(_change(body)[0])})

    async def _reset(self, daemon: str, path: str, body: bytes) -> bytes:
        self._succession.told(*_change(body))
        return DONE


def _change(body: bytes) -> tuple[Place, int]:
    told = orjson.loads(body)
    return Place(**told["leader"]), told["epoch"]

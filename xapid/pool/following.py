"""A member's side of its bond with the coordinator: it says hello, again and again, and knows when it is alone.

A member says hello when it starts, when it has lost its coordinator, every half minute while all is well and every five
seconds while it is not. While it is not, it is in *emergency mode* and answers a short list of calls. What a hello brings:

============================  ========================================================================================
``ok``                        the member serves, with the roster of the pool as it is now
``unknown_host``              HOST_UNKNOWN_TO_MASTER, until an administrator does something about it
``cannot_talk_back``          HOST_MASTER_CANNOT_TALK_BACK
``newer``                     HOST_XAPI_VERSION_HIGHER_THAN_COORDINATOR, until the coordinator is of its version too
``released``                  it has been ejected: it starts afresh
the secret does not hold      HOST_UNKNOWN_TO_MASTER
nothing                       HOST_STILL_BOOTING
============================  ========================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

import attrs
import orjson
from twisted.internet import defer
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from xapid.agent.remote import read_answer
from xapid.agent.values import AgentFailure
from xapid.datamodel.errors import XenAPIError
from xapid.pool.common import HELLO, LEAVING, STILL_BOOTING, Common
from xapid.pool.membership import Place

log = Logger()

EVERY: Final = 30.0
AGAIN: Final = 5.0
ANSWER_WITHIN: Final = 60.0
FAREWELL_WITHIN: Final = 2.0


class Following:
    """Follows the coordinator that :class:`~xapid.pool.membership.Membership` names. ``began`` is when this daemon started."""

    def __init__(self, common: Common, began: float, released: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._common = common
        self._began = began
        self._released = released
        self._next: IDelayedCall | None = None
        self._asking: defer.Deferred[None] | None = None
        self._asked_whom: Place | None = None
        self._waiting: list[defer.Deferred[None]] = []
        self._is_running = False

    def start(self) -> None:
        """Follow from now on; a member that nobody has answered yet does not know whether it is one."""
        leader = self._common.membership.leader
        assert leader is not None
        self._is_running = True
        self._common.role.follow(leader.address, leader.port)
        self._again(0)

    def stop(self) -> None:
        """Follow nobody."""
        self._is_running = False
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = None
        if self._asking is not None:
            self._asking.cancel()

    async def say_farewell(self) -> None:
        """This daemon is about to end: its hosts are not live from now on. Whether anyone hears that does not matter."""
        leader = self._common.membership.leader
        if leader is None or self._common.role.emergency is not None:
            return
        telling = defer.ensureDeferred(self._common.tell(leader, LEAVING, b""))
        try:
            await telling.addTimeout(FAREWELL_WITHIN, self._common.clock)
        except (AgentFailure, defer.TimeoutError) as problem:
            log.info("the coordinator was not told of the end of this daemon: {problem}", problem=problem)

    def lost(self, daemon: str) -> None:
        """The connection to a daemon is lost: if it was the coordinator, say hello at once."""
        leader = self._common.membership.leader
        if self._is_running and leader is not None and leader.who == daemon and self._asking is None:
            self._again(0)

    def _again(self, delay: float) -> None:
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = self._common.clock.callLater(delay, self._say_hello)

    def _say_hello(self) -> None:
        if not self._is_running or self._asking is not None:
            return
        self._asking = defer.ensureDeferred(self._hello())
        self._asking.addBoth(self._asked)

    def _asked(self, result: object) -> None:
        if isinstance(result, Failure) and not isinstance(result.value, defer.CancelledError):
            log.failure("saying hello failed", result)
        self._asking = None
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            turn.callback(None)
        if self._is_running and (self._next is None or not self._next.active()):
            other = self._common.membership.leader != self._asked_whom
            self._again(0 if other else AGAIN if self._common.role.emergency is not None else EVERY)

    def answered(self) -> defer.Deferred[None]:
        """Fires when the next hello has been answered, or was not."""
        turn: defer.Deferred[None] = defer.Deferred()
        self._waiting.append(turn)
        return turn

    async def _hello(self) -> None:
        common = self._common
        leader, before = common.membership.leader, self._asked_whom
        self._asked_whom = leader
        if leader is None:
            return
        if before is not None and before.who == leader.who and before != leader:
            common.peers.forget(leader.who)  # it has moved
        hosts = [attrs.asdict(place) for place in common.peers.own_places()]
        body = orjson.dumps({"hosts": hosts, "began": self._began, "time": common.clock.seconds(), "version": common.version})
        try:
            asking = defer.ensureDeferred(common.tell(leader, HELLO, body))
            answer = read_answer(await asking.addTimeout(ANSWER_WITHIN, common.clock))
        except defer.TimeoutError:
            answer = {}
        except AgentFailure as failure:
            answer = {"answer": "unknown_host"} if failure.details[1:2] == ("secret",) else {}
        if common.membership.leader == leader and self._is_running:
            self._take(answer)

    def _take(self, answer: dict[str, Any]) -> None:
        role, own = self._common.role, self._common.peers.own_places()[0]
        match answer.get("answer"):
            case "ok":
                self._common.membership.take_roster(answer["roster"])
                self._asked_whom = Place(**answer["leader"])
                self._common.membership.follow(self._asked_whom)
                role.follow(answer["leader"]["address"], answer["leader"]["port"])
                role.leader_thumbprints = answer.get("thumbprints", {})
                if answer["password"] and answer["password"] != self._common.passwords.hash:
                    self._common.passwords.set_hash(answer["password"])
                role.emergency = None
            case "unknown_host":
                role.emergency = XenAPIError("HOST_UNKNOWN_TO_MASTER", own.host)
            case "cannot_talk_back":
                role.emergency = XenAPIError("HOST_MASTER_CANNOT_TALK_BACK", own.address)
            case "newer":
                role.emergency = XenAPIError("HOST_XAPI_VERSION_HIGHER_THAN_COORDINATOR", self._common.version)
            case "released":
                self._common.clock.callLater(0, lambda: defer.ensureDeferred(self._released()))
            case _:
                role.emergency = STILL_BOOTING

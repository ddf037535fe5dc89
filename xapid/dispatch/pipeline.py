"""The stages that a call goes through, in the order that clients see in the refusals.

====  ================================================  =================================================================
#     stage                                             refuses with
====  ================================================  =================================================================
1, 2  body read and decoded (:mod:`xapid.http`)         HTTP errors
3     emergency mode                                    the error that put the daemon there
4     name resolved                                     MESSAGE_METHOD_UNKNOWN
5, 6  parameters counted and typed                      MESSAGE_PARAMETER_COUNT_MISMATCH, INTERNAL_ERROR, INVALID_VALUE
7     session; then messages that are no more           SESSION_INVALID, HOST_IS_SLAVE, MESSAGE_REMOVED
8     fault rules, when a user has set any              what the rule says
9     task opened; ``Async`` answers now
10    rights; audit                                     RBAC_PERMISSION_DENIED
11    locks                                             VM_BAD_POWER_STATE, OTHER_OPERATION_IN_PROGRESS, …
12    the operation, on its host                        its own, HOST_OFFLINE, CANNOT_CONTACT_HOST
13    its transactions, durable
14    locks released, ``allowed_operations`` recomputed
15    task finished, answer encoded
====  ================================================  =================================================================
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from xapid.auth.sessions import Session
from xapid.config import Config
from xapid.database import Database
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, Ref, Set, String
from xapid.dispatch.archives import Archives
from xapid.dispatch.context import CallContext
from xapid.dispatch.endpoint import Endpoint, by_name, endpoints
from xapid.dispatch.extensions import LIKE, extension
from xapid.dispatch.faults import Faults
from xapid.dispatch.locks import Locks
from xapid.dispatch.places import Mark, Places
from xapid.dispatch.tally import Tally, now
from xapid.dispatch.turns import Turns
from xapid.ids import Ids
from xapid.logs import REQUEST_ID, Doing, doing, number
from xapid.operations.agent_errors import translated
from xapid.operations.binding import Bound
from xapid.operations.services import Services
from xapid.tasks.running import Row, RunningTask
from xapid.wire.call import Answer, Call, Codec, Loose, Malformed, Origin

log = Logger()

ASYNC: Final = "Async."
INTERNAL_ASYNC: Final = "InternalAsync."
LISTED: Final = Set(String)
TASK: Final = Ref("task")


class Dispatcher:
    """Carries out calls (:class:`xapid.wire.call.Dispatcher`)."""

    def __init__(
        self, db: Database, services: Services, bound: Mapping[str, Bound], config: Config, clock: IReactorTime, ids: Ids
    ) -> None:
        self._db = db
        self._services = services
        self._config = config
        self._clock = clock
        self._background = Turns(clock)
        self._ids = ids
        self.faults = Faults()
        """Calls that a user wants to fail."""
        self._locks = Locks(db, services.events, clock, config.lock_patience)
        self._endpoints = endpoints(services.api, db, bound)
        self._by_name = by_name(self._endpoints)
        self._listed = tuple(self._endpoints)
        self._fast = not config.no_fast_path
        self._callers = services.callers
        self.archives = services.archives = Archives(services.api, ids)
        services.tallies = lambda: self.tallies
        self._tracing = services.tracing
        services.tracing.changed = self._take_the_long_way
        self._take_the_long_way(services.tracing.active)
        self._is_telling = config.log_level == "debug"
        self.unknown = Tally()
        """The calls of messages that there are not."""

    def _take_the_long_way(self, always: bool) -> None:
        self._fast = not (always or self._config.no_fast_path)

    @property
    def tallies(self) -> Iterator[tuple[str, Tally]]:
        """The calls of every message that was called."""
        return ((name, endpoint.tally) for name, endpoint in self._endpoints.items() if endpoint.tally.calls)

    def dispatch(self, call: Call, codec: Codec, origin: Origin, *, turn_came: bool = False) -> Answer | Deferred[Answer]:
        """The answer to ``call``: at once for what only reads, else when it is done and durable. Errors are answers.

        A call whose ``turn_came`` is not asked to wait for it again.
        """
        started, tally = now(), self.unknown
        try:
            spelled, in_background = call.name, False
            self._services.role.admit(spelled)
            endpoint = self._by_name.get(spelled)
            if endpoint is None:
                answer = self._system(call, codec)
                if answer is not None:
                    return answer
                endpoint, spelled, in_background = self._resolve(call, origin)
            tally = endpoint.tally
            if self._callers.active and not turn_came and not origin.is_unix:
                turn = self._callers.turn(origin.headers.get("user-agent", ""), origin.peer, endpoint.cost)
                if turn is not None:
                    return Deferred.fromCoroutine(self._dispatch_later(turn, call, codec, origin))
            session, args = self._prepare(endpoint, spelled, call.params, origin)
            if self.faults:
                self.faults.strike(endpoint.name)
            if in_background:
                if not endpoint.entry.message.asynchronous:
                    raise XenAPIError.relayed("Fault", f"No async mode for this operation (rpc: {call.name})")
                return codec.success(TASK, self._start(endpoint, session, args, origin))
            if self._fast and not (session.pool and origin.headers.get("task-id")):
                if endpoint.kind == "read":
                    answer = self._read(endpoint, session, args, codec, origin)
                    tally.ended(started)
                    return answer
                if endpoint.only_looks:
                    return self._look(endpoint, session, args, codec, origin, started)
            task = self._task(endpoint, session, origin)
        except XenAPIError as refusal:
            if refusal.code == "SESSION_INVALID" and (answer := self.archives.answer(call, codec)) is not None:
                return answer
            tally.failed(started, refusal.code)
            return codec.failure(refusal.description)
        except Malformed:
            raise
        except Exception as fault:
            error = _fault(call.name, fault)
            tally.failed(started, error.code)
            return codec.failure(error.description)
        working: Deferred[Answer] = Deferred.fromCoroutine(self._answer(endpoint, session, args, task, codec, origin))
        if working.called and type(working.result) is list:
            return working.result
        task.publish()
        return working

    async def _dispatch_later(self, turn: Deferred[None], call: Call, codec: Codec, origin: Origin) -> Answer:
        """The answer to a call whose caller called too fast; nobody's, if the client hangs up before its turn."""
        origin.hangup.watch(turn.cancel)
        try:
            await turn
        except CancelledError:
            return []
        finally:
            origin.hangup.unwatch(turn.cancel)
        answer = self.dispatch(call, codec, origin, turn_came=True)
        return answer if isinstance(answer, list) else await answer

    def _read(self, endpoint: Endpoint, session: Session, args: list[Any], codec: Codec, origin: Origin) -> Answer:
        """What the other stages come to for a call that only reads: it has no task, locks nothing and waits for nothing."""
        try:
            self._services.rbac.check(session, endpoint.entry, args)
        except XenAPIError:
            with self._services.audit.call(session, endpoint.entry, args, origin):
                raise
        return codec.success(endpoint.result, endpoint.run(*args))

    def _look(
        self, endpoint: Endpoint, session: Session, args: list[Any], codec: Codec, origin: Origin, started: float
    ) -> Answer | Deferred[Answer]:
        """The same for an operation that only looks, and may wait until there is something to see: that is what clients do."""
        with self._services.audit.call(session, endpoint.entry, args, origin), translated(self._db):
            self._services.rbac.check(session, endpoint.entry, args)
            task = self._task(endpoint, session, origin)
            seen = endpoint.run(self._context(session, task, self._here(origin), origin), *args)
        if isinstance(seen, Deferred):
            return seen.addBoth(self._seen_later, endpoint, codec, started)
        return self._seen(seen, endpoint, codec, started)

    def _seen(self, seen: Any, endpoint: Endpoint, codec: Codec, started: float) -> Answer | Deferred[Answer]:
        answer = codec.success(endpoint.result, seen)
        self._count(endpoint, started, None)
        return self._db.durable().addCallback(lambda _: answer) if self._db.pending else answer

    def _seen_later(self, seen: Any | Failure, endpoint: Endpoint, codec: Codec, started: float) -> Answer | Deferred[Answer]:
        try:
            if isinstance(seen, Failure):
                seen.raiseException()
            return self._seen(seen, endpoint, codec, started)
        except XenAPIError as refusal:
            error = refusal
        except Exception as fault:
            error = _fault(endpoint.name, fault)
        self._count(endpoint, started, error)
        return codec.failure(error.description)

    # Stages 4 to 7 ----------------------------------------------------------------------------------------------------

    def _system(self, call: Call, codec: Codec) -> Answer | None:
        if call.name == "system.listMethods" and not call.params:
            return codec.bare(LISTED, self._listed)
        if call.name.startswith("system.isAlive:"):
            raise Malformed("system.isAlive is for the reference server's own front end")
        return None

    def _resolve(self, call: Call, origin: Origin) -> tuple[Endpoint, str, bool]:
        """The endpoint of a name that is none by itself, that name, and whether the call is to run in the background."""
        for prefix in (ASYNC, INTERNAL_ASYNC):
            if call.name.startswith(prefix):
                name = call.name.removeprefix(prefix)
                return self._by_name.get(name) or self._unknown(name, call.params, origin), name, True
        return self._unknown(call.name, call.params, origin), call.name, False

    def _unknown(self, name: str, params: list[Loose], origin: Origin) -> Endpoint:
        if params and not name.startswith("unknown-message-"):
            self._session(params[0], origin)
            if self._services.is_extension(name):
                return extension(self._endpoints[LIKE], self._services.role.coordinator, name, params)
        raise XenAPIError("MESSAGE_METHOD_UNKNOWN", name)

    def _prepare(self, endpoint: Endpoint, spelled: str, params: list[Loose], origin: Origin) -> tuple[Session, list[Any]]:
        services = self._services
        if not endpoint.takes_session:
            args = endpoint.arguments(spelled, params)
            services.role.admit_login(endpoint.name, origin.host)
            return (services.sessions.local_superuser if origin.is_unix else services.sessions.anonymous), args
        args = endpoint.arguments(spelled, params[1:]) if params else endpoint.arguments_missing_session(spelled)
        session = self._session(params[0], origin)
        if endpoint.is_internal:
            Places(self._db, services, endpoint.entry, args).assert_known()
            services.sessions.refuse_outsiders(session, endpoint.entry)
        if endpoint.kind == "removed":
            endpoint.run()
        return session, args

    def _session(self, ref: Loose, origin: Origin) -> Session:
        if not isinstance(ref, str):
            raise XenAPIError("INTERNAL_ERROR", f"a session is text, not {type(ref).__name__}")
        role = self._services.role
        if role.is_member(origin.host):
            return self._services.sessions.get_on_member(
                ref, origin.host, role.coordinator_address, apart=role.leader is not None
            )
        return self._services.sessions.get(ref)

    # Stages 9 to 15 ---------------------------------------------------------------------------------------------------

    def _task(self, endpoint: Endpoint, session: Session, origin: Origin) -> RunningTask:
        """The task of a plain call; clients only see one that takes a while. Another host may send its own along."""
        tasks, headers = self._services.tasks, origin.headers
        forwarded = headers.get("task-id")
        if forwarded and session.pool:
            return tasks.attach(forwarded, complete=False)
        return tasks.for_call(endpoint.entry, session, self._here(origin), subtask_of=headers.get("subtask-of", NULL_REF))

    async def _answer(
        self, endpoint: Endpoint, session: Session, args: list[Any], task: RunningTask, codec: Codec, origin: Origin
    ) -> Answer:
        started = now()
        error = None
        self._tell(endpoint, task, origin)
        try:
            run = self._run_watched if self._tracing.active else self._run
            value = await run(endpoint, session, args, task, origin)
            answer = codec.success(endpoint.result, value)
            task.succeed(endpoint.result, value)
        except XenAPIError as refusal:
            error = refusal
        except Exception as fault:
            error = _fault(endpoint.name, fault)
        if error is not None:
            answer = codec.failure(error.description)
            task.fail(error.description)
        if self._db.pending:
            await self._db.durable()
        self._count(endpoint, started, error)
        return answer

    def _count(self, endpoint: Endpoint, started: float, error: XenAPIError | None) -> None:
        if error is None:
            endpoint.tally.ended(started)
        else:
            endpoint.tally.failed(started, error.code)
        if self._is_telling:
            outcome = "succeeded" if error is None else f"failed with {error.code}"
            log.debug("{message} {outcome} after {took:.6f} s", message=endpoint.name, outcome=outcome, took=now() - started)

    @staticmethod
    def _tell(endpoint: Endpoint, task: RunningTask, origin: Origin) -> None:
        """What is logged from here on in this coroutine says that it is about this call."""
        ref = "" if task.row in (Row.NONE, Row.WHILE_RUNNING) else task.ref
        doing.set(Doing(number(origin.headers.get(REQUEST_ID)), endpoint.name, ref))

    def _start(self, endpoint: Endpoint, session: Session, args: list[Any], origin: Origin) -> str:
        """Carry a call out in the background, under a task that is returned and tells how it went."""
        subtask_of = origin.headers.get("subtask-of", NULL_REF)
        task = self._services.tasks.for_async(
            endpoint.entry, session, self._here(origin), subtask_of=subtask_of, other_config=origin.notes
        )

        async def work() -> None:
            started = now()
            error = None
            self._tell(endpoint, task, origin)
            try:
                run = self._run_watched if self._tracing.active else self._run
                value = await run(endpoint, session, args, task, origin)
                await self._db.durable()
                task.succeed(endpoint.result, value)
            except XenAPIError as refusal:
                error = refusal
            except Exception as fault:
                error = _fault(endpoint.name, fault)
            if error is not None:
                await self._db.durable()
                task.fail(error.description)
            self._count(endpoint, started, error)

        self._background.later(lambda: Deferred.fromCoroutine(work()))
        return task.ref

    def _here(self, origin: Origin) -> str:
        return origin.host or self._services.role.coordinator

    async def _run(self, endpoint: Endpoint, session: Session, args: list[Any], task: RunningTask, origin: Origin) -> Any:
        entry, services = endpoint.entry, self._services
        with services.audit.call(session, entry, args, origin):
            if entry.message.session:
                services.rbac.check(session, entry, args)
            return await self._perform(endpoint, session, args, task, origin)

    async def _run_watched(
        self, endpoint: Endpoint, session: Session, args: list[Any], task: RunningTask, origin: Origin
    ) -> Any:
        """The same, for whoever traces calls."""
        ref = "" if task.row in (Row.NONE, Row.WHILE_RUNNING) else task.ref
        with self._tracing.span(endpoint.name, origin, self._here(origin), ref):
            return await self._run(endpoint, session, args, task, origin)

    async def _perform(self, endpoint: Endpoint, session: Session, args: list[Any], task: RunningTask, origin: Origin) -> Any:
        if endpoint.kind not in ("operation", "refused"):
            return endpoint.run(*args)
        here = self._here(origin)
        places = Places(self._db, self._services, endpoint.entry, args)
        if not endpoint.locks:
            return await self._carry_out(endpoint, session, args, task, origin, places, places.host(here))
        locks, named = self._locks, places.named
        async with locks.hold(places.primary, task.ref, named), locks.hold(places.also, task.ref, named):
            host = places.host(here)
            async with locks.hold(lambda: places.on(host), task.ref, named):
                return await self._carry_out(endpoint, session, args, task, origin, places, host)

    async def _carry_out(
        self,
        endpoint: Endpoint,
        session: Session,
        args: list[Any],
        task: RunningTask,
        origin: Origin,
        places: Places,
        host: str,
    ) -> Any:
        if endpoint.kind == "refused":
            places.assert_not_null()
            return endpoint.run()
        with translated(self._db):
            result = endpoint.run(self._context(session, task, host, origin), *args)
            return await result if endpoint.is_async or isinstance(result, Deferred) else result

    def _context(self, session: Session, task: RunningTask, host: str, origin: Origin) -> CallContext:
        return CallContext(
            self._db, self._clock, self._ids, self._config, self._services, session, task, host, origin, self._nested
        )

    @asynccontextmanager
    async def work(self, session: Session, task: RunningTask, origin: Origin, *marks: Mark) -> AsyncIterator[CallContext]:
        """Work that no message stands for, such as an upload: what it does it with, while the objects of ``marks`` are busy.

        Errors: those of the marks' operations. What an agent fails with inside comes out as the error that clients know.
        """
        async with self._locks.hold(lambda: marks, task.ref, {}):
            with self._tracing.span(task.origin.label, origin, self._here(origin), task.ref), translated(self._db):
                yield self._context(session, task, self._here(origin), origin)

    async def by_itself(self, message: str, *args: Any, unless: Callable[[CallContext], Awaitable[bool]] | None = None) -> Any:
        """A message that the server carries out on its own account, under a task that clients see.

        With ``unless`` it does so only if that turns out false, and nothing is left of the task.
        """
        session, host, tasks = self._services.sessions.local_superuser, self._services.role.coordinator, self._services.tasks
        endpoint = self._endpoints[message]
        task = tasks.named(message, session, host) if unless is None else tasks.for_call(endpoint.entry, session, host)
        with task.ending():
            async with self.work(session, task, Origin(host=host)) as context:
                if unless is not None and await unless(context):
                    return None
                task.publish()
                result = await context.call(message, *args)
            task.succeed(endpoint.result, result)
        return result

    async def _nested(self, context: CallContext, name: str, args: tuple[Any, ...]) -> Any:
        """A message that an operation calls: under its own locks, but with the rights and the task of the caller."""
        endpoint = self._endpoints[name]
        missing = len(endpoint.decoders) - len(args)
        full = [*args, *(endpoint.defaults[-missing:] if missing else ())]
        if not self._tracing.active:
            return await self._perform(endpoint, context.session, full, context.task, context.origin)
        with self._tracing.span(name, context.origin, context.host, nested=True):
            return await self._perform(endpoint, context.session, full, context.task, context.origin)


def _fault(name: str, fault: Exception) -> XenAPIError:
    """What a client is told of a mistake of ours: no more than its kind."""
    log.failure("{name} failed unexpectedly", name=name)
    return XenAPIError("INTERNAL_ERROR", f"{type(fault).__name__} in {name}")

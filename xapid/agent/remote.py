"""An agent on another machine: the half that asks, the half that answers, and the same pair for what agents notice.

A call is one request, ``/agent/<host>/<group>/<method>`` with its arguments as a JSON array, and one answer: ``{"value": …}``,
or, for bytes, ``{"$bytes": …}`` in base64, as arguments that are bytes are written too;
``{"error": [code, …]}`` for an error that clients are to see, or ``{"failure": [reason, …]}`` for an
:class:`~xapid.agent.values.AgentFailure`. Only methods that an interface declares can be called. Who may send requests at all
is for the transport to know: connections between the hosts of a pool, with certificates that both have pinned.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from twisted.internet import defer
from twisted.logger import Logger
from zope.interface import Interface, directlyProvides, implementer
from zope.interface.interface import InterfaceClass

from xapid.agent.interface import (
    IAgentObserver,
    ICertificates,
    IHostAgent,
    IHypervisor,
    IMetrics,
    INetwork,
    IPlugins,
    IPower,
    IStorage,
)
from xapid.agent.values import AgentFailure
from xapid.datamodel.errors import XenAPIError

log = Logger()

Send = Callable[[str, bytes], Awaitable[bytes]]
"""Takes a path and a body to the other side and brings the body of the answer back. Raises AgentFailure ``unreachable``."""

AGENT: Final = "/agent/"
OBSERVER: Final = "/observer/"
_BYTES: Final = "$bytes"

GROUPS: Final[dict[str, InterfaceClass]] = {
    "hypervisor": IHypervisor,
    "storage": IStorage,
    "network": INetwork,
    "power": IPower,
    "metrics": IMetrics,
    "plugins": IPlugins,
    "certificates": ICertificates,
}


class _Far:
    """The methods of one interface, each of which sends a request."""

    def __init__(self, interface: InterfaceClass, path: str, send: Send) -> None:
        directlyProvides(self, interface)
        for name in interface.names():
            setattr(self, name, self._method(f"{path}{name}", send))

    @staticmethod
    def _method(path: str, send: Send) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any) -> Any:
            try:
                return read_answer(await send(path, orjson.dumps(args, default=_wrapped)))
            except AgentFailure as failure:
                if failure.reason == "cancelled":
                    raise defer.CancelledError from failure
                raise

        return call


@implementer(IHostAgent)
class RemoteAgent:
    """The agent of a host that another daemon runs."""

    hypervisor: IHypervisor
    storage: IStorage
    network: INetwork
    power: IPower
    metrics: IMetrics
    plugins: IPlugins
    certificates: ICertificates

    def __init__(self, uuid: str, send: Send) -> None:
        self.uuid = uuid
        for name, interface in GROUPS.items():
            setattr(self, name, _Far(interface, f"{AGENT}{uuid}/{name}/", send))


@implementer(IAgentObserver)
class RemoteObserver:
    """Tells the coordinator what the agent of this host notices. What cannot be delivered is only logged."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def domain_changed(self, *args: Any) -> None:
        """See :class:`~xapid.agent.interface.IAgentObserver`."""
        self._tell("domain_changed", args)

    def guest_reported(self, *args: Any) -> None:
        """See :class:`~xapid.agent.interface.IAgentObserver`."""
        self._tell("guest_reported", args)

    def carrier_changed(self, *args: Any) -> None:
        """See :class:`~xapid.agent.interface.IAgentObserver`."""
        self._tell("carrier_changed", args)

    def _tell(self, method: str, args: tuple[Any, ...]) -> None:
        async def tell() -> None:
            try:
                read_answer(await self._send(f"{OBSERVER}{method}", orjson.dumps(args)))
            except AgentFailure as failure:
                log.warn("the coordinator was not told of {method}: {failure}", method=method, failure=failure)

        defer.ensureDeferred(tell())


async def answer_agent(agent: IHostAgent, path: str, body: bytes) -> bytes:
    """Carry out a request for the agent of a host of ours; ``path`` is ``<group>/<method>``."""
    group, _, method = path.partition("/")
    interface = GROUPS.get(group, Interface)
    return await _answer(interface, getattr(agent, group, None), method, body)


async def answer_observer(observer: IAgentObserver, path: str, body: bytes) -> bytes:
    """Carry out a request to ``/observer/…``."""
    return await _answer(IAgentObserver, observer, path.removeprefix(OBSERVER), body)


async def _answer(interface: InterfaceClass, target: Any, method: str, body: bytes) -> bytes:
    try:
        if method not in interface.names():
            raise AgentFailure("not_supported", (method,))
        value = getattr(target, method)(*map(_unwrapped, orjson.loads(body)))
        if hasattr(value, "__await__"):
            value = await value
        return orjson.dumps(_wrapped(value) if isinstance(value, bytes) else {"value": value})
    except AgentFailure as failure:
        return orjson.dumps({"failure": [failure.reason, *failure.details]})
    except XenAPIError as error:
        return orjson.dumps({"error": error.description})
    except defer.CancelledError:
        return orjson.dumps({"failure": ["cancelled", method]})
    except Exception as fault:
        log.failure("{method} failed unexpectedly", method=method)
        return orjson.dumps({"failure": ["failed", f"{type(fault).__name__} in {method}"]})


def read_answer(body: bytes) -> Any:
    """The value that an answer carries; the error or the failure in it is raised."""
    answer = orjson.loads(body)
    if "value" in answer:
        return answer["value"]
    if _BYTES in answer:
        return _unwrapped(answer)
    if "error" in answer:
        raise XenAPIError.relayed(*answer["error"])
    reason, *details = answer["failure"]
    raise AgentFailure(reason, tuple(details))


def _wrapped(value: Any) -> dict[str, str]:
    if not isinstance(value, bytes):
        raise TypeError(f"{type(value).__name__} does not cross to another host")
    return {_BYTES: base64.b64encode(value).decode()}


def _unwrapped(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {_BYTES} and isinstance(value[_BYTES], str):
        return base64.b64decode(value[_BYTES])
    return value

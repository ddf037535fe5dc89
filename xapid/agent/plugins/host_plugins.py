"""Host plugins and API extensions: executable files that take a call as XML-RPC and answer with a response. And hooks.

==========  ===============================  ==================  ========================================================
kind        called as                        call                response, on standard output
==========  ===============================  ==================  ========================================================
plugin      ``PLUGIN CALL``                  its argument        ``Status``, and ``Value`` (text) or ``ErrorDescription``
extension   ``EXTENSION --xmlrpc``           standard input      the same, with a ``Value`` of any kind
==========  ===============================  ==================  ========================================================

Serves ``host.call_plugin``, ``VM.call_host_plugin``, ``host.call_extension`` and messages that only an extension knows.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson
from twisted.internet import defer
from twisted.logger import Logger
from zope.interface import implementer

from xapid.agent.children import Ended, readable, signal_name
from xapid.agent.interface import IPlugins
from xapid.agent.plugins.folders import Folders, Untrusted, extension_folders, plugin_folders
from xapid.agent.plugins.hooks import MASK, Hooks
from xapid.agent.plugins.programs import LONGEST_ARGUMENT, NOT_STARTED, UNPARSABLE, Door, Programs, assert_succeeded, failure
from xapid.agent.values import AgentFailure, Errand
from xapid.config import Config
from xapid.datamodel.errors import XenAPIError
from xapid.wire.call import Loose, Malformed
from xapid.wire.xmlrpc_calls import Fault, call_text, read_response

log = Logger()
T = TypeVar("T")

LONGEST_RESPONSE: Final = 16 * 1024 * 1024
"""Bytes of a response."""
ALONE: Final = "extauth-hook"
"""A plugin of which one call runs at a time, because it changes how the host knows its users."""


@implementer(IPlugins)
class HostPlugins:
    """The plugins, extensions and hooks of one host."""

    def __init__(self, host: str, programs: Programs, plugins: Folders, extensions: Folders, hooks: Hooks) -> None:
        self._host = host
        self._programs = programs
        self._plugins = plugins
        self._extensions = extensions
        self._hooks = hooks
        self._running: dict[str, defer.Deferred[Any]] = {}
        self._alone = defer.DeferredLock()

    @classmethod
    def from_config(cls, config: Config, reactor: Any) -> Callable[[str], HostPlugins]:
        """What makes the plugins of the host with a given uuid, as ``config`` sets it for all hosts of this process."""
        programs = Programs.from_config(config, reactor)
        plugins, extensions = plugin_folders(config.plugins), extension_folders(config.extensions)
        hooks = Hooks.from_config(config, programs)
        return lambda host: cls(host, programs, plugins, extensions, hooks)

    async def call(self, plugin: str, function: str, args: dict[str, str], errand: Errand) -> str:
        """Raises XENAPI_MISSING_PLUGIN, XENAPI_PLUGIN_FAILURE, or what the plugin raised."""
        program = trusted(self._plugins, plugin)
        if program is None:
            raise XenAPIError("XENAPI_MISSING_PLUGIN", plugin)
        if plugin != ALONE:
            return await self._cancellable(errand, self._call(program, function, args, errand))
        async with self._alone:
            return await self._cancellable(errand, self._call(program, function, args, errand))

    async def extend(self, name: str, params: list[Any], errand: Errand) -> Any:
        """Raises MESSAGE_METHOD_UNKNOWN, INTERNAL_ERROR, EXTENSION_PROTOCOL_FAILURE, or what the extension raised."""
        program = trusted(self._extensions, name)
        if program is None:
            raise XenAPIError("MESSAGE_METHOD_UNKNOWN", name)
        return await self._cancellable(errand, self._extend(program, name, params, errand))

    async def has_extension(self, name: str) -> bool:
        """Whether there is one that would be run."""
        return trusted(self._extensions, name) is not None

    async def has_hook(self, name: str) -> bool:
        """Whether anything would be run for it."""
        return bool(self._hooks.scripts(name))

    async def run_hook(self, name: str, args: dict[str, str], errand: Errand) -> None:
        """Raises XAPI_HOOK_FAILED."""
        await self._cancellable(errand, self._hooks.run(name, args, self._environment(errand)))

    async def cancel(self, number: str) -> None:
        """End a call."""
        running = self._running.pop(number, None)
        if running is not None:
            running.cancel()

    async def list_plugins(self) -> list[str]:
        """All that would be run."""
        return self._plugins.programs()

    # One call ---------------------------------------------------------------------------------------------------------

    async def _call(self, program: Path, function: str, args: dict[str, str], errand: Errand) -> str:
        call = _written(function, [errand["session"], args])
        if len(call.encode()) > LONGEST_ARGUMENT:
            text = f"the call is {len(call.encode())} bytes long, and a program takes at most {LONGEST_ARGUMENT}"
            raise failure(NOT_STARTED, "", text)
        ended = await self._run([str(program), call], b"", errand)
        assert_succeeded(ended)
        try:
            response = read_response(ended.output.encode())
        except Malformed as problem:
            raise failure(UNPARSABLE, ended.output, str(problem)) from problem
        match response:
            case Fault(code=code, text=text):
                raise failure("fault", readable(code), readable(text))
            case {"Status": "Success", "Value": str(value)}:
                return value
            case {"Status": "Failure", "ErrorDescription": [str(), *_] as description} if _all_text(description):
                raise XenAPIError.relayed(*description)
        raise XenAPIError.relayed("XENAPI_PLUGIN_FAILURE", "unexpected XMLRPC result", _json(response))

    async def _extend(self, program: Path, name: str, params: list[Any], errand: Errand) -> Any:
        ended = await self._run([str(program), "--xmlrpc"], _written(name, params).encode(), errand)
        try:
            if ended.signal is not None or ended.status != 0:
                ending = f"exit status {ended.status}" if ended.signal is None else signal_name(ended.signal)
                raise Malformed(f"{ending}: {ended.errors}")
            response = read_response(ended.output.encode())
        except Malformed as problem:
            raise XenAPIError("INTERNAL_ERROR", f"{program}: {readable(str(problem))}") from problem
        match response:
            case {"Status": "Success", "Value": value}:
                return value
            case {"Status": "Failure", "ErrorDescription": [str(), *_] as description} if _all_text(description):
                raise XenAPIError.relayed(*description)
            case {"Status": "Failure", "ErrorDescription": description}:
                raise XenAPIError.relayed("EXTENSION_PROTOCOL_FAILURE", _json(description))
            case Fault(code=code, text=text):
                raise XenAPIError("INTERNAL_ERROR", f"{program}: fault {readable(code)}: {readable(text)}")
        raise XenAPIError.relayed("EXTENSION_PROTOCOL_FAILURE", _json(response))

    async def _run(self, command: Sequence[str], given: bytes, errand: Errand) -> Ended:
        ended = await self._programs.run(
            command, given=given, environment=self._environment(errand), longest_output=LONGEST_RESPONSE
        )
        if ended.errors:
            said = ended.errors.replace(errand["session"], MASK)
            log.info("plugin {name}: {said}", name=Path(command[0]).name, said=said)
        return ended

    def _environment(self, errand: Errand) -> dict[str, str]:
        door = Door(errand["url"], errand["fingerprint"])
        return door.environment() | {"XENAPI_HOST_UUID": self._host, "XENAPI_SESSION": errand["session"]}

    async def _cancellable(self, errand: Errand, work: Coroutine[Any, Any, T]) -> T:
        running = defer.Deferred.fromCoroutine(work)
        self._running[errand["number"]] = running
        try:
            return await running
        except defer.CancelledError:
            if errand["number"] in self._running:
                raise
            raise AgentFailure("failed", ("it was cancelled",)) from None
        finally:
            self._running.pop(errand["number"], None)


def trusted(folders: Folders, name: str) -> Path | None:
    """The program of that name, if it may be run. If it is there and may not, the log says why."""
    try:
        return folders.program(name)
    except Untrusted as problem:
        log.warn("the plugin {name} is not run: {problem}", name=name, problem=problem)
        return None


def _written(name: str, params: list[Loose]) -> str:
    try:
        return call_text(name, params)
    except ValueError as problem:
        raise failure(NOT_STARTED, "", str(problem)) from problem


def _all_text(values: list[Loose]) -> bool:
    return all(isinstance(value, str) for value in values)


def _json(value: Loose | Fault) -> str:
    text = str(value)
    with suppress(TypeError):
        text = orjson.dumps(value).decode()
    return text

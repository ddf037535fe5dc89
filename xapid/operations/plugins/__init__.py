"""Host plugins that every host has: functions of the server itself, called as ``host.call_plugin``.

They offer what XenAPI has no message for. A module here is a plugin of that name, or of the name that it calls ``PLUGIN``,
and each of its public functions one of the plugin's: it takes the context, the reference of the host and the arguments, and
returns text. In both names ``-`` stands for ``_``.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Awaitable, Callable
from functools import cache
from types import ModuleType

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations.context import Context

Function = Callable[[Context, str, frozenmap], Awaitable[str]]


def find(plugin: str, function: str) -> Function | None:
    """The function of a built-in plugin; None if there is no such plugin.

    Errors: UNKNOWN_XENAPI_PLUGIN_FUNCTION, as the helper that plugins are written with answers.
    """
    module = _modules().get(plugin)
    if module is None:
        return None
    found = vars(module).get(function.replace("-", "_"))
    if function.startswith("_") or not inspect.iscoroutinefunction(found) or found.__module__ != module.__name__:
        raise XenAPIError.relayed("UNKNOWN_XENAPI_PLUGIN_FUNCTION", function)
    return found


@cache
def _modules() -> dict[str, ModuleType]:
    modules = {info.name: importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)}
    return {getattr(module, "PLUGIN", name.replace("_", "-")): module for name, module in modules.items()}

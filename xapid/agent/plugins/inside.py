"""Calls one function of one Python file, with a session. A script of its own, run in a child process.

Standard input holds a JSON object: ``name`` and ``path`` of the file, ``function``, ``arguments`` (which follow the session),
``session`` (its reference), ``search`` (folders that the file may import from), and ``optional`` (whether the function may be
missing). The environment says where the server is, as for every plugin. How it went is written to file 3, as another object:
``{"returned": text}``, ``{"absent": true}``, ``{"raised": [class, text]}``, or ``{"failed": [code, …]}`` for an exception that
says itself what callers are to see, as ``XenAPIPlugin.Failure`` does. A file that ends the process in some other way writes
nothing.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import sys
import traceback
from typing import Any

RESULT = 3
LONGEST = 16 * 1024
"""Characters of a text that is sent back."""


def open_session(job: dict[str, Any]) -> Any:
    """A ``XenAPI.Session`` that is logged in."""
    import XenAPI

    XenAPI.use_session(job["session"])
    session = XenAPI.xapi_local()
    session._session = job["session"]
    return session


def call(job: dict[str, Any]) -> dict[str, Any]:
    """What the function made of it."""
    name = job["name"]
    try:
        if job["path"] is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        session = open_session(job)
        sys.path += job["search"]
        spec = importlib.util.spec_from_file_location(name, job["path"])
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(name, module)
        spec.loader.exec_module(module)
        if job["optional"] and not hasattr(module, job["function"]):
            return {"absent": True}
        value = getattr(module, job["function"])(session, *job["arguments"])
        return {"returned": _text(value)}
    except Exception as problem:
        traceback.print_exc()
        code, params = getattr(problem, "code", None), getattr(problem, "params", None)
        if type(problem).__name__ == "Failure" and isinstance(code, str) and isinstance(params, list | tuple):
            return {"failed": [code, *map(_text, params)]}
        return {"raised": [type(problem).__name__, _text(problem)]}


def _text(value: object) -> str:
    try:
        return str(value)[:LONGEST]
    except Exception as problem:
        return f"a {type(value).__name__} that cannot be printed: {type(problem).__name__}"


def main() -> None:
    """Writes the outcome only in the process that was started: a function may fork, and return twice."""
    result = fcntl.fcntl(RESULT, fcntl.F_DUPFD_CLOEXEC, 64)
    os.close(RESULT)
    job = json.load(sys.stdin)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    started = os.getpid()
    outcome = call(job)
    if os.getpid() != started:
        os._exit(0)
    remaining = memoryview(json.dumps(outcome).encode())
    while remaining:
        remaining = remaining[os.write(result, remaining) :]
    os.close(result)


if __name__ == "__main__":
    main()

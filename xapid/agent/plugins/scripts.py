"""Scripts of the administrator, whose functions are called with a session of their own in a process of their own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
from twisted.logger import Logger

from xapid.agent.children import Ended, readable
from xapid.agent.plugins.folders import Folders, Untrusted
from xapid.agent.plugins.programs import UNPARSABLE, Door, Programs, assert_succeeded, failure
from xapid.auth.sessions import ROOT, Sessions
from xapid.datamodel.errors import XenAPIError

log = Logger()

INSIDE: Final = Path(__file__).with_name("inside.py")
MAIN: Final = "main"
"""What clients are told as the name of the function that failed, as of the reference server's own plugin."""
MASK: Final = "********"
SHORTEST_MASKED: Final = 4
"""Characters. Masking shorter texts would tell where they were, and garble everything else."""


@attrs.frozen(kw_only=True)
class Scripts:
    """Calls functions of files. ``door`` is asked at every call, because certificates change."""

    programs: Programs
    folders: Folders
    sessions: Sessions
    door: Callable[[], Door]

    async def call(
        self,
        name: str,
        function: str,
        arguments: Sequence[Any],
        host: str,
        *,
        hidden: Collection[str] = (),
        optional: bool = False,
    ) -> str | None:
        """Call ``function(session, *arguments)`` of the script ``name``; returns its result as text.

        ``arguments`` are what JSON can say. The session is root's, logged in at ``host``, and ends with the call. What is
        ``hidden`` shows neither in the log nor in what is returned or raised. With ``optional``, a script without that function
        returns None, and so does one that is not there. Errors: XENAPI_PLUGIN_FAILURE, and what a ``Failure`` with a code says.
        """
        try:
            file = self.folders.script(name)
        except Untrusted as problem:
            log.warn("the script {name} is not run: {problem}", name=name, problem=problem)
            raise failure(MAIN, "PermissionError", str(problem)) from problem
        if file is None and optional:
            return None
        door = self.door()
        session = self.sessions.open(ROOT, host, originator=f"power-on {name}"[:100])
        job = {
            "name": name,
            "path": None if file is None else str(file),
            "function": function,
            "optional": optional,
            "arguments": arguments,
            "session": session.ref,
            "search": [str(folder) for folder in self.folders.paths],
        }
        # -P: what lies beside inside.py cannot be imported; -u: what is printed before a kill is not lost.
        command = [sys.executable, "-P", "-B", "-u", str(INSIDE)]
        try:
            ended = await self.programs.run(command, given=json.dumps(job).encode(), environment=door.environment())
        except XenAPIError as error:
            raise masked(error, hidden) from None
        finally:
            if not session.ended:
                self.sessions.destroy(session.ref)
        if ended.errors:
            log.info("script {name}: {errors}", name=name, errors=_masked(ended.errors, hidden))
        try:
            said = outcome(ended)
        except XenAPIError as error:
            raise masked(error, hidden) from None
        return None if said is None else _masked(said, hidden)


def outcome(ended: Ended) -> str | None:
    """What the function returned. Errors: whatever else happened, in the words of the reference server where it has any."""
    assert_succeeded(ended)
    match _said(ended.result):
        case {"returned": str(text)}:
            return readable(text)
        case {"absent": True}:
            return None
        case {"raised": [str(name), str(text)]}:
            raise failure(MAIN, readable(name), readable(text))
        case {"failed": [str(code), *params]} if all(isinstance(param, str) for param in params):
            raise XenAPIError.relayed(readable(code), *map(readable, params))
    raise failure(UNPARSABLE, ended.output, "the script ended without a result")


def masked(error: XenAPIError, hidden: Collection[str]) -> XenAPIError:
    """The same error, without what is hidden."""
    return XenAPIError.relayed(error.code, *(_masked(param, hidden) for param in error.params))


def _masked(text: str, hidden: Collection[str]) -> str:
    for each in sorted(hidden, key=len, reverse=True):
        if len(each) >= SHORTEST_MASKED:
            text = text.replace(each, MASK)
    return text


def _said(result: bytes) -> object:
    try:
        return json.loads(result)
    except ValueError:
        return None

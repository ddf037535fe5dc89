"""Hooks: programs of the administrator that run by themselves when something happens to a host or to its pool.

A hook is a folder, ``<hooks>/<name>``, of executable files. They run one after the other, in the order of their names, with the
arguments ``-hostuuid UUID -reason REASON``, and the first that objects ends it:

===========================================================  ===================================================
how one ends                                                 what follows
===========================================================  ===================================================
exit status 0                                                the next one
exit status 1                                                the next one; the log says so
another status, a signal, the time limit, no start at all    XAPI_HOOK_FAILED: file, reason, output, how it ended
===========================================================  ===================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from twisted.logger import Logger

from xapid.agent.children import signal_name
from xapid.agent.plugins.folders import NAME, Folders, Untrusted, assert_trusted
from xapid.agent.plugins.programs import Programs
from xapid.config import Config
from xapid.datamodel.errors import XenAPIError

log = Logger()

USUAL_HOOKS: Final = Path("/etc/xapi.d")
GO_ON: Final = 1
"""The exit status of a program that failed, and does not mind."""
REASON: Final = "reason"
MASK: Final = "********"


class Hooks:
    """The hooks of a folder, looked up anew each time."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        self._programs = programs
        self._folder = folder

    @classmethod
    def from_config(cls, config: Config, programs: Programs) -> Hooks:
        """Those of the folder that ``config`` names, or where the reference server has them."""
        return cls(programs, (config.hooks or USUAL_HOOKS).absolute())

    def scripts(self, name: str) -> list[Path]:
        """What is to run for a hook, in order. What may not be run is left out, and the log says why."""
        folders = Folders((self._folder / name,))
        if NAME.fullmatch(name) is None or not (files := folders.names()):
            return []
        try:
            assert_trusted(self._folder)
        except Untrusted as problem:
            log.warn("the hook {name} is not run: {problem}", name=name, problem=problem)
            return []
        return [script for file in files if (script := _trusted(folders, f"{name}/{file}", file)) is not None]

    async def run(self, name: str, args: Mapping[str, str], environment: Mapping[str, str]) -> None:
        """Run all of a hook with ``args``, of which one may be ``reason``; one without a name is given as it is.

        Errors: XAPI_HOOK_FAILED.
        """
        given = [word for key, value in args.items() for word in ((f"-{key}", value) if key else (value,))]
        for script in self.scripts(name):
            await self._run(f"{name}/{script.name}", [str(script), *given], args.get(REASON, ""), environment)

    async def _run(self, script: str, command: Sequence[str], reason: str, environment: Mapping[str, str]) -> None:
        try:
            ended = await self._programs.run(command, environment=environment)
        except XenAPIError as error:
            how, output, errors = error.params
            raise XenAPIError("XAPI_HOOK_FAILED", script, reason, _masked(output or errors, environment), how) from error
        said, complaint = _masked(ended.output, environment), _masked(ended.errors, environment)
        if complaint:
            log.info("hook {script}: {said}", script=script, said=complaint)
        if ended.signal is not None:
            raise XenAPIError("XAPI_HOOK_FAILED", script, reason, said, signal_name(ended.signal))
        if ended.status == GO_ON:
            log.warn("the hook {script} ended with status 1: {said}", script=script, said=said)
        elif ended.status != 0:
            raise XenAPIError("XAPI_HOOK_FAILED", script, reason, said, str(ended.status))


def _masked(text: str, environment: Mapping[str, str]) -> str:
    """Without the session that a program was given."""
    session = environment.get("XENAPI_SESSION")
    return text.replace(session, MASK) if session else text


def _trusted(folders: Folders, shown: str, file: str) -> Path | None:
    try:
        return folders.program(file)
    except Untrusted as problem:
        log.warn("the hook {name} is not run: {problem}", name=shown, problem=problem)
        return None

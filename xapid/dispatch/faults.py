"""Faults on request: calls that fail as a test wants them to, whatever they would have done."""

from __future__ import annotations

from fnmatch import fnmatchcase

import attrs

from xapid.datamodel.errors import XenAPIError


@attrs.define
class Fault:
    """Calls whose name matches ``pattern`` (``VM.start``, ``VDI.*``) fail with ``error``, ``times`` times; None: always."""

    pattern: str
    error: XenAPIError
    times: int | None = None


class Faults:
    """The faults that are set."""

    def __init__(self) -> None:
        self._set: list[Fault] = []

    def __bool__(self) -> bool:
        return bool(self._set)

    def add(self, pattern: str, code: str, *params: str, times: int | None = None) -> Fault:
        """From now on, matching calls fail with this error."""
        fault = Fault(pattern, XenAPIError.relayed(code, *params), times)
        self._set.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Matching calls do again what they should."""
        if fault in self._set:
            self._set.remove(fault)

    def strike(self, message: str) -> None:
        """Errors: that of the first fault that matches the message."""
        for fault in self._set:
            if fnmatchcase(message, fault.pattern):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self.remove(fault)
                raise fault.error

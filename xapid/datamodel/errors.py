"""Errors as clients see them: a code and its parameters, all of them text."""

from __future__ import annotations

import attrs


@attrs.frozen
class Error:
    """The declaration of an error code."""

    code: str
    params: tuple[str, ...] | None
    """Names of its parameters as the API reference gives them; None: not recorded."""
    doc: str
    wire: tuple[str, ...] | None = attrs.field(default=None, kw_only=True)
    """Its parameters as clients receive them, where that differs from the reference."""
    also: tuple[int, ...] = attrs.field(default=(), kw_only=True)
    """Other numbers of parameters that it is seen with."""

    @property
    def carried(self) -> tuple[str, ...] | None:
        """The parameters that go over the wire."""
        return self.params if self.wire is None else self.wire


class XenAPIError(Exception):
    """A call failed: ``description`` is what the client gets, the code first.

    Raised with a declared code and as many parameters as the code carries; anything else is a mistake of ours, and said
    at once. Errors that a plugin or another host gave are passed on as they came, with :meth:`relayed`.
    """

    def __init__(self, code: str, *params: str) -> None:
        from xapid.datamodel.error_codes import BY_CODE

        declared = BY_CODE.get(code)
        if declared is None:
            raise LookupError(f"error code {code} is not declared")
        if declared.carried is not None and len(params) not in (len(declared.carried), *declared.also):
            raise LookupError(f"{code} carries {declared.carried}, not {params}")
        self._set(code, params)

    @classmethod
    def relayed(cls, code: str, *params: str) -> XenAPIError:
        """An error from elsewhere, whatever it carries."""
        error = cls.__new__(cls)
        error._set(code, params)
        return error

    def _set(self, code: str, params: tuple[str, ...]) -> None:
        Exception.__init__(self, code, *params)
        self.code = code
        self.params = params

    @property
    def description(self) -> tuple[str, ...]:
        """The code and its parameters."""
        return (self.code, *self.params)

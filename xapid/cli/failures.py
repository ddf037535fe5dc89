"""How commands fail, apart from errors of the API."""

from __future__ import annotations

from typing import Final

USAGE: Final = "For usage run: 'xe help'\n"


class SyntaxProblem(Exception):
    """The words are no command line."""


class UnknownCommand(Exception):
    """There is no command of that name."""


class ParameterMissing(Exception):
    """A parameter is required and not given."""


class CommandFailed(Exception):
    """What the user asked for cannot be; the text says why."""


class ClientError(Exception):
    """A code and parameters that the client puts into words."""

    def __init__(self, code: str, *params: str) -> None:
        super().__init__(code, *params)
        self.code = code
        self.params = params


class SeveralFailed(Exception):
    """A command could not be carried out on some of the objects that it was for.

    ``failures`` are their uuids, each with what went wrong, the last first.
    """

    def __init__(self, failures: list[tuple[str, str]]) -> None:
        super().__init__(failures)
        self.failures = failures


class Ended(Exception):
    """The command is over, with this exit status, and has said all there is to say."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status

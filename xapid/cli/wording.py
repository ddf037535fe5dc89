"""How failures are told: what users see on standard error when a command goes wrong.

Errors of the API are told as the sentence that explains the code, and a line for each of its parameters under the name that
the API's reference gives it. References become uuids and names, for people know no others.
"""

from __future__ import annotations

from xapid.cli.api import Api
from xapid.cli.failures import (
    USAGE,
    ClientError,
    CommandFailed,
    ParameterMissing,
    SyntaxProblem,
    UnknownCommand,
)
from xapid.cli.terminal import Terminal, TooBig
from xapid.datamodel.error_codes import BY_CODE
from xapid.datamodel.errors import XenAPIError

EXPECTED = (SyntaxProblem, UnknownCommand, ParameterMissing, TooBig, CommandFailed, ClientError, XenAPIError)
"""Failures that say something about what the user asked for, rather than about this server."""
_REF = "OpaqueRef:"


def tell(terminal: Terminal, problem: Exception, api: Api, user: str) -> None:
    """Tells the user what went wrong."""
    match problem:
        case SyntaxProblem():
            terminal.print_error(f"Syntax error: \n{USAGE}")
        case UnknownCommand():
            terminal.print_error(f"Unknown command: {problem}\n{USAGE}")
        case ParameterMissing():
            terminal.print_error(f"Required parameter not found: {problem}\n{USAGE}")
        case TooBig():
            terminal.print_error("Error: The file is larger than this server takes.\n")
        case CommandFailed():
            terminal.print_error(f"Error: {problem}\n")
        case ClientError(code=code, params=params):
            terminal.error(code, params)
        case XenAPIError(code="SESSION_AUTHENTICATION_FAILED"):
            reason = "Authentication failed" if user else "Username/password must be specified"
            terminal.print_error(f"{reason}\n{USAGE}")
        case XenAPIError():
            _tell_api(terminal, problem, api)
        case _:
            terminal.error("INTERNAL_ERROR", (type(problem).__name__,))


def _tell_api(terminal: Terminal, error: XenAPIError, api: Api) -> None:
    declared = BY_CODE.get(error.code)
    if declared is None or declared.params is None:
        terminal.error(error.code, error.params)
        return
    names = [*declared.params, *["<extra>"] * len(error.params)]
    given = [_readable(api, param) for param in error.params]
    given += ["<unknown>"] * (len(declared.params) - len(given))
    lines = [declared.doc, *(f"{name}: {value}" for name, value in zip(names, given, strict=False))]
    terminal.print_error("".join(f"{line}\n" for line in lines))


def brief(api: Api, problem: Exception) -> str:
    """What went wrong, on one line."""
    if isinstance(problem, XenAPIError):
        declared = BY_CODE.get(problem.code)
        text = problem.code if declared is None else declared.doc
        return " ".join([text, *(_readable(api, param) for param in problem.params)])
    return ", ".join(str(part) for part in problem.args)


def _readable(api: Api, param: str) -> str:
    return (api.named(param) or param) if param.startswith(_REF) else param

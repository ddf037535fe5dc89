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
    SeveralFailed,
    SyntaxProblem,
    UnknownCommand,
)
from xapid.cli.terminal import Terminal, TooBig
from xapid.datamodel.error_codes import BY_CODE
from xapid.datamodel.errors import XenAPIError

EXPECTED = (SyntaxProblem, UnknownCommand, ParameterMissing, TooBig, CommandFailed, ClientError, SeveralFailed, XenAPIError)
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
        case SeveralFailed(failures=failures):
            for uuid, text in failures:
                terminal.print(f"operation failed on {uuid}: {text}")
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
    lines = _explained(api, error)
    if lines is None:
        terminal.error(error.code, tuple(_readable(api, param) for param in error.params))
    else:
        terminal.print_error("".join(f"{line}\n" for line in lines))


def _explained(api: Api, error: XenAPIError) -> list[str] | None:
    """The sentence that explains an error, and a line for each parameter; None if the reference does not explain it."""
    declared = BY_CODE.get(error.code)
    if declared is None or declared.params is None:
        return None
    names = ["VM"] * len(error.params) if error.code == "VMS_FAILED_TO_COOPERATE" else list(declared.params)
    given = [_readable(api, param) for param in error.params]
    given += ["<unknown>"] * (len(names) - len(given))
    names += ["<extra>"] * (len(given) - len(names))
    return [declared.doc, *(f"{name}: {value}" for name, value in zip(names, given, strict=True))]


def told(api: Api, problem: Exception) -> str:
    """What went wrong with one object of several; of errors of the API, on as many lines as when they are told alone."""
    if isinstance(problem, XenAPIError):
        return "\n".join(_explained(api, problem) or [f"{problem.code}: [ {'; '.join(problem.params)} ]"])
    return ", ".join(str(part) for part in problem.args)


def _readable(api: Api, param: str) -> str:
    return (api.named(param) or param) if param.startswith(_REF) else param

"""What host plugins in Python begin with: reading the call, running the function, writing the answer.

    import XenAPIPlugin

    def greet(session, args):
        return "hello " + args.get("name", "world")

    if __name__ == "__main__":
        XenAPIPlugin.dispatch({"greet": greet})

A plugin is a program with one argument, an XML-RPC call whose parameters are the reference of the caller's session and a
struct of texts. Its answer, on standard output, is an XML-RPC response with a struct: ``Status`` ``Success`` and ``Value``, or
``Status`` ``Failure`` and ``ErrorDescription``, an array of an error code and its parameters.
"""

import sys
import xmlrpc.client
from typing import Any

import XenAPI


class Failure(Exception):
    """An error of the plugin's own choice: ``code``, and a list of ``params``, reach the client as they are."""

    def __init__(self, code: str, params: Any) -> None:
        super().__init__(code, params)
        self.code = code
        self.params = params

    def __str__(self) -> str:
        return "{}: {}".format(self.code, ", ".join(map(str, self.params)))


def success_message(result: Any) -> str:
    """The answer with a value."""
    return _response({"Status": "Success", "Value": result})


def failure_message(description: Any) -> str:
    """The answer with an error: a list of a code and its parameters."""
    return _response({"Status": "Failure", "ErrorDescription": description})


def dispatch(fn_table: Any) -> None:
    """Call the function in ``fn_table`` that the program's argument asks for, with a session and a dict; print what it returns.

    What it raises is an answer too: a :class:`Failure` as it says, anything else as XENAPI_PLUGIN_FAILURE with the names of
    the function and of the exception's class, and its text.
    """
    if len(sys.argv) != 2:
        raise SystemExit("a plugin takes one argument, an XML-RPC call")
    params, name = xmlrpc.client.loads(sys.argv[1])
    print(_answer(fn_table, name, *params))


def _answer(fn_table: Any, name: Any, ref: Any, args: Any) -> str:
    if name not in fn_table:
        return failure_message(["UNKNOWN_XENAPI_PLUGIN_FUNCTION", name])
    session = XenAPI.xapi_local()
    session._session = ref
    try:
        return success_message(fn_table[name](session, args))
    except SystemExit:
        raise  # the plugin wants to end in its own way
    except Failure as failure:
        return failure_message([failure.code, *map(str, failure.params)])
    except Exception as problem:
        return failure_message(["XENAPI_PLUGIN_FAILURE", name, type(problem).__name__, str(problem)])


def _response(value: Any) -> str:
    return xmlrpc.client.dumps((value,), methodresponse=True, allow_none=True)

"""Host plugins and extensions: real files in real processes, on a clock that the test moves."""

from __future__ import annotations

import os

import pytest
import pytest_twisted
from twisted.internet import defer, reactor

from hanging import alive, hanging, pids, until
from xapid.agent.children import Children
from xapid.agent.plugins.folders import Folders
from xapid.agent.plugins.hooks import Hooks
from xapid.agent.plugins.host_plugins import HostPlugins
from xapid.agent.plugins.programs import LONGEST_ARGUMENT, Programs
from xapid.agent.values import AgentFailure, Errand
from xapid.datamodel.errors import XenAPIError

ensured = pytest_twisted.ensureDeferred
SESSION = "OpaqueRef:5e551011"
PYTHON = """#!/usr/bin/env python3
import os, sys, time, XenAPI, XenAPIPlugin
class OUTLET_REFUSED(Exception):
    pass
def echo(session, args):
    return repr(sorted(args.items()))
def ask(session, args):
    return session.xenapi.host.get_name_label(args["host"]) + " on " + os.environ["XENAPI_HOST_UUID"]
def log_in(session, args):
    local = XenAPI.xapi_local()
    local.xenapi.login_with_password("root", "")
    said = local.xenapi.host.get_name_label(args["host"])
    local.xenapi.session.logout()
    session.xenapi.session.logout()
    other = XenAPI.xapi_local()
    try:
        other.login_with_password("root", "guessed", "1.0", "x")
    except XenAPI.Failure as failure:
        return said + " " + failure.details[0] + " " + str(local._session)
def refuse(session, args):
    raise XenAPIPlugin.Failure("MY_CODE", ["a", 1])
def stumble(session, args):
    raise OUTLET_REFUSED("nul and < and \\u20ac")
def api_error(session, args):
    session.xenapi.no.such()
def number(session, args):
    return 5
def leave(session, args):
    print("leaving"); sys.stdout.flush(); sys.stderr.write("bad\\n"); raise SystemExit(3)
functions = [echo, ask, log_in, refuse, stumble, api_error, number, leave]
XenAPIPlugin.dispatch({function.__name__: function for function in functions})
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "plugins").mkdir()
    return tmp_path / "plugins"


@pytest.fixture
def put(folder):
    """Writes an executable file, by default a shell script."""

    def put(name, text, head="#!/bin/sh\n", mode=0o755):
        (folder / name).write_text(head + text)
        (folder / name).chmod(mode)

    return put


@pytest.fixture
def programs(clock):
    return Programs(Children(reactor, clock), clock, limit=60.0, most=2)


@pytest.fixture
def plugins(programs, folder, tmp_path):
    return HostPlugins(
        "the-uuid", programs, Folders((tmp_path / "missing", folder)), Folders((folder,)), Hooks(programs, tmp_path / "hooks")
    )


@pytest.fixture
def errand(server):
    return Errand(number="1", session=SESSION, url=f"http://127.0.0.1:{server.port}", fingerprint="")


@pytest.fixture
def call(plugins, errand):
    async def call(name, function="main", args=None):
        return await plugins.call(name, function, args or {}, errand)

    return call


@pytest.fixture
def extend(plugins, errand):
    async def extend(name, *params):
        return await plugins.extend(name, list(params), errand)

    return extend


async def failure(awaitable):
    with pytest.raises(XenAPIError) as caught:
        await awaitable
    return caught.value.description


def response(value):
    return f"<methodResponse><params><param><value>{value}</value></param></params></methodResponse>"


def struct(**members):
    inside = "".join(f"<member><name>{name}</name><value>{value}</value></member>" for name, value in members.items())
    return f"<struct>{inside}</struct>"


def array(*values):
    return f"<array><data>{''.join(f'<value>{value}</value>' for value in values)}</data></array>"


def printed(text):
    return f"cat <<'EOF'\n{text}\nEOF\n"


def succeeded(value):
    return printed(response(struct(Status="Success", Value=value)))


def failed(description):
    return printed(response(struct(Status="Failure", ErrorDescription=description)))


FAULT = printed(
    f"<methodResponse><fault><value>{struct(faultCode='<int>7</int>', faultString='no')}</value></fault></methodResponse>"
)


# Plugins ----------------------------------------------------------------------------------------------------------------


@ensured
async def test_a_plugin_gets_one_argument_with_the_call_and_its_value_is_the_result(call, put, tmp_path):
    put(
        "shell.sh",
        f'printf %s "$#:$1" >{tmp_path}/seen; cat >>{tmp_path}/seen\n' + succeeded("fine"),
    )
    assert await call("shell.sh", "fn<", {"a": "1 & 2"}) == "fine"
    assert (tmp_path / "seen").read_text() == (
        "1:<?xml version='1.0'?><methodCall><methodName>fn&lt;</methodName><params>"
        f"<param><value><string>{SESSION}</string></value></param><param><value>"
        "<struct><member><name>a</name><value><string>1 &amp; 2</string></value></member></struct></value></param>"
        "</params></methodCall>"
    )


@ensured
async def test_a_python_plugin_runs_unmodified_and_calls_the_server_with_the_session_of_the_caller(call, put, server):
    put("raid.py", PYTHON, "")
    args = {"host": "OpaqueRef:host", "text": "a<b>&\"'\n\t\u20ac"}
    assert await call("raid.py", "echo", args) == repr(sorted(args.items()))
    assert await call("raid.py", "ask", args) == "the host on the-uuid"
    assert server.calls == [("host.get_name_label", SESSION, "OpaqueRef:host")]


@ensured
async def test_who_logs_in_without_a_password_goes_on_with_the_session_of_the_caller_and_does_not_end_it(call, put, server):
    put("raid.py", PYTHON, "")
    assert await call("raid.py", "log_in", {"host": "OpaqueRef:host"}) == "the host MESSAGE_METHOD_UNKNOWN None"
    assert [asked[:2] for asked in server.calls] == [
        ("host.get_name_label", SESSION), ("session.login_with_password", "root"),
    ]  # fmt: skip


@ensured
@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("refuse", ("MY_CODE", "a", "1")),
        ("stumble", ("XENAPI_PLUGIN_FAILURE", "stumble", "OUTLET_REFUSED", "nul and < and \u20ac")),
        ("api_error", ("XENAPI_PLUGIN_FAILURE", "api_error", "Failure", "['MESSAGE_METHOD_UNKNOWN', 'no.such']")),
        ("nonsuch", ("UNKNOWN_XENAPI_PLUGIN_FUNCTION", "nonsuch")),
        ("number", ("XENAPI_PLUGIN_FAILURE", "unexpected XMLRPC result", '{"Status":"Success","Value":5}')),
        ("leave", ("XENAPI_PLUGIN_FAILURE", "non-zero exit", "leaving\n", "bad\n")),
    ],
)
async def test_what_a_python_plugin_raises_reaches_the_caller(call, put, function, expected):
    put("raid.py", PYTHON, "")
    assert await failure(call("raid.py", function)) == expected


@ensured
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("echo out; echo err >&2; exit 2", ("non-zero exit", "out\n", "err\n")),
        ("kill -KILL $$", ("signal: SIGKILL", "", "")),
        ("kill -SEGV $$", ("signal: SIGSEGV", "", "")),
        (printed(response("<int>5</int>")), ("unexpected XMLRPC result", "5")),
        (printed(response("<array><data/></array>")), ("unexpected XMLRPC result", "[]")),
        (failed(array()), ("unexpected XMLRPC result", '{"Status":"Failure","ErrorDescription":[]}')),
        (FAULT, ("fault", "7", "no")),
    ],
)
async def test_each_kind_of_failure_is_told_as_the_reference_server_tells_it(call, put, body, expected):
    put("plugin", body)
    assert await failure(call("plugin")) == ("XENAPI_PLUGIN_FAILURE", *expected)


@ensured
@pytest.mark.parametrize(
    "body",
    ["", "echo rubbish", "printf '\\000\\377<a>'", "head -c 3000000 /dev/zero",
     printed("<methodResponse/>"), printed("<methodCall/>"), printed("<!DOCTYPE a><methodResponse/>"),
     printed("<methodResponse><params><param/></params></methodResponse>"),
     printed("warning" + response("1")), printed("<methodResponse><fault>x</fault></methodResponse>")],
)  # fmt: skip
async def test_what_is_no_response_cannot_be_parsed(call, put, body):
    put("plugin", body)
    code, status, output, reason = await failure(call("plugin"))
    assert (code, status) == ("XENAPI_PLUGIN_FAILURE", "failed to parse plugin output")
    assert reason
    assert len(output) <= 64 * 1024


@ensured
async def test_a_plugin_that_prints_without_end_is_ended_at_once(call, extend, put):
    put("plugin", "exec yes")
    code, status, output, reason = await failure(call("plugin"))
    assert (code, status, reason) == (
        "XENAPI_PLUGIN_FAILURE",
        "failed to parse plugin output",
        "it is longer than 16777216 bytes",
    )
    assert len(output) == 64 * 1024
    assert (await failure(extend("plugin")))[:2] == ("XENAPI_PLUGIN_FAILURE", "failed to parse plugin output")


@ensured
async def test_a_response_may_be_long(call, put):
    body = response(struct(Status="Success", Value="@")).partition("@")
    put("plugin", f"printf '%s' '{body[0]}'\nhead -c 8000000 /dev/zero | tr '\\0' x\nprintf '%s' '{body[2]}'\n")
    assert await call("plugin") == "x" * 8_000_000


@ensured
async def test_an_array_of_texts_is_raised_verbatim(call, put):
    put("plugin", failed(array("SR_BACKEND_FAILURE_47", "", "text")))
    assert await failure(call("plugin")) == ("SR_BACKEND_FAILURE_47", "", "text")


@ensured
@pytest.mark.parametrize(
    "name",
    [
        "nonsuch",
        "",
        ".",
        "..",
        "../outside",
        "sub/inside",
        "/bin/true",
        ".hidden",
        "nul\0",
        "a b",
        "\n",
        "x" * 5000,
        "plain",
        "link",
        "sub",
    ],
)
async def test_a_name_that_is_no_executable_file_of_the_folder_is_a_missing_plugin(call, put, folder, tmp_path, name):
    put("plain", "true", mode=0o644)
    (tmp_path / "outside").write_text("#!/bin/sh\n")
    (tmp_path / "outside").chmod(0o755)
    (folder / "link").symlink_to("../outside")
    (folder / "sub").mkdir()
    for place in ("sub/inside", ".hidden"):
        (folder / place).write_text("#!/bin/sh\n")
        (folder / place).chmod(0o755)
    assert await failure(call(name)) == ("XENAPI_MISSING_PLUGIN", name)


@ensured
async def test_a_file_or_folder_that_everybody_may_write_to_is_not_run(call, put, folder):
    put("plugin", succeeded("fine"))
    assert await call("plugin") == "fine"
    (folder / "plugin").chmod(0o757)
    assert await failure(call("plugin")) == ("XENAPI_MISSING_PLUGIN", "plugin")
    (folder / "plugin").chmod(0o755)
    folder.chmod(0o777)
    assert await failure(call("plugin")) == ("XENAPI_MISSING_PLUGIN", "plugin")
    folder.chmod(0o775)
    assert await call("plugin") == "fine"


@ensured
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_a_file_of_another_user_is_not_run(call, put, plugins, folder):
    put("plugin", "true")
    put("mine", "true")
    os.chown(folder / "plugin", 12345, 0)
    assert await failure(call("plugin")) == ("XENAPI_MISSING_PLUGIN", "plugin")
    assert await plugins.list_plugins() == ["mine"]


@ensured
async def test_a_call_that_no_program_can_take_is_a_failure_that_says_so(call, put):
    put("plugin", 'printf %s "$1" | wc -c >&2; exit 1')
    limit = LONGEST_ARGUMENT
    (code, status, output, errors) = await failure(call("plugin", "main", {"a": "x" * 10_000_000}))
    assert (code, status, output) == ("XENAPI_PLUGIN_FAILURE", "not started", "")
    assert errors.endswith(f"bytes long, and a program takes at most {limit}")
    assert (await failure(call("plugin", "main", {"a": "x" * (limit - 1000)})))[1] == "non-zero exit"
    for name, args in (("nul\0", {}), ("main", {"a\0": ""}), ("main", {"": "\x1b"})):
        assert await failure(call("plugin", name, args)) == (
            "XENAPI_PLUGIN_FAILURE", "not started", "", "XML has no way to write control characters",
        )  # fmt: skip


@ensured
async def test_a_file_that_cannot_be_started_fails_by_itself(call, put):
    put("noshebang", "\x7fELF", "")
    put("nointerpreter", "", "#!/nowhere/python\n")
    assert (await failure(call("noshebang")))[:2] == ("XENAPI_PLUGIN_FAILURE", "non-zero exit")
    assert (await failure(call("nointerpreter")))[:2] == ("XENAPI_PLUGIN_FAILURE", "non-zero exit")


@ensured
async def test_a_plugin_that_hangs_is_ended_at_its_limit(call, put, clock, tmp_path):
    put("plugin", hanging(tmp_path))
    error = defer.ensureDeferred(failure(call("plugin")))
    await until(lambda: pids(tmp_path))
    clock.advance(60)
    assert await error == ("XENAPI_PLUGIN_FAILURE", "not finished after 60 s", "", "")
    assert not any(map(alive, pids(tmp_path)))


@ensured
async def test_so_many_run_at_a_time_and_more_wait_for_as_long_as_one_may_take(plugins, put, clock, errand, tmp_path):
    put("plugin", hanging(tmp_path))
    running = [
        defer.ensureDeferred(failure(plugins.call("plugin", "main", {}, errand | {"number": str(number)})))
        for number in range(4)
    ]
    await until(lambda: len(pids(tmp_path)) == 2)
    clock.advance(30)
    await plugins.cancel("0")
    with pytest.raises(AgentFailure):
        await running[0]
    await until(lambda: len(pids(tmp_path)) == 3)
    clock.advance(30)
    assert await running[1] == ("XENAPI_PLUGIN_FAILURE", "not finished after 60 s", "", "")
    assert await running[3] == ("XENAPI_PLUGIN_FAILURE", "not started", "", "too many others did not finish within 60 s")
    clock.advance(30)
    assert await running[2] == ("XENAPI_PLUGIN_FAILURE", "not finished after 60 s", "", "")
    await until(lambda: not any(map(alive, pids(tmp_path))))
    put("plugin", "exit 1")
    assert (await failure(plugins.call("plugin", "main", {}, errand)))[1] == "non-zero exit"
    await plugins.cancel("nonsuch")


@ensured
async def test_extauth_hook_runs_once_at_a_time(plugins, put, errand, tmp_path):
    put("extauth-hook", hanging(tmp_path))
    running = [
        defer.ensureDeferred(plugins.call("extauth-hook", "main", {}, errand | {"number": str(number)})) for number in range(2)
    ]
    await until(lambda: len(pids(tmp_path)) == 1)
    for number in range(2):
        await until(lambda: len(pids(tmp_path)) == number + 1)  # noqa: B023 - called at once
        await plugins.cancel(str(number))
        with pytest.raises(AgentFailure):
            await running[number]


@ensured
async def test_what_a_plugin_writes_to_its_errors_is_logged_without_the_session(call, put, xapid_logged):
    put("plugin", f"echo 'in the session {SESSION}' >&2; exit 1")
    seen = []
    from twisted.logger import globalLogPublisher

    globalLogPublisher.addObserver(seen.append)
    try:
        await failure(call("plugin"))
    finally:
        globalLogPublisher.removeObserver(seen.append)
    said = [event["said"] for event in seen if "said" in event]
    assert said == ["in the session ********\n"]


# Extensions -------------------------------------------------------------------------------------------------------------


@ensured
async def test_an_extension_reads_the_call_and_answers_with_any_value(plugins, extend, put, tmp_path):
    value = struct(list=array("<int>1</int>", "<boolean>1</boolean>"))
    put(
        "Lab.status",
        f"echo $@ >{tmp_path}/seen; cat >>{tmp_path}/seen\n" + succeeded(value),
    )
    assert await plugins.has_extension("Lab.status")
    assert await extend("Lab.status", SESSION, {"depth": 2, "deep": [True, None, 1.5]}) == {"list": [1, True]}
    assert (tmp_path / "seen").read_text() == (
        "--xmlrpc\n<?xml version='1.0'?><methodCall><methodName>Lab.status</methodName><params>"
        f"<param><value><string>{SESSION}</string></value></param><param><value><struct>"
        "<member><name>depth</name><value><int>2</int></value></member><member><name>deep</name><value>"
        f"{array('<boolean>1</boolean>', '<nil/>', '<double>1.5</double>')}</value></member>"
        "</struct></value></param></params></methodCall>"
    )


@ensured
async def test_ten_megabytes_go_through_an_extension(extend, put):
    put("Lab.count", "bytes=$(wc -c)\ncat <<EOF\n" + response(struct(Status="Success", Value="$bytes")) + "\nEOF\n")
    assert int(await extend("Lab.count", "x" * 10_000_000)) > 10_000_000


@ensured
async def test_failures_of_an_extension_have_codes_of_their_own(extend, plugins, put, folder):
    assert not await plugins.has_extension("Lab.nonsuch")
    assert await failure(extend("Lab.nonsuch")) == ("MESSAGE_METHOD_UNKNOWN", "Lab.nonsuch")
    path = folder / "Lab.x"
    for body, expected in [
        ("echo no >&2; exit 4", ("INTERNAL_ERROR", f"{path}: exit status 4: no\n")),
        ("kill -TERM $$", ("INTERNAL_ERROR", f"{path}: SIGTERM: ")),
        (failed("text"), ("EXTENSION_PROTOCOL_FAILURE", '"text"')),
        (failed(array("A", "<int>1</int>")), ("EXTENSION_PROTOCOL_FAILURE", '["A",1]')),
        (failed(array("A", "b")), ("A", "b")),
        (printed(response("<int>7</int>")), ("EXTENSION_PROTOCOL_FAILURE", "7")),
        (FAULT, ("INTERNAL_ERROR", f"{path}: fault 7: no")),
    ]:
        put("Lab.x", body)
        assert await failure(extend("Lab.x")) == expected
    put("Lab.x", "echo rubbish")
    assert (await failure(extend("Lab.x")))[0] == "INTERNAL_ERROR"

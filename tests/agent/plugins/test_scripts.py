"""Power-on scripts: real files in real processes, with a session at a stand-in for the server."""

from __future__ import annotations

import datetime
import hashlib
import os

import attrs
import pytest
import pytest_twisted
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet import defer, reactor, task
from twisted.logger import formatEvent, globalLogPublisher

from documents import ROOT
from xapid.agent.children import Children
from xapid.agent.plugins.folders import Folders
from xapid.agent.plugins.programs import Door, Programs
from xapid.agent.plugins.scripts import Scripts
from xapid.auth.sessions import Sessions
from xapid.database import Database
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.ids import Ids

ensured = pytest_twisted.ensureDeferred
HOST = "OpaqueRef:the-host"


@pytest.fixture
def sessions(clock):
    ids = Ids(1)
    return Sessions(Database(catalogue(), ids), ids, clock)


@pytest.fixture
def scripts(server, clock, sessions, tmp_path):
    return Scripts(
        programs=Programs(Children(reactor, clock), clock, limit=60.0, most=4),
        folders=Folders((tmp_path, ROOT / "plugins")),
        sessions=sessions,
        door=lambda: Door(f"http://127.0.0.1:{server.port}", ""),
    )


@pytest.fixture
def custom(scripts, tmp_path):
    """Calls ``custom`` of a script that is given as text."""

    async def call(text, config=None, using=scripts):
        (tmp_path / "mine.py").write_text(text)
        return await using.call("mine", "custom", [HOST, config or {}], "OpaqueRef:coordinator")

    return call


async def failure(awaitable):
    with pytest.raises(XenAPIError) as caught:
        await awaitable
    return caught.value.description


SAMPLE = """
import XenAPI
def custom(session,remote_host,
power_on_config):
    result="Power On Not Successful"
    for key in power_on_config.keys():
        result=result+''
        key=''+key+''
        value=''+power_on_config[key]
    return result
"""


@ensured
async def test_the_sample_of_the_product_documentation_runs(custom):
    assert await custom(SAMPLE, {"power_on_ip": "192.0.2.1"}) == "Power On Not Successful"


@ensured
async def test_the_example_that_ships_runs_and_shows_no_secret(scripts, server):
    config = {"zone": "b", "power_on_password_secret": "5e3c"}
    said = await scripts.call("custom", "custom", [HOST, config], "OpaqueRef:coordinator")
    assert said == "Power On Not Successful for the host\nzone=b\npower_on_password_secret=(a secret)"
    ((method, session, host),) = server.calls
    assert (method, host) == ("host.get_name_label", HOST)
    assert session.startswith("OpaqueRef:")


@ensured
async def test_a_script_gets_a_session_a_reference_and_a_dict(custom):
    text = """
import XenAPI
def custom(session, remote_host, power_on_config):
    return [isinstance(session, XenAPI.Session), remote_host, type(power_on_config).__name__, power_on_config]
"""
    assert await custom(text, {"ü": "1"}) == str([True, HOST, "dict", {"ü": "1"}])


@ensured
async def test_the_session_lives_as_long_as_the_call(custom, sessions, server):
    assert await custom("def custom(session, host, config): return session.xenapi.host.get_name_label(host)") == "the host"
    assert len(sessions) == 0
    text = "def custom(session, host, config): raise ValueError"
    await failure(custom(text))
    assert len(sessions) == 0


@ensured
async def test_the_session_is_roots_and_says_what_it_is_for(custom, sessions):
    running = defer.ensureDeferred(custom("def custom(session, host, config): pass"))
    (session,) = sessions
    assert (session.user, session.is_local_superuser, session.pool) == ("root", True, False)
    assert session.originator == "power-on mine"
    await running


@ensured
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("raise ValueError('no good')", ("main", "ValueError", "no good")),
        ("class OUTLET_REFUSED(Exception): pass\n    raise OUTLET_REFUSED", ("main", "OUTLET_REFUSED", "")),
        ("session.xenapi.no.such()", ("main", "Failure", "['MESSAGE_METHOD_UNKNOWN', 'no.such']")),
        ("import nonsuch", ("main", "ModuleNotFoundError", "No module named 'nonsuch'")),
        ("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)", ("non-zero exit", "out\n", "err\n")),
        ("import sys; sys.exit('why')", ("non-zero exit", "", "why\n")),
        ("import os; os.kill(os.getpid(), 11)", ("signal: SIGSEGV", "", "")),
        ("import os; os._exit(0)", ("failed to parse plugin output", "", "the script ended without a result")),
        ("import sys; sys.exit()", ("failed to parse plugin output", "", "the script ended without a result")),
        ("raise ValueError('nul\\0 and \\ud800')", ("main", "ValueError", "nul\ufffd and \ufffd")),
    ],
)
async def test_failures_are_told_as_the_reference_server_tells_them(custom, body, expected):
    assert await failure(custom(f"def custom(session, host, config):\n    {body}\n")) == ("XENAPI_PLUGIN_FAILURE", *expected)


@ensured
@pytest.mark.parametrize(
    ("text", "kind"),
    [("def custom(:", "SyntaxError"), ("def other(): pass", "AttributeError"), ("def custom(): pass", "TypeError")],
)
async def test_a_file_that_is_no_script_fails_by_itself(custom, text, kind):
    assert (await failure(custom(text)))[:3] == ("XENAPI_PLUGIN_FAILURE", "main", kind)


@ensured
async def test_a_failure_with_a_code_of_its_own_is_passed_on(custom):
    text = """
class Failure(Exception):
    def __init__(self, code, params):
        self.code, self.params = code, params
def custom(session, host, config):
    raise Failure("MY_CODE", ["a", 1])
"""
    assert await failure(custom(text)) == ("MY_CODE", "a", "1")


@ensured
@pytest.mark.parametrize("name", ["nonsuch", "../plugins/custom", "custom.py", "", "__init__", "a/b", "cus\0tom", ".custom"])
async def test_a_name_without_a_file_is_a_missing_module(scripts, name):
    error = await failure(scripts.call(name, "custom", [HOST, {}], "OpaqueRef:coordinator"))
    assert error[:3] == ("XENAPI_PLUGIN_FAILURE", "main", "ModuleNotFoundError")


@ensured
async def test_what_a_script_prints_or_writes_to_files_is_no_result(custom):
    text = """
import os, subprocess
def custom(session, host, config):
    print('{"returned": "forged"}', flush=True)
    subprocess.run(["sh", "-c", "echo forged >&3"], stderr=subprocess.DEVNULL, close_fds=False)
    try:
        os.write(3, b'{"returned": "forged"}')
    except OSError:
        pass
    return "real"
"""
    assert await custom(text) == "real"


@ensured
async def test_a_script_that_forks_and_returns_twice_is_counted_once(custom):
    text = """
import os
def custom(session, host, config):
    return "parent" if os.fork() else "child"
"""
    assert await custom(text) == "parent"


@ensured
async def test_standard_input_holds_nothing(custom):
    assert await custom("import sys\ndef custom(session, host, config): return repr(sys.stdin.read())") == "''"


@ensured
async def test_a_script_that_hangs_is_ended_at_its_limit_and_its_session_too(custom, clock, sessions, tmp_path):
    sign = tmp_path / "sign"
    text = f"""
import time
def custom(session, host, config):
    print("hanging")
    open({str(sign)!r}, "w").close()
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass
"""
    error = defer.ensureDeferred(failure(custom(text)))
    while not sign.exists():
        await task.deferLater(reactor, 0.01)
    assert len(sessions) == 1
    clock.advance(60)
    assert await error == ("XENAPI_PLUGIN_FAILURE", "not finished after 60 s", "hanging\n", "")
    assert len(sessions) == 0


@ensured
async def test_a_script_may_import_its_neighbours_but_replaces_no_module(custom, tmp_path):
    (tmp_path / "strip.py").write_text("NAME = 'neighbour'")
    (tmp_path / "json.py").write_text("raise SystemExit('shadowed')")
    assert await custom("import json, strip\ndef custom(session, host, config): return strip.NAME") == "neighbour"


@ensured
async def test_a_directory_of_ones_own_comes_before_the_scripts_that_ship(scripts, tmp_path):
    (tmp_path / "custom.py").write_text("def custom(session, host, config): return 'mine'")
    assert await scripts.call("custom", "custom", [HOST, {}], "OpaqueRef:coordinator") == "mine"


def test_a_link_that_leads_out_of_the_directory_is_no_script(tmp_path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside.py").write_text("")
    (tmp_path / "inside" / "real.py").write_text("")
    (tmp_path / "inside" / "alias.py").symlink_to("real.py")
    (tmp_path / "inside" / "escape.py").symlink_to("../outside.py")
    (tmp_path / "inside" / "loop.py").symlink_to("loop.py")
    (tmp_path / "inside" / "folder.py").mkdir()
    folders = Folders((tmp_path / "missing", tmp_path / "inside"))
    found = {name for name in ("real", "alias", "escape", "loop", "folder") if folders.script(name)}
    assert found == {"real", "alias"}


def certificate(path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "someone")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - datetime.timedelta(2), now - datetime.timedelta(1))
    signed = builder.sign(key, hashes.SHA256())
    pem = signed.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(pem)
    return signed.fingerprint(hashes.SHA256()).hex(":").upper()


@ensured
async def test_over_tls_a_script_talks_to_the_certificate_that_it_was_told_and_to_no_other(
    custom, scripts, server_with, tmp_path
):
    fingerprint = certificate(tmp_path / "cert.pem")
    server = server_with(tmp_path / "cert.pem")
    asked = "def custom(session, host, config): return session.xenapi.host.get_name_label(host)"
    url = f"https://127.0.0.1:{server.port}"
    try:
        right = attrs.evolve(scripts, door=lambda: Door(url, fingerprint))
        assert await custom(asked, using=right) == "the host"
        server.calls.clear()
        wrong = attrs.evolve(scripts, door=lambda: Door(url, hashlib.sha256(b"another").hexdigest()))
        assert (await failure(custom(asked, using=wrong)))[:3] == ("XENAPI_PLUGIN_FAILURE", "main", "Stranger")
        assert server.calls == []
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("address", "url"),
    [("192.0.2.1", "https://192.0.2.1:8443"), ("0.0.0.0", "https://127.0.0.1:8443"), ("::", "https://[::1]:8443")],
)
def test_scripts_come_in_through_the_door_that_the_daemon_listens_at(address, url):
    assert Door.at(address, 8443, "ab") == Door(url, "ab")


@ensured
async def test_the_session_is_in_no_process_list(custom, sessions):
    text = """
import os
def custom(session, host, config):
    said = [open(f"/proc/{pid}/cmdline").read() + open(f"/proc/{pid}/environ").read() for pid in (os.getpid(), os.getppid())]
    return session.handle in "".join(said)
"""
    assert await custom(text) == "False"


@ensured
async def test_a_script_that_everybody_may_write_to_is_not_run(custom, scripts, tmp_path):
    assert await custom("def custom(session, host, config): return 'mine'") == "mine"
    for place, mode in ((tmp_path / "mine.py", 0o646), (tmp_path, 0o777)):
        before = place.stat().st_mode
        place.chmod(mode)
        code, where, kind, text = await failure(scripts.call("mine", "custom", [HOST, {}], "OpaqueRef:coordinator"))
        assert (code, where, kind) == ("XENAPI_PLUGIN_FAILURE", "main", "PermissionError")
        assert text == f"{place} can be written to by everybody"
        place.chmod(before)
    assert await scripts.call("mine", "custom", [HOST, {}], "OpaqueRef:coordinator") == "mine"


@ensured
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_a_script_of_another_user_is_not_run(custom, scripts, tmp_path):
    (tmp_path / "theirs.py").write_text("def custom(session, host, config): return 'theirs'")
    os.chown(tmp_path / "theirs.py", 12345, 0)
    error = await failure(scripts.call("theirs", "custom", [HOST, {}], "OpaqueRef:coordinator"))
    assert error[1:3] == ("main", "PermissionError")
    assert "belongs to user 12345" in error[3]


@ensured
async def test_a_function_that_need_not_be_there_is_none_where_it_is_missing(scripts, tmp_path):
    (tmp_path / "mine.py").write_text("def custom(session, host, config): pass")
    for name in ("mine", "nonsuch"):
        assert await scripts.call(name, "power_off", [HOST, {}], "OpaqueRef:coordinator", optional=True) is None
    assert (await failure(scripts.call("mine", "power_off", [HOST, {}], "OpaqueRef:coordinator")))[2] == "AttributeError"


@ensured
@pytest.mark.parametrize(
    "body",
    ["return 'it is ' + hush", "raise ValueError(hush)", "print(hush, flush=True); raise SystemExit(3)",
     "import sys; sys.stderr.write(hush); raise SystemExit(3)"],
)  # fmt: skip
async def test_what_is_hidden_shows_neither_in_results_nor_in_errors_nor_in_the_log(scripts, tmp_path, body):
    seen = []
    globalLogPublisher.addObserver(seen.append)
    (tmp_path / "mine.py").write_text(f"hush = 'correct' + 'horse'\ndef custom(session, host, config):\n    {body}\n")
    call = scripts.call("mine", "custom", [HOST, {}], "OpaqueRef:coordinator", hidden=("correct", "correcthorse", "it"))
    try:
        said = await call
    except XenAPIError as error:
        said = " ".join(error.description)
    finally:
        globalLogPublisher.removeObserver(seen.append)
    assert "********" in said
    assert "horse" not in said + " ".join(formatEvent(event) for event in seen)


@ensured
async def test_the_scripts_that_ship_are_found_in_whatever_case(scripts, tmp_path):
    assert scripts.folders.script("redfish") == ROOT / "plugins" / "Redfish.py"
    (tmp_path / "Mine.py").write_text("")
    assert scripts.folders.script("mine") is None
    assert scripts.folders.script("_control") is None


@ensured
async def test_a_script_may_use_what_plugins_use(custom, server):
    text = """
import XenAPI, XenAPIPlugin
def custom(session, host, config):
    local = XenAPI.xapi_local()
    local.login_with_password("", "", "1.0", "mine")
    raise XenAPIPlugin.Failure("SEEN", [local.xenapi.host.get_name_label(host)])
"""
    assert await failure(custom(text)) == ("SEEN", "the host")

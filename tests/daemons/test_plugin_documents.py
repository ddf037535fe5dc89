"""The examples of ``docs/plugins.md``, saved as it says and run as they stand."""

from __future__ import annotations

import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import XenAPI

from documents import block
from xapid.testing.processes import Daemons, session_of

pytestmark = pytest.mark.daemon
DOCUMENT = "docs/plugins.md"


class Strip(BaseHTTPRequestHandler):
    """The power strip: says what became of its outlet."""

    asked: list[tuple[str, str]] = []  # noqa: RUF012 - emptied by the fixture

    def do_POST(self):
        self.asked.append((self.path, self.headers["Authorization"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.path.rpartition("/")[2].encode() if self.path.startswith("/outlet/7/") else b"broken")

    def log_message(self, *args):
        pass


@pytest.fixture
def strip():
    server = HTTPServer(("127.0.0.1", 0), Strip)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    Strip.asked.clear()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugins")
    for name, example, language, mode in (
        ("power-strip.py", "power strip", "python", 0o644),
        ("disk-usage", "host plugin", "python", 0o755),
        ("kernel", "shell plugin", "sh", 0o755),
        ("Lab.look", "extension", "python", 0o755),
    ):
        (folder / name).write_text(block(DOCUMENT, f"<!-- example: {example} -->", language))
        (folder / name).chmod(mode)
    hook = folder / "host-pre-declare-dead" / "10keep"
    hook.parent.mkdir()
    hook.write_text(block(DOCUMENT, "<!-- example: hook -->", "python"))
    hook.chmod(0o755)
    places = [word for kind in ("--plugins", "--extensions", "--hooks") for word in (kind, str(folder))]
    with Daemons() as daemons:
        yield daemons.start(*places, "--vms-per-host", "2")


@pytest.fixture
def names(daemon):
    """What the examples take for granted: a session, the coordinator, and another host."""
    with session_of(daemon) as session:
        (pool,) = session.xenapi.pool.get_all()
        coordinator = session.xenapi.pool.get_master(pool)
        host = min(ref for ref in session.xenapi.host.get_all() if ref != coordinator)
        yield {"session": session, "coordinator": coordinator, "host": host}


def run(example, names, **changes):
    """Execute an example, with some texts in it replaced."""
    code = block(DOCUMENT, example)
    for old, new in changes.values():
        assert old in code
        code = code.replace(old, new)
    exec(compile(code, DOCUMENT, "exec"), names)


def test_the_power_mode_is_set_and_tried_out_as_told(names, strip):
    run("<!-- example: setting the mode -->", names, address=("192.0.2.50", strip))
    run("<!-- example: trying a mode -->", names)
    token = "Bearer the password"
    assert Strip.asked == [("/outlet/7/off", token), ("/outlet/7/on", token)]
    names["session"].xenapi.host.disable(names["host"])
    run("and after `power_off_grace` seconds", names)
    assert Strip.asked[2:] == [("/outlet/7/off", token), ("/outlet/7/off", token)]
    with pytest.raises(XenAPI.Failure, match="OUTLET_REFUSED"):
        run("<!-- example: setting the mode -->", names, address=("192.0.2.50", strip), outlet=('"7"', '"8"'))
        names["session"].xenapi.host.power_on(names["host"])
    names["session"].xenapi.host.set_power_on_mode(names["host"], "wake-on-lan", {})
    names["session"].xenapi.host.power_on(names["host"])


def test_the_host_plugin_is_called_as_told(names):
    run("<!-- example: calling a plugin -->", names)
    assert 0 <= int(names["percent"]) <= 100
    hosts = names["session"].xenapi.host.get_all_records().values()
    assert names["names"] == ", ".join(sorted(host["name_label"] for host in hosts))
    call = names["session"].xenapi.host.call_plugin
    with pytest.raises(XenAPI.Failure) as caught:
        call(names["host"], "disk-usage", "usage", {"path": "relative"})
    assert caught.value.details == ["INVALID_VALUE", "path", "relative"]


def test_a_plugin_may_be_a_shell_script(names):
    call = names["session"].xenapi.host.call_plugin
    assert call(names["host"], "kernel", "kernel", {}) == os.uname().release
    with pytest.raises(XenAPI.Failure) as caught:
        call(names["host"], "kernel", "other", {})
    assert caught.value.details == ["UNKNOWN_FUNCTION"]


def test_the_extension_is_called_as_told(names):
    run("<!-- example: calling an extension -->", names)
    vms = names["session"].xenapi.VM.get_all_records().values()
    running = sorted(vm["name_label"] for vm in vms if vm["power_state"] == "Running")
    assert len(running) > 2
    assert names["seen"] == names["again"] == {"running": running, "asked": ["deep"]}


def test_the_hook_objects_as_told(names):
    names["XenAPI"] = XenAPI
    run("<!-- example: trying a hook -->", names)
    api, host = names["session"].xenapi, names["host"]
    assert (names["reason"], names["output"]) == ("dbdestroy", f"{api.host.get_name_label(host)} is to be kept\n")
    api.host.remove_tags(host, "keep")
    api.host.destroy(host)
    assert host not in api.host.get_all()

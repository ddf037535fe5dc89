"""``host.power_on`` with a daemon over TLS: scripts in their own processes, which call the daemon that waits for them."""

from __future__ import annotations

import contextlib
import json

import pytest
import XenAPI

from xapid.testing.processes import Daemons, session_of
from xapid.testing.waiting import until

pytestmark = pytest.mark.daemon

LIMIT = 2
SCRIPTS = {
    "talks": """
import json, os
def custom(session, remote_host, power_on_config):
    print("this is nobody's business")
    seen = {
        "name": session.xenapi.host.get_name_label(remote_host),
        "operations": list(session.xenapi.host.get_current_operations(remote_host).values()),
        "this_host": session.xenapi.session.get_this_host(session.handle),
        "user": session.xenapi.session.get_is_local_superuser(session.handle),
        "session": session.handle,
        "password": "XAPID_ROOT_PASSWORD" in os.environ,
        "config": power_on_config,
    }
    with open(power_on_config["report"], "w") as report:
        json.dump(seen, report)
""",
    "hangs": """
import os, subprocess, time
def custom(session, remote_host, power_on_config):
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    with open(power_on_config["report"], "w") as report:
        report.write("%d %d" % (os.getpid(), child.pid))
    time.sleep(600)
""",
    "refuses": """
class OUTLET_REFUSED(Exception):
    pass
def custom(session, remote_host, power_on_config):
    raise OUTLET_REFUSED(session.xenapi.host.get_uuid(remote_host))
""",
    "exits": "raise SystemExit(7)",
}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugins")
    for name, text in SCRIPTS.items():
        (folder / f"{name}.py").write_text(text)
    with Daemons() as daemons:
        yield daemons.start(
            "--duration-profile", "instant", "--plugins", str(folder), "--plugin-time-limit", str(LIMIT), "--seed", "1"
        )


@pytest.fixture
def session(daemon):
    with session_of(daemon) as session:
        yield session


@pytest.fixture
def xenapi(session):
    return session.xenapi


@pytest.fixture
def host(xenapi):
    """Reference of a host that is switched off."""
    ((_, pool),) = xenapi.pool.get_all_records().items()
    host = min(ref for ref in xenapi.host.get_all() if ref != pool["master"])
    if live(xenapi, host):
        xenapi.host.disable(host)
        xenapi.host.shutdown(host)
    assert not live(xenapi, host)
    return host


def live(xenapi, host):
    return xenapi.host_metrics.get_live(xenapi.host.get_metrics(host))


def alive(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"
    return False


def error(xenapi, host):
    with pytest.raises(XenAPI.Failure) as caught:
        xenapi.host.power_on(host)
    return caught.value.details


def pids(report):
    return [int(word) for word in report.read_text().split()] if report.exists() else []


def test_a_script_calls_the_server_that_runs_it_and_the_host_comes_back(session, xenapi, host, tmp_path):
    report = tmp_path / "report"
    config = {"report": str(report), "zone": "b"}
    xenapi.host.set_power_on_mode(host, "talks", config)
    assert "power_on" in xenapi.host.get_allowed_operations(host)
    assert xenapi.host.power_on(host) == ""
    seen = json.loads(report.read_text())
    assert seen["name"] == xenapi.host.get_name_label(host)
    assert seen["operations"] == ["power_on"]
    assert seen["this_host"] == xenapi.session.get_this_host(session.handle)
    assert (seen["user"], seen["password"], seen["config"]) == (True, False, config)
    assert live(xenapi, host)
    assert xenapi.host.get_current_operations(host) == {}

    with pytest.raises(XenAPI.Failure, match="HANDLE_INVALID"):
        xenapi.session.get_uuid(seen["session"])


def test_a_script_that_hangs_is_killed_at_its_limit_while_the_server_serves_others(xenapi, host, tmp_path):
    report = tmp_path / "report"
    xenapi.host.set_power_on_mode(host, "hangs", {"report": str(report)})
    task = xenapi.Async.host.power_on(host)
    until(lambda: len(pids(report)) == 2)
    assert xenapi.task.get_status(task) == "pending"
    assert all(map(alive, pids(report)))
    until(lambda: xenapi.task.get_status(task) != "pending")
    assert xenapi.task.get_error_info(task) == ["XENAPI_PLUGIN_FAILURE", f"not finished after {LIMIT} s", "", ""]
    assert not any(map(alive, pids(report)))
    assert not live(xenapi, host)
    assert "power_on" in xenapi.host.get_allowed_operations(host)


def test_a_script_is_killed_when_its_task_is_cancelled(xenapi, host, tmp_path):
    report = tmp_path / "report"
    xenapi.host.set_power_on_mode(host, "hangs", {"report": str(report)})
    task = xenapi.Async.host.power_on(host)
    until(lambda: len(pids(report)) == 2)
    assert xenapi.task.get_allowed_operations(task) == ["cancel"]
    xenapi.task.cancel(task)
    until(lambda: xenapi.task.get_status(task) == "cancelled")
    until(lambda: not any(map(alive, pids(report))))
    assert not live(xenapi, host)


def test_what_a_script_raises_reaches_the_caller(xenapi, host):
    xenapi.host.set_power_on_mode(host, "refuses", {})
    assert error(xenapi, host) == ["XENAPI_PLUGIN_FAILURE", "main", "OUTLET_REFUSED", xenapi.host.get_uuid(host)]
    xenapi.host.set_power_on_mode(host, "exits", {})
    assert error(xenapi, host) == ["XENAPI_PLUGIN_FAILURE", "non-zero exit", "", ""]
    xenapi.host.set_power_on_mode(host, "../talks", {})
    assert error(xenapi, host) == ["XENAPI_PLUGIN_FAILURE", "main", "ModuleNotFoundError", "No module named '../talks'"]


def test_only_a_dead_host_with_a_mode_is_switched_on(xenapi, host):
    xenapi.host.set_power_on_mode(host, "", {})
    assert error(xenapi, host) == ["HOST_POWER_ON_MODE_DISABLED"]
    xenapi.host.set_power_on_mode(host, "Wake-on-LAN", {})
    xenapi.host.power_on(host)
    assert error(xenapi, host) == ["HOST_IS_LIVE", host]

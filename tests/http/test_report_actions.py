"""What a host tells whoever looks for a mistake: reports, logs, the audit log."""

from __future__ import annotations

import bz2
import io
import json
import tarfile
import zipfile
from xml.etree import ElementTree

import pytest

from xapid import logs
from xapid.operations.system_status import CAPABILITIES

PLANTED = "planted-Secret"


@pytest.fixture
def session(xapid_session):
    return xapid_session._session


def unpacked(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}


def test_a_report_holds_what_was_asked_for_in_the_format_that_was(web, session):
    path = f"/system-status?session_id={session}&entries=xapi,host-info,nothing"
    answer = web.ask("GET", path)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/x-tar")
    assert answer.headers["content-disposition"] == 'attachment; filename="system_status.tar"'
    files = unpacked(answer.body)
    assert sorted(files) == [
        "system_status/host/domains.json", "system_status/host/host.json", "system_status/xapid/server.json",
    ]  # fmt: skip
    assert json.loads(files["system_status/host/host.json"])["hostname"]
    packed = web.ask("GET", f"{path}&output=tar.bz2").body
    assert unpacked(bz2.decompress(packed)) == files
    with zipfile.ZipFile(io.BytesIO(web.ask("GET", f"{path}&output=zip").body)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files
    names = web.ask("GET", f"{path}&list=true")
    assert names.body.decode().splitlines() == ["xapid/server.json", "host/host.json", "host/domains.json"]


def test_a_whole_report_has_every_capability_and_no_secret(web, session, api, xapid_server, monkeypatch):
    monkeypatch.setattr(logs, "recent", logs.Recent())
    logs.recent({"log_format": "it happened", "log_time": 5.0, "log_system": "-"})
    api.secret.create({"value": PLANTED, "other_config": {}})
    sr = api.SR.get_all()[0]
    db = xapid_server.pool.db
    pbd = db.get("SR", sr).PBDs[0]
    with db.transaction() as tx:
        tx.update(pbd, device_config=db.get("PBD", pbd).device_config.with_item("chappassword", PLANTED))
        tx.update(db.table("pool").first(), wlb_password=PLANTED, repository_proxy_password=PLANTED)
    xapid_server.pool.services.stats.take("host", db.get("host", api.host.get_all()[0]).uuid, "x", 5.0, {"cpu0": 1.0})
    answer = web.ask("GET", f"/system-status?session_id={session}")
    files = unpacked(answer.body)
    assert {name.split("/", 1)[1] for name in files} >= {
        "xapid/server.json", "xapid/database.xml", "host/host.json", "var/log/xapid.log", "var/log/audit.log",
        "xapid/process.json", "xapid/connections.json",
    }  # fmt: skip
    assert b"it happened" in files["system_status/var/log/xapid.log"]
    assert b"secret.create" in files["system_status/var/log/audit.log"]
    assert b"chappassword" in files["system_status/xapid/database.xml"]
    for name, data in files.items():
        assert PLANTED.encode() not in data, name
        assert session.encode() not in data, name
        assert xapid_server.config.root_password.encode() not in data, name


def test_clients_learn_what_a_report_can_hold(api):
    root = ElementTree.fromstring(api.host.get_system_status_capabilities(api.host.get_all()[0]))
    assert [each.get("key") for each in root] == [each.key for each in CAPABILITIES]
    assert {each.get("pii") for each in root} <= {"no", "maybe", "yes", "if_customized"}


def test_a_format_that_there_is_not_fails_the_task(web, session, api):
    task = api.task.create("report", "")
    answer = web.ask("GET", f"/system-status?session_id={session}&output=rar&task_id={task}")
    assert answer.status == 500
    assert api.task.get_error_info(task) == ["INVALID_VALUE", "output", "rar"]
    task = api.task.create("report", "")
    assert web.ask("GET", f"/system-status?session_id={session}&entries=xapi&task_id={task}").status == 200
    assert api.task.get_status(task) == "success"


def test_logs_come_compressed(web, session):
    answer = web.ask("GET", f"/host_logs_download?session_id={session}")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/gzip")
    assert set(unpacked(answer.body)) == {"logs/var/log/xapid.log", "logs/var/log/audit.log"}


def test_the_audit_log_is_given_from_a_moment_on(web, session, api, xapid_server):
    api.secret.create({"value": "a", "other_config": {}})
    xapid_server.clock.pass_time(60)
    api.secret.create({"value": "b", "other_config": {}})
    whole = web.ask("GET", f"/audit_log?session_id={session}")
    assert (whole.status, whole.headers["content-type"]) == (200, "text/plain")
    assert whole.body.count(b"secret.create") == 2
    since = xapid_server.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert web.ask("GET", f"/audit_log?session_id={session}&since={since}").body.count(b"secret.create") == 1
    assert web.ask("GET", f"/audit_log?session_id={session}&since=yesterday").status == 500


@pytest.mark.parametrize("path", ["/system-status", "/host_logs_download", "/audit_log"])
def test_strangers_get_nothing(web, path):
    assert web.ask("GET", path).status == 401

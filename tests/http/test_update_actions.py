"""Updates, from a repository to hosts that have them; and what of that clients are told over HTTP."""

from __future__ import annotations

import io
import json
import tarfile
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from update_repository import make
from xapid.datamodel.errors import XenAPIError
from xapid.operations.update_schedule import UpdateSchedule, is_due
from xapid.testing.in_process import Server, config


@pytest.fixture
def xapid_server(tmp_path):
    make(tmp_path / "repositories" / "base")
    server = Server(config(preset="pool3", repositories=tmp_path / "repositories"))
    yield server
    server.close()


@pytest.fixture
def session(xapid_session):
    return xapid_session._session


@pytest.fixture
def pool(api):
    return api.pool.get_all()[0]


@pytest.fixture
def repository(api, pool):
    ref = api.Repository.introduce("base", "", "https://updates.example.test/8/base", "", True, "")
    api.pool.set_repositories(pool, [ref])
    return ref


def test_hosts_are_told_what_they_lack_and_get_it(web, api, session, pool, repository, xapid_clock):
    host, other = api.host.get_all()[:2]
    assert web.ask("GET", f"/updates?session_id={session}").status == 500
    checksum = api.pool.sync_updates(pool, False, "", "", "", "")
    assert api.Repository.get_hash(repository) == checksum
    assert {record["latest_synced_updates_applied"] for record in api.host.get_all_records().values()} == {"no"}
    assert api.pool.get_last_update_sync(pool).value[:8] == xapid_clock.now().strftime("%Y%m%d")
    answer = web.ask("GET", f"/updates?session_id={session}&host_refs={host}&host_refs={other}")
    assert answer.headers["content-type"] == "application/json"
    told = json.loads(answer.body)
    assert told["hash"] == checksum
    assert [update["id"] for update in told["updates"]] == ["UPDATE-1", "UPDATE-2"]
    assert [each["ref"] for each in told["hosts"]] == [host, other]
    assert told["hosts"][0]["RPMS"] == ["kernel-4.19-2.x86_64.rpm", "xen-4.17-6.x86_64.rpm"]
    api.host.disable(host)
    assert api.host.apply_updates(host, checksum) == []
    record = api.host.get_record(host)
    assert (record["last_update_hash"], record["latest_synced_updates_applied"]) == (checksum, "yes")
    assert record["pending_guidances"] == ["reboot_host"]
    assert record["pending_guidances_recommended"] == []
    assert record["pending_guidances_full"] == ["reboot_host"]
    told = json.loads(web.ask("GET", f"/updates?session_id={session}").body)
    by_host = {each["ref"]: each for each in told["hosts"]}
    assert (by_host[host]["RPMS"], by_host[host]["updates"]) == ([], [])
    assert len(by_host) == len(api.host.get_all())
    mine = json.loads(web.ask("GET", f"/host_updates?session_id={session}", host=host).body)
    assert mine["updates"] == []


def test_a_host_with_mandatory_guidance_stays_disabled_until_that_is_cleared(api, session, pool, repository, refused):
    host = api.pool.get_master(pool)
    checksum = api.pool.sync_updates(pool, False, "", "", "", "")
    api.host.disable(host)
    api.host.apply_updates(host, checksum)
    assert refused(api.host.enable, host)[0] == "HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY"
    api.host.emergency_clear_mandatory_guidance()
    api.host.enable(host)


def test_a_reboot_does_what_was_left_to_do(api, pool, repository, xapid_clock):
    host = next(ref for ref in api.host.get_all() if ref != api.pool.get_master(pool))
    checksum = api.pool.sync_updates(pool, False, "", "", "", "")
    api.host.disable(host)
    api.host.apply_updates(host, checksum)
    api.host.restart_agent(host)
    xapid_clock.pass_time(600)
    assert api.host.get_pending_guidances(host) == ["reboot_host"]
    api.host.reboot(host)
    xapid_clock.pass_time(3600)
    assert (api.host.get_pending_guidances(host), api.host.get_pending_guidances_full(host)) == ([], [])
    assert api.host.get_enabled(host)


def test_updates_are_not_applied_blindly(api, pool, repository, refused):
    host = api.host.get_all()[0]
    checksum = api.pool.sync_updates(pool, False, "", "", "", "")
    assert refused(api.host.apply_updates, host, checksum) == ["HOST_NOT_DISABLED"]
    api.host.disable(host)
    assert refused(api.host.apply_updates, host, "0" * 64) == ["UPDATEINFO_HASH_MISMATCH"]
    assert api.host.get_latest_synced_updates_applied(host) == "no"


def test_what_cannot_be_synchronised_is_refused_with_the_reason(api, pool, repository, refused, tmp_path):
    sync = (pool, False, "", "", "", "")
    updateinfo = tmp_path / "repositories" / "base" / "repodata" / "updateinfo.xml.gz"
    kept = updateinfo.read_bytes()
    updateinfo.write_bytes(b"rubbish")
    assert refused(api.pool.sync_updates, *sync) == ["UPDATEINFO_HASH_MISMATCH"]
    assert api.Repository.get_hash(repository) == ""
    updateinfo.write_bytes(kept)
    second = api.Repository.introduce("second", "", "https://updates.example.test/second", "", True, "")
    api.pool.set_repositories(pool, [repository, second])
    assert refused(api.pool.sync_updates, *sync) == ["MULTIPLE_UPDATE_REPOSITORIES_ENABLED"]
    api.pool.set_repositories(pool, [])
    assert refused(api.pool.sync_updates, *sync) == ["NO_REPOSITORY_ENABLED"]


def test_the_enabled_repository_is_there_for_others(web, api, session, pool, repository, tmp_path):
    path = f"/repository/enabled/{{}}?session_id={session}"
    assert web.ask("GET", path.format("repodata/repomd.xml")).status == 404
    api.pool.sync_updates(pool, False, "", "", "", "")
    repomd = (tmp_path / "repositories" / "base" / "repodata" / "repomd.xml").read_bytes()
    assert web.ask("GET", path.format("repodata/repomd.xml")).body == repomd
    assert web.ask("GET", path.format("Packages/xen-4.17-6.x86_64.rpm")).body == b"a package"
    for absent in ("Packages/other.rpm", "../../secret", "%2e%2e/%2e%2e/x", "Packages"):
        assert web.ask("GET", path.format(absent)).status == 404
    assert web.ask("GET", "/repository/enabled/repodata/repomd.xml").status == 401
    assert web.ask("GET", "/update/uuid/file").status == 404


def bundle(directory):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        archive.add(directory, "bundle")
    return data.getvalue()


def test_a_bundle_is_a_repository_in_an_archive(web, api, session, pool, refused, tmp_path):
    checksum = make(tmp_path / "other")
    path = f"/bundle?session_id={session}"
    data = bundle(tmp_path / "other")
    task = api.task.create("bundle", "")
    web.ask("PUT", f"{path}&task_id={task}", data)
    assert api.task.get_error_info(task) == ["BUNDLE_REPO_NOT_ENABLED"]
    ref = api.Repository.introduce_bundle("bundle", "")
    api.pool.set_repositories(pool, [ref])
    assert refused(api.pool.sync_updates, pool, False, "", "", "", "") == ["CAN_NOT_SYNC_UPDATES"]
    for wrong, error in ((b"rubbish", "BUNDLE_UNPACK_FAILED"), (bundle(tmp_path / "repositories"), "success")):
        task = api.task.create("bundle", "")
        web.ask("PUT", f"{path}&task_id={task}", wrong)
        assert (api.task.get_error_info(task) or ["success"])[0] == error
    task = api.task.create("bundle", "")
    web.ask("PUT", f"{path}&task_id={task}", data)
    assert api.task.get_status(task) == "success"
    assert api.Repository.get_hash(ref) == checksum
    assert api.pool.sync_updates(pool, False, "", "", "", "") == checksum


@pytest.mark.parametrize("member", ["b/repodata/../../../../escaped", "repodata/../../escaped"])
def test_nothing_of_a_bundle_is_put_outside_its_repository(web, api, session, pool, tmp_path, member):
    make(tmp_path / "other")
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.add(tmp_path / "other", "bundle")
        archive.addfile(tarfile.TarInfo(member), io.BytesIO())
    api.pool.set_repositories(pool, [api.Repository.introduce_bundle("bundle", "")])
    task = api.task.create("bundle", "")
    web.ask("PUT", f"/bundle?session_id={session}&task_id={task}", data.getvalue())
    assert api.task.get_error_info(task) == ["BUNDLE_UNPACK_FAILED", f"{member} leads out of the bundle"]


def test_a_bundle_has_so_many_documents_at_most(web, api, session, pool, tmp_path, monkeypatch):
    monkeypatch.setattr("xapid.http.update_actions._DOCUMENTS", 2)
    make(tmp_path / "other")
    api.pool.set_repositories(pool, [api.Repository.introduce_bundle("bundle", "")])
    task = api.task.create("bundle", "")
    web.ask("PUT", f"/bundle?session_id={session}&task_id={task}", bundle(tmp_path / "other"))
    assert api.task.get_error_info(task)[0] == "BUNDLE_UNPACK_FAILED"
    assert "too many" in api.task.get_error_info(task)[1]


def test_a_bundle_that_cannot_be_kept_is_refused(web, api, session, pool, tmp_path, xapid_server):
    """Here a document lies below another one."""
    xapid_server.pool.services.offers._directory = tmp_path / "kept"
    make(tmp_path / "other")
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.add(tmp_path / "other", "bundle")
        for name in ("bundle/repodata/a", "bundle/repodata/a/b"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    api.pool.set_repositories(pool, [api.Repository.introduce_bundle("bundle", "")])
    task = api.task.create("bundle", "")
    web.ask("PUT", f"/bundle?session_id={session}&task_id={task}", data.getvalue())
    assert api.task.get_error_info(task) == ["BUNDLE_SYNC_FAILED"]


def test_packages_of_the_former_kind_are_refused(web, api, session):
    task = api.task.create("patch", "")
    assert web.ask("PUT", f"/pool_patch_upload?session_id={session}&task_id={task}", b"an image").status == 200
    assert api.task.get_error_info(task) == ["INVALID_PATCH"]


def test_repositories_are_looked_at_by_themselves_where_that_is_wanted(api, pool, repository, xapid_clock):
    xapid_clock.pass_time(3700)
    assert api.Repository.get_hash(repository) == ""
    api.pool.configure_update_sync(pool, "daily", 0)
    api.pool.set_update_sync_enabled(pool, True)
    xapid_clock.pass_time(3700)
    assert api.Repository.get_hash(repository) != ""


def test_what_fails_by_itself_is_tried_again_every_hour_and_told_once_a_day(api, pool, repository, xapid_server, xapid_clock):
    db, tried, fails = xapid_server.pool.db, [], [True]

    async def run(ref):
        tried.append(ref)
        if fails:
            raise XenAPIError("INVALID_REPOMD_XML")

    api.pool.configure_update_sync(pool, "daily", 0)
    api.pool.set_update_sync_enabled(pool, True)
    xapid_server.pool.update_schedule.stop()
    schedule = UpdateSchedule(db, xapid_clock, run, lambda: False)
    schedule.start()
    xapid_clock.pass_time(5 * 3600)
    assert tried == [pool] * 5
    (message,) = api.message.get_all_records().values()
    assert [message[name] for name in ("name", "priority", "cls")] == ["PERIODIC_UPDATE_SYNC_FAILED", "3", "Pool"]
    assert message["obj_uuid"] == api.pool.get_uuid(pool)
    body = ElementTree.fromstring(message["body"])
    assert (body.findtext("exception"), body.findtext("date")) == ("INVALID_REPOMD_XML", message["timestamp"].value)
    assert "daily" in body.findtext("message")
    xapid_clock.pass_time(86400)
    assert len(api.message.get_all()) == 2
    fails.clear()
    xapid_clock.pass_time(86400)
    assert len(api.message.get_all()) == 2
    schedule.stop()


@pytest.mark.parametrize(
    ("frequency", "day", "hours", "due"),
    [
        ("daily", 0, 23, False), ("daily", 0, 24, True), ("weekly", 4, 24, True), ("weekly", 4, 23, False),
        ("weekly", 3, 200, False), ("weekly", 4, 200, True),
    ],
)  # fmt: skip
def test_a_repository_is_due_after_a_day_and_on_its_day_of_the_week(frequency, day, hours, due):
    """The moment is a Thursday, the fifth day of a week that begins with Sunday."""
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    settings = {"update_sync_enabled": True, "update_sync_frequency": frequency, "update_sync_day": day}
    pool = SimpleNamespace(**settings, last_update_sync=now - timedelta(hours=hours))
    assert is_due(pool, now) == due
    pool.update_sync_enabled = False
    assert not is_due(pool, now)


def test_interfaces_made_for_xcp_ng_are_told_what_hosts_lack(api, repository, pool):
    (host, *_) = api.host.get_all()
    assert api.host.call_plugin(host, "updater.py", "check_update", {}) == "[]"
    api.pool.sync_updates(pool, False, "", "", "", "")
    listed = json.loads(api.host.call_plugin(host, "updater.py", "check_update", {}))
    assert [(one["name"], one["version"], one["release"], one["description"]) for one in listed] == [
        ("kernel", "4.19", "2", "Mends a hole"),
        ("xen", "4.17", "6", "Mends a bug"),
    ]
    assert listed[0]["changelog"] == {"date": 1741064767, "description": "more", "author": ""}

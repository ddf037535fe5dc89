"""Statistics from elsewhere, taken in over HTTP beside those that are measured here."""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan

import pytest

from http_in_memory import Web
from measured import measured_server
from xapid.stats import Store, whole
from xapid.stats.archive import Function
from xapid.testing.in_process import Server

EVERYTHING: tuple[Function, ...] = ("AVERAGE", "MIN", "MAX")


@pytest.fixture
def server() -> Iterator[Server]:
    """One host, measured for three minutes."""
    with measured_server("standalone") as server:
        yield server


@pytest.fixture
def api(server):
    return server.session().xenapi


@pytest.fixture
def put(server):
    """What an upload is answered, and what its task says went wrong."""
    web, session = Web(server), server.session()

    def send(query: str, document: bytes):
        task = session.xenapi.task.create("t", "")
        answer = web.ask("PUT", f"/rrd?session_id={session._session}&task_id={task}{query}", document)
        return answer.status, session.xenapi.task.get_error_info(task)

    return send


@pytest.fixture
def vm(api):
    """One that was never started."""
    return api.VM.get_uuid(api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "imported"))


def elsewhere(until: float, *, seconds: int = 7200, extremes: bool = False) -> bytes:
    """What another server gives of a VM: ``cpu0`` counts up to 0.99 and again, ``memory`` is the moment."""
    store = Store()
    store.with_extremes = extremes
    for time in range(int(until) - seconds, int(until), 5):
        store.take("vm", "u", "h", time, {"cpu0": time // 5 % 100 / 100, "memory": float(time), "own": 1.0})
    series = store.find("vm", "u")
    store.keep("vm", "u", "own")
    store.take("vm", "u", "h", int(until), {"cpu0": 0.5, "memory": float(until), "own": 2.0})
    return b"".join(whole.xml(series))


def known(series, number: int = 0, function: Function = "AVERAGE") -> dict[int, dict[str, float]]:
    """The rows that say something, by when they ended."""
    ring = series.archive.rings(function)[number]
    times = range(ring.last - (ring.rows - 1) * ring.step, ring.last + 1, ring.step)
    rows = {time: dict(zip(series.archive.names, ring.row(time), strict=True)) for time in times}
    return {time: row for time, row in rows.items() if not all(map(isnan, row.values()))}


def test_a_vm_has_the_past_that_it_had_elsewhere(server, api, put, vm):
    now = int(server.clock.seconds()) // 5 * 5
    document = elsewhere(now - 3600, extremes=True)
    assert put(f"&uuid={vm}", document) == (200, [])
    series = server.pool.services.stats.find("vm", vm)
    assert b"".join(whole.xml(series)) == document
    assert series.archive.functions == EVERYTHING
    assert series.archive.latest == (0.5, now - 3600, 2.0)
    assert known(series)[now - 3600]["memory"] == now - 3600
    assert Web(server).ask("GET", f"/vm_rrd?uuid={vm}&session_id={server.session()._session}").body == document


def test_a_vm_that_has_run_here_since_keeps_what_was_measured_here(server, api, put, vm):
    store = server.pool.services.stats
    ref = api.VM.get_by_uuid(vm)
    api.VM.provision(ref)
    api.VM.start(ref, False, False)
    server.clock.pass_time(3 * 3600)
    before = [known(store.find("vm", vm), number) for number in range(3)]
    now = int(server.clock.seconds()) // 5 * 5
    assert put(f"&uuid={vm}", elsewhere(now - 5000, seconds=3 * 86400)) == (200, [])
    series = store.find("vm", vm)
    after = [known(series, number) for number in range(3)]
    for rows, former in zip(after, before, strict=True):
        for time, row in former.items():
            assert {name: rows[time][name] for name in row} == row
    assert "own" in series.archive.names
    hours = [time for time in after[2] if time not in before[2]]
    assert len(hours) > 60
    assert all(0.4 < after[2][time]["cpu0"] < 0.6 for time in hours)
    server.clock.pass_time(60)
    grown = known(series)
    assert max(grown) == int(server.clock.seconds()) // 5 * 5
    assert not isnan(grown[max(grown)]["memory"])


def test_hosts_and_srs_can_have_a_past_as_well(server, api, put):
    now = int(server.clock.seconds()) // 5 * 5
    host, sr = (api.host.get_uuid(api.host.get_all()[0]), api.SR.get_uuid(api.SR.get_all()[0]))
    for kind, uuid in (("host", host), ("sr", sr)):
        assert put(f"&uuid={uuid}", elsewhere(now - 86400)) == (200, [])
        assert "own" in server.pool.services.stats.find(kind, uuid).archive.names


def test_what_nothing_has_is_told_before_the_document(server, put):
    assert put("", b"x")[0] == 400
    assert put("&uuid=6ba7b810-9dad-11d1-80b4-00c04fd430c8", b"x")[0] == 404


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: "no xml", "it is not XML"),
        (lambda text: text[: len(text) // 2], "it is not XML"),
        (lambda text: "<rrd></rrd>", "there are no archives in it"),
        (lambda text: "<x><a/></x>", "there are no archives in it"),
        (lambda text: text.replace("<rrd>", "<!DOCTYPE rrd [<!ENTITY a 'b'>]><rrd>", 1), "a document type is declared"),
        (lambda text: text.replace("<v>", "<w>", 1).replace("</v>", "</w>", 1), "a row has not one figure for each"),
        (lambda text: text.replace("<v>NaN", "<v>many", 1), "'many' is no figure"),
        (lambda text: text.replace("<name>cpu0<", "<name>memory<", 1), "a data source has no name of its own"),
        (lambda text: text.replace("</rrd>", "<ds><name>late</name></ds></rrd>"), "a data source comes after the archives"),
        (lambda text: text.replace("<pdp_per_row>1<", "<pdp_per_row>0<", 1), "an archive has no step"),
        (lambda text: text.replace("<lastupdate>", "<lastupdate>9", 1), "it was written in the future"),
        (lambda text: text.replace("<step>5", "<step>-5", 1), "-5.0 is out of range"),
    ],
)
def test_what_are_no_statistics_fails_the_task_and_changes_nothing(server, put, vm, change, reason):
    document = elsewhere(int(server.clock.seconds()) - 3600, seconds=60).decode()
    changed = change(document)
    assert changed != document
    status, error = put(f"&uuid={vm}", changed.encode())
    assert (status, error[:2]) == (200, ["INVALID_VALUE", "rrd"])
    assert error[2].startswith(reason)
    assert server.pool.services.stats.find("vm", vm) is None


def test_archives_with_other_steps_are_passed_over(server, put, vm):
    document = elsewhere(int(server.clock.seconds()) - 3600).decode()
    assert put(f"&uuid={vm}", document.replace("<pdp_per_row>12<", "<pdp_per_row>13<").encode()) == (200, [])
    series = server.pool.services.stats.find("vm", vm)
    assert [bool(known(series, number)) for number in range(3)] == [True, False, True]

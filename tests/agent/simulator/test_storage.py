"""SRs and disks of simulated hosts."""

from __future__ import annotations

import pytest

from xapid.agent.simulator.machine import Disks
from xapid.agent.values import AgentFailure, SrConfig, VdiSpec
from xapid.datamodel.errors import XenAPIError

MIB, GIB = 1 << 20, 1 << 30
PLACES = {"nfs": {"server": "192.0.2.1", "serverpath": "/disks"}, "lvm": {"device": "/dev/sdb"}, "iso": {"location": "/isos"}}


def repository(type_="nfs", size=100 * GIB, known=()):
    return SrConfig(
        sr="sr-1", type=type_, content_type="user", shared=True, device_config=PLACES[type_], sm_config={}, physical_size=size,
        known=list(known),
    )  # fmt: skip


def spec(vdi="vdi-1", size=10 * GIB):
    return VdiSpec(vdi=vdi, name="a", description="", type="user", virtual_size=size, read_only=False, sm_config={})


def refusal(place, working):
    with pytest.raises(XenAPIError) as caught:
        place.now(working)
    return caught.value.code


@pytest.mark.parametrize(
    ("type_", "asked", "given"), [("nfs", 3 * MIB, 4 * MIB), ("nfs", 1, 2 * MIB), ("lvm", 1, 4 * MIB), ("iso", 7, 7)]
)
def test_a_disk_gets_whole_blocks_of_its_storage(place, type_, asked, given):
    storage = place.host().storage
    place.now(storage.sr_attach(repository(type_)))
    assert place.now(storage.vdi_create("sr-1", spec(size=asked)))["virtual_size"] == given


def test_a_disk_made_twice_is_one_disk(place):
    storage = place.host().storage
    place.now(storage.sr_attach(repository()))
    assert place.now(storage.vdi_create("sr-1", spec())) == place.now(storage.vdi_create("sr-1", spec()))
    assert len(place.now(storage.sr_scan("sr-1"))) == 1


def test_hosts_of_one_process_see_the_same_disks(place):
    first, second = place.host().storage, place.host("host-2").storage
    for storage in (first, second):
        place.now(storage.sr_attach(repository()))
    place.now(first.vdi_create("sr-1", spec()))
    assert [disk["vdi"] for disk in place.now(second.sr_scan("sr-1"))] == ["vdi-1"]


def test_storage_that_keeps_nothing_takes_over_what_the_caller_has_on_record(place):
    storage = place.host().storage
    place.now(storage.sr_attach(repository()))
    kept = place.now(storage.vdi_create("sr-1", spec()))
    place.surroundings.srs.clear()
    place.now(storage.sr_attach(repository(known=[kept])))
    assert place.now(storage.sr_scan("sr-1")) == [kept]


def test_an_sr_that_is_not_attached_cannot_be_scanned(place):
    """So nothing is taken for gone."""
    with pytest.raises(AgentFailure, match="no_such_object SR sr-1"):
        place.now(place.host().storage.sr_scan("sr-1"))


def test_what_an_sr_could_never_hold_is_refused(place):
    storage = place.host().storage
    place.now(storage.sr_attach(repository(size=GIB)))
    assert refusal(place, storage.vdi_create("sr-1", spec(size=2 * GIB))) == "SR_BACKEND_FAILURE_44"
    assert refusal(place, storage.vdi_create("sr-1", spec(size=3000 * GIB))) == "SR_BACKEND_FAILURE_79"
    assert place.now(storage.sr_scan("sr-1")) == []


def test_disks_grow_and_never_shrink(place):
    storage = place.host().storage
    place.now(storage.sr_attach(repository()))
    place.now(storage.vdi_create("sr-1", spec()))
    assert place.now(storage.vdi_resize("sr-1", "vdi-1", 20 * GIB))["virtual_size"] == 20 * GIB
    assert refusal(place, storage.vdi_resize("sr-1", "vdi-1", GIB)) == "SR_BACKEND_FAILURE_79"


def test_snapshots_clones_and_copies_have_the_size_of_their_source(place):
    """Only a snapshot says what it was taken of."""
    storage = place.host().storage
    place.now(storage.sr_attach(repository()))
    place.now(storage.vdi_create("sr-1", spec()))
    snapshot = place.now(storage.vdi_snapshot("sr-1", "vdi-1", spec("snapshot", 1)))
    clone = place.now(storage.vdi_clone("sr-1", "vdi-1", spec("clone", 1)))
    copy = place.now(storage.vdi_copy("sr-1", "vdi-1", "sr-1", spec("copy", 1), ""))
    assert {disk["virtual_size"] for disk in (snapshot, clone, copy)} == {10 * GIB}
    assert (snapshot["snapshot_of"], clone["snapshot_of"], copy["snapshot_of"]) == ("vdi-1", "", "")


def test_an_sr_with_an_attached_disk_cannot_be_let_go(place):
    storage = place.host().storage
    place.now(storage.sr_attach(repository()))
    place.now(storage.vdi_create("sr-1", spec()))
    place.now(storage.vdi_activate("sr-1", "vdi-1", False))
    with pytest.raises(AgentFailure, match="device_in_use"):
        place.now(storage.sr_detach("sr-1"))
    place.now(storage.vdi_deactivate("sr-1", "vdi-1"))
    place.now(storage.sr_detach("sr-1"))


def test_the_sums_of_an_sr_are_those_of_its_disks() -> None:
    disks = Disks()

    def put(vdi: str, virtual: int, physical: int) -> None:
        disks[vdi] = {"vdi": vdi, "virtual_size": virtual, "physical_utilisation": physical}  # type: ignore[typeddict-item]

    put("a", 10, 1)
    put("b", 20, 2)
    put("a", 30, 5)
    assert disks.setdefault("b", disks["a"]) is disks["b"]
    assert (disks.virtual_size, disks.physical_utilisation) == (50, 7)
    assert disks.pop("b")["virtual_size"] == 20
    assert disks.pop("b", None) is None
    assert (disks.virtual_size, disks.physical_utilisation, list(disks)) == (30, 5, ["a"])

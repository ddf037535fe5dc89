"""VMs move with their disks: to other storage of the pool, and to another pool; and what keeps them from it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
import XenAPI

from archives_over_https import NULL, Api, disks, everything, get, put, sr_of, vms_of
from reference_xva import CHUNK, archive, disks_of
from xapid.testing.processes import Daemon, Daemons
from xapid.testing.waiting import until

pytestmark = pytest.mark.daemon

DISK = random.Random(7).randbytes(CHUNK + 4096) + bytes(2 * CHUNK) + b"the end"
DISK += bytes(-len(DISK) % (2 << 20))


def failure_of(call: Any, *args: Any) -> list[str]:
    with pytest.raises(XenAPI.Failure) as caught:
        call(*args)
    return list(caught.value.details)


@pytest.fixture
def pools(xapid_daemons: Daemons) -> Iterator[tuple[Daemon, Daemon]]:
    yield xapid_daemons.start("--hosts", "2"), xapid_daemons.start()


def receive(api: Api, host: str | None = None) -> dict[str, str]:
    """What a host that is ready to take a VM says."""
    host = host or api.pool.get_master(api.pool.get_all()[0])
    network = next(api.PIF.get_network(ref) for ref in api.host.get_PIFs(host) if api.PIF.get_management(ref))
    answer: dict[str, str] = api.host.migrate_receive(host, network, {})
    return answer


def network_of(api: Api) -> str:
    return str(next(ref for ref, record in api.network.get_all_records().items() if record["bridge"] == "xenbr0"))


def runs(api: Api, vm: str) -> None:
    """Start a VM and wait until its guest lets it migrate."""
    api.VM.start(vm, False, False)
    until(lambda: "migrate_send" in api.VM.get_allowed_operations(vm))


def other_sr(api: Api, vdi: str) -> str:
    """Shared storage where the disk is not."""
    own = api.VDI.get_SR(vdi)
    return str(next(
        ref for ref, sr in api.SR.get_all_records().items()
        if sr["shared"] and sr["content_type"] not in ("iso", "disk") and ref != own
    ))  # fmt: skip


@pytest.mark.parametrize("live", [True, False])
def test_a_vm_moves_to_another_pool(pools: tuple[Daemon, Daemon], live: bool) -> None:
    """With its snapshot, its identity and every byte of its disks; it runs there if it ran here, and is gone from here."""
    (here, there), (source, target) = pools, map(Api, pools)
    (vm,) = vms_of(put(here, source, archive(DISK), f"&sr_id={sr_of(source)}"))
    source.VM.snapshot(vm, "earlier")
    uuid, mac = source.VM.get_uuid(vm), source.VIF.get_MAC(source.VM.get_VIFs(vm)[0])
    if live:
        runs(source, vm)
        started = source.VM_metrics.get_start_time(source.VM.get_metrics(vm))
    before = everything(source)
    dest = receive(target)
    assert dest.keys() == {"host", "SM", "xenops", "session_id", "master"}
    vdi_map = {disks(source, vm)[0]: sr_of(target)}
    vif_map = {source.VM.get_VIFs(vm)[0]: network_of(target)}
    source.VM.assert_can_migrate(vm, dest, True, vdi_map, vif_map, {})
    assert everything(source) == before
    moved = source.VM.migrate_send(vm, dest, True, vdi_map, vif_map, {})

    assert vm not in source.VM.get_all()
    assert not source.VM.get_by_name_label("earlier")
    assert not set(vdi_map) & set(source.VDI.get_all())
    record = target.VM.get_record(moved)
    assert (record["uuid"], record["name_label"]) == (uuid, "traveller")
    assert target.VIF.get_MAC(record["VIFs"][0]) == mac
    assert target.VIF.get_network(record["VIFs"][0]) == network_of(target)
    assert [target.VM.get_name_label(ref) for ref in record["snapshots"]] == ["earlier"]
    assert record["current_operations"] == {}
    if live:
        assert (record["power_state"], record["resident_on"]) == ("Running", dest["host"])
        assert target.VM_metrics.get_start_time(record["metrics"]) == started
        target.VM.hard_shutdown(moved)
    assert disks_of(get(there, target, moved)).popitem()[1] == DISK
    (snapshot,) = record["snapshots"]
    assert disks_of(get(there, target, snapshot)).popitem()[1] == DISK
    target.VM.start(moved, False, False)


def test_a_copy_goes_to_another_pool_and_the_vm_stays(pools: tuple[Daemon, Daemon]) -> None:
    (here, there), (source, target) = pools, map(Api, pools)
    (vm,) = vms_of(put(here, source, archive(DISK)))
    before = everything(source)
    maps = {disks(source, vm)[0]: sr_of(target)}, {source.VM.get_VIFs(vm)[0]: network_of(target)}
    copy = source.VM.migrate_send(vm, receive(target), False, *maps, {"copy": "true"})
    assert everything(source) == before
    assert target.VM.get_uuid(copy) != source.VM.get_uuid(vm)
    assert disks_of(get(there, target, copy)).popitem()[1] == DISK
    runs(source, vm)
    refused = failure_of(source.VM.migrate_send, vm, receive(target), True, *maps, {"copy": "true"})
    assert refused == ["VM_BAD_POWER_STATE", vm, "halted", "running"]


def test_what_fails_in_the_other_pool_leaves_both_as_they_were(pools: tuple[Daemon, Daemon]) -> None:
    """The VM runs on here, and nothing of it stays there."""
    (here, _), (source, target) = pools, map(Api, pools)
    (vm,) = vms_of(put(here, source, archive(DISK)))
    runs(source, vm)
    maps = {disks(source, vm)[0]: sr_of(target)}, {source.VM.get_VIFs(vm)[0]: network_of(target)}
    host = target.pool.get_master(target.pool.get_all()[0])
    template = target.VM.get_by_name_label("Other install media")[0]
    while (free := int(target.host.compute_free_memory(host))) > 250 << 20:
        hog = target.VM.clone(template, "hog")
        target.VM.provision(hog)
        room = str(max(free * 95 // 100, 130 << 20) if free > 400 << 20 else 130 << 20)
        target.VM.set_memory_limits(hog, room, room, room, room)
        target.VM.start(hog, False, False)
    before = everything(target)
    refused = failure_of(source.VM.migrate_send, vm, receive(target), True, *maps, {})
    assert refused[0] == "HOST_NOT_ENOUGH_FREE_MEMORY"
    assert source.VM.get_power_state(vm) == "Running"
    assert "migrate_send" in source.VM.get_allowed_operations(vm)
    assert everything(target) == before
    session = {**receive(target), "session_id": "OpaqueRef:nobody"}
    assert failure_of(source.VM.migrate_send, vm, session, True, *maps, {}) == ["VM_MIGRATE_CONTACT_REMOTE_SERVICE_FAILED"]
    away = {**receive(target), "master": "http://127.0.0.1:1"}
    assert failure_of(source.VM.migrate_send, vm, away, True, *maps, {}) == ["VM_MIGRATE_CONTACT_REMOTE_SERVICE_FAILED"]


@pytest.mark.parametrize("live", [True, False])
def test_a_vm_moves_to_other_storage_and_another_host_of_its_pool(pools: tuple[Daemon, Daemon], live: bool) -> None:
    """It is the same VM; its disks are other ones with the same bytes, and its snapshot's go with them."""
    here, source = pools[0], Api(pools[0])
    (vm,) = vms_of(put(here, source, archive(DISK)))
    for vif in source.VM.get_VIFs(vm):
        source.VIF.move(vif, network_of(source))
    (old,) = disks(source, vm)
    target = source.SR.create(
        source.pool.get_master(source.pool.get_all()[0]), {"server": "s", "serverpath": "/p"}, "0", "other", "", "nfs", "user",
        True, {},
    ) if not _has_other(source, old) else other_sr(source, old)  # fmt: skip
    snapshot = source.VM.snapshot(vm, "earlier")
    if live:
        runs(source, vm)
    hosts = source.host.get_all()
    place = next(host for host in hosts if host != source.VM.get_resident_on(vm))
    dest = receive(source, place)
    assert source.VM.migrate_send(vm, dest, True, {old: target}, {}, {}) == vm
    (new,) = disks(source, vm)
    assert old not in source.VDI.get_all()
    assert source.VDI.get_SR(new) == target
    (kept,) = disks(source, snapshot)
    assert (source.VDI.get_SR(kept), source.VDI.get_snapshot_of(kept)) == (target, new)
    if live:
        assert (source.VM.get_power_state(vm), source.VM.get_resident_on(vm)) == ("Running", place)
        source.VM.hard_shutdown(vm)
    assert disks_of(get(here, source, vm)).popitem()[1] == DISK


def _has_other(api: Api, vdi: str) -> bool:
    try:
        other_sr(api, vdi)
    except StopIteration:
        return False
    return True


def test_what_keeps_a_vm_from_moving(pools: tuple[Daemon, Daemon]) -> None:
    """Each refusal with its parameters, from the check alone and from the migration."""
    (here, _), (source, target) = pools, map(Api, pools)
    (vm,) = vms_of(put(here, source, archive(DISK)))
    (disk,), (vif,) = disks(source, vm), source.VM.get_VIFs(vm)
    dest, disk_map, nic_map = receive(target), {disk: sr_of(target)}, {vif: network_of(target)}
    library = next(ref for ref, sr in target.SR.get_all_records().items() if sr["content_type"] == "iso")

    def refused(*args: Any) -> list[str]:
        found = failure_of(source.VM.assert_can_migrate, vm, *args)
        assert failure_of(source.VM.migrate_send, vm, *args) == found
        return found

    assert refused(dest, True, {}, nic_map, {}) == ["VDI_NOT_IN_MAP", disk]
    assert refused(dest, True, disk_map, {}, {}) == ["VIF_NOT_IN_MAP", vif]
    assert refused(dest, True, {disk: library}, nic_map, {})[:2] == ["SR_DOES_NOT_SUPPORT_MIGRATION", library]
    assert refused(dest, True, disk_map, {vif: "OpaqueRef:x"}, {}) == ["HANDLE_INVALID", "network", "OpaqueRef:x"]
    near = receive(source)
    assert refused(near, True, {}, nic_map, {})[0] == "OPERATION_NOT_ALLOWED"
    assert refused(near, True, {}, {}, {"copy": "true"})[0] == "OPERATION_NOT_ALLOWED"
    target.host.disable(dest["host"])
    assert refused(dest, True, disk_map, nic_map, {}) == ["HOST_DISABLED", dest["host"]]
    target.host.enable(dest["host"])
    source.VDI.enable_cbt(disk)
    assert refused(dest, True, disk_map, nic_map, {}) == ["VDI_CBT_ENABLED", disk]
    source.VDI.disable_cbt(disk)
    source.VM.set_blocked_operations(vm, {"migrate_send": "mine"})
    assert refused(dest, True, disk_map, nic_map, {}) == ["OPERATION_BLOCKED", vm, "mine"]


def test_only_networks_with_an_address_receive_vms(pools: tuple[Daemon, Daemon]) -> None:
    target = Api(pools[1])
    host = target.pool.get_master(target.pool.get_all()[0])
    internal = next(ref for ref, record in target.network.get_all_records().items() if not record["PIFs"])
    assert failure_of(target.host.migrate_receive, host, internal, {}) == ["HOST_CANNOT_ATTACH_NETWORK", host, internal]
    pif = next(ref for ref, record in target.PIF.get_all_records().items() if record["ip_configuration_mode"] == "None")
    refused = failure_of(target.host.migrate_receive, target.PIF.get_host(pif), target.PIF.get_network(pif), {})
    assert refused == ["PIF_HAS_NO_NETWORK_CONFIGURATION", pif]
    assert NULL not in receive(target).values()

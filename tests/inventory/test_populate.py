from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest

from xapid.database import Database, Row
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.types import NULL_REF, Enum, Map, Ref, Set, Type, frozenmap
from xapid.ids import Ids
from xapid.inventory import Counts, HostCertificate, addresses_from, populate, preset

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CERTIFICATE = HostCertificate("AA:BB", "CC:DD", NOW, datetime(2036, 11, 18, tzinfo=UTC))


def new_pool(counts: Counts | str = "pool3", *addresses: str, seed: int = 7, **options: Any) -> Database:
    ids = Ids(seed)
    db = Database(catalogue(), ids)
    populate(db, counts, addresses or ["127.0.0.1"], NOW, ids, **options)
    return db


def contents(db: Database) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    return {
        name: [(row.ref, {field: getattr(row, field) for field in table.stored}) for row in table]
        for name, table in db.tables.items()
    }


def the_pool(db: Database) -> Row:
    (pool,) = db.table("pool")
    return pool


def test_the_same_seed_and_clock_give_the_same_pool() -> None:
    assert contents(new_pool()) == contents(new_pool())


def test_another_seed_gives_other_identities() -> None:
    assert {row.uuid for row in new_pool().table("host")}.isdisjoint(row.uuid for row in new_pool(seed=8).table("host"))


def test_screens_of_hosts_and_the_cd_with_tools_can_be_left_out() -> None:
    db = new_pool(Counts(hosts=2, displays=0, tools=0))
    assert not [len(db.table(cls)) for cls in ("PGPU", "GPU_group") if len(db.table(cls))]
    assert not [row for row in db.table("PCI") if row.class_name.startswith("VGA")]
    assert not [row for row in db.table("SR") if row.is_tools_sr]
    assert [len(new_pool(Counts(hosts=2)).table(cls)) for cls in ("PGPU", "GPU_group")] == [2, 1]


def test_a_pool_is_made_in_one_transaction() -> None:
    assert new_pool().generation == 1


def _complaints(db: Database, type_: Type, value: Any) -> str | None:
    match type_:
        case Ref(to=cls):
            return None if value == NULL_REF or value in db.table(cls) else f"{value} is no {cls}"
        case Set(of=inner):
            if not isinstance(value, tuple):
                return f"{value!r} is no set"
            return next((found for item in value if (found := _complaints(db, inner, item))), None)
        case Map(key=key, value=inner):
            if not isinstance(value, frozenmap):
                return f"{value!r} is no map"
            pairs = [(key, k) for k in value] + [(inner, v) for v in value.values()]
            return next((found for part, item in pairs if (found := _complaints(db, part, item))), None)
        case Enum(values=values):
            return None if value in values else f"{value!r} is no {type_}"
        case _:
            return None if type(value) is type(type_.empty) else f"{value!r} is no {type_}"


@pytest.mark.parametrize(
    "counts", ["standalone", "pool3", Counts(hosts=2, vms_per_host=2, shared_srs=2, isos=6), Counts(displays=0, tools=0)]
)
def test_every_field_of_every_object_has_its_declared_type_and_no_reference_dangles(counts: Counts | str) -> None:
    db = new_pool(counts, certificate=CERTIFICATE)
    for name, table in db.tables.items():
        for row in table:
            for field in catalogue().classes[name].fields:
                assert _complaints(db, field.type, getattr(row, field.name)) is None, f"{name}.{field.name}"


def test_standalone_is_one_unnamed_host_with_nothing_that_keeps_it_from_joining_a_pool() -> None:
    db = new_pool("standalone", "10.0.0.5")
    assert len(db.table("host")) == 1
    assert the_pool(db).name_label == ""
    assert [row.name_label for row in db.table("SR") if row.shared and not row.is_tools_sr] == []
    assert [len(db.table(cls)) for cls in ("VLAN", "Bond", "tunnel", "network_sriov")] == [0, 0, 0, 0]
    assert db.get("SR", the_pool(db).default_SR).name_label == "Local storage"
    (management,) = [pif for pif in db.table("PIF") if pif.management]
    assert (management.ip_configuration_mode, management.IP, management.VLAN) == ("Static", "10.0.0.5", -1)


def test_pool3_has_three_live_hosts_at_successive_addresses() -> None:
    db = new_pool("pool3", "127.0.0.1")
    hosts = list(db.table("host"))
    assert [host.address for host in hosts] == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    assert all(host.enabled and db.get("host_metrics", host.metrics).live for host in hosts)
    assert the_pool(db).master == hosts[0].ref


def test_the_default_sr_of_pool3_is_shared_and_plugged_on_every_host() -> None:
    db = new_pool()
    sr = db.get("SR", the_pool(db).default_SR)
    assert (sr.type, sr.shared) == ("nfs", True)
    plugged = [db.get("PBD", pbd) for pbd in sr.PBDs]
    assert [pbd.host for pbd in plugged] == [host.ref for host in db.table("host")]
    assert all(pbd.currently_attached for pbd in plugged)


def test_every_host_has_a_running_control_domain_with_consoles_at_its_address() -> None:
    db = new_pool(port=8443)
    for host in db.table("host"):
        vm = db.get("VM", host.control_domain)
        assert (vm.power_state, vm.domid, vm.resident_on, vm.is_control_domain) == ("Running", 0, host.ref, True)
        assert host.resident_VMs == (vm.ref,)
        for console in (db.get("console", ref) for ref in vm.consoles):
            assert console.location == f"https://{host.address}:8443/console?uuid={console.uuid}"


def test_networks_are_shared_by_bridge_and_the_internal_network_has_no_interface() -> None:
    db = new_pool()
    networks = {network.bridge: network for network in db.table("network")}
    assert set(networks) == {"xenapi", "xenbr0", "xenbr1", "xapi0", "xapi1"}
    assert {bridge: len(network.PIFs) for bridge, network in networks.items()} == {
        "xenapi": 0, "xenbr0": 3, "xenbr1": 3, "xapi0": 3, "xapi1": 3,
    }  # fmt: skip


def test_vlan_interfaces_name_their_base_and_their_vlan() -> None:
    db = new_pool()
    for vlan in db.table("VLAN"):
        base, tagged = db.get("PIF", vlan.tagged_PIF), db.get("PIF", vlan.untagged_PIF)
        assert tagged.VLAN_master_of == vlan.ref
        assert (tagged.device, tagged.host, tagged.VLAN, tagged.physical) == (base.device, base.host, vlan.tag, False)
        assert vlan.ref in base.VLAN_slave_of


def test_memory_of_a_host_is_free_but_for_what_the_hypervisor_and_the_control_domain_take() -> None:
    db = new_pool()
    for host in db.table("host"):
        metrics = db.get("host_metrics", host.metrics)
        domain = db.get("VM", host.control_domain)
        assert metrics.memory_free == metrics.memory_total - host.memory_overhead - domain.memory_dynamic_min


def test_templates_that_clients_look_for_are_there_with_disks_and_recommendations() -> None:
    db = new_pool()
    (debian,) = db.table("VM").by_name("Debian Bookworm 12")
    assert debian.is_a_template and debian.is_default_template
    disks = ElementTree.fromstring(debian.other_config["disks"])
    assert [(d.get("device"), d.get("size"), d.get("sr"), d.get("bootable")) for d in disks] == [
        ("0", "10737418240", "", "true")
    ]
    limits = ElementTree.fromstring(debian.recommendations)
    assert limits.tag == "restrictions"
    assert {r.get("field") or r.get("property") for r in limits} >= {"memory-static-max", "vcpus-max", "number-of-vbds"}
    assert debian.other_config["default_template"] == "true"
    (other,) = db.table("VM").by_name("Other install media")
    assert "disks" not in other.other_config
    assert other.HVM_boot_params == {"order": "dc"}


def test_every_vm_says_how_many_cores_a_socket_has() -> None:
    assert all("cores-per-socket" in vm.platform for vm in new_pool(Counts(vms_per_host=1)).table("VM"))


def test_mac_seeds_differ() -> None:
    seeds = [vm.other_config["mac_seed"] for vm in new_pool().table("VM") if "mac_seed" in vm.other_config]
    assert len(seeds) == len(set(seeds)) > 20


def test_counted_vms_are_halted_with_a_disk_and_an_interface() -> None:
    db = new_pool(Counts(hosts=2, vms_per_host=3))
    vms = [vm for vm in db.table("VM") if not (vm.is_a_template or vm.is_control_domain)]
    assert [vm.name_label for vm in vms] == ["vm-1-1", "vm-1-2", "vm-1-3", "vm-2-1", "vm-2-2", "vm-2-3"]
    for vm in vms:
        assert (vm.power_state, len(vm.VBDs), len(vm.VIFs)) == ("Halted", 1, 1)
        assert "default_template" not in vm.other_config
    local = [sr for sr in db.table("SR") if sr.type == "ext"]
    assert [sr.virtual_allocation for sr in local] == [3 * (10 << 30)] * 2


def test_the_tools_are_marked_as_such() -> None:
    db = new_pool()
    (sr,) = [sr for sr in db.table("SR") if sr.is_tools_sr]
    (iso,) = [db.get("VDI", ref) for ref in sr.VDIs]
    assert iso.is_tools_iso and iso.sm_config == {"xs-tools": "true"} and iso.read_only
    assert sr.other_config["xenserver_tools_sr"] == "true"


def test_a_storage_type_lists_each_capability_as_a_feature_with_its_level() -> None:
    types = {sm.type: sm for sm in new_pool().table("SM")}
    expected = "dummy ext file gfs2 hba iscsi iso lvm lvmohba lvmoiscsi nfs shm smb udev"
    assert sorted(types) == expected.split()
    assert types["ext"].features["VDI_RESET_ON_BOOT"] == 2
    assert all(set(sm.capabilities) == set(sm.features) for sm in types.values())


def test_hosts_tell_when_they_were_started_the_way_clients_parse_it() -> None:
    (host,) = new_pool("standalone").table("host")
    assert host.other_config["boot_time"] == host.other_config["agent_start_time"] == f"{int(NOW.timestamp())}."


def test_each_host_has_a_certificate_row_when_the_fingerprints_are_known() -> None:
    db = new_pool(certificate=CERTIFICATE)
    for host in db.table("host"):
        (row,) = [db.get("Certificate", ref) for ref in host.certificates]
        assert (row.type, row.fingerprint, row.fingerprint_sha256, row.fingerprint_sha1) == ("host", "AA:BB", "AA:BB", "CC:DD")
    assert len(new_pool().table("Certificate")) == 0


def test_an_ipv6_host_has_an_ipv6_management_interface() -> None:
    db = new_pool("standalone", "fd00::5", port=8443)
    (pif,) = [pif for pif in db.table("PIF") if pif.management]
    assert (pif.primary_address_type, pif.IPv6, pif.ip_configuration_mode) == ("IPv6", ("fd00::5/64",), "None")
    assert {console.location.partition("/console")[0] for console in db.table("console")} == {"https://[fd00::5]:8443"}


def test_the_pool_sums_up_its_hosts() -> None:
    pool = the_pool(new_pool())
    assert (pool.cpu_info["cpu_count"], pool.cpu_info["socket_count"]) == ("48", "6")
    assert {name for name, value in pool.restrictions.items() if value != "false"} == {"enable_xha"}


def test_counters_override_a_preset() -> None:
    counts = preset("pool3", hosts=5, vms_per_host=None)
    assert (counts.hosts, counts.vms_per_host, counts.shared_srs) == (5, 0, 1)
    with pytest.raises(KeyError):
        preset("nosuch")


def test_a_counter_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="hosts must be at least 1"):
        Counts(hosts=0)


def test_addresses_follow_each_other() -> None:
    assert addresses_from("127.0.0.254", 3) == ["127.0.0.254", "127.0.0.255", "127.0.1.0"]

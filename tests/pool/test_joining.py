"""Daemons join a pool: what becomes of the host and its objects, and what happens when it goes wrong."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet import defer

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.testing.neighbours import Neighbour, Street


def refusal(joiner: Neighbour, address: str, password: str | None = None) -> list[str]:
    try:
        joiner.by_itself("pool.join", address, "root", password or joiner.config.root_password)
    except XenAPIError as error:
        return list(error.description)
    return []


def own_vm(at: Neighbour, name: str = "brought") -> str:
    api = at.session().xenapi
    (template,) = api.VM.get_by_name_label("Other install media")
    vm = api.VM.clone(template, name)
    api.VM.provision(vm)
    return str(vm)


def test_a_joiner_brings_what_it_has_and_gets_what_the_pool_has(street: Street) -> None:
    pool, joiner = street.add(preset="pool3", vms_per_host=1), street.add(root_password="another")
    far, near = pool.pool.db, joiner.pool.db
    vm = own_vm(joiner)
    before = near.get("VM", vm)
    with near.transaction() as tx:
        secret = tx.create("secret", value="kept")
        inside = tx.create("network", name_label="inside", bridge="xapi0")
        same = tx.create("network", name_label="private", bridge="xapi1")
    with far.transaction() as tx:
        known = tx.create("network", name_label="private", bridge="xapi9")
    disks = [ref for ref in near.table("VDI").refs() if not near.get("SR", near.get("VDI", ref).SR).is_tools_sr]
    local = [sr.ref for sr in near.table("SR") if not sr.is_tools_sr]
    pools, vms = len(far.table("pool")), len(far.table("VM"))
    host = near.table("host").rows()[0]
    with far.transaction() as tx:
        tx.update(far.table("pool").rows()[0].master, console_idle_timeout=77, ssh_auto_mode=True)
    joiner.by_itself("pool.join", pool.address, "root", pool.config.root_password)
    street.clock.pass_time(1)

    row = far.get("host", host.ref)
    assert (row.uuid, row.address, row.enabled) == (host.uuid, joiner.address, True)
    assert far.get("host_metrics", row.metrics).live
    assert (row.console_idle_timeout, row.ssh_auto_mode) == (77, True)
    assert len(far.table("pool")) == pools
    assert far.get("VM", vm).uuid == before.uuid
    assert len(far.table("VM")) == vms + 2  # the VM and the control domain, and no template twice
    assert far.get("secret", secret).value == "kept"
    assert all(ref in far.table("VDI") for ref in disks)
    assert [far.get("SR", ref).shared for ref in local] == [False] * len(local)
    assert far.get("network", inside).bridge not in ("xapi0", "xapi9")
    assert far.get("network", same).bridge not in ("xapi1", "xapi9")
    assert known in far.table("network")
    bridges = [network.bridge for network in far.table("network")]
    assert len(bridges) == len(set(bridges))
    shared = {sr.ref for sr in far.table("SR") if sr.shared}
    pbds = [far.get("PBD", ref) for ref in row.PBDs]
    assert shared <= {pbd.SR for pbd in pbds}
    assert all(pbd.currently_attached for pbd in pbds)
    assert int(pool.pool.db.table("pool").rows()[0].cpu_info["cpu_count"]) == sum(
        int(each.cpu_info["cpu_count"]) for each in far.table("host")
    )
    assert joiner.pool.services.passwords.hash == pool.pool.services.passwords.hash
    assert joiner.federation.secret == pool.federation.secret
    api = pool.session().xenapi
    api.VM.start_on(vm, host.ref, False, False)
    assert api.VM.get_resident_on(vm) == host.ref


def test_bonds_vlans_and_tunnels_of_the_pool_are_made_on_the_new_host(street: Street) -> None:
    pool, joiner = street.add(counter={"nics": 4}), street.add(counter={"nics": 4})
    api = pool.session().xenapi

    def network(name: str) -> str:
        return str(api.network.create({"name_label": name, "name_description": "", "other_config": {}}))

    pifs = {api.PIF.get_device(ref): ref for ref in api.PIF.get_all()}
    nets = {name: network(name) for name in ("tagged", "bonded", "tunnelled", "tagged over the bond")}
    api.VLAN.create(pifs["eth1"], "42", nets["tagged"])
    bond = api.Bond.create(nets["bonded"], [pifs["eth2"], pifs["eth3"]], "", "active-backup", {})
    api.VLAN.create(api.Bond.get_master(bond), "43", nets["tagged over the bond"])
    api.tunnel.create(pifs["eth1"], nets["tunnelled"], "gre")
    street.join(joiner, pool)
    host = api.host.get_by_uuid(joiner.host)
    mine = {api.network.get_name_label(api.PIF.get_network(ref)): api.PIF.get_record(ref) for ref in api.host.get_PIFs(host)}
    assert mine["tagged"]["VLAN"] == "42"
    assert mine["tagged over the bond"]["VLAN"] == "43"
    (made,) = mine["bonded"]["bond_master_of"]
    assert {api.PIF.get_device(ref) for ref in api.Bond.get_slaves(made)} == {"eth2", "eth3"}
    assert api.Bond.get_mode(made) == "active-backup"
    assert mine["tunnelled"]["tunnel_access_PIF_of"]


def test_a_pool_that_is_told_not_to_makes_none(street: Street) -> None:
    pool, joiner = street.add(), street.add()
    api = pool.session().xenapi
    pifs = {api.PIF.get_device(ref): ref for ref in api.PIF.get_all()}
    tagged = api.network.create({"name_label": "tagged", "name_description": "", "other_config": {}})
    api.VLAN.create(pifs["eth1"], "42", tagged)
    api.pool.add_to_other_config(api.pool.get_all()[0], "sync_vlans", "nosync")
    street.join(joiner, pool)
    assert len(api.network.get_PIFs(tagged)) == 1


@pytest.mark.parametrize(
    ("address", "password", "expected"),
    [
        ("10.0.0.1", "wrong", ["SESSION_AUTHENTICATION_FAILED", "root", "Authentication failure"]),
        ("10.0.0.2", None, ["OPERATION_NOT_ALLOWED", "Host cannot become slave of itself"]),
        ("10.0.0.99", None, ["JOINING_HOST_CONNECTION_FAILED"]),
        ("10.0.0.1:444", None, ["JOINING_HOST_CONNECTION_FAILED"]),
        ("10.0.0.80", None, ["JOINING_HOST_SERVICE_FAILED"]),
    ],
)
def test_a_join_that_is_refused_changes_nothing(
    street: Street, address: str, password: str | None, expected: list[str]
) -> None:
    pool, joiner = street.add(), street.add()
    street.web_servers.add("10.0.0.80")
    assert refusal(joiner, address, password) == expected
    street.clock.pass_time(60)
    assert len(pool.pool.db.table("host")) == len(joiner.pool.db.table("host")) == 1
    assert joiner.coordinator_address is None
    assert refusal(joiner, pool.address) == []


def test_a_member_says_where_its_coordinator_is_and_the_join_goes_there(street: Street) -> None:
    pool, member, joiner = street.add(), street.add(), street.add()
    street.join(member, pool)
    assert refusal(joiner, member.address) == []
    street.clock.pass_time(1)
    assert joiner.coordinator_address == pool.address
    assert len(pool.pool.db.table("host")) == 3


def test_members_use_one_port_unless_they_are_allowed_not_to(street: Street) -> None:
    pool, joiner = street.add(), street.add(port=8443)
    (code, text) = refusal(joiner, f"{pool.address}:443")
    assert (code, "port 8443" in text) == ("OPERATION_NOT_ALLOWED", True)
    free = street.add(port=8443, allow_mixed_ports=True)
    assert refusal(free, f"{pool.address}:443") == []
    street.clock.pass_time(1)
    with pytest.raises(Exception, match="HOST_IS_SLAVE") as caught:
        free.session()
    assert caught.value.details == ["HOST_IS_SLAVE", "10.0.0.1:443"]  # type: ignore[attr-defined]


def test_a_host_that_is_busy_may_not_join(street: Street) -> None:
    pool, joiner = street.add(), street.add()
    vm = own_vm(joiner)
    with joiner.pool.db.transaction() as tx:
        tx.update(vm, current_operations=frozenmap({"OpaqueRef:t": "copy"}))
    assert refusal(joiner, pool.address) == ["JOINING_HOST_CANNOT_HAVE_VMS_WITH_CURRENT_OPERATIONS"]


def started(joiner: Neighbour, *args: Any) -> list[Any]:
    """What comes of a join that is not waited for: None, or the error's description."""
    outcome: list[Any] = []

    async def work() -> None:
        try:
            outcome.append(await joiner.pool.dispatcher.by_itself("pool.join", *args))
        except XenAPIError as error:
            outcome.append(error.description)

    defer.ensureDeferred(work())
    return outcome


def test_two_hosts_may_join_at_the_same_time(street: Street) -> None:
    pool, one, two = street.add(), street.add(), street.add()
    arguments = (pool.address, "root", pool.config.root_password)
    outcomes = [started(one, *arguments), started(two, *arguments)]
    street.clock.until(lambda: all(outcomes), 60)
    street.clock.pass_time(1)
    assert outcomes == [[None], [None]]
    assert len(pool.pool.db.table("host")) == 3
    assert one.coordinator_address == two.coordinator_address == pool.address
    assert {place.host for place in one.federation.membership.members()} == {pool.host, two.host}


def test_a_host_joins_one_pool_at_a_time(street: Street) -> None:
    one, two, joiner = street.add(), street.add(), street.add()
    outcomes = [started(joiner, each.address, "root", each.config.root_password) for each in (one, two)]
    street.clock.until(lambda: all(outcomes), 60)
    ref = joiner.pool.db.table("pool").rows()[0].ref
    assert outcomes[0] == [None]
    assert outcomes[1][0][:4] == ("OTHER_OPERATION_IN_PROGRESS", "pool", ref, "join")
    assert (len(one.pool.db.table("host")), len(two.pool.db.table("host"))) == (2, 1)


def test_two_pools_that_join_each_other_end_as_one_or_as_two(street: Street) -> None:
    one, two = street.add(), street.add()
    outcomes = [
        started(one, two.address, "root", two.config.root_password),
        started(two, one.address, "root", one.config.root_password),
    ]
    street.clock.until(lambda: all(outcomes), 120)
    street.clock.pass_time(60)
    followers = [each for each in (one, two) if each.coordinator_address is not None]
    leaders = [each for each in (one, two) if each.coordinator_address is None]
    assert len(followers) == len([outcome for outcome in outcomes if outcome == [None]]) <= 1
    assert {len(each.pool.db.table("host")) for each in leaders} == {1 + len(followers)}


def test_a_pool_grows_to_64_hosts_and_no_further(street: Street) -> None:
    pool = street.add(preset="standalone", hosts=63)
    last, one_more = street.add(), street.add()
    assert refusal(last, pool.address) == []
    street.clock.pass_time(1)
    assert len(pool.pool.db.table("host")) == 64
    assert refusal(one_more, pool.address) == ["OPERATION_NOT_ALLOWED", "The pool has 64 hosts already"]

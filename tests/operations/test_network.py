from __future__ import annotations

import pytest
import XenAPI

from refusals import refused
from xapid.operations import host_networking

STALE = "OpaqueRef:00000000-0000-4000-8000-000000000001"


def make(api, **fields):
    return api.network.create({"name_label": "n", "other_config": {}, **fields})


def a_vif_on(server, network, **fields):
    db = server.pool.db
    with db.transaction() as tx:
        vm = tx.create("VM", name_label="v", resident_on=db.table("host").rows()[0].ref)
        return tx.create("VIF", VM=vm, network=network, device="0", MAC="02:00:00:00:00:01", MTU=1500, **fields)


def test_bridges_are_numbered_and_no_number_comes_twice(api):
    first = make(api)
    name = api.network.get_bridge(first)
    assert name == "xapi2"  # the two VLAN networks of the pool have the first two
    api.network.destroy(first)
    assert api.network.get_bridge(make(api)) == "xapi3"


@pytest.mark.parametrize("bridge", ["xenbr9", "xapi9", "vif1", "tapx", "eth7", "a-name-of-17-char"])
def test_names_that_the_system_uses_or_that_are_too_long_are_refused(api, bridge):
    with pytest.raises(XenAPI.Failure) as caught:
        make(api, bridge=bridge)
    assert caught.value.details == ["INVALID_VALUE", "bridge", bridge]


def test_a_bridge_belongs_to_one_network(api):
    make(api, bridge="mine")
    with pytest.raises(XenAPI.Failure) as caught:
        make(api, bridge="mine")
    assert caught.value.details == ["BRIDGE_NAME_EXISTS", "mine"]


def test_an_mtu_that_makes_no_sense_becomes_the_usual_one(api):
    assert api.network.get_MTU(make(api, MTU="0")) == "1500"
    assert api.network.get_MTU(make(api, MTU="9000")) == "9000"


def test_a_network_with_interfaces_stays(api):
    (network,) = [ref for ref, row in api.network.get_all_records().items() if row["bridge"] == "xenbr0"]
    assert refused(api.network.destroy, network) == ["NETWORK_CONTAINS_PIF", *api.network.get_PIFs(network)]


def test_a_network_with_plugged_vifs_stays_and_unplugged_ones_go_with_it(xapid_server, api):
    network = make(api)
    vif = a_vif_on(xapid_server, network, currently_attached=True)
    assert refused(api.network.destroy, network) == ["NETWORK_CONTAINS_VIF", vif]
    with xapid_server.pool.db.transaction() as tx:
        tx.update(vif, currently_attached=False)
    api.network.destroy(network)
    assert refused(api.VIF.get_uuid, vif) == ["HANDLE_INVALID", "VIF", vif]


def test_the_internal_network_stays(api):
    (network,) = [ref for ref, row in api.network.get_all_records().items() if row["bridge"] == "xenapi"]
    assert refused(api.network.destroy, network) == ["CANNOT_DESTROY_SYSTEM_NETWORK", network]


def test_locking_cannot_change_under_a_plugged_vif(xapid_server, api):
    network = make(api)
    api.network.set_default_locking_mode(network, "disabled")
    vif = a_vif_on(xapid_server, network, currently_attached=True)
    assert refused(api.network.set_default_locking_mode, network, "unlocked") == ["VIF_IN_USE", network, vif]


def test_secure_and_insecure_purposes_exclude_each_other_in_the_whole_pool(api):
    one, other = make(api), make(api)
    api.network.add_purpose(one, "nbd")
    api.network.add_purpose(one, "nbd")
    assert api.network.get_purpose(one) == ["nbd"]
    assert refused(api.network.add_purpose, other, "insecure_nbd") == ["NETWORK_INCOMPATIBLE_PURPOSES", "insecure_nbd", "nbd"]
    api.network.remove_purpose(one, "nbd")
    api.network.remove_purpose(one, "nbd")
    api.network.add_purpose(other, "insecure_nbd")


def test_a_blob_hangs_under_its_name(api):
    network = make(api)
    blob = api.network.create_new_blob(network, "icon", "", False)
    assert api.network.get_blobs(network) == {"icon": blob}
    assert api.blob.get_mime_type(blob) == "application/octet-stream"
    assert refused(api.network.create_new_blob, network, "icon", "", False) == [
        "MAP_DUPLICATE_KEY", "network", "blobs", network, "icon",
    ]  # fmt: skip


def test_a_member_keeps_its_management_interface(world):
    member = world.make("host")

    def disable(context):
        context.host = member
        host_networking.management_disable(context)

    assert world.error(disable) == ("SLAVE_REQUIRES_MANAGEMENT_INTERFACE",)

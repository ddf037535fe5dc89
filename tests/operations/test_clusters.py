from __future__ import annotations

import pytest

from xapid.datamodel.types import NULL_REF
from xapid.operations import cluster, cluster_host


@pytest.fixture
def pif(world):
    """A PIF that the other nodes of a cluster can rely on."""
    return world.make(
        "PIF", host=world.host, network=world.network, IP="10.0.0.1", disallow_unplug=True, currently_attached=True
    )


@pytest.fixture
def node(world, pif):
    """The only member of a cluster, enabled."""
    ref = world.make("Cluster", cluster_stack="corosync")
    return world.make("Cluster_host", cluster=ref, host=world.host, PIF=pif, enabled=True)


@pytest.fixture
def second(world, node):
    """The membership of a second host."""
    host = world.make("host", enabled=True)
    interface = world.make("PIF", host=host, network=world.network)
    return world.make("Cluster_host", cluster=world.row(node).cluster, host=host, PIF=interface, enabled=True)


@pytest.fixture
def needy(world):
    """An attached SR that works with the cluster stack only."""
    world.make("SM", type="gfs2", required_cluster_stack=("corosync",))
    sr = world.make("SR", type="gfs2")
    return world.make("PBD", SR=sr, host=world.host, currently_attached=True)


def test_a_cluster_is_checked_before_it_is_refused(world, pif):
    create = (cluster.create, pif)
    assert world.error(*create, "other", True, 20.0, 1.0) == ("INVALID_CLUSTER_STACK", "other")
    assert world.error(*create, "corosync", True, 0.5, 1.0) == ("INVALID_VALUE", "token_timeout", "0.5")
    assert world.error(*create, "corosync", True, 1.0, 0.6) == ("INVALID_VALUE", "token_timeout_coefficient", "0.6")
    assert world.error(*create, "corosync", True, 20.0, 1.0) == ("NOT_IMPLEMENTED", "Cluster.create")
    assert world.error(cluster.create, world.STALE, "other", True, 0.0, 0.0) == ("HANDLE_INVALID", "PIF", world.STALE)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"IP": ""}, "PIF_HAS_NO_NETWORK_CONFIGURATION"),
        ({"disallow_unplug": False}, "PIF_ALLOWS_UNPLUG"),
        ({"currently_attached": False}, "REQUIRED_PIF_IS_UNPLUGGED"),
    ],
)
def test_nodes_rely_on_a_pif_that_has_an_address_and_stays(world, pif, fields, code):
    world.set(pif, **fields)
    assert world.error(cluster.create, pif, "corosync", True, 20.0, 1.0) == (code, pif)


def test_a_cluster_of_the_pool_needs_every_host_on_its_network(world, pif):
    create = (cluster.pool_create, world.network, "corosync")
    assert world.error(*create, 20.0, 1.0) == ("NOT_IMPLEMENTED", "Cluster.create")
    assert world.error(*create, 0.0, 1.0) == ("INVALID_VALUE", "token_timeout", "0")
    host = world.make("host", enabled=True)
    assert world.error(*create, 20.0, 1.0) == ("PIF_NOT_PRESENT", host, world.network)


def test_a_cluster_ends_with_its_last_node(world, node, second):
    ref = world.row(node).cluster
    assert world.error(cluster.destroy, ref) == ("CLUSTER_DOES_NOT_HAVE_ONE_NODE", "2")
    cluster_host.destroy(world.context, second)
    assert world.error(cluster_host.destroy, node) == ("CLUSTER_HOST_IS_LAST", node)
    cluster.destroy(world.context, ref)
    assert world.row(ref) is world.row(node) is None


def test_a_cluster_of_the_pool_ends_while_all_its_nodes_are_enabled(world, node, second):
    ref = world.row(node).cluster
    cluster_host.disable(world.context, second)
    assert world.error(cluster.pool_destroy, ref) == ("CLUSTERING_DISABLED", second)
    assert world.error(cluster_host.destroy, second) == ("CLUSTERING_DISABLED", second)
    cluster.pool_force_destroy(world.context, ref)
    assert world.row(ref) is world.row(node) is world.row(second) is None


@pytest.mark.parametrize("function", [cluster_host.disable, cluster_host.destroy, cluster_host.force_destroy])
def test_a_node_with_storage_that_needs_the_cluster_stays_in_it(world, node, needy, function):
    assert world.error(function, node) == ("CLUSTER_STACK_IN_USE", "corosync")
    assert world.error(cluster.pool_force_destroy, world.row(node).cluster) == ("CLUSTER_STACK_IN_USE", "corosync")


def test_a_host_joins_once_over_an_interface_of_its_own(world, pif, node):
    ref, host = world.row(node).cluster, world.make("host", enabled=True)
    assert world.error(cluster_host.create, ref, host, pif) == ("PIF_NOT_ATTACHED_TO_HOST", pif, host)
    assert world.error(cluster_host.create, ref, world.host, pif)[0] == "OPERATION_NOT_ALLOWED"
    world.set(pif, host=host)
    assert world.error(cluster_host.create, ref, host, pif) == ("NOT_IMPLEMENTED", "Cluster.create")
    world.set(node, enabled=False)
    assert world.error(cluster_host.create, ref, host, pif) == ("NO_CLUSTER_HOSTS_REACHABLE", ref)


def test_an_enabled_node_is_enabled_again_to_no_effect(world, node):
    cluster_host.enable(world.context, node)
    cluster_host.disable(world.context, node)
    assert world.error(cluster_host.enable, node) == ("NOT_IMPLEMENTED", "Cluster.create")


def test_a_dead_node_is_forgotten(world, second):
    cluster_host.forget(world.context, second)
    assert world.row(second) is None


def test_a_cluster_is_on_the_network_of_its_nodes(world, node, second):
    ref = world.row(node).cluster
    assert cluster.get_network(world.context, ref) == world.network
    world.set(world.row(second).PIF, network=world.make("network", bridge="xapi1"))
    assert world.error(cluster.get_network, ref)[0] == "INTERNAL_ERROR"


def test_bringing_a_cluster_in_line_lets_missing_hosts_join(world, node, second):
    ref = world.row(node).cluster
    host = world.make("host", enabled=True)
    interface = world.make("PIF", host=host, network=world.network)
    cluster_host.disable(world.context, second)
    world.run(cluster.pool_resync(world.context, ref))
    assert sorted(world.calls) == sorted([("Cluster_host.enable", second), ("Cluster_host.create", ref, host, interface)])


@pytest.mark.parametrize(
    ("function", "args", "cls"),
    [
        (cluster.destroy, (), "Cluster"),
        (cluster.pool_destroy, (), "Cluster"),
        (cluster.pool_force_destroy, (), "Cluster"),
        (cluster.pool_resync, (), "Cluster"),
        (cluster.cstack_sync, (), "Cluster"),
        (cluster.get_network, (), "Cluster"),
        (cluster.pool_create, ("corosync", 20.0, 1.0), "network"),
        (cluster_host.create, (NULL_REF, NULL_REF), "Cluster"),
        (cluster_host.enable, (), "Cluster_host"),
        (cluster_host.disable, (), "Cluster_host"),
        (cluster_host.destroy, (), "Cluster_host"),
        (cluster_host.force_destroy, (), "Cluster_host"),
        (cluster_host.forget, (), "Cluster_host"),
    ],
)
def test_a_null_reference_is_an_invalid_handle(world, function, args, cls):
    assert world.error(function, NULL_REF, *args) == ("HANDLE_INVALID", cls, NULL_REF)

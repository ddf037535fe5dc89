from __future__ import annotations

import pytest

from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.types import frozenmap
from xapid.operations.allowed.host import RULES as HOST
from xapid.operations.allowed.pool import IN_PROGRESS

POOL = """ha_enable cluster_create designate_new_master configure_repositories sync_updates sync_bundle get_updates
    apply_updates tls_verification_enable cert_refresh exchange_certificates_on_join exchange_ca_certificates_on_join
    copy_primary_host_certs eject exchange_crls_on_join"""


def now(**operations):
    return frozenmap({f"OpaqueRef:{name}": name for name in operations})


@pytest.fixture
def host(world):
    """The host, alive."""
    world.set(world.host, metrics=world.make("host_metrics", live=True))
    return world.host


def test_a_host_that_is_up_takes_vms(world, host):
    expected = {"provision", "evacuate", "vm_start", "vm_resume", "vm_migrate", "enable"}
    assert set(world.row(host).allowed_operations) == expected


def test_a_host_is_switched_off_when_it_is_disabled(world, host):
    for operation in ("reboot", "shutdown", "apply_updates"):
        assert world.refused(host, operation) == ("HOST_NOT_DISABLED",)
    world.set(host, enabled=False)
    assert {"reboot", "shutdown", "apply_updates"} <= set(world.row(host).allowed_operations)


def test_a_host_is_switched_on_when_it_is_dead_and_a_way_is_known(world, host):
    assert world.refused(host, "power_on") == ("HOST_IS_LIVE", host)
    world.set(world.row(host).metrics, live=False)
    assert world.refused(host, "power_on") == ("HOST_POWER_ON_MODE_DISABLED",)
    world.set(host, power_on_mode="wake-on-lan")
    assert world.refused(host, "power_on") == ()


@pytest.mark.parametrize(
    ("current", "refused"),
    [
        ("provision", "provision evacuate reboot shutdown"),
        ("vm_resume", "evacuate reboot shutdown"),
        ("vm_migrate", "evacuate reboot shutdown"),
        ("evacuate", "provision vm_resume vm_migrate"),
        ("reboot", "provision vm_resume vm_migrate shutdown apply_updates"),
        ("shutdown", "provision vm_resume vm_migrate reboot apply_updates"),
        ("apply_updates", "reboot shutdown enable"),
        ("vm_start", ""),
    ],
)
def test_a_host_does_not_fill_while_it_empties(world, host, current, refused):
    world.set(host, enabled=False, power_on_mode="ipmi", current_operations=now(**{current: 1}))
    world.set(world.row(host).metrics, live=False)
    assert {name for name in HOST.advertised if world.refused(host, name)} == set(refused.split())
    for name in refused.split():
        assert world.refused(host, name) == ("OTHER_OPERATION_IN_PROGRESS", "host", host, current, f"OpaqueRef:{current}")


def test_a_host_publishes_during_a_rolling_upgrade_what_empties_and_fills_it_and_refuses_no_more_than_ever(world, host):
    world.set(world.pool, other_config=frozenmap({"rolling_upgrade_in_progress": "true"}))
    world.set(host)
    assert set(world.row(host).allowed_operations) == {"evacuate", "provision"}
    assert world.refused(host, "vm_start") == ()
    world.set(host, enabled=False)
    assert set(world.row(host).allowed_operations) == {"evacuate", "provision"}
    assert world.refused(host, "reboot") == ()
    world.set(world.pool, other_config=frozenmap())
    world.set(host)
    assert {"reboot", "vm_start"} <= set(world.row(host).allowed_operations)


def test_an_idle_pool_allows_all_but_what_it_has_already(world):
    world.set(world.pool)
    assert set(world.row(world.pool).allowed_operations) == set(POOL.split())
    world.set(world.pool, ha_enabled=True, ha_cluster_stack="xhad")
    assert world.refused(world.pool, "ha_enable") == ("HA_IS_ENABLED",)
    assert world.refused(world.pool, "cluster_create") == ("INCOMPATIBLE_CLUSTER_STACK_ACTIVE", "xhad")
    assert world.refused(world.pool, "ha_disable") == ()


def test_operations_of_a_pool_wait_for_some_and_fail_for_others(world):
    pool = world.pool
    world.set(pool, current_operations=now(sync_updates=1))
    assert world.refused(pool, "ha_enable") == ("SYNC_UPDATES_IN_PROGRESS",)
    assert world.refused(pool, "eject") == ("OTHER_OPERATION_IN_PROGRESS", "pool", pool)
    world.set(pool, current_operations=now(eject=1))
    for operation in ("ha_enable", "cert_refresh"):
        assert world.refused(pool, operation) == ("OTHER_OPERATION_IN_PROGRESS", "pool", pool, "eject", "OpaqueRef:eject")


def test_every_operation_of_a_pool_that_others_fail_for_has_an_error_of_its_own():
    assert set(IN_PROGRESS.values()) <= catalogue().errors.keys()


def test_a_pool_does_nothing_while_its_secret_changes(world):
    world.set(world.pool, is_psr_pending=True)
    assert world.row(world.pool).allowed_operations == ()
    assert world.refused(world.pool, "eject") == ("POOL_SECRET_ROTATION_PENDING",)


@pytest.mark.parametrize(
    ("powers", "expected"),
    [
        ((), ""),
        (("Halted",), "start"),
        (("Running",), "clean_shutdown hard_shutdown shutdown"),
        (("Suspended", "Halted"), "start hard_shutdown shutdown"),
        (("Halted", "Running"), "start clean_shutdown hard_shutdown shutdown"),
    ],
)
def test_an_appliance_allows_what_some_vm_of_it_does(world, powers, expected):
    group = world.make("VM_appliance")
    for power in powers:
        world.vm(power, appliance=group)
    world.set(group)
    assert world.row(group).allowed_operations == tuple(expected.split())
    if not powers:
        assert world.refused(group, "start")[0] == "OPERATION_NOT_ALLOWED"


def test_clusters_do_one_thing_at_a_time_and_networks_nothing(world):
    cluster = world.make("Cluster", current_operations=now(add=1))
    assert world.refused(cluster, "remove") == ("OTHER_OPERATION_IN_PROGRESS", "Cluster", cluster, "add", "OpaqueRef:add")
    assert world.row(world.network).allowed_operations == ()

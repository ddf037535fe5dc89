from __future__ import annotations

import xmlrpc.client

import pytest

from refusals import refused

STALE = "OpaqueRef:00000000-0000-4000-8000-000000000001"


@pytest.fixture
def pool(api):
    return api.pool.get_all()[0]


@pytest.fixture
def master(api, pool):
    return api.pool.get_master(pool)


def test_only_members_are_slaves(api, master):
    assert [api.pool.is_slave(host) for host in api.host.get_all()] == [host != master for host in api.host.get_all()]


def test_without_ha_its_calls_answer_as_they_do_without_it(api, pool):
    assert refused(api.pool.disable_ha) == ["HA_NOT_ENABLED"]
    assert api.pool.ha_failover_plan_exists("0") is True
    assert api.pool.ha_compute_max_host_failures_to_tolerate() == "3"
    assert refused(api.pool.set_ha_host_failures_to_tolerate, pool, "-1") == [
        "INVALID_VALUE", "ha_host_failures_to_tolerate", "-1",
    ]  # fmt: skip
    api.pool.ha_prevent_restarts_for("10")


def test_a_protected_vm_needs_one_host_to_stay(api):
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "v")
    compute = api.pool.ha_compute_hypothetical_max_host_failures_to_tolerate
    assert compute({vm: "restart"}) == "2"
    assert compute({vm: ""}) == "3"
    assert refused(compute, {vm: "maybe"}) == ["INVALID_VALUE", "ha_restart_priority", "maybe"]
    plan = api.pool.ha_compute_vm_failover_plan(api.host.get_all(), [vm])
    assert plan == {vm: {"error_code": "NO_HOSTS_AVAILABLE"}}
    assert set(api.pool.ha_compute_vm_failover_plan([], [vm])[vm]) == {"host"}


def test_workload_balancing_is_not_there(api):
    for call in (api.pool.deconfigure_wlb, api.pool.retrieve_wlb_configuration, api.pool.retrieve_wlb_recommendations):
        assert refused(call) == ["WLB_NOT_INITIALIZED"]


def test_directories_of_an_unknown_kind_are_refused(api, pool):
    assert refused(api.pool.enable_external_auth, pool, {}, "s", "nosuch") == ["AUTH_UNKNOWN_TYPE", "nosuch"]
    api.pool.disable_external_auth(pool, {})
    api.pool.detect_nonhomogeneous_external_auth(pool)


@pytest.mark.parametrize(("frequency", "day", "fine"), [("weekly", 6, True), ("weekly", 7, False), ("daily", 1, False)])
def test_updates_are_looked_for_on_a_day_of_the_week(api, pool, frequency, day, fine):
    if fine:
        api.pool.configure_update_sync(pool, frequency, str(day))
        assert api.pool.get_update_sync_day(pool) == str(day)
    else:
        assert refused(api.pool.configure_update_sync, pool, frequency, str(day)) == ["INVALID_UPDATE_SYNC_DAY", str(day)]


def test_bundles_and_other_pools_are_repositories_that_stand_alone(api, pool):
    base = api.Repository.introduce("base", "", "https://u.example/base", "", True)
    bundle = api.Repository.introduce_bundle("bundle", "")
    far = api.Repository.introduce_remote_pool("far", "", "https://192.0.2.9/repository/enabled", "")
    alone = "REPO_SHOULD_BE_SINGLE_ONE_ENABLED"
    assert refused(api.pool.set_repositories, pool, [base, bundle]) == [alone, "bundle"]
    assert refused(api.pool.set_repositories, pool, [far, bundle]) == [alone, "bundle", "remote_pool"]
    api.pool.set_repositories(pool, [far])
    assert refused(api.pool.add_repository, pool, base) == [alone, "remote_pool"]
    api.pool.add_repository(pool, far)
    assert refused(api.pool.set_update_sync_enabled, pool, True) == ["CAN_NOT_PERIODIC_SYNC_UPDATES"]
    api.pool.set_repositories(pool, [base])
    api.pool.set_update_sync_enabled(pool, True)
    assert api.pool.get_repositories(pool) == [base]


def test_repositories_come_before_looking_for_updates(api, pool):
    assert refused(api.pool.set_update_sync_enabled, pool, True) == ["NO_REPOSITORIES_CONFIGURED"]
    repository = api.Repository.introduce("base", "", "https://u.example/base", "", True)
    assert refused(api.Repository.introduce, "base", "", "https://u.example/x", "", True) == [
        "REPOSITORY_ALREADY_EXISTS", repository,
    ]  # fmt: skip
    assert refused(api.Repository.introduce, "b", "", "ftp://u.example/x", "", True) == [
        "INVALID_BASE_URL",
        "ftp://u.example/x",
    ]
    assert refused(api.pool.set_repositories, pool, [STALE]) == ["HANDLE_INVALID", "Repository", STALE]
    api.pool.set_repositories(pool, [repository])
    api.pool.set_update_sync_enabled(pool, True)
    assert refused(api.Repository.forget, repository) == ["REPOSITORY_IS_IN_USE"]
    api.pool.remove_repository(pool, repository)
    assert api.pool.get_update_sync_enabled(pool) is False
    api.Repository.forget(repository)


def test_the_password_of_a_proxy_is_a_secret(api, pool):
    assert refused(api.pool.configure_repository_proxy, pool, "junk", "", "") == ["INVALID_REPOSITORY_PROXY_URL", "junk"]
    url = "http://proxy.example:3128"
    assert refused(api.pool.configure_repository_proxy, pool, url, "user", "") == ["INVALID_REPOSITORY_PROXY_CREDENTIAL"]
    api.pool.configure_repository_proxy(pool, url, "user", "word")
    secret = api.pool.get_repository_proxy_password(pool)
    assert api.secret.get_value(secret) == "word"
    api.pool.disable_repository_proxy(pool)
    assert api.pool.get_repository_proxy_url(pool) == ""
    assert refused(api.secret.get_uuid, secret) == ["HANDLE_INVALID", "secret", secret]


def test_limits_have_limits(api, pool):
    assert refused(api.pool.set_local_auth_max_threads, pool, "0")[0] == "INTERNAL_ERROR"
    assert refused(api.pool.set_ext_auth_cache_expiry, pool, "0") == ["INVALID_VALUE", "ext_auth_cache_expiry", "0"]
    api.pool.set_ext_auth_cache_size(pool, "70")
    assert api.pool.get_ext_auth_cache_size(pool) == "70"


def test_telemetry_is_not_put_off_for_ever(api, pool):
    late = xmlrpc.client.DateTime("20990101T00:00:00Z")
    assert refused(api.pool.set_telemetry_next_collection, pool, late) == [
        "TELEMETRY_NEXT_COLLECTION_TOO_LATE", "20990101T00:00:00Z",
    ]  # fmt: skip
    api.pool.reset_telemetry_uuid(pool)
    first = api.pool.get_telemetry_uuid(pool)
    api.pool.reset_telemetry_uuid(pool)
    assert refused(api.secret.get_value, first)[0] == "HANDLE_INVALID"


def test_the_guest_agent_is_configured_with_known_keys(api, pool):
    add = api.pool.add_to_guest_agent_config
    assert refused(add, pool, "golden", "1") == ["INVALID_VALUE", "guest_agent_config", "golden = 1"]
    assert refused(add, pool, "auto_update_enabled", "maybe")[0] == "INVALID_VALUE"
    add(pool, "auto_update_enabled", "true")
    assert refused(add, pool, "auto_update_enabled", "true")[0] == "MAP_DUPLICATE_KEY"
    api.pool.remove_from_guest_agent_config(pool, "auto_update_enabled")
    api.pool.remove_from_guest_agent_config(pool, "golden")
    assert api.pool.get_guest_agent_config(pool) == {}


def test_snooping_is_set_on_every_bridge_that_can_be_reached(api, pool, master, xapid_server, change):
    (gone, *_) = [host for host in api.host.get_all() if host != master]
    agents = xapid_server.pool.services.agents
    change(xapid_server.pool.db.get("host", gone).metrics, live=False)
    assert refused(api.pool.set_igmp_snooping_enabled, pool, True) == ["COULD_NOT_UPDATE_IGMP_SNOOPING_EVERYWHERE"]
    assert api.pool.get_igmp_snooping_enabled(pool) is True
    records = [pif for pif in api.PIF.get_all_records().values() if pif["physical"]]
    assert {pif["igmp_snooping_status"] for pif in records if pif["host"] != gone} == {"enabled"}
    assert {pif["igmp_snooping_status"] for pif in records if pif["host"] == gone} == {"unknown"}
    assert agents.get(master).network.snooping == {"xenbr0": True, "xenbr1": True}
    change(pool, restrictions={"restrict_igmp_snooping": "true"}, igmp_snooping_enabled=False)
    assert refused(api.pool.set_igmp_snooping_enabled, pool, True) == ["LICENCE_RESTRICTION", "IGMP_snooping"]


def test_hosts_of_different_versions_are_a_rolling_upgrade(api, pool, master, xapid_server, xapid_clock, change):
    """While it goes on, VMs do only what helps them out of the way."""
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "v")
    api.VM.provision(vm)
    version = xapid_server.pool.db.get("host", master).software_version
    change(master, software_version=version.with_item("platform_version", "3.5.0"))
    xapid_clock.pass_time(31)
    assert api.pool.get_other_config(pool)["rolling_upgrade_in_progress"] == "true"
    assert "snapshot" not in api.VM.get_allowed_operations(vm)
    assert refused(api.VM.snapshot, vm, "s") == ["NOT_SUPPORTED_DURING_UPGRADE"]
    older = next(host for host in api.host.get_all() if host != master)
    for call in (api.VM.assert_can_boot_here, lambda vm, host: api.VM.start_on(vm, host, False, False)):
        assert refused(call, vm, older) == ["VM_HOST_INCOMPATIBLE_VERSION", older, vm]
    api.VM.start(vm, False, False)
    assert api.VM.get_resident_on(vm) == master
    xapid_clock.pass_time(60)
    refusal = ["VM_HOST_INCOMPATIBLE_VERSION_MIGRATE", older, vm]
    assert refused(api.VM.pool_migrate, vm, older, {"live": "true"}) == refusal
    dest = api.host.migrate_receive(older, api.PIF.get_network(api.host.get_management_interface(older)), {})
    assert refused(api.VM.assert_can_migrate, vm, dest, True, {}, {}, {}, {}) == refusal
    api.VM.hard_shutdown(vm)
    change(master, software_version=version)
    xapid_clock.pass_time(31)
    assert "rolling_upgrade_in_progress" not in api.pool.get_other_config(pool)
    assert "snapshot" in api.VM.get_allowed_operations(vm)


def test_snooping_needs_the_right_switch(api, pool, master, xapid_server):
    api.pool.set_igmp_snooping_enabled(pool, True)
    statuses = {row["igmp_snooping_status"] for row in api.PIF.get_all_records().values() if row["physical"]}
    assert statuses == {"enabled"}
    db = xapid_server.pool.db
    with db.transaction() as tx:
        tx.add_to(db.get("host", master), "software_version", "network_backend", "bridge")
    assert refused(api.pool.set_igmp_snooping_enabled, pool, False) == ["OPENVSWITCH_NOT_ACTIVE"]


def test_the_switch_controller_is_an_address(api):
    assert refused(api.pool.set_vswitch_controller, "name") == ["INVALID_IP_ADDRESS_SPECIFIED", "address"]
    api.pool.set_vswitch_controller("10.0.0.1")
    assert [row["address"] for row in api.SDN_controller.get_all_records().values()] == ["10.0.0.1"]
    assert refused(api.SDN_controller.introduce, "ssl", "10.0.0.2", "0")[0] == "OPERATION_NOT_ALLOWED"
    api.pool.set_vswitch_controller("")
    assert api.SDN_controller.get_all() == []


def test_settings_of_all_hosts_are_set_on_all(api, pool):
    api.pool.set_https_only(pool, True)
    api.pool.disable_ssh(pool)
    api.pool.set_console_idle_timeout(pool, "60")
    rows = api.host.get_all_records().values()
    assert {(row["https_only"], row["ssh_enabled"], row["console_idle_timeout"]) for row in rows} == {(True, False, "60")}
    assert refused(api.pool.set_ssh_enabled_timeout, pool, "-1") == ["INVALID_VALUE", "ssh_enabled_timeout", "-1"]


def test_local_caching_fails_with_the_hosts_where_it_failed(api, pool):
    assert refused(api.pool.enable_local_storage_caching, pool) == ["HOSTS_FAILED_TO_ENABLE_CACHING", *api.host.get_all()]


def test_the_licence_of_the_pool_is_that_of_its_hosts(api, pool):
    assert api.pool.get_license_state(pool) == {"edition": "free", "expiry": "20991231T23:59:59Z"}
    assert refused(api.pool.apply_edition, pool, "platinum") == ["INVALID_EDITION", "platinum"]


def test_management_of_the_whole_pool_moves_only_where_every_host_can_follow(api):
    networks = {row["bridge"]: ref for ref, row in api.network.get_all_records().items()}
    pif = api.network.get_PIFs(networks["xenbr1"])[0]
    assert refused(api.pool.management_reconfigure, networks["xenbr1"]) == ["PIF_HAS_NO_NETWORK_CONFIGURATION", pif]
    host = api.host.get_all()[0]
    assert refused(api.pool.management_reconfigure, networks["xenapi"]) == ["PIF_NOT_PRESENT", host, networks["xenapi"]]
    for number, pif in enumerate(api.network.get_PIFs(networks["xenbr1"])):
        api.PIF.reconfigure_ip(pif, "Static", f"127.5.0.{number + 1}", "255.0.0.0", "", "")
    api.pool.management_reconfigure(networks["xenbr1"])
    assert {row["address"] for row in api.host.get_all_records().values()} == {"127.5.0.1", "127.5.0.2", "127.5.0.3"}


def test_members_are_told_of_their_coordinator_when_management_has_moved(api, xapid_server, monkeypatch):
    network = next(ref for ref in api.network.get_all() if api.network.get_bridge(ref) == "xenbr1")
    for number, pif in enumerate(api.network.get_PIFs(network)):
        api.PIF.reconfigure_ip(pif, "Static", f"127.5.0.{number + 1}", "255.0.0.0", "", "")
    at = []

    async def announce():
        at.append(sorted(row.address for row in xapid_server.pool.db.table("host")))
        return []

    monkeypatch.setattr(xapid_server.pool.services.pool.succession, "announce", announce)
    api.pool.management_reconfigure(network)
    assert at == [["127.5.0.1", "127.5.0.2", "127.5.0.3"]]


def test_certificates_that_the_pool_trusts_have_names(api):
    assert refused(api.pool.install_ca_certificate, "nosuch", "x") == ["CERTIFICATE_NAME_INVALID", "nosuch"]
    assert refused(api.pool.install_ca_certificate, "a.pem", "x") == ["CERTIFICATE_CORRUPT", "a.pem"]
    assert refused(api.pool.uninstall_ca_certificate, "a.pem") == ["CERTIFICATE_DOES_NOT_EXIST", "a.pem"]
    api.pool.uninstall_ca_certificate("a.pem", True)
    assert refused(api.pool.crl_uninstall, "nosuch") == ["CRL_NAME_INVALID", "nosuch"]
    assert refused(api.pool.crl_uninstall, "a.pem") == ["CRL_DOES_NOT_EXIST", "a.pem"]
    assert refused(api.pool.crl_install, "a.pem", "x") == ["CRL_CORRUPT", "a.pem"]
    assert (api.pool.certificate_list(), api.pool.crl_list()) == ([], [])


def test_firmware_certificates_are_the_hosts_own(api, pool):
    assert refused(api.pool.set_custom_uefi_certificates, pool, "x")[0] == "OPERATION_NOT_ALLOWED"
    assert api.pool.get_guest_secureboot_readiness(pool) == "not_ready"


def test_a_pool_that_is_ready_for_updates_says_so(api, pool):
    assert api.pool.check_update_readiness(pool, True) == []


def test_the_coordinator_stays_when_it_is_named_again(api, master):
    api.pool.designate_new_master(master)
    api.pool.sync_database()

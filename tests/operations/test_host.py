from __future__ import annotations

import datetime
import xmlrpc.client

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from refusals import refused
from xapid.datamodel.errors import XenAPIError
from xapid.operations.evacuation_record import KEY
from xapid.operations.host_settings import CLOCK_OFFSET
from xapid.operations.updating import PACKAGES


@pytest.fixture
def host(api):
    return api.pool.get_master(api.pool.get_all()[0])


@pytest.fixture
def member(api, host):
    return next(ref for ref in api.host.get_all() if ref != host)


def running_vm(api, host, name="v"):
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], name)
    api.VM.provision(vm)
    api.VM.start_on(vm, host, False, False)
    return vm


def test_a_disabled_host_may_go_down_and_an_enabled_one_may_not(api, member):
    assert refused(api.host.shutdown, member) == ["HOST_NOT_DISABLED"]
    api.host.disable(member)
    api.host.disable(member)
    assert (api.host.get_enabled(member), "shutdown" in api.host.get_allowed_operations(member)) == (False, True)
    api.host.enable(member)
    api.host.enable(member)
    assert (api.host.get_enabled(member), "shutdown" in api.host.get_allowed_operations(member)) == (True, False)


def test_a_host_that_was_shut_down_is_not_live_and_its_storage_is_unplugged(api, member):
    api.host.disable(member)
    api.host.shutdown(member)
    assert api.host_metrics.get_live(api.host.get_metrics(member)) is False
    assert not any(api.PBD.get_currently_attached(pbd) for pbd in api.host.get_PBDs(member))
    assert refused(api.host.dmesg, member) == ["HOST_OFFLINE", member]


def test_a_host_that_is_rebooted_comes_back_enabled_with_its_storage(api, member, xapid_clock):
    before = api.host.get_other_config(member)["boot_time"]
    xapid_clock.pass_time(100)
    api.host.disable(member)
    api.host.reboot(member)
    assert api.host_metrics.get_live(api.host.get_metrics(member)) is False
    xapid_clock.pass_time(120)
    assert api.host_metrics.get_live(api.host.get_metrics(member)) is True
    assert api.host.get_enabled(member) is True
    assert all(api.PBD.get_currently_attached(pbd) for pbd in api.host.get_PBDs(member))
    assert float(api.host.get_other_config(member)["boot_time"]) >= float(before) + 100


def test_a_host_that_is_to_stay_disabled_stays_so_over_a_reboot(api, member, xapid_clock):
    api.host.disable(member, False)
    api.host.disable(member, True)  # which changes nothing
    api.host.reboot(member)
    xapid_clock.pass_time(120)
    assert api.host_metrics.get_live(api.host.get_metrics(member)) is True
    assert api.host.get_enabled(member) is False


def test_pending_guidance_keeps_a_host_disabled(api, member, xapid_server):
    api.host.disable(member)
    with xapid_server.pool.db.transaction() as tx:
        tx.update(member, pending_guidances=("reboot_host",))
    assert refused(api.host.enable, member) == ["HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY", member]


def test_evacuation_moves_every_vm_elsewhere(api, member, xapid_clock):
    vms = [running_vm(api, member, f"v{number}") for number in range(3)]
    assert {refusal[0] for refusal in api.host.get_vms_which_prevent_evacuation(member).values()} == {"VM_LACKS_FEATURE"}
    xapid_clock.pass_time(60)  # until the agents in the guests have reported
    assert api.host.get_vms_which_prevent_evacuation(member) == {}
    api.host.evacuate(member)
    assert all(api.VM.get_resident_on(vm) != member for vm in vms)
    assert {api.VM.get_power_state(vm) for vm in vms} == {"Running"}


def test_evacuation_moves_nothing_when_one_vm_cannot_move(api, member, xapid_clock):
    free, stuck = running_vm(api, member, "free"), running_vm(api, member, "stuck")
    xapid_clock.pass_time(60)
    api.VM.add_to_blocked_operations(stuck, "pool_migrate", "no")
    blocking = api.host.get_vms_which_prevent_evacuation(member)
    assert blocking == {stuck: ["OPERATION_BLOCKED", stuck, "no"]}
    assert refused(api.host.assert_can_evacuate, member) == ["CANNOT_EVACUATE_HOST", f"OPERATION_BLOCKED,{stuck},no"]
    assert refused(api.host.evacuate, member) == ["OPERATION_BLOCKED", stuck, "no"]
    assert api.VM.get_resident_on(free) == member


def test_evacuation_in_small_batches_moves_every_vm_and_fails_with_what_a_move_fails_with(
    api, member, xapid_clock, xapid_server, monkeypatch
):
    vms = [running_vm(api, member, f"v{number}") for number in range(3)]
    xapid_clock.pass_time(60)
    hypervisor = xapid_server.pool.services.agents.get(member).hypervisor

    async def fail(*_):
        raise XenAPIError("CANNOT_CONTACT_HOST", member)

    with monkeypatch.context() as patched:
        patched.setattr(hypervisor, "migrate", fail)
        assert refused(api.host.evacuate, member, "OpaqueRef:NULL", "1") == ["CANNOT_CONTACT_HOST", member]
    assert all(api.VM.get_resident_on(vm) == member for vm in vms)
    api.host.evacuate(member, "OpaqueRef:NULL", "1")
    assert all(api.VM.get_resident_on(vm) != member for vm in vms)


def test_a_network_for_evacuation_needs_addresses_at_both_ends(api, member, xapid_clock):
    vm = running_vm(api, member)
    xapid_clock.pass_time(60)
    networks = {row["bridge"]: ref for ref, row in api.network.get_all_records().items()}
    assert refused(api.host.evacuate, member, networks["xenbr1"])[0] == "PIF_HAS_NO_NETWORK_CONFIGURATION"
    assert api.VM.get_resident_on(vm) == member
    api.host.evacuate(member, networks["xenbr0"])
    assert api.VM.get_resident_on(vm) != member


def test_without_another_host_no_vm_can_leave(api, host):
    for other in api.host.get_all():
        if other != host:
            api.host.disable(other)
    vm = running_vm(api, host)
    assert api.host.get_vms_which_prevent_evacuation(host) == {vm: ["NO_HOSTS_AVAILABLE", vm]}


def test_a_live_host_is_neither_forgotten_nor_declared_dead(api, host, member):
    for ref in (host, member):
        assert refused(api.host.destroy, ref) == refused(api.host.declare_dead, ref) == ["HOST_IS_LIVE", ref]


def test_a_host_that_is_gone_is_forgotten_with_all_that_was_its_own(api, member):
    parts = [*api.host.get_PIFs(member), *api.host.get_PBDs(member), api.host.get_control_domain(member)]
    api.host.disable(member)
    api.host.shutdown(member)
    api.host.destroy(member)
    assert refused(api.host.get_uuid, member) == ["HANDLE_INVALID", "host", member]
    left = {*api.PIF.get_all(), *api.PBD.get_all(), *api.VM.get_all()}
    assert left.isdisjoint(parts)
    assert api.pool.get_cpu_info(api.pool.get_all()[0])["cpu_count"] == "32"


def test_nothing_is_kept_of_a_host_that_is_forgotten(api, member, xapid_server):
    uuid, db = api.host.get_uuid(member), xapid_server.pool.db
    with db.transaction() as tx:
        for prefix in (KEY, PACKAGES, CLOCK_OFFSET):
            tx.set_meta(prefix + uuid, "{}")
    api.host.disable(member)
    api.host.shutdown(member)
    assert len([key for key in db.meta if uuid in key]) > 2
    api.host.destroy(member)
    assert [key for key in db.meta if uuid in key] == []


def test_a_host_declared_dead_has_no_vms_any_longer(api, member, xapid_server):
    vm = running_vm(api, member)
    with xapid_server.pool.db.transaction() as tx:
        tx.update(api.host.get_metrics(member), live=False)
    assert refused(api.host.destroy, member) == ["HOST_HAS_RESIDENT_VMS", member]
    api.host.declare_dead(member)
    assert (api.VM.get_power_state(vm), api.host.get_enabled(member)) == ("Halted", False)


def test_free_memory_is_what_vms_leave(api, member):
    before = int(api.host.compute_free_memory(member))
    vm = running_vm(api, member)
    row = api.VM.get_record(vm)
    taken = int(row["memory_dynamic_min"]) + int(row["memory_overhead"])
    assert int(api.host.compute_free_memory(member)) == before - taken
    assert api.host.compute_memory_overhead(member) == api.host.get_memory_overhead(member)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("", "hostname empty"), ("x" * 256, "hostname is too long"), ("under_score", "hostname contains invalid characters")],
)
def test_a_host_name_must_be_one(api, host, name, reason):
    assert refused(api.host.set_hostname_live, host, name) == ["HOST_NAME_INVALID", reason]


def test_settings_that_old_clients_keep_in_other_config_are_kept_there_too(api, host):
    api.host.set_hostname_live(host, "db1.example")
    api.host.set_iscsi_iqn(host, "iqn.2026-01.example:a")
    api.host.set_multipathing(host, True)
    config = api.host.get_other_config(host)
    assert (config["iscsi_iqn"], config["multipathing"]) == ("iqn.2026-01.example:a", "true")
    assert (api.host.get_hostname(host), api.host.get_multipathing(host)) == ("db1.example", True)
    assert refused(api.host.set_iscsi_iqn, host, "") == ["INVALID_VALUE", "value", ""]


def test_old_tls_cannot_be_turned_on(api, host):
    api.host.set_ssl_legacy(host, False)
    assert refused(api.host.set_ssl_legacy, host, True)[:3] == ["VALUE_NOT_SUPPORTED", "value", "true"]


def test_ssh_is_open_for_as_long_as_it_was_said(api, host):
    assert refused(api.host.set_ssh_enabled_timeout, host, "172801") == ["INVALID_VALUE", "ssh_enabled_timeout", "172801"]
    api.host.set_ssh_enabled_timeout(host, "3600")
    api.host.disable_ssh(host)
    assert api.host.get_ssh_enabled(host) is False
    api.host.enable_ssh(host)
    opened, until = (datetime.datetime.strptime(str(t), "%Y%m%dT%H:%M:%SZ") for t in (
        api.host.get_servertime(host), api.host.get_ssh_expiry(host),
    ))  # fmt: skip
    assert until - opened == datetime.timedelta(hours=1)


def test_the_clock_is_set_only_without_ntp_and_read_in_the_hosts_time_zone(api, host):
    new_year = xmlrpc.client.DateTime("20300101T00:00:00Z")
    assert refused(api.host.set_servertime, host, new_year) == ["NOT_ALLOWED_WHEN_NTP_IS_ENABLED", host]
    assert api.host.get_ntp_synchronized(host) is True
    api.host.set_ntp_mode(host, "Disabled")
    api.host.set_servertime(host, new_year)
    api.host.set_timezone(host, "Asia/Tokyo")
    assert str(api.host.get_servertime(host)) == "20300101T00:00:00Z"
    assert str(api.host.get_server_localtime(host)) == "20300101T09:00:00"
    assert refused(api.host.set_timezone, host, "Mars/Crater") == ["INVALID_VALUE", "timezone", "Mars/Crater"]
    assert "Asia/Tokyo" in api.host.list_timezones(host)


def test_custom_time_servers_come_before_the_mode(api, host):
    assert refused(api.host.set_ntp_mode, host, "Custom")[0] == "INVALID_NTP_CONFIG"
    api.host.set_ntp_custom_servers(host, ["time.example"])
    api.host.set_ntp_mode(host, "Custom")
    assert refused(api.host.set_ntp_custom_servers, host, [])[0] == "INVALID_NTP_CONFIG"
    assert set(api.host.get_ntp_servers_status(host)) == {"time.example"}


def test_the_display_changes_at_the_next_boot(api, host):
    assert api.host.disable_display(host) == "disable_on_reboot" == api.host.get_display(host)
    assert api.host.enable_display(host) == "enabled"


def test_measured_figures_have_names_that_clients_know(api, host):
    names = {source["name_label"] for source in api.host.get_data_sources(host)}
    assert names >= {"cpu0", "cpu_avg", "loadavg", "memory_total_kib", "memory_free_kib", "pif_eth0_rx", "pif_eth1_tx"}
    assert float(api.host.query_data_source(host, "memory_total_kib")) == 64 * 1024 * 1024
    assert refused(api.host.query_data_source, host, "nosuch") == ["INVALID_VALUE", "data_source", "nosuch"]


def test_plugins_and_extensions_that_are_not_there_are_named(api, host):
    assert refused(api.host.call_plugin, host, "nosuch.py", "main", {}) == ["XENAPI_MISSING_PLUGIN", "nosuch.py"]
    assert api.host.has_extension(host, "Nosuch.call") is False
    assert refused(api.host.call_extension, host, '{"method": "Nosuch.call"}') == ["MESSAGE_METHOD_UNKNOWN", "Nosuch.call"]
    assert refused(api.host.call_extension, host, "nonsense")[0] == "INTERNAL_ERROR"


def test_a_licence_is_one_of_the_editions(api, host):
    api.host.apply_edition(host, "free")
    assert refused(api.host.apply_edition, host, "platinum") == ["INVALID_EDITION", "platinum"]
    assert refused(api.host.license_add, host, "x") == ["LICENSE_PROCESSING_ERROR"]


def test_management_moves_to_an_interface_that_has_an_address(api, host):
    old = api.host.get_management_interface(host)
    (new,) = [pif for pif in api.host.get_PIFs(host) if api.PIF.get_device(pif) == "eth1" and api.PIF.get_physical(pif)]
    assert refused(api.host.management_reconfigure, new) == ["PIF_HAS_NO_NETWORK_CONFIGURATION", new]
    api.PIF.reconfigure_ip(new, "Static", "127.9.9.9", "255.0.0.0", "", "")
    api.host.management_reconfigure(new)
    assert (api.PIF.get_management(old), api.PIF.get_management(new)) == (False, True)
    assert (api.host.get_management_interface(host), api.host.get_address(host)) == (new, "127.9.9.9")
    assert refused(api.host.local_management_reconfigure, "eth0") == ["NOT_IN_EMERGENCY_MODE"]


def test_an_interface_is_chosen_locally_in_an_emergency_alone(api, xapid_server, member, monkeypatch):
    session = xapid_server.client(f"https://{api.host.get_address(member)}")
    login = session.session.slave_local_login_with_password("root", xapid_server.config.root_password)
    session._session = login["Value"]
    assert refused(session.xenapi.host.local_management_reconfigure, "eth0") == ["NOT_IN_EMERGENCY_MODE"]
    monkeypatch.setattr(xapid_server.pool.services.role, "emergency", XenAPIError("HOST_STILL_BOOTING"))
    assert session.xenapi.host.local_management_reconfigure("eth0") == ""


def test_local_caching_needs_an_idle_disabled_host_and_a_local_sr(api, host, make, change):
    (local,) = [sr for sr in api.SR.get_by_name_label("Local storage") if api.PBD.get_host(api.SR.get_PBDs(sr)[0]) == host]
    shared = api.pool.get_default_SR(api.pool.get_all()[0])
    assert refused(api.host.enable_local_storage_caching, host, local) == ["HOST_NOT_DISABLED"]
    api.host.disable(host)
    assert refused(api.host.enable_local_storage_caching, host, shared) == ["SR_OPERATION_NOT_SUPPORTED", shared]
    disk = make("VDI", SR=local, type="user")
    vbd = make("VBD", VM=api.host.get_control_domain(host), VDI=disk, userdevice="7", currently_attached=True)
    assert refused(api.host.enable_local_storage_caching, host, local) == ["HOST_IN_USE", host, "vbd", vbd]
    change(vbd, currently_attached=False)
    api.host.enable_local_storage_caching(host, local)
    assert (api.host.get_local_cache_sr(host), api.SR.get_local_cache_enabled(local)) == (local, True)
    api.host.disable_local_storage_caching(host)
    assert (api.host.get_local_cache_sr(host), api.SR.get_local_cache_enabled(local)) == ("OpaqueRef:NULL", False)


def test_networking_is_reset_to_nothing(api, member):
    api.host.reset_networking(member)
    assert api.host.get_PIFs(member) == []
    api.PIF.scan(member)
    assert sorted(api.PIF.get_device(pif) for pif in api.host.get_PIFs(member)) == ["eth0", "eth1"]


def test_a_host_that_joins_starts_disabled_and_dead(api):
    ref = api.host.create("11111111-2222-4333-8444-555555555555", "new", "", "new", "10.0.0.9")
    row = api.host.get_record(ref)
    assert (row["enabled"], row["address"], row["API_version_minor"]) == (False, "10.0.0.9", "23")
    assert api.host_metrics.get_live(row["metrics"]) is False


# Certificates ----------------------------------------------------------------------------------------------------------


def pem_of(key, encoding=serialization.PrivateFormat.PKCS8, protection=None):
    protection = protection or serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, encoding, protection).decode()


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate_of(key, days=(-1, 1), algorithm=None, now=None):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "h")])
    start, end = (now + datetime.timedelta(days=day) for day in days)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(end)
    return builder.sign(key, algorithm or hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture
def now(api, host):
    return datetime.datetime.strptime(str(api.host.get_servertime(host)), "%Y%m%dT%H:%M:%SZ")


def test_a_certificate_that_is_installed_is_on_record(api, host, key, now):
    before = api.host.get_certificates(host)
    api.host.install_server_certificate(host, certificate_of(key, now=now), pem_of(key))
    (row,) = [api.Certificate.get_record(ref) for ref in api.host.get_certificates(host)]
    assert (
        row["type"] == "host" and row["fingerprint"] == row["fingerprint_sha256"] and row["fingerprint_sha1"].count(":") == 19
    )
    assert set(before).isdisjoint(api.host.get_certificates(host))
    assert api.host.get_server_certificate(host) == certificate_of(key, now=now)


def test_what_is_wrong_with_a_certificate_is_told_in_order(api, host, key, now):
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    curve = ec.generate_private_key(ec.SECP256R1())
    good, late, early = (certificate_of(key, days, now=now) for days in ((-1, 1), (-9, -1), (1, 9)))
    secret = serialization.BestAvailableEncryption(b"x")

    def install(certificate, private, chain=""):
        return refused(api.host.install_server_certificate, host, certificate, private, chain)[0]

    assert install("", "") == "SERVER_CERTIFICATE_KEY_INVALID"
    assert install(good, pem_of(key, serialization.PrivateFormat.TraditionalOpenSSL)) == "SERVER_CERTIFICATE_KEY_INVALID"
    assert install(good, pem_of(key, protection=secret)) == "SERVER_CERTIFICATE_KEY_INVALID"
    assert install("", pem_of(curve)) == "SERVER_CERTIFICATE_KEY_ALGORITHM_NOT_SUPPORTED"
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    assert refused(api.host.install_server_certificate, host, "", pem_of(short)) == [
        "SERVER_CERTIFICATE_KEY_RSA_LENGTH_NOT_SUPPORTED", "1024",
    ]  # fmt: skip
    assert install("", pem_of(key)) == "SERVER_CERTIFICATE_INVALID"
    assert install(early, pem_of(other)) == "SERVER_CERTIFICATE_NOT_VALID_YET"
    assert install(late, pem_of(other)) == "SERVER_CERTIFICATE_EXPIRED"
    assert install(good, pem_of(other)) == "SERVER_CERTIFICATE_KEY_MISMATCH"
    assert install(certificate_of(key, algorithm=hashes.SHA384(), now=now), pem_of(key)) == (
        "SERVER_CERTIFICATE_SIGNATURE_NOT_SUPPORTED"
    )
    assert install(good, pem_of(key), "nonsense") == "SERVER_CERTIFICATE_CHAIN_INVALID"

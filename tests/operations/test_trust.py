"""Certificates and revocation lists that the pool trusts: the calls, what hosts hold, and what clients are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from xapid.agent.values import AgentFailure
from xapid.certificates import pair
from xapid.certificates.pair import Certificate
from xapid.testing.in_process import Server, config

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""When servers of tests start."""


def authority(name: str = "ca", days: int = 0) -> Certificate:
    return _authority(name, days)


@cache
def _authority(name: str, days: int) -> Certificate:
    return pair.authority(name, EPOCH + timedelta(days=days), timedelta(days=30))


def pem(name: str = "ca", days: int = 0) -> str:
    return authority(name, days).leaf_pem


def revocations(*serials: int, by: Certificate | None = None) -> str:
    signer = by or authority()
    builder = x509.CertificateRevocationListBuilder().issuer_name(signer.leaf.subject)
    builder = builder.last_update(EPOCH).next_update(EPOCH + timedelta(days=30))
    for serial in serials:
        revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(EPOCH).build()
        builder = builder.add_revoked_certificate(revoked)
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture
def pool(api) -> str:
    return str(api.pool.get_all()[0])


@pytest.fixture
def held(xapid_server: Server) -> Callable[[], list[set[tuple[str, str]]]]:
    """Kinds and names of what each host trusts."""

    def ask() -> list[set[tuple[str, str]]]:
        agents = [xapid_server.pool.services.agents.get(host.ref) for host in xapid_server.pool.db.table("host")]
        states = [xapid_server.clock.wait_for(_deferred(agent.certificates.list_trusted())) for agent in agents]
        return [{(state["type"], state["name"]) for state in each} for each in states]

    return ask


def _deferred(coroutine):
    from twisted.internet import defer

    return defer.ensureDeferred(coroutine)


@pytest.fixture
def internal(xapid_server: Server):
    """The calls of another host of the pool."""
    services = xapid_server.pool.services
    client = xapid_server.client()
    client._session = services.sessions.open_pool(services.role.coordinator).ref
    return client.xenapi


def test_an_authority_reaches_every_host_and_leaves_every_host(api, held) -> None:
    api.pool.install_ca_certificate("ours.pem", pem())
    assert held() == [{("ca", "ours.pem")}] * 3
    assert api.pool.certificate_list() == ["ours.pem"]
    (row,) = api.Certificate.get_all_records_where('field "type" = "ca"').values()
    assert (row["name"], row["host"], row["purpose"]) == ("ours.pem", "OpaqueRef:NULL", [])
    assert row["fingerprint_sha256"] == authority().fingerprint
    api.pool.uninstall_ca_certificate("ours.pem")
    assert held() == [set()] * 3
    assert api.Certificate.get_all_records_where('field "type" = "ca"') == {}


def test_what_is_wrong_with_an_authority_is_told_in_order(api, refused, held) -> None:
    install = api.pool.install_ca_certificate
    assert refused(install, "../ours.pem", "x") == ["CERTIFICATE_NAME_INVALID", "../ours.pem"]
    assert refused(install, ".ours.pem", pem()) == ["CERTIFICATE_NAME_INVALID", ".ours.pem"]
    assert refused(install, "a.pem", "x") == ["CERTIFICATE_CORRUPT", "a.pem"]
    assert refused(install, "a.pem", pem() + pem("other")) == ["CA_CERTIFICATE_INVALID"]
    assert refused(install, "a.pem", pem("late", 9))[0] == "CA_CERTIFICATE_NOT_VALID_YET"
    assert refused(install, "a.pem", pem("gone", -99))[0] == "CA_CERTIFICATE_EXPIRED"
    install("a.pem", pem())
    assert refused(install, "a.pem", "x") == ["CERTIFICATE_ALREADY_EXISTS", "a.pem"]
    assert refused(api.pool.uninstall_ca_certificate, "b.pem") == ["CERTIFICATE_DOES_NOT_EXIST", "b.pem"]
    api.pool.uninstall_ca_certificate("b.pem", True)
    assert held() == [{("ca", "a.pem")}] * 3


def test_a_host_that_does_not_take_it_leaves_it_with_nobody(xapid_server: Server, api, refused, held, monkeypatch) -> None:
    async def fail(*args: object) -> None:
        raise AgentFailure("unreachable")

    last = api.host.get_all()[-1]
    monkeypatch.setattr(xapid_server.pool.services.agents.get(last).certificates, "trust", fail)
    assert refused(api.pool.install_ca_certificate, "a.pem", pem()) == ["CANNOT_CONTACT_HOST", last]
    assert held() == [set()] * 3
    assert api.pool.certificate_list() == []


def test_a_host_that_goes_away_does_not_leave_it_with_the_others(xapid_server: Server, api, refused, held, monkeypatch) -> None:
    """Of three hosts, the last does not take it, and the one before cannot be told to drop it."""
    master = api.pool.get_master(api.pool.get_all()[0])
    first, second, third = sorted(api.host.get_all(), key=lambda ref: ref != master)

    async def fails(*args: object) -> None:
        raise AgentFailure("unreachable", ("host",))

    agents = xapid_server.pool.services.agents
    monkeypatch.setattr(agents.get(third).certificates, "trust", fails)
    monkeypatch.setattr(agents.get(second).certificates, "distrust", fails)
    assert refused(api.pool.install_ca_certificate, "ours.pem", pem()) == ["CANNOT_CONTACT_HOST", third]
    assert dict(zip(api.host.get_all(), held(), strict=True))[first] == set()
    assert api.pool.certificate_list() == []


def test_lists_of_revoked_certificates_are_kept_by_name(api, refused, held) -> None:
    assert refused(api.pool.crl_install, "x", revocations()) == ["CRL_NAME_INVALID", "x"]
    assert refused(api.pool.crl_install, "x.pem", pem()) == ["CRL_CORRUPT", "x.pem"]
    api.pool.crl_install("x.pem", revocations(5))
    assert refused(api.pool.crl_install, "x.pem", revocations(5)) == ["CRL_ALREADY_EXISTS", "x.pem"]
    assert api.pool.crl_list() == ["x.pem"]
    assert held() == [{("crl", "x.pem")}] * 3
    assert refused(api.pool.crl_uninstall, "y.pem") == ["CRL_DOES_NOT_EXIST", "y.pem"]
    api.pool.crl_uninstall("x.pem")
    assert (api.pool.crl_list(), held()) == ([], [set()] * 3)


def test_synchronising_makes_every_host_like_the_coordinator(api, internal, held) -> None:
    _, member, other = api.host.get_all()
    api.pool.install_ca_certificate("a.pem", pem())
    internal.host.install_ca_certificate(member, "stray.pem", pem("stray"))
    internal.host.uninstall_ca_certificate(member, "a.pem", False)
    internal.host.crl_install(other, "stray.pem", revocations())
    assert held() == [{("ca", "a.pem")}, {("ca", "stray.pem")}, {("ca", "a.pem"), ("crl", "stray.pem")}]
    assert internal.host.certificate_list(member) == ["stray.pem"]
    assert internal.host.crl_list(other) == ["stray.pem"]
    internal.host.certificate_sync(member)
    assert held()[1:] == [{("ca", "a.pem")}, {("ca", "a.pem"), ("crl", "stray.pem")}]
    api.pool.certificate_sync()
    assert held() == [{("ca", "a.pem")}] * 3


def test_hosts_hold_nothing_that_they_are_asked_to_drop_and_do_not_have(api, internal, refused) -> None:
    host = api.host.get_all()[0]
    assert refused(internal.host.uninstall_ca_certificate, host, "a.pem", False) == ["CERTIFICATE_DOES_NOT_EXIST", "a.pem"]
    internal.host.uninstall_ca_certificate(host, "a.pem", True)
    assert refused(internal.host.crl_uninstall, host, "a.pem") == ["CRL_DOES_NOT_EXIST", "a.pem"]


def test_a_certificate_is_trusted_for_its_purposes(api, pool, refused, held) -> None:
    install = api.pool.install_trusted_certificate
    assert refused(install, pool, False, pem(), []) == ["CERTIFICATE_LACKS_PURPOSE"]
    assert refused(install, pool, True, "x", []) == ["TRUSTED_CERTIFICATE_INVALID"]
    assert refused(install, pool, True, pem("late", 9), [])[0] == "TRUSTED_CERTIFICATE_NOT_VALID_YET"
    assert refused(install, pool, True, pem("gone", -99), [])[0] == "TRUSTED_CERTIFICATE_EXPIRED"
    install(pool, False, pem(), ["ldaps"])
    assert refused(install, pool, False, pem(), ["licensing"]) == [
        "TRUSTED_CERTIFICATE_ALREADY_EXISTS", authority().fingerprint,
    ]  # fmt: skip
    install(pool, True, pem("root"), [])
    rows = api.Certificate.get_all_records_where('field "host" = "OpaqueRef:NULL"')
    assert {(row["type"], row["name"], tuple(row["purpose"])) for row in rows.values()} == {
        ("pinned", "", ("ldaps",)), ("ca", "", ()),
    }  # fmt: skip
    assert api.pool.certificate_list() == []
    files = {f"{authority(name).leaf.fingerprint(hashes.SHA256()).hex()}.pem" for name in ("ca", "root")}
    assert [{name for _, name in each} for each in held()] == [files] * 3
    for ref in rows:
        api.pool.uninstall_trusted_certificate(pool, ref)
    assert held() == [set()] * 3
    assert api.Certificate.get_all_records_where('field "host" = "OpaqueRef:NULL"') == {}


def test_only_trusted_certificates_are_uninstalled_as_such(api, pool, refused) -> None:
    api.pool.install_ca_certificate("a.pem", pem())
    (named,) = api.Certificate.get_all_records_where('field "type" = "ca"')
    assert refused(api.pool.uninstall_trusted_certificate, pool, named) == ["NOT_TRUSTED_CERTIFICATE", named]


def test_a_joining_host_and_its_pool_trade_what_they_trust(api, pool, refused, held) -> None:
    api.pool.install_ca_certificate("a.pem", pem())
    api.pool.crl_install("a.pem", revocations())
    api.pool.install_trusted_certificate(pool, False, pem(), ["ldaps"])
    rows = api.Certificate.get_all_records_where('field "host" = "OpaqueRef:NULL"')
    (named,), (pinned,) = ([ref for ref, row in rows.items() if row["type"] == kind] for kind in ("ca", "pinned"))
    assert api.pool.exchange_ca_certificates_on_join({"b.pem": pem("b"), "a.pem": pem()}, [named]) == {"a.pem": pem()}
    assert refused(api.pool.exchange_ca_certificates_on_join, {"a.pem": pem("b")}, []) == [
        "CERTIFICATE_ALREADY_EXISTS",
        "a.pem",
    ]
    assert api.pool.exchange_crls_on_join(pool, {"b.pem": revocations(1)}, ["a.pem", "none"]) == {"a.pem": revocations()}
    traded = api.pool.exchange_trusted_certificates_on_join(pool, False, {pem("c"): ["licensing"]}, [pinned, named])
    assert traded == {pem(): ["ldaps"]}
    again = api.pool.exchange_trusted_certificates_on_join(pool, False, {pem("c"): ["licensing"]}, [])
    assert again == {}
    assert api.pool.certificate_list() == ["a.pem", "b.pem"]
    assert len(held()[0]) == 6
    assert held()[1:] == held()[:1] * 2


def test_certificates_are_spread_one_step_at_a_time(api, internal, refused, held) -> None:
    first, host, _ = api.host.get_all()
    step = internal.host.cert_distrib_atom
    states = json.loads(step(host, json.dumps({"collect": None})))
    assert [state["type"] for state in states] == ["host", "host_internal"]
    assert states[0]["pem"] == api.host.get_server_certificate(host)
    ours = {"name": "ours.pem", "type": "ca", "pem": pem()}
    assert step(host, json.dumps({"write": [ours]})) == "null"
    assert held() == [set(), {("ca", "ours.pem")}, set()]
    there = {"host": api.host.get_uuid(first), "address": "127.0.0.1", "port": 443, "fingerprint": "00"}
    assert step(host, json.dumps({"ping": [there]})) == "[]"
    for command in ("", "[]", "{}", '{"collect": 1, "write": []}', '{"read": []}', '{"write": [{}]}', '{"ping": [1]}'):
        assert refused(step, host, command) == ["INVALID_VALUE", "command", command]
    internal.host.copy_primary_host_certs(host)
    assert held() == [set()] * 3
    for call, args in ((api.host.copy_primary_host_certs, (host,)), (api.host.cert_distrib_atom, (host, "{}"))):
        assert refused(call, *args)[0] == "INTERNAL_ERROR"


# What hosts show, and whether they look at what others show -------------------------------------------------------------------


def test_a_reset_certificate_is_a_new_one_on_record(api) -> None:
    host, other = api.host.get_all()[:2]
    before = api.host.get_server_certificate(host)
    kept = api.host.get_server_certificate(other)
    api.host.reset_server_certificate(host)
    after = x509.load_pem_x509_certificate(api.host.get_server_certificate(host).encode())
    assert after != x509.load_pem_x509_certificate(before.encode())
    (row,) = [api.Certificate.get_record(ref) for ref in api.host.get_certificates(host)]
    assert row["fingerprint_sha256"] == after.fingerprint(hashes.SHA256()).hex(":").upper()
    assert api.host.get_server_certificate(other) == kept
    assert api.host.get_certificates(other) == []


def test_in_an_emergency_the_host_that_is_called_makes_one(api) -> None:
    host = api.host.get_all()[0]
    before = api.host.get_server_certificate(host)
    api.host.emergency_reset_server_certificate()
    assert api.host.get_server_certificate(host) != before


def test_verification_is_switched_on_for_the_pool_and_off_for_one_host(xapid_server: Server, api, pool, refused) -> None:
    hosts = api.host.get_all()
    assert refused(api.host.emergency_reenable_tls_verification) == ["TLS_VERIFICATION_NOT_ENABLED_IN_POOL"]
    api.pool.enable_tls_verification()
    assert api.pool.get_tls_verification_enabled(pool)
    assert api.pool.get_wlb_verify_cert(pool)
    assert [api.host.get_tls_verification_enabled(host) for host in hosts] == [True] * 3
    api.host.emergency_disable_tls_verification()
    assert [api.host.get_tls_verification_enabled(host) for host in hosts] == [False, True, True]
    xapid_server.clock.pass_time(601)
    (message,) = api.message.get_all_records().values()
    assert (message["name"], message["obj_uuid"]) == ("TLS_VERIFICATION_EMERGENCY_DISABLED", api.host.get_uuid(hosts[0]))
    api.host.emergency_reenable_tls_verification()
    assert [api.host.get_tls_verification_enabled(host) for host in hosts] == [True] * 3


def test_verification_is_not_switched_on_while_a_host_is_not_reached(
    xapid_server: Server, api, pool, refused, monkeypatch
) -> None:
    first, second, _ = api.host.get_all()

    async def unreached(neighbours: list[dict[str, object]]) -> list[str]:
        return [api_uuid] if any(each["host"] == api_uuid for each in neighbours) else []

    api_uuid = api.host.get_uuid(second)
    monkeypatch.setattr(xapid_server.pool.services.agents.get(first).certificates, "unreached", unreached)
    assert refused(api.pool.enable_tls_verification) == ["CANNOT_CONTACT_HOST", second]
    assert not api.pool.get_tls_verification_enabled(pool)


def test_what_is_trusted_is_kept_in_files(tmp_path) -> None:
    from xapid.certificates.trusted import Trusted, TrustStore

    store = TrustStore(tmp_path / "trusted")
    store.put("ca", "a.pem", pem())
    store.put("ca", "b.pem", pem("b"))
    store.put("crl", "a.pem", revocations())
    assert (tmp_path / "trusted" / "ca" / "a.pem").read_text() == pem()
    assert (tmp_path / "trusted" / "bundle.pem").read_text() == pem() + pem("b")
    store.remove("ca", "b.pem")
    assert (tmp_path / "trusted" / "bundle.pem").read_text() == pem()
    kept = TrustStore(tmp_path / "trusted").all()
    assert [(each.kind, each.name) for each in kept] == [("ca", "a.pem"), ("crl", "a.pem")]
    assert kept[0] == Trusted("ca", "a.pem", pem())
    for name in ("../x", "", ".x", "a/b"):
        with pytest.raises(ValueError):
            store.put("ca", name, pem())


def test_an_authority_vouches_for_what_it_issued_until_that_is_revoked() -> None:
    from xapid.certificates.trusted import TrustStore

    issued = pair.issued(authority(), ["client"], EPOCH, timedelta(days=5))
    store = TrustStore(None)
    assert not store.vouches_for(issued.leaf, issued.chain, EPOCH)
    store.put("ca", "a.pem", pem())
    assert store.vouches_for(issued.leaf, issued.chain, EPOCH)
    assert not store.vouches_for(issued.leaf, [], EPOCH + timedelta(days=6))
    assert not store.vouches_for(pair.self_signed(["client"], EPOCH).leaf, [authority().leaf], EPOCH)
    store.put("crl", "a.pem", revocations(issued.leaf.serial_number, by=authority("b")))
    assert store.vouches_for(issued.leaf, [], EPOCH)
    store.put("crl", "a.pem", revocations(issued.leaf.serial_number))
    assert not store.vouches_for(issued.leaf, [], EPOCH)


def test_what_was_installed_is_told_when_it_runs_out() -> None:
    server = Server(config(preset="standalone"))
    api = server.session().xenapi
    api.pool.install_ca_certificate("a.pem", pem())
    server.clock.pass_time(17 * 86_400)
    (message,) = api.message.get_all_records().values()
    assert (message["name"], message["priority"], message["cls"]) == ("POOL_CA_CERTIFICATE_EXPIRING_14", "2", "Certificate")
    server.close()

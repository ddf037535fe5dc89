"""Certificates of daemons as clients see them: new ones for new connections, at once and for good."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import xmlrpc.client
from collections.abc import Callable
from pathlib import Path

import pytest
import XenAPI
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from certificates_by_openssl import Maker
from xapid.testing.processes import Daemon, Daemons, unverified
from xapid.testing.waiting import until

POOL = "pool"
"""The server name of those who want to see what members do."""


@pytest.fixture
def openssl(tool: Callable[[str], str], tmp_path: Path) -> Maker:
    folder = tmp_path / "openssl"
    folder.mkdir()
    return Maker(tool("openssl"), folder)


def connect(daemon: Daemon, address: str = "", name: str | None = None, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
    raw = socket.create_connection((address or daemon.address, daemon.port), timeout=20)
    return (context or unverified()).wrap_socket(raw, server_hostname=name)


def shown(daemon: Daemon, address: str = "", name: str | None = None) -> str:
    """SHA-256 of what a new connection gets, as the API writes it."""
    with connect(daemon, address, name) as client:
        return x509.load_der_x509_certificate(client.getpeercert(True)).fingerprint(SHA256()).hex(":").upper()


def fingerprint(pem: str) -> str:
    return x509.load_pem_x509_certificate(pem.encode()).fingerprint(SHA256()).hex(":").upper()


def ask(client: ssl.SSLSocket) -> bytes:
    client.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
    answer = b""
    while not answer.endswith(b"ok\n"):
        piece = client.recv(4096)
        assert piece, answer
        answer += piece
    return answer


def on_record(api, host: str, kind: str = "host") -> str:
    rows = [api.Certificate.get_record(ref) for ref in api.host.get_certificates(host)]
    (row,) = [row for row in rows if row["type"] == kind]
    return str(row["fingerprint_sha256"])


def test_a_certificate_made_as_the_manual_says_is_installed_and_shown_to_the_next_connection(
    xapid_daemons: Daemons, openssl: Maker, tmp_path: Path
) -> None:
    flags = ("--state", str(tmp_path / "state"), "--preset", "standalone")
    daemon = xapid_daemons.start(*flags)
    # A key with a password, then without; a request; and an authority that answers it.
    openssl.run("genrsa", "-aes256", "-passout", "pass:secret", "-out", "privatekey.pem", "2048")
    openssl.run("rsa", "-in", "privatekey.pem", "-passin", "pass:secret", "-out", "privatekey.nop.pem")
    about = "/C=UK/ST=Cambridgeshire/L=Cambridge/O=Lab/CN=host-1.example"
    openssl.run("req", "-new", "-key", "privatekey.nop.pem", "-subj", about, "-out", "csr")
    for name, by in (("root", ""), ("between", "root")):
        openssl.key(name)
        openssl.run("req", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr")
        signer = ("-CA", f"{by}.pem", "-CAkey", f"{by}.key") if by else ("-signkey", f"{name}.key")
        (openssl.folder / "ca").write_text("basicConstraints=critical,CA:TRUE\n")
        openssl.run(
            "x509", "-req", "-in", f"{name}.csr", *signer, "-extfile", "ca", "-sha256", "-days", "9", "-out", f"{name}.pem"
        )
    (openssl.folder / "names").write_text("subjectAltName=DNS:host-1.example\n")
    openssl.run(
        "x509", "-req", "-in", "csr", "-CA", "between.pem", "-CAkey", "between.key", "-extfile", "names", "-sha256",
        "-days", "9", "-out", "certificate.pem",
    )  # fmt: skip
    certificate, key, chain = (
        (openssl.folder / name).read_text() for name in ("certificate.pem", "privatekey.nop.pem", "between.pem")
    )
    api = daemon.session().xenapi
    (host,) = api.host.get_all()
    before, internal = shown(daemon), shown(daemon, name=POOL)
    assert before == on_record(api, host) == daemon.ready["fingerprint"]
    assert internal == on_record(api, host, "host_internal") != before
    with connect(daemon) as old:
        assert b"200 OK" in ask(old)
        api.host.install_server_certificate(host, certificate, key, chain)
        assert shown(daemon) == on_record(api, host) == fingerprint(certificate)
        assert api.host.get_server_certificate(host).strip() == certificate.strip()
        assert b"200 OK" in ask(old)
    # A client that trusts the root alone is content, since the chain comes along.
    with connect(
        daemon, name="host-1.example", context=ssl.create_default_context(cafile=openssl.folder / "root.pem")
    ) as client:
        assert b"200 OK" in ask(client)
    assert shown(daemon, name=POOL) == internal
    assert (tmp_path / "state" / "host.pem").stat().st_mode & 0o777 == 0o600
    daemon.stop()
    again = xapid_daemons.start(*flags)
    assert shown(again) == again.ready["fingerprint"] == fingerprint(certificate)
    api = again.session().xenapi
    api.host.reset_server_certificate(host)
    assert shown(again) == on_record(api, host) not in (before, fingerprint(certificate))


def test_each_host_shows_its_own(xapid_daemons: Daemons, openssl: Maker, tmp_path: Path) -> None:
    flags = ("--state", str(tmp_path / "state"), "--preset", "pool3")
    daemon = xapid_daemons.start(*flags)
    api = daemon.session().xenapi
    hosts = {record["address"]: ref for ref, record in api.host.get_all_records().items()}
    first, second, third = sorted(hosts)
    shared = {shown(daemon, address) for address in hosts}
    assert shared == {daemon.ready["fingerprint"]}
    key = openssl.key("second")
    api.host.install_server_certificate(hosts[second], openssl.certificate("second", "second"), key)
    key = openssl.key("first")
    api.host.install_server_certificate(hosts[first], openssl.certificate("first", "first"), key)
    expected = {
        first: fingerprint(openssl.certificate("first", "first")),
        second: fingerprint(openssl.certificate("second", "second")),
        third: daemon.ready["fingerprint"],
    }
    assert {address: shown(daemon, address) for address in hosts} == expected
    assert {address: on_record(api, host) for address, host in hosts.items()} == expected
    daemon.stop()
    again = xapid_daemons.start(*flags, "--bind", daemon.address, "--port", str(daemon.port))
    assert {address: shown(again, address) for address in hosts} == expected


def test_a_pool_of_daemons_trades_certificates_and_goes_on_with_new_ones(xapid_daemons: Daemons, openssl: Maker) -> None:
    coordinator, member = xapid_daemons.pool(2)
    api = coordinator.session().xenapi
    there = next(ref for ref, record in api.host.get_all_records().items() if record["address"] == member.address)
    here = next(ref for ref in api.host.get_all() if ref != there)
    # What clients of a member see is installed through the coordinator.
    key = openssl.key("member")
    api.host.install_server_certificate(there, openssl.certificate("member", "member"), key)
    assert shown(member) == on_record(api, there) == fingerprint(openssl.certificate("member", "member"))
    # Authorities reach it.
    openssl.key("ca")
    api.pool.install_ca_certificate("ca.pem", openssl.certificate("ca", "ca"))
    internal = pool_session(coordinator)
    assert internal.host.certificate_list(there) == ["ca.pem"]
    # Hosts reach each other and see what they should.
    api.pool.enable_tls_verification()
    assert [api.host.get_tls_verification_enabled(host) for host in (here, there)] == [True, True]
    # Both get new certificates for each other, and go on.
    for host, daemon in ((there, member), (here, coordinator)):
        before = shown(daemon, name=POOL)
        api.host.refresh_server_certificate(host)
        assert shown(daemon, name=POOL) == on_record(api, host, "host_internal") != before
        assert api.host.get_server_certificate(there).strip() == openssl.certificate("member", "member").strip()
    assert api.host_metrics.get_live(api.host.get_metrics(there))
    # In an emergency the member does without its coordinator.
    local = XenAPI.Session(member.url, ignore_ssl=True)
    answer = local._ServerProxy__request("session.slave_local_login_with_password", ("root", member.password))
    local._session = answer["Value"]
    before = shown(member)
    local.xenapi.host.emergency_reset_server_certificate()
    assert shown(member) != before
    local.xenapi.host.emergency_disable_tls_verification()
    assert [api.host.get_tls_verification_enabled(host) for host in (here, there)] == [True, True]


def test_a_host_that_shows_another_certificate_is_not_reached(xapid_daemons: Daemons) -> None:
    daemon, other = xapid_daemons.several(2)
    internal = pool_session(daemon)
    (host,) = internal.host.get_all()
    there = {"host": "other", "address": other.address, "port": other.port, "fingerprint": "00" * 32}
    nowhere = there | {"host": "nowhere", "port": 1}
    assert json.loads(internal.host.cert_distrib_atom(host, json.dumps({"ping": [there, nowhere]}))) == ["other", "nowhere"]


def test_a_pool_trusts_what_another_one_trusts(xapid_daemons: Daemons, openssl: Maker) -> None:
    daemon, other = xapid_daemons.several(2)
    here, there = daemon.session().xenapi, other.session()
    openssl.key("ca")
    authority = openssl.certificate("ca", "ca")
    (pool,), (far_pool,), (far_host,) = here.pool.get_all(), there.xenapi.pool.get_all(), there.xenapi.host.get_all()
    there.xenapi.pool.install_trusted_certificate(far_pool, False, authority, ["ldaps"])
    known = there.xenapi.host.get_server_certificate(far_host)
    address = f"{other.address}:{other.port}"
    arguments = (pool, address, there._session)
    (ref,) = here.pool.sync_trusted_certificates_from(*arguments, known, False)
    row = here.Certificate.get_record(ref)
    assert (row["type"], row["purpose"], row["fingerprint_sha256"]) == ("pinned", ["ldaps"], fingerprint(authority))
    assert here.pool.sync_trusted_certificates_from(*arguments, known, False) == [ref]
    assert here.pool.sync_trusted_certificates_from(*arguments, known, True) == []
    with pytest.raises(XenAPI.Failure, match="TLS_CONNECTION_FAILED"):
        here.pool.sync_trusted_certificates_from(*arguments, authority, False)


def pool_session(daemon: Daemon):
    """The calls of a host of the pool."""
    session = daemon.session()
    secret, host = session.xenapi.pool.initial_auth(), session.xenapi.host.get_all()[0]
    session._session = session._ServerProxy__request("session.slave_login", (host, secret))["Value"]
    return session.xenapi


def test_a_client_is_let_in_by_its_certificate_if_the_pool_says_so(xapid_daemons: Daemons, openssl: Maker) -> None:
    daemon = xapid_daemons.start("--preset", "standalone")
    api = daemon.session().xenapi
    (pool,) = api.pool.get_all()
    for name in ("ca", "stranger"):
        openssl.key(name)
        openssl.certificate(name, name)
        openssl.key(f"client-of-{name}")
    good = "lab-client", "client-of-ca"
    openssl.certificate(*good, by="ca")
    openssl.certificate("other-name", "client-of-ca", by="ca")
    openssl.certificate("lab-stranger", "client-of-stranger", by="stranger", subject="lab-client")

    def login(certificate: str, key: str) -> dict[str, object]:
        context = unverified()
        context.load_cert_chain(openssl.folder / f"{certificate}.pem", openssl.folder / f"{key}.key")
        session = XenAPI.Session(daemon.url, transport=ClientTransport(context))
        return session._ServerProxy__request("session.login_with_password", ("nobody", "", "2.23", "test"))

    api.pool.install_ca_certificate("ca.pem", openssl.certificate("ca", "ca"))
    assert login(*good)["Status"] == "Failure"
    api.pool.enable_client_certificate_auth(pool, "lab-client")
    answer = login(*good)
    session = daemon.session()
    session._session = answer["Value"]
    own = session.xenapi.session.get_record(session._session)
    assert (own["client_certificate"], own["is_local_superuser"], own["auth_user_name"]) == (True, False, "lab-client")
    assert "client-cert" in own["rbac_permissions"]
    assert session.xenapi.pool.get_all() == [pool]
    with pytest.raises(XenAPI.Failure, match="RBAC_PERMISSION_DENIED"):
        session.xenapi.pool.enable_tls_verification()
    for certificate, key in (("other-name", "client-of-ca"), ("lab-stranger", "client-of-stranger")):
        assert login(certificate, key)["ErrorDescription"][0] == "SESSION_AUTHENTICATION_FAILED"
    assert daemon.session().xenapi.pool.get_all() == [pool]
    api.pool.disable_client_certificate_auth(pool)
    assert login(*good)["Status"] == "Failure"


def test_a_client_with_a_certificate_sees_hosts_of_other_daemons_through_the_coordinator(
    xapid_daemons: Daemons, openssl: Maker
) -> None:
    coordinator, member = xapid_daemons.pool(2, "--duration-profile", "instant")
    api = coordinator.session().xenapi
    (pool,) = api.pool.get_all()
    uuid = next(row["uuid"] for row in api.host.get_all_records().values() if row["address"] == member.address)
    openssl.key("ca")
    openssl.key("client")
    api.pool.install_ca_certificate("ca.pem", openssl.certificate("ca", "ca"))
    openssl.certificate("lab-client", "client", by="ca")
    context = unverified()
    context.load_cert_chain(openssl.folder / "lab-client.pem", openssl.folder / "client.key")

    def asked(path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPSConnection(coordinator.address, coordinator.port, context=context, timeout=20)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    statistics = f"/host_rrd?json=true&on_host={uuid}"
    assert asked(statistics)[0] == 401
    api.pool.enable_client_certificate_auth(pool, "lab-client")
    until(lambda: asked(statistics)[0] == 200)
    assert "memory_total_kib" in asked(statistics)[1].decode()
    assert asked(f"/vncsnapshot?ref=x&on_host={uuid}")[0] == 403
    api.pool.disable_client_certificate_auth(pool)
    assert until(lambda: asked(statistics)[0] == 401)


class ClientTransport(xmlrpc.client.SafeTransport):
    """Shows a certificate."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(context=context)

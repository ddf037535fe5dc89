"""Users of a directory: one that speaks LDAP over TLS, on loopback, and one in a file."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest
import XenAPI
from argon2 import PasswordHasher

from xapid.certificates import pair
from xapid.testing.in_process import Server

EPOCH = datetime.now(UTC)
BASE = "dc=lab,dc=example"
SERVICE = f"cn=svc,{BASE}"
DOMAIN = "S-1-5-21-1-2-3"


def sid(number: int) -> str:
    """An identifier as a directory keeps it, in base64."""
    parts = (21, 1, 2, 3, number)
    raw = bytes((1, len(parts))) + (5).to_bytes(6, "big") + b"".join(part.to_bytes(4, "little") for part in parts)
    return base64.b64encode(raw).decode()


LDIF = f"""
dn: {BASE}
objectClass: dcObject
dc: lab

dn: {SERVICE}
objectClass: user
cn: svc
userPassword: svc-password

dn: ou=people,{BASE}
objectClass: organizationalUnit
ou: people

dn: cn=Alice,ou=people,{BASE}
objectClass: user
cn: Alice
sAMAccountName: alice
userPrincipalName: alice@lab.example
displayName: Alice Lidell
objectSid:: {sid(1025)}
userAccountControl: 512
userPassword: wonder

dn: cn=Bob,ou=people,{BASE}
objectClass: user
cn: Bob
sAMAccountName: bob
objectSid:: {sid(1026)}
userAccountControl: 514
userPassword: builder

dn: uid=carol,ou=people,{BASE}
objectClass: posixAccount
uid: carol
cn: Carol
userPassword: carols

dn: cn=operators,{BASE}
objectClass: group
cn: operators
objectSid:: {sid(2049)}
member: cn=Alice,ou=people,{BASE}
member: cn=Bob,ou=people,{BASE}

dn: cn=everyone,{BASE}
objectClass: group
cn: everyone
objectSid:: {sid(2050)}
member: cn=operators,{BASE}
member: uid=carol,ou=people,{BASE}

"""


@attrs.frozen
class Directory:
    """Where it answers, and the certificate that it shows."""

    ldaps: int
    ldap: int
    certificate: str
    process: subprocess.Popen[str]

    def config(self, ldaps: bool = True, **more: str) -> dict[str, str]:
        server = f"127.0.0.1:{self.ldaps if ldaps else self.ldap}"
        return {"user": SERVICE, "pass": "svc-password", "server": server, "ldaps": str(ldaps).lower()} | more


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    folder = tmp_path_factory.mktemp("ldap")
    shown = pair.self_signed(["127.0.0.1"], EPOCH)
    shown.save(folder / "server.pem")
    (folder / "lab.ldif").write_text(LDIF.lstrip())
    program = Path(__file__).parent.parent / "ldap_server.py"
    command = [sys.executable, str(program), str(folder / "lab.ldif"), str(folder / "server.pem")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ports = process.stdout.readline().split()
        yield Directory(int(ports[0]), int(ports[1]), shown.leaf_pem, process)
        process.stdin.close()
        process.wait(10)


@pytest.fixture
def pool(api) -> str:
    return str(api.pool.get_all()[0])


@pytest.fixture
def trusting(xapid_server: Server, api, pool, directory: Directory) -> str:
    """A pool that believes the directory."""
    xapid_server.clock.advance(EPOCH.timestamp() + 60 - xapid_server.clock.seconds())
    api.pool.install_trusted_certificate(pool, False, directory.certificate, ["ldaps"])
    return pool


@pytest.fixture
def joined(api, trusting: str, directory: Directory) -> str:
    api.pool.enable_external_auth(trusting, directory.config(), "lab.example", "AD")
    return trusting


def role(api, name: str) -> str:
    return str(api.role.get_by_name_label(name)[0])


def admit(api, name: str, role_name: str) -> str:
    """Let a user or group in."""
    identifier = api.auth.get_subject_identifier(name)
    subject = api.subject.create({"subject_identifier": identifier, "other_config": {}})
    api.subject.add_to_roles(subject, role(api, role_name))
    return str(subject)


@pytest.mark.parametrize("ldaps", [True, False])
def test_a_directory_is_enabled_for_every_host_over_tls_from_the_first_or_started(
    api, trusting: str, directory: Directory, xapid_server: Server, ldaps: bool
) -> None:
    api.pool.enable_external_auth(trusting, directory.config(ldaps), "lab.example", "AD")
    for host in api.host.get_all():
        assert (api.host.get_external_auth_type(host), api.host.get_external_auth_service_name(host)) == ("AD", "lab.example")
        shown = api.host.get_external_auth_configuration(host)
        assert (shown["domain"], shown["user"], shown["ldaps"]) == ("lab.example", SERVICE, str(ldaps).lower())
        assert "svc-password" not in str(shown)
    admit(api, "alice", "vm-admin")
    assert xapid_server.session("alice", "wonder").xenapi.VM.get_all() == api.VM.get_all()


def test_what_keeps_a_directory_from_being_asked_has_a_code_of_its_own(
    api, pool, refused, directory: Directory, xapid_server: Server
) -> None:
    first = api.host.get_all()[0]
    xapid_server.clock.advance(EPOCH.timestamp() + 60 - xapid_server.clock.seconds())

    def enable(config, kind="AD", service="lab.example"):
        return refused(api.pool.enable_external_auth, pool, config, service, kind)[:2]

    assert enable({}, "nosuch", "") == ["AUTH_UNKNOWN_TYPE", "nosuch"]
    assert enable(directory.config()) == ["POOL_AUTH_ENABLE_FAILED_NO_TRUSTED_CERTS", first]
    other = pair.self_signed(["other.example", "127.0.0.1"], EPOCH).leaf_pem
    api.pool.install_trusted_certificate(pool, False, other, ["ldaps"])
    api.pool.install_trusted_certificate(pool, False, directory.certificate, ["licensing"])
    assert enable(directory.config()) == ["POOL_AUTH_ENABLE_FAILED_INVALID_TRUSTED_CERTS", first]
    api.pool.install_trusted_certificate(pool, True, other, ["ldaps"])
    assert enable(directory.config()) == ["POOL_AUTH_ENABLE_FAILED", first]
    api.pool.install_trusted_certificate(pool, True, directory.certificate, [])
    assert enable(directory.config(), service="") == ["POOL_AUTH_ENABLE_FAILED", first]
    assert enable({}) == ["POOL_AUTH_ENABLE_FAILED_WRONG_CREDENTIALS", first]
    assert enable(directory.config(**{"pass": "wrong"})) == ["POOL_AUTH_ENABLE_FAILED_WRONG_CREDENTIALS", first]
    assert enable(directory.config(server="127.0.0.1:1")) == ["POOL_AUTH_ENABLE_FAILED_UNAVAILABLE", first]
    assert enable(directory.config(ou="ou=nobody,dc=lab,dc=example")) == ["POOL_AUTH_ENABLE_FAILED_INVALID_OU", first]
    assert [api.host.get_external_auth_type(host) for host in api.host.get_all()] == ["", "", ""]
    api.pool.enable_external_auth(pool, directory.config(), "lab.example", "AD")
    assert enable(directory.config()) == ["POOL_AUTH_ALREADY_ENABLED", first]
    assert refused(api.host.enable_external_auth, first, {}, "x", "AD") == ["AUTH_ALREADY_ENABLED", "AD", "lab.example"]


def test_a_user_comes_in_by_a_subject_for_a_group_of_a_group_with_its_roles(api, joined: str, xapid_server: Server) -> None:
    assert api.auth.get_subject_identifier("LAB\\alice") == f"{DOMAIN}-1025"
    assert set(api.auth.get_group_membership(f"{DOMAIN}-1025")) == {f"{DOMAIN}-2049", f"{DOMAIN}-2050"}
    admit(api, "everyone", "read-only")
    for name in ("alice", "LAB\\alice", "alice@lab.example"):
        session = xapid_server.session(name, "wonder")
        own = session.xenapi.session.get_record(session._session)
        assert (own["auth_user_sid"], own["is_local_superuser"]) == (f"{DOMAIN}-1025", False)
        with pytest.raises(XenAPI.Failure, match="RBAC_PERMISSION_DENIED"):
            session.xenapi.VM.clean_shutdown(api.VM.get_all()[0])
    assert xapid_server.session("carol", "carols").xenapi.pool.get_all() == api.pool.get_all()


def test_who_is_refused_is_told_why_and_is_in_the_audit_log(api, joined: str, xapid_server: Server) -> None:
    def attempt(name: str, password: str) -> list[str]:
        try:
            xapid_server.session(name, password)
        except XenAPI.Failure as failure:
            return list(failure.details)
        return []

    assert attempt("alice", "wonder")[:2] == ["SESSION_AUTHORIZATION_FAILED", "alice"]
    subject = api.subject.create({"subject_identifier": f"{DOMAIN}-2049", "other_config": {}})
    assert attempt("alice", "wonder")[:2] == ["RBAC_PERMISSION_DENIED", "session.login_with_password"]
    api.subject.add_to_roles(subject, role(api, "vm-operator"))
    assert attempt("alice", "wonder") == []
    assert attempt("bob", "builder")[:2] == ["SESSION_AUTHORIZATION_FAILED", "bob"]  # his account is disabled
    for name, password in (
        ("alice", "wrong"),
        ("alice", ""),
        ("nobody", "x"),
        ("*", "wonder"),
        ("al*", "wonder"),
        ("root", "x"),
    ):
        assert attempt(name, password or " ")[:2] == ["SESSION_AUTHENTICATION_FAILED", name]
    lines = [line for line in xapid_server.pool.services.audit.lines() if "login_with_password" in line]
    for code, name in (
        ("SESSION_AUTHORIZATION_FAILED", "bob"), ("RBAC_PERMISSION_DENIED", "alice"),
        ("SESSION_AUTHENTICATION_FAILED", "nobody"),
    ):  # fmt: skip
        assert any(f"'{code}'" in line and f"('uname' '{name}')" in line for line in lines)
    assert not any("wonder" in line or "builder" in line for line in lines)


def test_what_the_directory_knows_of_a_subject_is_kept_with_it(api, joined: str) -> None:
    known = api.subject.get_other_config(admit(api, "alice", "vm-admin"))
    assert known["subject-name"] == "alice"
    assert known["subject-displayname"] == "Alice Lidell"
    assert known["subject-sid"] == f"{DOMAIN}-1025"
    assert (known["subject-is-group"], known["subject-account-disabled"]) == ("false", "false")
    assert api.auth.get_subject_information_from_identifier(f"{DOMAIN}-2049")["subject-is-group"] == "true"
    carol = api.auth.get_subject_identifier("carol")
    assert carol == f"uid=carol,ou=people,{BASE}"
    assert api.auth.get_subject_information_from_identifier(carol)["subject-name"] == "carol"
    for call, what in ((api.auth.get_subject_identifier, "nobody"), (api.auth.get_group_membership, f"{DOMAIN}-9")):
        with pytest.raises(XenAPI.Failure, match="SUBJECT_CANNOT_BE_RESOLVED"):
            call(what)


def test_a_subject_that_is_removed_takes_its_sessions_along(api, joined: str, xapid_server: Server, refused) -> None:
    subject = admit(api, "operators", "vm-admin")
    alice = xapid_server.session("alice", "wonder")
    assert api.session.get_all_subject_identifiers() == [f"{DOMAIN}-1025"]
    group = admit(api, "everyone", "read-only")
    api.subject.destroy(subject)
    assert api.session.get_all_subject_identifiers() == []
    again = xapid_server.session("alice", "wonder")
    api.subject.remove_from_roles(group, role(api, "read-only"))
    xapid_server.clock.pass_time(2500)
    assert api.session.get_all_subject_identifiers() == []
    assert alice._session != again._session


def test_disabling_the_directory_ends_the_sessions_of_its_users(api, joined: str, xapid_server: Server, refused) -> None:
    admit(api, "alice", "vm-admin")
    xapid_server.session("alice", "wonder")
    api.pool.disable_external_auth(joined, {})
    assert api.session.get_all_subject_identifiers() == []
    assert [api.host.get_external_auth_type(host) for host in api.host.get_all()] == ["", "", ""]
    assert refused(api.auth.get_subject_identifier, "alice") == ["AUTH_IS_DISABLED"]
    with pytest.raises(XenAPI.Failure, match="SESSION_AUTHENTICATION_FAILED"):
        xapid_server.session("alice", "wonder")


def test_tls_from_the_first_is_switched_on_when_the_directory_answers_so(
    api, trusting: str, directory: Directory, refused
) -> None:
    assert refused(api.pool.external_auth_set_ldaps, trusting, True, False) == ["AUTH_IS_DISABLED"]
    api.pool.enable_external_auth(trusting, directory.config(False), "lab.example", "AD")
    first = api.host.get_all()[0]
    assert refused(api.pool.external_auth_set_ldaps, trusting, True, False)[:2] == ["AUTH_SET_LDAPS_FAILED", first]
    assert api.host.get_external_auth_configuration(first)["ldaps"] == "false"
    api.pool.external_auth_set_ldaps(trusting, False, False)
    api.pool.external_auth_set_ldaps(trusting, True, True)
    assert api.host.get_external_auth_configuration(first)["ldaps"] == "true"


def test_hosts_that_ask_different_directories_are_told_of(api, joined: str) -> None:
    api.pool.detect_nonhomogeneous_external_auth(joined)
    assert api.message.get_all() == []
    api.host.disable_external_auth(api.host.get_all()[1], {}, True)
    api.pool.detect_nonhomogeneous_external_auth(joined)
    (message,) = api.message.get_all_records().values()
    assert message["name"] == "EXTAUTH_IN_POOL_IS_NON_HOMOGENEOUS"


def test_a_password_that_was_right_is_remembered_as_long_as_the_pool_says(
    api, joined: str, directory: Directory, xapid_server: Server, monkeypatch
) -> None:
    from xapid.auth.ldap_directory import Link

    asked: list[str] = []
    original = Link.authenticate
    monkeypatch.setattr(Link, "authenticate", lambda self, name, password: asked.append(name) or original(self, name, password))
    admit(api, "alice", "vm-admin")
    login: Callable[[], object] = lambda: xapid_server.session("alice", "wonder")  # noqa: E731
    login()
    login()
    assert len(asked) == 2
    api.pool.set_ext_auth_cache_enabled(joined, True)
    api.pool.set_ext_auth_cache_expiry(joined, 60)
    login()
    login()
    assert len(asked) == 3
    with pytest.raises(XenAPI.Failure, match="SESSION_AUTHENTICATION_FAILED"):
        xapid_server.session("alice", "wrong")
    assert len(asked) == 4
    login()
    login()
    assert len(asked) == 5
    xapid_server.clock.pass_time(61)
    login()
    assert len(asked) == 6
    api.pool.set_ext_auth_cache_size(joined, 0)
    login()
    login()
    assert len(asked) == 8


# Users in a file --------------------------------------------------------------------------------------------------------


@pytest.fixture
def people(tmp_path: Path) -> Path:
    cheap = PasswordHasher(1, 8, 1)
    path = tmp_path / "people"
    path.write_text(
        f"# a lab\n\nalice:{cheap.hash('wonder')}:admins, operators:Alice Lidell\nbob:{cheap.hash('builder')}\nbroken line\n"
    )
    path.chmod(0o600)
    return path


def test_a_file_of_users_lets_them_in(api, pool, people: Path, xapid_server: Server, refused) -> None:
    api.pool.enable_external_auth(pool, {"file": str(people)}, "lab", "file")
    admit(api, "operators", "vm-operator")
    assert api.auth.get_group_membership(api.auth.get_subject_identifier("alice")) == [
        "file:group:admins",
        "file:group:operators",
    ]
    assert xapid_server.session("alice", "wonder").xenapi.VM.get_all() == api.VM.get_all()
    for name, password, code in (
        ("alice", "wrong", "SESSION_AUTHENTICATION_FAILED"), ("carol", "x", "SESSION_AUTHENTICATION_FAILED"),
        ("bob", "builder", "SESSION_AUTHORIZATION_FAILED"),
    ):  # fmt: skip
        with pytest.raises(XenAPI.Failure, match=code):
            xapid_server.session(name, password)
    known = api.auth.get_subject_information_from_identifier("file:user:alice")
    assert (known["subject-name"], known["subject-gecos"]) == ("alice", "Alice Lidell")
    assert refused(api.auth.get_subject_identifier, "nobody") == ["SUBJECT_CANNOT_BE_RESOLVED"]
    people.write_text("")
    xapid_server.clock.pass_time(2500)
    assert api.session.get_all_subject_identifiers() == []


def test_a_file_that_others_can_write_lets_nobody_in(api, pool, people: Path, refused) -> None:
    first = api.host.get_all()[0]
    enable = api.pool.enable_external_auth
    assert refused(enable, pool, {"file": "people"}, "lab", "file")[:2] == ["POOL_AUTH_ENABLE_FAILED", first]
    assert refused(enable, pool, {"file": "/nowhere"}, "lab", "file")[:2] == ["POOL_AUTH_ENABLE_FAILED_UNAVAILABLE", first]
    people.chmod(0o666)
    config = {"file": str(people)}
    assert refused(enable, pool, config, "lab", "file")[:2] == ["POOL_AUTH_ENABLE_FAILED_PERMISSION_DENIED", first]
    people.chmod(0o600)
    enable(pool, config, "lab", "file")
    people.chmod(0o666)
    assert refused(api.auth.get_subject_identifier, "alice")[0] == "AUTH_SERVICE_ERROR"

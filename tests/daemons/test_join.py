"""Two daemons become one pool: the second follows, its host's VMs run there, and its death is told, not waited for."""

from __future__ import annotations

import http.client
import ssl
import time
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path

import pytest
import XenAPI
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from xapid.testing.processes import Daemon, Daemons, join
from xapid.testing.waiting import until

pytestmark = pytest.mark.daemon

LIMIT = 60


@pytest.fixture
def pair(xapid_daemons: Daemons) -> Iterator[tuple[Daemon, Daemon]]:
    """A coordinator, and a daemon that has joined it."""
    leader, joiner = xapid_daemons.pool(2)
    yield leader, joiner


def host_at(session: XenAPI.Session, address: str) -> str:
    (ref,) = [ref for ref, host in session.xenapi.host.get_all_records().items() if host["address"] == address]
    return str(ref)


def small_vm(session: XenAPI.Session) -> str:
    (template,) = session.xenapi.VM.get_by_name_label("Other install media")
    vm = session.xenapi.VM.clone(template, "small")
    session.xenapi.VM.provision(vm)
    return str(vm)


def failure_of(call: object, *args: object) -> list[str]:
    with pytest.raises(XenAPI.Failure) as caught:
        call(*args)  # type: ignore[operator]
    return list(caught.value.details)


def test_a_member_sends_clients_to_its_coordinator(pair: tuple[Daemon, Daemon]) -> None:
    """A login at the member names the coordinator's bare address; its former sessions are over."""
    leader, joiner = pair
    deadline = time.monotonic() + LIMIT
    while True:
        try:
            joiner.session()
        except XenAPI.Failure as failure:
            assert failure.details == ["HOST_IS_SLAVE", leader.address]
            break
        assert time.monotonic() < deadline


def test_a_session_of_the_coordinator_is_sent_there_by_a_member(pair: tuple[Daemon, Daemon]) -> None:
    leader, joiner = pair
    with pytest.raises(XenAPI.Failure) as caught:
        elsewhere = XenAPI.Session(joiner.url, ignore_ssl=True)
        elsewhere._session = leader.session().handle
        elsewhere.xenapi.pool.get_all()
    assert caught.value.details == ["HOST_IS_SLAVE", leader.address]


def test_a_member_tells_by_which_certificate_its_coordinator_is_known(pair: tuple[Daemon, Daemon]) -> None:
    leader, joiner = pair
    known = x509.load_pem_x509_certificate(ssl.get_server_certificate((leader.address, leader.port)).encode())
    connection = http.client.HTTPSConnection(
        joiner.address, joiner.port, context=ssl._create_unverified_context(), timeout=LIMIT
    )
    login = xmlrpc.client.dumps(("root", "x"), "session.login_with_password")

    def told(algorithm: str) -> str | None:
        connection.request("POST", "/", login, {"x-xenapi-request-host-certificate-thumbprint": f"{algorithm}:master"})
        with connection.getresponse() as answer:
            answer.read()
            return answer.headers["x-xenapi-response-host-certificate-thumbprint"]

    until(lambda: told("sha-256") == known.fingerprint(hashes.SHA256()).hex(":").upper())
    assert told("sha-1") == known.fingerprint(hashes.SHA1()).hex(":").upper()
    connection.close()


def test_the_pool_has_the_new_host_with_what_it_brought(pair: tuple[Daemon, Daemon]) -> None:
    leader, joiner = pair
    session = leader.session()
    host = session.xenapi.host.get_record(host_at(session, joiner.address))
    assert host["enabled"]
    assert session.xenapi.host_metrics.get_live(host["metrics"])
    bridges = {session.xenapi.network.get_bridge(session.xenapi.PIF.get_network(pif)) for pif in host["PIFs"]}
    assert {"xenbr0", "xenbr1"} <= bridges
    assert len(session.xenapi.network.get_all_records_where('field "bridge" = "xenbr0"')) == 1
    plugged = [pbd for pbd in host["PBDs"] if session.xenapi.PBD.get_currently_attached(pbd)]
    assert plugged


def test_a_vm_started_on_the_member_runs_in_its_process(pair: tuple[Daemon, Daemon]) -> None:
    """It starts, its guest agent reports through the member, and calls for it fail at once when the member is killed."""
    leader, joiner = pair
    session = leader.session()
    member = host_at(session, joiner.address)
    vm = small_vm(session)
    session.xenapi.VM.start_on(vm, member, False, False)
    assert session.xenapi.VM.get_resident_on(vm) == member
    until(lambda: "clean_shutdown" in session.xenapi.VM.get_allowed_operations(vm))
    session.xenapi.VM.clean_shutdown(vm)
    session.xenapi.VM.start_on(vm, member, False, False)

    joiner.kill()
    assert failure_of(session.xenapi.VM.pause, vm) == ["CANNOT_CONTACT_HOST", member]
    assert failure_of(session.xenapi.VM.start_on, small_vm(session), member, False, False) == ["CANNOT_CONTACT_HOST", member]


def test_strangers_get_no_further_than_the_handshake(pair: tuple[Daemon, Daemon]) -> None:
    """Who offers the members' protocol without a certificate of the pool is hung up on."""
    import socket

    from OpenSSL import SSL

    leader, _ = pair
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_alpn_protos([b"xapid-agent/1"])
    with socket.create_connection((leader.address, leader.port), timeout=LIMIT) as plain:
        plain.settimeout(None)
        connection = SSL.Connection(context, plain)
        connection.set_connect_state()
        with pytest.raises(SSL.Error):
            connection.do_handshake()
            connection.recv(1)


def test_a_pool_that_is_not_there_is_not_joined(xapid_daemons: Daemons) -> None:
    """Nobody at the address, or a wrong password: the daemon stays what it was."""
    alone = xapid_daemons.start("--ephemeral", "--preset", "standalone")
    other = xapid_daemons.start("--ephemeral", "--preset", "standalone")
    session = alone.session()
    assert failure_of(session.xenapi.pool.join, "127.0.0.1:1", "root", "x") == ["JOINING_HOST_CONNECTION_FAILED"]
    refusal = failure_of(session.xenapi.pool.join, f"{other.address}:{other.port}", "root", "wrong")
    assert refusal[:2] == ["SESSION_AUTHENTICATION_FAILED", "root"]
    assert len(session.xenapi.host.get_all()) == 1


def test_a_member_stays_one_over_a_restart_and_its_vms_go_on(xapid_daemons: Daemons, tmp_path: Path) -> None:
    """Killed and started again on its state, it still names its coordinator, and its VMs are where they were."""
    leader, joiner = xapid_daemons.several(2)
    state = tmp_path / "member"
    joiner.close()
    flags = ["--bind", joiner.address, "--port", str(joiner.port), "--preset", "standalone", "--state", str(state)]
    joiner = xapid_daemons.start(*flags)
    join(joiner, leader)
    session = leader.session()
    member, vm = host_at(session, joiner.address), small_vm(session)
    session.xenapi.VM.start_on(vm, member, False, False)
    joiner.kill()
    again = xapid_daemons.start(*flags)
    with pytest.raises(XenAPI.Failure) as caught:
        again.session()
    assert caught.value.details == ["HOST_IS_SLAVE", leader.address]
    assert session.xenapi.VM.get_power_state(vm) == "Running"
    session.xenapi.VM.hard_shutdown(vm)
    session.xenapi.VM.start_on(vm, member, False, False)
    assert session.xenapi.VM.get_resident_on(vm) == member


def test_a_host_that_is_ejected_starts_afresh(pair: tuple[Daemon, Daemon]) -> None:
    """The pool has it no more, its daemon is a pool of its own with root's password of the old one, and can join again."""
    leader, joiner = pair
    session = leader.session()
    member, vm = host_at(session, joiner.address), small_vm(session)
    session.xenapi.VM.start_on(vm, member, False, False)
    assert failure_of(session.xenapi.pool.eject, member) == ["OPERATION_NOT_ALLOWED", "VM resident on host"]
    session.xenapi.VM.hard_shutdown(vm)
    session.xenapi.pool.eject(member)
    assert len(session.xenapi.host.get_all()) == 1
    hosts = {pbd["host"] for pbd in session.xenapi.PBD.get_all_records().values()}
    assert hosts == set(session.xenapi.host.get_all())
    assert failure_of(session.xenapi.pool.eject, session.xenapi.host.get_all()[0])[0] == "OPERATION_NOT_ALLOWED"

    deadline = time.monotonic() + LIMIT
    while True:
        try:
            alone = joiner.session(password=leader.password)
            break
        except XenAPI.Failure as failure:
            assert failure.details[0] == "HOST_IS_SLAVE"
            assert time.monotonic() < deadline
    (host,) = alone.xenapi.host.get_all_records().values()
    assert (host["address"], host["enabled"]) == (joiner.address, True)
    assert [pool["master"] for pool in alone.xenapi.pool.get_all_records().values()] == alone.xenapi.host.get_all()
    own = small_vm(alone)
    alone.xenapi.VM.start(own, False, False)
    alone.xenapi.VM.hard_shutdown(own)
    join(joiner, leader)


def test_a_new_password_is_the_members_too(pair: tuple[Daemon, Daemon]) -> None:
    leader, joiner = pair
    leader.session().xenapi.session.change_password(leader.password, "another horse")
    deadline = time.monotonic() + LIMIT
    login = XenAPI.Session(joiner.url, ignore_ssl=True).session.slave_local_login_with_password
    while login("root", "another horse")["Status"] != "Success":
        assert time.monotonic() < deadline

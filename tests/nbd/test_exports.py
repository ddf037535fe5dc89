"""Who may read which disk, and where disks are served as networks change."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock

from xapid.auth.sessions import Identity
from xapid.datamodel.errors import XenAPIError
from xapid.nbd.exports import Exports
from xapid.nbd.ports import MOST, NbdPorts


@pytest.fixture
def management(api):
    """The network of management."""
    return next(api.PIF.get_network(pif) for pif in api.PIF.get_all() if api.PIF.get_management(pif))


@pytest.fixture
def disk(api):
    sr = api.pool.get_default_SR(api.pool.get_all()[0])
    return api.VDI.create({"SR": sr, "virtual_size": "2097152", "type": "user", "sharable": False, "read_only": False,
                           "other_config": {}, "name_label": "d"})  # fmt: skip


@pytest.fixture
def exports(xapid_server):
    pool = xapid_server.pool
    return Exports(pool.db, pool.services, pool.dispatcher)


@pytest.fixture
def opened(exports, xapid_server):
    """Opens by a name; gives what ends it, and the calls to revoke."""

    def open_(name):
        over, revoked = Deferred(), []

        async def hold():
            async with exports.open(xapid_server.pool.hosts()[0].ref, name, lambda: revoked.append(name)) as reader:
                data = await reader.read(0, 512)
                await over
                return reader.size, data

        return ensureDeferred(hold()), over, revoked

    return open_


def error(work):
    """What it ended with."""
    problems = []
    work.addErrback(lambda failure: problems.append(failure.value))
    (problem,) = problems
    assert isinstance(problem, XenAPIError)
    return list(problem.description)


def result(work):
    found = []
    work.addCallback(found.append)
    return found[0]


class Port:
    def __init__(self, ports, place):
        self.ports, self.place = ports, place

    def stopListening(self):
        del self.ports[self.place]


class Server:
    def __init__(self, host):
        self.host = host


@pytest.fixture
def ports(xapid_server, exports):
    """The addresses at which disks are served, with their factories."""
    open_ports = {}

    def listen(address, factory):
        if address in taken:
            raise taken[address]
        open_ports[address] = factory
        return Port(open_ports, address)

    taken = {}
    pool = xapid_server.pool
    servers = [(Server(host.ref), f"tls of {host.address}") for host in pool.hosts()]
    idle = []
    serving = NbdPorts(pool.db, exports, servers, listen, Clock(), lambda: bool(idle))
    serving.start()
    open_ports_and_more = (open_ports, taken, idle, serving)
    yield open_ports_and_more
    result(ensureDeferred(serving.stop()))
    assert not open_ports


def test_a_disk_is_read_under_the_name_that_clients_are_told(api, management, disk, opened):
    api.network.add_purpose(management, "nbd")
    (info, *_) = api.VDI.get_nbd_info(disk)
    work, over, revoked = opened(info["exportname"])
    assert list(api.VDI.get_current_operations(disk).values()) == ["copy"]
    again, over_again, _ = opened(info["exportname"])
    over.callback(None)
    over_again.callback(None)
    assert result(work) == result(again) == (2097152, bytes(512))
    assert api.VDI.get_current_operations(disk) == {}
    assert revoked == []


def test_a_disk_is_not_served_without_a_session_or_to_one_that_may_not(api, disk, opened, xapid_server):
    uuid = api.VDI.get_uuid(disk)
    for query in ("", "?session_id=", "?session_id=OpaqueRef:none"):
        work, _, _ = opened(f"/{uuid}{query}")
        assert error(work)[0] == "SESSION_INVALID"
    session = xapid_server.session()
    for name in ("", "/", "/nosuch"):
        work, _, _ = opened(f"{name}?session_id={session._session}")
        assert error(work)[0] == "UUID_INVALID"
    session.xenapi.session.logout()
    work, _, _ = opened(f"/{uuid}?session_id={session._session}")
    assert error(work)[0] == "SESSION_INVALID"


@pytest.mark.parametrize(("role", "may"), [("read-only", False), ("vm-operator", False), ("vm-admin", True)])
def test_whoever_may_ask_for_the_name_may_read_the_disk(api, disk, opened, xapid_server, role, may):
    services, host = xapid_server.pool.services, xapid_server.pool.hosts()[0].ref
    session = services.sessions.open(Identity(user="u", permissions=services.rbac.granted([role])), host)
    work, over, _ = opened(f"/{api.VDI.get_uuid(disk)}?session_id={session.ref}")
    over.callback(None)
    if may:
        assert result(work)[0] == 2097152
    else:
        assert error(work)[:2] == ["RBAC_PERMISSION_DENIED", "vdi.get_nbd_info"]


def test_whoever_logs_out_may_read_no_longer(api, disk, opened, xapid_server):
    session = xapid_server.session()
    work, over, revoked = opened(name := f"/{api.VDI.get_uuid(disk)}?session_id={session._session}")
    session.xenapi.session.logout()
    assert revoked == [name]
    over.callback(None)
    assert result(work)[0] == 2097152


def test_a_disk_without_data_is_refused(api, disk, opened, xapid_session):
    name = f"?session_id={xapid_session._session}"
    api.VDI.enable_cbt(disk)
    snapshot = api.VDI.snapshot(disk)
    api.VDI.data_destroy(snapshot)
    work, _, _ = opened(f"/{api.VDI.get_uuid(snapshot)}{name}")
    assert error(work) == ["VDI_INCOMPATIBLE_TYPE", snapshot, "cbt_metadata"]
    assert api.VDI.get_current_operations(snapshot) == {}


def test_disks_are_served_where_the_network_is_meant_for_it(api, management, ports):
    open_ports, _, _, _ = ports
    assert open_ports == {}
    api.network.add_purpose(management, "nbd")
    addresses = {api.host.get_address(host) for host in api.host.get_all()}
    assert open_ports.keys() == addresses
    assert {factory._tls for factory in open_ports.values()} == {f"tls of {address}" for address in addresses}
    api.network.remove_purpose(management, "nbd")
    assert open_ports == {}
    api.network.add_purpose(management, "insecure_nbd")
    assert {factory._tls for factory in open_ports.values()} == {None}


def test_members_serve_nothing_and_ports_that_somebody_has_are_passed_over(api, management, ports, xapid_logged):
    open_ports, taken, idle, _ = ports
    first, *others = sorted(api.host.get_address(host) for host in api.host.get_all())
    taken[first] = OSError(98, "Address already in use")
    api.network.add_purpose(management, "nbd")
    assert sorted(open_ports) == others
    idle.append(True)
    api.network.set_name_description(management, "anything")
    assert sorted(open_ports) == others
    api.network.add_purpose(management, "nbd")
    api.network.add_purpose(next(net for net in api.network.get_all() if net != management), "nbd")
    assert open_ports == {}


def test_a_port_has_so_many_clients_at_most_and_loses_them_when_it_closes(api, management, ports):
    open_ports, _, _, _ = ports
    api.network.add_purpose(management, "insecure_nbd")
    factory = next(iter(open_ports.values()))
    clients = [factory.buildProtocol(None) for _ in range(3)]
    hung_up = []
    for client in clients:
        client.end = lambda client=client: hung_up.append(client)
        factory._clients.add(client)
    factory._clients.update(range(MOST))
    assert factory.buildProtocol(None) is None
    factory._clients.difference_update(range(MOST))
    api.network.remove_purpose(management, "insecure_nbd")
    assert sorted(map(id, hung_up)) == sorted(map(id, clients))

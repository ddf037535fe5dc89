"""What the sample scripts of the XenServer SDK do, written again from what they are known to do, over the stock client."""

from __future__ import annotations

import random
import socket
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen
from xmlrpc.client import ServerProxy

import pytest

from xapid.testing.processes import session_of, unverified
from xapid.testing.waiting import until

PATIENCE = 90.0
"""Seconds that a script waits for a guest or a task."""


@pytest.fixture(scope="module")
def api(xapid_daemon) -> Iterator[Any]:
    with session_of(xapid_daemon) as session:
        yield session.xenapi


@pytest.fixture
def vm(api) -> Iterator[str]:
    """A VM as the installing script makes it: halted, with a disk and an interface."""
    vm = install(api, "sample")
    yield vm
    remove(api, vm)


@pytest.fixture
def vms(api) -> Iterator[list[str]]:
    vms = [install(api, f"sample {number}") for number in range(3)]
    yield vms
    for vm in vms:
        remove(api, vm)


def finished(api, task: str) -> dict[str, Any]:
    """The record of a task that has ended; it is destroyed."""
    until(lambda: api.task.get_status(task) != "pending")
    record = api.task.get_record(task)
    api.task.destroy(task)
    return record


# install and provision ------------------------------------------------------------------------------------------------


def connected_network(api) -> str:
    """The network of the first interface that is up."""
    attached = {ref: pif for ref, pif in api.PIF.get_all_records().items() if pif["currently_attached"]}
    return api.PIF.get_network(min(attached, key=lambda ref: attached[ref]["device"]))


def with_sr(provision: str, sr_uuid: str) -> str:
    """A provisioning document with every disk on one SR."""
    document = ET.fromstring(provision)
    for disk in document.iter("disk"):
        disk.set("sr", sr_uuid)
    return ET.tostring(document, "unicode")


def set_provisioning(api, vm: str, change: Callable[[str], str]) -> None:
    """Changes what ``other_config`` says about the disks that a template is to get."""
    disks = api.VM.get_other_config(vm)["disks"]
    api.VM.remove_from_other_config(vm, "disks")
    api.VM.add_to_other_config(vm, "disks", change(disks))


def install(api, name: str) -> str:
    """A VM from the first template for Debian, with an interface and with disks on the default SR."""
    records = api.VM.get_all_records()
    template = next(r for r, vm in records.items() if vm["is_a_template"] and vm["name_label"].startswith("Debian"))
    vm = api.VM.clone(template, name)
    api.VIF.create({
        "device": "0", "network": connected_network(api), "VM": vm, "MAC": "", "MTU": "1500", "qos_algorithm_type": "",
        "qos_algorithm_params": {}, "other_config": {},
    })  # fmt: skip
    api.VM.set_PV_args(vm, "noninteractive")
    sr = api.pool.get_default_SR(api.pool.get_all()[0])
    set_provisioning(api, vm, lambda disks: with_sr(disks, api.SR.get_record(sr)["uuid"]))
    api.VM.provision(vm)
    return vm


def remove(api, vm: str) -> None:
    """A VM with its disks, whatever state it is in."""
    if api.VM.get_power_state(vm) != "Halted":
        api.VM.hard_shutdown(vm)
    disks = [api.VBD.get_VDI(vbd) for vbd in api.VM.get_VBDs(vm) if api.VBD.get_type(vbd) == "Disk"]
    api.VM.destroy(vm)
    for disk in disks:
        api.VDI.destroy(disk)


def test_install_gives_a_vm_whose_guest_tells_what_it_is_and_where(api, vm):
    assert api.VM.get_is_a_template(vm) is False
    assert "disks" not in api.VM.get_other_config(vm)
    api.VM.start(vm, False, True)
    until(lambda: api.VM.get_guest_metrics(vm) != "OpaqueRef:NULL")
    guest = api.VM.get_guest_metrics(vm)
    until(lambda: "name" in api.VM_guest_metrics.get_os_version(guest))
    until(lambda: "0/ip" in api.VM_guest_metrics.get_networks(guest))
    assert api.VM_guest_metrics.get_os_version(guest)["name"].startswith("Debian")


def test_provision_makes_the_disks_that_the_document_lists(api):
    records = api.VM.get_all_records()
    template = next(r for r, vm in records.items() if vm["is_a_template"] and vm["name_label"].startswith("Debian"))
    sr = api.SR.get_uuid(api.pool.get_default_SR(api.pool.get_all()[0]))
    document = ET.Element("provision")
    for device, size in (("0", 1 << 30), ("3", 2 << 30)):
        fields = {"device": device, "size": str(size), "sr": sr, "bootable": "false", "type": "user"}
        ET.SubElement(document, "disk", fields)
    vm = api.VM.clone(template, "provisioned")
    set_provisioning(api, vm, lambda disks: ET.tostring(document, "unicode"))
    api.VM.provision(vm)
    drives = {vbd["userdevice"]: vbd for vbd in map(api.VBD.get_record, api.VM.get_VBDs(vm))}
    sizes = {device: api.VDI.get_virtual_size(drive["VDI"]) for device, drive in drives.items()}
    assert sizes == {"0": str(1 << 30), "3": str(2 << 30)}
    remove(api, vm)


# powercycle, vm_start_async, permute ----------------------------------------------------------------------------------


def can(api, vm: str, operation: str) -> bool:
    return operation in api.VM.get_record(vm)["allowed_operations"]


def test_powercycle_takes_a_vm_through_all_its_states_again_and_again(api, vm):
    for _ in range(2):
        api.VM.start(vm, False, True)
        until(lambda: can(api, vm, "suspend"))
        api.VM.suspend(vm)
        assert api.VM.get_power_state(vm) == "Suspended"
        api.VM.resume(vm, False, True)
        until(lambda: can(api, vm, "clean_shutdown"))
        api.VM.clean_shutdown(vm)
        assert api.VM.get_power_state(vm) == "Halted"


def test_powercycle_brings_vms_in_any_state_to_a_halt_first(api, vms):
    suspended, paused, running = vms
    for vm in vms:
        api.VM.start(vm, False, True)
    for vm in vms:
        until(lambda vm=vm: can(api, vm, "suspend"))
    api.VM.suspend(suspended)
    api.VM.pause(paused)
    for vm in vms:
        state = api.VM.get_all_records()[vm]["power_state"]
        if state == "Suspended":
            api.VM.resume(vm, False, True)
        elif state == "Paused":
            api.VM.unpause(vm)
        until(lambda vm=vm: can(api, vm, "clean_shutdown"))
        api.VM.clean_shutdown(vm)
    assert {api.VM.get_power_state(vm) for vm in vms} == {"Halted"}
    assert running in vms


def test_vm_start_async_follows_a_task_until_the_vm_runs(api, vm):
    halted = [r for r, row in api.VM.get_all_records().items() if row["power_state"] == "Halted" and not row["is_a_template"]]
    assert vm in halted
    task = api.Async.VM.start(vm, False, True)
    record = api.task.get_record(task)
    assert (record["name_label"], record["type"]) == ("Async.VM.start", "<none/>")
    assert finished(api, task)["status"] == "success"
    assert api.VM.get_power_state(vm) == "Running"


def test_permute_moves_every_running_vm_to_the_next_host(api, vms):
    hosts = api.host.get_all()
    for vm, host in zip(vms, hosts, strict=True):
        api.VM.start_on(vm, host, False, True)
    for vm in vms:
        until(lambda vm=vm: can(api, vm, "pool_migrate"))
    records = api.VM.get_all_records()
    ours = {
        r: row for r, row in records.items() if row["power_state"] == "Running" and r in vms and not row["is_control_domain"]
    }
    following = dict(zip(hosts, [*hosts[1:], hosts[0]], strict=True))
    tasks = [api.Async.VM.pool_migrate(vm, following[row["resident_on"]], {"live": "true"}) for vm, row in ours.items()]
    for record in [finished(api, task) for task in tasks]:
        assert (record["status"], record["error_info"]) == ("success", [])
    assert {vm: api.VM.get_resident_on(vm) for vm in vms} == {vm: following[ours[vm]["resident_on"]] for vm in vms}
    assert all(api.host.get_name_label(host) for host in hosts)


# watch-all-events -----------------------------------------------------------------------------------------------------


def test_watch_all_events_hears_of_everything_once(api, vm):
    first = api.event_from(["*"], "", 30.0)
    assert {"vm", "host", "sr", "network"} <= {event["class"].lower() for event in first["events"]}
    assert first["valid_ref_counts"]["vm"] == len(api.VM.get_all())
    assert {event["operation"] for event in first["events"]} == {"add"}
    api.VM.set_name_label(vm, "watched")
    token, seen = first["token"], []
    while not seen:
        batch = api.event_from(["*"], token, 30.0)
        token = batch["token"]
        seen = [event for event in batch["events"] if event["ref"] == vm]
    (event,) = seen
    assert set(event) == {"id", "timestamp", "class", "operation", "ref", "snapshot"}
    assert (event["operation"], event["snapshot"]["name_label"]) == ("mod", "watched")


# fixpbds --------------------------------------------------------------------------------------------------------------


def test_fixpbds_gives_an_sr_another_address_by_making_its_pbds_anew(api):
    """Only by that: what a PBD says of its storage does not change."""
    sr = next(r for r, row in api.SR.get_all_records().items() if row["shared"] and row["type"] == "nfs")
    sr = api.SR.get_by_uuid(api.SR.get_uuid(sr))
    before = {}
    for pbd in api.SR.get_PBDs(sr):
        api.PBD.unplug(pbd)
        before[pbd] = api.PBD.get_record(pbd)
    for pbd, record in before.items():
        settings = record["device_config"] | {"server": "storage.example.org"}
        api.PBD.destroy(pbd)
        new = api.PBD.create({"host": record["host"], "SR": sr, "device_config": settings})
        api.PBD.plug(new)
    records = [api.PBD.get_record(pbd) for pbd in api.SR.get_PBDs(sr)]
    assert {row["device_config"]["server"] for row in records} == {"storage.example.org"}
    assert {row["host"] for row in records} == {row["host"] for row in before.values()}
    assert all(row["currently_attached"] for row in records)


# shutdown -------------------------------------------------------------------------------------------------------------


def test_shutdown_empties_a_host_moving_what_can_move_and_stopping_the_rest(api, vms):
    """A VM that is tied to the host is asked to shut down, and switched off if it takes too long."""
    host = api.host.get_by_uuid(api.host.get_uuid(api.host.get_all()[-1]))
    for vm in vms:
        api.VM.start_on(vm, host, False, True)
    mobile, obedient, stubborn = vms
    tie(api, obedient, host)
    tie(api, stubborn, host)
    for vm in vms:
        until(lambda vm=vm: can(api, vm, "clean_shutdown"))
    api.host.disable(host)
    try:
        metrics = api.host_metrics.get_record(api.host.get_metrics(host))
        assert 0 < int(metrics["memory_free"]) <= int(metrics["memory_total"])
        stuck = api.host.get_vms_which_prevent_evacuation(host)
        assert set(stuck) == {obedient, stubborn}
        assert {reason[0] for reason in stuck.values()} == {"VM_REQUIRES_NETWORK"}
        task = api.Async.VM.clean_shutdown(obedient)
        assert finished(api, task)["status"] == "success"
        task = api.Async.VM.clean_shutdown(stubborn)
        api.task.cancel(task)
        until(lambda: api.task.get_status(task) != "pending")
        api.task.destroy(task)
        if api.VM.get_power_state(stubborn) != "Halted":
            api.VM.hard_shutdown(stubborn)
        assert finished(api, api.Async.host.evacuate(host))["status"] == "success"
        assert api.host.get_vms_which_prevent_evacuation(host) == {}
        guests = [vm for vm in api.host.get_resident_VMs(host) if not api.VM.get_is_control_domain(vm)]
        assert guests == []
        assert api.VM.get_resident_on(mobile) != host
    finally:
        api.host.enable(host)


def tie(api, vm: str, host: str) -> None:
    """Moves a VM's interface to a network that this host alone has."""
    network = api.network.create({"name_label": "here only", "other_config": {}})
    (pif,) = [
        ref
        for ref, row in api.PIF.get_all_records().items()
        if (row["host"], row["device"], row["VLAN"]) == (host, "eth1", "-1")
    ]
    api.VLAN.create(pif, str(500 + len(api.network.get_all())), network)
    (vif,) = api.VM.get_VIFs(vm)
    api.VIF.move(vif, network)


# exportimport ----------------------------------------------------------------------------------------------------------


def query(session: str, **fields: str) -> str:
    return urlencode({"session_id": session} | fields)


def exported(daemon, session: str, vdi: str, task: str, form: str) -> Iterator[bytes]:
    """The contents of a disk, in the pieces in which they come."""
    url = f"{daemon.url}/export_raw_vdi?{query(session, task_id=task, vdi=vdi, format=form)}"
    with urlopen(url, context=unverified()) as answer:
        while piece := answer.read(1 << 20):
            yield piece


def imported(daemon, session: str, vdi: str, task: str, form: str, pieces: Iterator[bytes]) -> None:
    """Sends contents over a plain TLS connection, without saying how long they are; their end is its end."""
    path = f"/import_raw_vdi?{query(session, task_id=task, vdi=vdi, format=form)}"
    with socket.create_connection((daemon.address, daemon.port)) as tcp, unverified().wrap_socket(tcp) as tls:
        tls.sendall(f"PUT {path} HTTP/1.0\r\n\r\n".encode())
        for piece in pieces:
            tls.sendall(piece)
        tls.shutdown(socket.SHUT_WR)
        while tls.recv(1 << 16):  # what is left unread would take back what is still on its way
            pass


@pytest.mark.parametrize("form", ["raw", "vhd"])
def test_exportimport_copies_a_disk_through_the_script(api, xapid_daemon, form):
    with session_of(xapid_daemon) as session:
        sr = next(r for r, row in api.SR.get_all_records().items() if row["shared"] and row["content_type"] != "iso")
        contents = random.Random(1).randbytes(1 << 20) + bytes(6 << 20) + random.Random(2).randbytes(1 << 20)
        source = api.VDI.create({
            "name_label": "source", "SR": sr, "virtual_size": str(len(contents)), "type": "user", "sharable": False,
            "read_only": False, "other_config": {},
        })  # fmt: skip
        filling = api.task.create("fill", "")
        imported(xapid_daemon, session.handle, source, filling, "raw", iter([contents]))
        assert finished(api, filling)["status"] == "success"

        source = api.VDI.get_by_uuid(api.VDI.get_uuid(source))
        copy = api.VDI.create(api.VDI.get_record(source) | {"name_label": "copy", "SR": api.VDI.get_SR(source)})
        assert int(api.VDI.get_virtual_size(copy)) == len(contents)
        out, back = api.task.create("export", ""), api.task.create("import", "")
        pieces = exported(xapid_daemon, session.handle, source, out, form)
        imported(xapid_daemon, session.handle, copy, back, form, pieces)
        for task in (out, back):
            record = finished(api, task)
            assert (record["status"], record["error_info"]) == ("success", [])
        checking = api.task.create("check", "")
        assert b"".join(exported(xapid_daemon, session.handle, copy, checking, "raw")) == contents
        api.task.destroy(checking)
        for disk in (source, copy):
            api.VDI.destroy(disk)


# All of them ------------------------------------------------------------------------------------------------------------


def test_a_script_that_logs_out_is_logged_out(xapid_daemon):
    session = xapid_daemon.session()
    handle = session.handle
    session.xenapi.logout()
    answer = ServerProxy(xapid_daemon.url, context=unverified()).host.get_all(handle)
    assert answer == {"Status": "Failure", "ErrorDescription": ["SESSION_INVALID", handle]}

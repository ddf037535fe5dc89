"""What stands in the resource report."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from xapid.report.tables import tables

COLUMNS = {
    "Servers": 10,
    "Networks": 7,
    "VDIs": 6,
    "Storage": 6,
    "VMs": 14,
    "GPUs": 8,
}


@pytest.fixture
def report(xapid_server, xapid_clock):
    """The tables: for each title, a dict by column for each line."""

    def read():
        pool = xapid_server.pool
        now = datetime.fromtimestamp(int(xapid_clock.seconds()), UTC)
        made = tables(pool.db, pool.services.stats, now)
        return {table.title: [dict(zip(table.columns, line, strict=True)) for line in table.lines()] for table in made}

    return read


@pytest.fixture
def vm(api):
    """A VM that runs."""
    (template,) = api.VM.get_by_name_label("Debian Bookworm 12")
    vm = api.VM.clone(template, "web")
    (sr,) = api.SR.get_by_name_label("Shared storage")
    settings = api.VM.get_other_config(vm)
    api.VM.set_other_config(vm, {**settings, "disks": settings["disks"].replace('sr=""', f'sr="{api.SR.get_uuid(sr)}"')})
    api.VM.provision(vm)
    api.VM.set_name_description(vm, "serves")
    network = api.network.get_all()[0]
    record = {"device": "0", "network": network, "VM": vm, "MAC": "02:00:00:00:00:01", "MTU": "1500"}
    more = {"other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {}, "currently_attached": False}
    api.VIF.create({**record, **more})
    return vm


def test_every_table_is_there_with_every_column_and_a_line_for_everything(report, api, vm):
    found = report()
    assert {title: len(lines[0]) for title, lines in found.items()} == COLUMNS
    assert len(found["Servers"]) == len(api.host.get_all())
    assert len(found["VDIs"]) == len(api.VDI.get_all())
    assert len(found["Storage"]) == len(api.SR.get_all())
    assert len(found["GPUs"]) == len(api.PGPU.get_all())
    networks = api.network.get_all_records().values()
    assert len(found["Networks"]) == sum(max(1, len(network["PIFs"])) for network in networks)


def test_a_server_is_told_with_its_use_of_everything(report, api, xapid_server):
    master = api.pool.get_master(api.pool.get_all()[0])
    uuid = api.host.get_uuid(master)
    stats = xapid_server.pool.services.stats
    figures = {"cpu_avg": 0.125, "pif_aggr_rx": 3000.0, "pif_aggr_tx": 1000.0}
    now = xapid_server.clock.seconds()
    stats.drop("host", uuid)
    for step in range(4):
        busy = 3 if step == 3 else 1
        stats.take("host", uuid, uuid, now + 5 * step, {**figures, "pif_aggr_rx": busy * 3000.0})
    (line,) = [line for line in report()["Servers"] if line["UUID"] == uuid]
    assert line["Pool coordinator"] == "yes"
    assert line["CPU usage (%)"] == 12.5
    average, most = line["Network (kB/s, average/maximum)"].split("/")
    assert (float(average), float(most)) == (5.5, 10.0)
    metrics = api.host_metrics.get_record(api.host.get_metrics(master))
    assert line["Memory used (MiB)"] == round((int(metrics["memory_total"]) - int(metrics["memory_free"])) / 2**20, 2)
    assert "Shared storage: " in line["Storage"] and line["Storage"].endswith(" GiB")
    assert (line["Name"], line["Address"]) == (api.host.get_name_label(master), api.host.get_address(master))
    others = [line["Pool coordinator"] for line in report()["Servers"] if line["UUID"] != uuid]
    assert set(others) == {"no"}


def test_a_running_vm_is_told_with_what_its_guest_says(report, api, vm, xapid_server, xapid_clock):
    (line,) = [line for line in report()["VMs"] if line["Name"] == "web"]
    assert (line["Power state"], line["Running on"], line["Uptime"], line["CPU usage (%)"]) == ("Halted", "", "", None)
    api.VM.start(vm, False, False)
    xapid_clock.advance(3 * 3600 + 65)
    uuid = api.VM.get_uuid(vm)
    figures = {"cpu_usage": 0.25, "memory": float(512 << 20), "memory_internal_free": 128.0 * 1024}
    xapid_server.pool.services.stats.take("vm", uuid, "host", xapid_clock.seconds() + 5, figures)
    (line,) = [line for line in report()["VMs"] if line["UUID"] == uuid]
    assert line["Power state"] == "Running"
    assert line["Running on"] == api.host.get_name_label(api.VM.get_resident_on(vm))
    assert line["Uptime"] == "0 d 03:01"
    assert (line["MAC"], line["NIC"]) == ("02:00:00:00:00:01", "0")
    guest = api.VM_guest_metrics.get_record(api.VM.get_guest_metrics(vm))
    assert line["Address"] and set(line["Address"].split(", ")) <= set(guest["networks"].values())
    assert line["Operating system"] and guest["os_version"]["name"].startswith(line["Operating system"])
    assert line["Storage"].endswith(" GiB") and line["Description"] == "serves"
    assert (line["Memory used (MiB)"], line["CPU usage (%)"]) == (384.0, 25.0)
    assert line["Template"] == api.VM.get_reference_label(vm)


def test_templates_snapshots_and_control_domains_are_no_vms(report, api, vm):
    api.VM.snapshot(vm, "earlier")
    assert [line["Name"] for line in report()["VMs"]] == ["web"]


def test_interfaces_tell_what_they_are(report, api):
    lines = report()["Networks"]
    kinds = {line["Type"] for line in lines}
    assert {"physical", "VLAN"} <= kinds
    assert all((line["VLAN"] is not None) == (line["Type"] == "VLAN") for line in lines)
    network = api.network.create({"name_label": "alone", "name_description": "", "MTU": "9000", "other_config": {}})
    assert network
    (line,) = [line for line in report()["Networks"] if line["Name"] == "alone"]
    assert (line["Type"], line["MTU"], line["Location"], line["Link status"]) == ("internal", 9000, "", None)
    assert {line["Link status"] for line in lines if line["Type"] != "internal"} == {"connected"}


def test_a_gpu_is_told_with_what_its_driver_measures(report, api, xapid_server):
    gpu = api.PGPU.get_all()[0]
    path = api.PCI.get_pci_id(api.PGPU.get_PCI(gpu))
    host = api.host.get_uuid(api.PGPU.get_host(gpu))
    (line,) = [line for line in report()["GPUs"] if line["UUID"] == api.PGPU.get_uuid(gpu)]
    assert (line["PCI bus path"], line["Temperature (°C)"], line["Memory used (%)"]) == (path, None, None)
    told = {"power_usage": 30.0, "temperature": 41.0, "memory_used": 1.0, "memory_free": 3.0, "utilisation_compute": 0.5}
    figures = {f"gpu_{name}_{path.replace(':', '/')}": value for name, value in told.items()}
    xapid_server.pool.services.stats.take("host", host, host, xapid_server.clock.seconds() + 5, figures)
    (line,) = [line for line in report()["GPUs"] if line["UUID"] == api.PGPU.get_uuid(gpu)]
    measured = ("Power usage (W)", "Temperature (°C)", "Memory used (%)", "Compute usage (%)")
    assert [line[name] for name in measured] == [30.0, 41.0, 25.0, 50.0]


def test_storage_says_where_it_is(report, api):
    lines = {line["Name"]: line for line in report()["Storage"]}
    pool = api.pool.get_name_label(api.pool.get_all()[0]) or "pool"
    assert lines["Shared storage"]["Location"] == pool
    assert lines["Local storage"]["Location"] in {api.host.get_name_label(host) for host in api.host.get_all()}
    assert lines["Shared storage"]["Size (GiB)"] > 0

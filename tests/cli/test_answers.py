"""What commands answer beyond what their messages return: whom they mean, what they refuse, and in which layout they tell."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

TEMPLATE = "template=Debian Bookworm 12"


@pytest.fixture
def vm(xe) -> Iterator[str]:
    """A halted VM with one disk, and its name."""
    uuid = xe.good("vm-install", TEMPLATE, "new-name-label=subject").line
    yield uuid
    if uuid in xe.good("vm-list", "--minimal").line:
        xe("vm-uninstall", f"uuid={uuid}", "--force")


def hosts(xe) -> list[str]:
    return xe.good("host-list", "--minimal").line.split(",")


# Whom commands mean ----------------------------------------------------------------------------------------------------


def test_a_list_keeps_to_its_kind_whatever_is_asked_for_and_all_lists_everything(xe, vm):
    template = xe.good("template-list", "--minimal").line.split(",")[0]
    assert xe.good("vm-list", "is-a-template=true").out == ""
    listed = xe.good("vm-list", "name-label=nobody", "--all", "--minimal").line.split(",")
    assert {vm, template} <= set(listed)
    assert xe("vm-list", "nosuch=x", "--all").err == "Error: Unknown field 'nosuch'\n"


def test_commands_for_vms_leave_templates_and_control_domains_alone(xe):
    domain = xe.good("vm-list", "is-control-domain=true", "--minimal").line.split(",")[0]
    template = xe.good("template-list", "--minimal").line.split(",")[0]
    for words in (("is-a-template=true",), (f"uuid={template}",), (f"uuid={domain}", "is-control-domain=true")):
        assert xe("vm-pause", *words).err == "Error: No matching VMs found\n"
    assert xe.good("vm-memory-limits-set", f"uuid={template}", *(f"{n}=1GiB" for n in LIMITS)).out == ""


LIMITS = ("static-min", "dynamic-min", "dynamic-max", "static-max")


def test_some_commands_take_one_object_only(xe, vm):
    for words in (("host-compute-free-memory",), ("host-data-source-list",), ("host-reset-server-certificate",)):
        assert "can only be performed on one host at a time" in xe(*words, "--multiple").err
    other = xe.good("vm-create", "name-label=other").line
    assert "can only be performed on one VM at a time" in xe("vm-copy", "new-name-label=x", "--multiple").err
    xe.good("vm-destroy", f"uuid={other}")


def test_interfaces_of_several_vms_are_listed_at_once(xe, vm):
    network = xe.good("network-create", "name-label=several", "MTU=1400").line
    other = xe.good("vm-create", "name-label=other").line
    made = [xe.good("vif-create", f"vm-uuid={each}", f"network-uuid={network}", "device=5").line for each in (vm, other)]
    listed = xe.good("vm-vif-list", "params=uuid", "power-state=halted", "--minimal").line.split(",")
    assert set(made) <= set(listed)
    assert xe.good("vif-param-get", f"uuid={made[0]}", "param-name=MTU").line == "1400"
    xe.good("vm-destroy", f"uuid={other}")


def test_with_multiple_all_are_tried_and_then_the_failures_are_told_line_by_line_the_last_first(xe, vm):
    other = xe.good("vm-create", "name-label=other").line
    result = xe("vm-pause", "power-state=halted", "--multiple")
    lines = result.out.splitlines()
    uuids = [line.removeprefix("operation failed on ").partition(":")[0] for line in lines[::4]]
    assert uuids == xe.good("vm-list", "power-state=halted", "--minimal").line.split(",")[::-1]
    assert lines[1:4] == [
        f"vm: {uuids[0]} ({'other' if uuids[0] == other else 'subject'})",
        "expected: running",
        "actual: halted",
    ]
    xe.good("vm-destroy", f"uuid={other}")


def test_lists_and_parameters_may_be_of_another_database(xe, tmp_path):
    (tmp_path / "other.xml").write_text(
        '<database><manifest><pair key="schema_major_vsn" value="5"/><pair key="schema_minor_vsn" value="909"/>'
        '<pair key="generation_count" value="1"/></manifest>'
        '<table name="network"><row ref="OpaqueRef:0e700000-0000-4000-8000-000000000001"'
        ' uuid="0e700000-0000-4000-8000-000000000002" name__label="kept" bridge="xenbr7"/></table></database>'
    )
    database = f"database:filename={tmp_path / 'other.xml'}"
    there = xe.good("network-list", database, "--minimal").line
    assert there == "0e700000-0000-4000-8000-000000000002"
    assert xe.good("network-param-get", f"uuid={there}", "param-name=name-label", database).line == "kept"
    assert xe.good("network-list", "name-label=kept").out == ""
    assert xe("network-list", database, "database:vdi-uuid=x").status == 1


# What they refuse --------------------------------------------------------------------------------------------------------


def test_what_is_for_snapshots_or_templates_refuses_other_vms(xe, vm):
    for command in ("snapshot-revert", "snapshot-destroy", "snapshot-disk-list", "snapshot-uninstall"):
        assert xe(command, f"uuid={vm}").err == f"Error: {vm} is not a snapshot\n"
    assert xe("snapshot-clone", f"uuid={vm}", "new-name-label=x").err == f"Error: {vm} is not a snapshot\n"
    assert xe("template-uninstall", f"template-uuid={vm}", "--force").err == f"Error: {vm} is not a template\n"
    assert xe("template-export", f"template-uuid={vm}", "filename=x").err == f"Error: {vm} is not a template\n"
    assert xe.good("vm-list", f"uuid={vm}", "--minimal").line == vm


@pytest.mark.parametrize(
    "words",
    [
        ("pool-restore-database", "file-name=x"),
        ("host-emergency-ha-disable",),
        ("hostdriver-deselect", "uuid=x"),
        ("vtpm-destroy", "uuid=x"),
        ("vm-reset-powerstate", "vm=subject"),
        ("snapshot-reset-powerstate", "uuid=x"),
    ],
)
def test_what_can_lose_data_needs_force(xe, words):
    result = xe(*words)
    assert (result.status, result.asked) == (1, [])
    assert result.err == "Error: This can lose data. It must be forced (use --force).\n"


def test_a_host_is_only_declared_dead_after_a_yes(xe):
    host = hosts(xe)[-1]
    asked = xe.good("host-declare-dead", f"uuid={host}", answers=["no"])
    assert asked.out.splitlines()[-2:] == ["Type 'yes' to continue", "Aborted (you typed: 'no')"]
    assert "is refused because the host is up" in xe("host-declare-dead", f"uuid={host}", answers=[" YES "]).err


def test_a_disk_that_is_none_and_an_address_that_is_none_are_refused(xe, vm):
    assert xe("vbd-create", f"vm-uuid={vm}", "device=9").err.startswith("Error: Only CD drives can be empty")
    assert xe("vif-configure-ipv4", "uuid=x", "mode=static").err == "Error: Required parameter not found: address\n"
    disk = xe.good("vbd-list", f"vm-uuid={vm}", "params=vdi-uuid", "--minimal").line
    assert xe("vdi-copy", f"uuid={disk}").err.startswith("Error: One of sr-uuid")


def test_storage_of_one_host_needs_to_know_which(xe):
    made = ("sr-create", "name-label=x", "type=nfs", "device-config:server=s", "device-config:serverpath-filename=path")
    assert xe(*made).err == "Error: Required parameter not found: host-uuid\n"
    assert xe(*made, "shared=true").err == "Error: File not found: path\n"
    sr = xe.good(*made, "shared=true", files={"path": b"/exports/disks"}).line
    pbd = xe.good("pbd-list", f"sr-uuid={sr}", "--minimal").line.split(",")[0]
    assert xe.good("pbd-param-get", f"uuid={pbd}", "param-name=device-config", "param-key=serverpath").line == "/exports/disks"


def test_a_control_domain_is_not_destroyed(xe):
    domain = xe.good("vm-list", "is-control-domain=true", "--minimal").line.split(",")[0]
    assert xe("vm-destroy", f"uuid={domain}").err.splitlines()[1].startswith("reason: ")


# What they do ------------------------------------------------------------------------------------------------------------


def test_a_vm_takes_the_disks_along_that_were_made_for_it_and_leaves_the_others(xe, vm):
    own = xe.good("vbd-list", f"vm-uuid={vm}", "params=vdi-uuid", "--minimal").line
    sr = xe.good("sr-list", "name-label=Shared storage", "--minimal").line
    lent = xe.good("vdi-create", f"sr-uuid={sr}", "name-label=lent", "virtual-size=1GiB").line
    xe.good("vbd-create", f"vm-uuid={vm}", f"vdi-uuid={lent}", "device=7")
    xe.good("vm-disk-add", f"uuid={vm}", "disk-size=1GiB", "device=8")
    added = xe.good("vbd-list", f"vm-uuid={vm}", "userdevice=8", "params=vdi-uuid", "--minimal").line
    lines = xe.good("vm-uninstall", f"uuid={vm}", "--force").out.splitlines()
    assert lines[:2] == ["The following items are about to be destroyed", f"VM : {vm} (subject)"]
    assert {line.split()[1] for line in lines if line.startswith("VDI: ")} == {own, added}
    assert lines[-1] == "All objects destroyed"
    assert xe.good("vdi-list", "params=uuid", "name-label=lent", "--minimal").line == lent
    assert xe.good("vdi-list", f"uuid={added}").out == ""


def test_a_disk_that_is_added_to_a_running_vm_is_plugged_in_and_would_grow_there(xe, vm):
    xe.good("vm-start", f"uuid={vm}")
    xe.server.clock.pass_time(120)
    xe.good("vm-disk-add", f"uuid={vm}", "disk-size=1GiB", "device=8")
    vbd = ("vbd-list", f"vm-uuid={vm}", "userdevice=8")
    assert xe.good(*vbd, "params=currently-attached", "--minimal").line == "true"
    disk = xe.good(*vbd, "params=vdi-uuid", "--minimal").line
    told = [xe("vdi-resize", f"uuid={disk}", "disk-size=2GiB", f"online={online}").err for online in ("true", "false")]
    assert ["does not offer this operation" in text for text in told] == [True, False]
    xe.good("vm-shutdown", f"uuid={vm}", "--force")


def test_memory_is_aimed_at_while_a_vm_is_halted_too(xe, vm):
    limits = ("static-min=256MiB", "dynamic-min=1GiB", "dynamic-max=1GiB", "static-max=1GiB")
    xe.good("vm-memory-limits-set", f"uuid={vm}", *limits)
    xe.good("vm-memory-target-set", f"uuid={vm}", "target=512MiB")
    for name in ("memory-dynamic-min", "memory-dynamic-max"):
        assert xe.good("vm-param-get", f"uuid={vm}", f"param-name={name}").line == str(512 << 20)


def test_a_new_vm_says_where_it_comes_from_and_keeps_its_memory_where_its_disks_are(xe):
    sr = xe.good("sr-list", "name-label=Shared storage", "--minimal").line
    vm = xe.good("vm-install", TEMPLATE, "new-name-label=placed", f"sr-uuid={sr}").line
    assert xe.good("vm-param-get", f"uuid={vm}", "param-name=name-description").line == "Installed via xe CLI"
    assert xe.good("vm-param-get", f"uuid={vm}", "param-name=suspend-SR-uuid").line == sr
    assert xe("vm-install", f"template={vm}", "new-name-label=x").err == "Error: VMs can only be installed from templates\n"
    xe.good("vm-uninstall", f"uuid={vm}", "--force")


def test_a_vlan_and_a_tunnel_are_known_by_their_interfaces(xe):
    host = hosts(xe)[0]
    pif = xe.good("pif-list", f"host-uuid={host}", "device=eth1", "VLAN=-1", "--minimal").line
    network = xe.good("network-create", "name-label=vlan").line
    made = xe.good("vlan-create", f"pif-uuid={pif}", "vlan=777", f"network-uuid={network}").line
    assert xe.good("pif-list", "VLAN=777", f"host-uuid={host}", "--minimal").line == made
    xe.good("vlan-destroy", f"uuid={made}")
    assert xe.good("vlan-list", "tag=777").out == ""
    assert xe("vlan-destroy", "uuid=x").err.splitlines()[1:] == ["type: VLAN", "uuid: x"]
    managed = xe.good("pif-list", f"host-uuid={host}", "management=true", "--minimal").line
    tunnel = xe.good("tunnel-create", f"pif-uuid={managed}", f"network-uuid={network}").line
    assert xe.good("tunnel-list", "params=access-PIF", "--minimal").line == tunnel
    xe.good("tunnel-destroy", f"uuid={xe.good('tunnel-list', '--minimal').line}")


def test_a_plugin_is_given_what_is_in_a_file(xe):
    asked = ("host-call-plugin", f"host-uuid={hosts(xe)[0]}", "plugin=nosuch", "fn=x", "args:key:file=list")
    assert xe(*asked).err == "Error: Failed to read file: list\n"
    assert xe(*asked, files={"list": b"text"}).err.splitlines()[1:] == ["name: nosuch"]


def test_metadata_are_imported_with_other_disks(xe):
    old, new = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
    ((_, _, url),) = xe("vm-import", "filename=x", "metadata=true", f"vdi:{old}={new}").asked
    assert f"vdi%3A{old}={new}" in url
    assert xe("vm-import", "filename=x", "dry-run=true").asked == []
    assert xe("vm-import", "filename=x", "url=http://127.0.0.1:1/x").asked == []


# In which layout they tell -----------------------------------------------------------------------------------------------


def test_diagnostics_of_a_disk_and_of_a_vm_show_what_is_plugged_in_and_where_it_could_run(xe, vm):
    disk = xe.good("vbd-list", f"vm-uuid={vm}", "params=vdi-uuid", "--minimal").line
    lines = xe.good("diagnostic-vdi-status", f"uuid={disk}").out.splitlines()
    assert next(line for line in lines if ":" in line).startswith("uuid ( RO)")
    assert [line for line in lines if not line.startswith(("uuid", " "))][:5] == [
        "",
        "",
        "no active VBDs.",
        "inactive VBDs:",
        "",
    ]
    lines = xe.good("diagnostic-vm-status", f"uuid={vm}").out.splitlines()
    said = [line for line in lines if line and "( RO)" not in line and "( RW)" not in line]
    assert said[0] == "Checking to see whether disks are attachable"
    assert said[1] == "Checking to see whether VM can boot on each host"
    assert [line.split(": ")[1] for line in said[2:-1]] == ["OK"] * len(hosts(xe))
    assert said[-1].startswith("VM is ")


def test_hosts_tell_what_they_measure_with_numbers_that_have_a_point(xe):
    values = xe.good("host-data-source-list", f"uuid={hosts(xe)[0]}").out.split("\n\n\n")[0].splitlines()
    assert [line.split(":")[0].strip() for line in values] == [
        "name_label", "name_description", "enabled", "standard", "min", "max", "units",
    ]  # fmt: skip
    assert [line.split(": ")[1] for line in values[4:6]] == ["0.", "1."]


def test_each_host_tells_how_long_calls_took_in_a_record_of_its_own(xe):
    records = xe.good("diagnostic-timing-stats").out.rstrip().split("\n\n\n")
    for host, record in zip(hosts(xe), records, strict=True):
        names = [line.split(": ")[0].strip() for line in record.splitlines()]
        assert names == sorted(names) and "host-uuid" in names and host in record


def test_what_is_for_people_is_not_for_programs(xe):
    host = f"uuid={hosts(xe)[0]}"
    assert int(xe.good("host-compute-free-memory", host).line) > 0
    assert xe.good("host-compute-free-memory", host, "--minimal").out == "\n"
    lines = xe.good("diagnostic-license-status").out.splitlines()
    assert lines[0].split() == ["Hostname", "UUID", "Features", "Edition", "Expiry", "Days", "left"]
    assert len({len(line) for line in lines}) == 1 and len(lines) == len(hosts(xe)) + 4
    assert xe.good("diagnostic-db-stats").line.startswith("Database: ")


def test_processors_and_plans_are_told_as_records(xe):
    host = hosts(xe)[0]
    names = xe.good("host-get-cpu-features", f"uuid={host}").values
    assert [name.split(": ")[0].strip() for name in names] == [
        f"features_{kind}" for kind in ("pv", "hvm", "pv_host", "hvm_host")
    ]
    assert xe.good("pool-get-cpu-features").out.startswith("features_pv_host ")
    assert xe.good("pool-ha-compute-vm-failover-plan", f"host-uuids={host}").out.startswith(
        "VM    : Destination Host or Error\n"
    )
    assert xe.good("session-subject-identifier-list").out == ""
    assert xe.good("host-all-editions").out.splitlines() == ["free"]


def test_a_server_that_is_well_says_so(xe):
    assert xe.good("host-ha-xapi-healthcheck").line == "xapi is healthy."


def test_an_edition_that_there_is_not_is_told_along_with_those_that_there_are(xe):
    err = xe("host-apply-edition", "edition=nosuch").err.splitlines()
    assert (err[0], err[2]) == ("Valid editions are: free", "edition: nosuch")


def test_a_vm_that_fits_nowhere_is_told_with_the_reason_of_each_host(xe, vm):
    for host in hosts(xe):
        xe.good("host-disable", f"uuid={host}")
    result = xe("vm-start", f"uuid={vm}")
    for host in hosts(xe):
        xe.good("host-enable", f"uuid={host}")
    assert result.status == 1
    lines = result.out.splitlines()
    assert lines[:1] == ["There are no suitable hosts to start this VM on."]
    assert len([line for line in lines if "Cannot start here [" in line]) == len(hosts(xe))


def test_references_in_errors_that_nobody_explains_are_told_by_name(xe):
    host = hosts(xe)[0]
    pool = xe.good("pool-list", "--minimal").line
    err = xe("pool-enable-local-storage-caching", f"uuid={pool}").err
    assert "OpaqueRef" not in err and host in err


# What parameters say -----------------------------------------------------------------------------------------------------


def test_tags_are_told_with_commas_between_them_and_found_one_by_one(xe, vm):
    for tag in ("one", "two"):
        xe.good("vm-param-add", f"uuid={vm}", "param-name=tags", f"param-key={tag}")
    assert sorted(xe.good("vm-param-get", f"uuid={vm}", "param-name=tags").line.split(", ")) == ["one", "two"]
    assert xe.good("vm-list", "tags:contains=two", "--minimal").line == vm
    host = hosts(xe)[0]
    assert "; " in xe.good("host-param-get", f"uuid={host}", "param-name=capabilities").line


def test_what_a_vm_does_not_have_is_told_in_words_of_its_own(xe, vm):
    made = xe.good("vm-create", "name-label=bare").line
    for name, value in (("has-vendor-device", "false"), ("hardware-platform-version", "0"), ("generation-id", "")):
        assert xe.good("vm-param-get", f"uuid={made}", f"param-name={name}").line == value
    cd = xe.good("vbd-create", f"vm-uuid={made}", "device=3", "type=CD", "mode=RO").line
    assert xe.good("vbd-param-get", f"uuid={cd}", "param-name=vdi-name-label").line == "<EMPTY>"
    assert xe.good("vm-param-get", f"uuid={made}", "param-name=memory-target").line == "0"
    row = xe.server.pool.db.table("VM").by_uuid(made)
    with xe.server.pool.db.transaction() as tx:
        tx.update(row, metrics="OpaqueRef:NULL")
    told = {name: xe.good("vm-param-get", f"uuid={made}", f"param-name={name}").line for name in ("hvm", "start-time")}
    assert told == {"hvm": "false", "start-time": "<unknown time>"}
    xe.good("vm-destroy", f"uuid={made}")


def test_addresses_of_cards_are_found_in_capitals_and_small_letters(xe):
    mac, uuid = (
        xe.good("pif-list", f"params={name}", "management=true", "--minimal").line.split(",")[0] for name in ("MAC", "uuid")
    )
    assert mac != mac.upper()
    assert xe.good("pif-list", f"MAC={mac.upper()}", "management=true", "--minimal").line == uuid


def test_properties_of_cards_and_strings_of_the_bios_are_set_by_key(xe, vm):
    pif = xe.good("pif-list", "device=eth1", "VLAN=-1", "--minimal").line.split(",")[0]
    xe.good("pif-param-set", f"uuid={pif}", "properties:gro=on")
    assert xe.good("pif-param-get", f"uuid={pif}", "param-name=properties", "param-key=gro").line == "on"
    xe.good("vm-param-set", f"uuid={vm}", "bios-strings:bios-vendor=a", "bios-strings:bios-version=b")
    strings = xe.good("vm-param-get", f"uuid={vm}", "param-name=bios-strings").line
    assert {"bios-vendor: a", "bios-version: b"} <= set(strings.split("; "))
    refused = xe("host-param-set", f"uuid={hosts(xe)[0]}", "software-version:x=y")
    assert refused.err == "Error: Map field 'software-version' is read-only.\n"


def test_the_scheduler_is_told_only_what_it_understands(xe, vm):
    assert xe("vm-param-set", f"uuid={vm}", "VCPUs-params:nosuch=1").err.startswith("Error: Failed to add parameter 'nosuch'")
    xe.good("vm-param-set", f"uuid={vm}", "VCPUs-params:weight=512")
    assert xe.good("vm-param-get", f"uuid={vm}", "param-name=VCPUs-params").line == "weight: 512"


def test_there_are_commands_only_for_what_can_be_done(xe):
    names = [f"{of}-param-{verb}" for of in ("secret", "message", "role", "bond", "vm") for verb in ("set", "add", "clear")]
    known = {name for name in names if not xe(name).err.startswith("Unknown command")}
    assert known == {
        "secret-param-set", "secret-param-clear", "bond-param-set", "bond-param-clear", "vm-param-set", "vm-param-add",
        "vm-param-clear",
    }  # fmt: skip

"""What users see when something goes wrong, and in which order it is found."""

from __future__ import annotations

import pytest

from xapid.testing.processes import PASSWORD

NOBODY = "00000000-0000-4000-8000-000000000002"
USAGE = "For usage run: 'xe help'\n"


@pytest.fixture
def vm(xe):
    return xe.good("vm-create", "name-label=halted one").line


def test_a_word_with_an_equals_sign_is_no_command(xe):
    assert xe("vm=x").err == f"Syntax error: \n{USAGE}"
    assert xe("vm-list", "-x").err == f"Syntax error: \n{USAGE}"
    assert xe("vm-list", "-u").err == f"Syntax error: \n{USAGE}"


def test_unknown_commands_come_before_credentials(xe):
    result = xe("nosuch-command", user="root", password="wrong")
    assert (result.out, result.err, result.status) == ("", f"Unknown command: nosuch-command\n{USAGE}", 1)


def test_missing_parameters_come_before_credentials(xe):
    result = xe("vm-param-get", "uuid=x", user="root", password="wrong")
    assert result.err == f"Required parameter not found: param-name\n{USAGE}"


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("host-enable-external-auth", "host-uuid auth-type service-name"),
        ("pool-enable-external-auth", "auth-type service-name"),
        ("pool-install-trusted-certificate", "filename ca"),
        ("pool-vlan-create", "pif-uuid vlan network-uuid"),
        ("sr-introduce", "name-label type uuid"),
        ("vusb-create", "usb-group-uuid vm-uuid"),
    ],
)
def test_parameters_are_missed_in_their_own_order(xe, command, names):
    given = []
    for name in names.split():
        assert xe(command, *given).err.startswith(f"Required parameter not found: {name}\n")
        given.append(f"{name}=x")


def test_wrong_credentials_are_refused(xe):
    assert xe("vm-list", user="root", password="wrong").err == f"Authentication failed\n{USAGE}"
    assert xe("vm-list", user="", password="").err == f"Username/password must be specified\n{USAGE}"
    assert xe("vm-list", session="OpaqueRef:none").err.splitlines()[0] != ""


def test_help_needs_no_credentials(xe):
    assert xe("help", user="root", password="wrong").status == 0


def test_a_session_that_is_opened_for_a_command_is_closed_after_it(xe):
    before = len(xe.server.pool.db.table("session"))
    xe.good("vm-list", user="root", password=PASSWORD)
    assert len(xe.server.pool.db.table("session")) == before


def test_an_error_is_its_sentence_and_its_parameters_by_name(xe):
    lines = xe("vm-param-list", f"uuid={NOBODY}").err.splitlines()
    assert lines[1:] == ["type: VM", f"uuid: {NOBODY}"]


def test_references_in_errors_become_uuids_and_names(xe, vm):
    network = xe.good("network-create", "name-label=n").line
    vif = xe.good("vif-create", f"vm-uuid={vm}", f"network-uuid={network}", "device=0").line
    lines = xe("vif-plug", f"uuid={vif}").err.splitlines()
    assert lines[1:] == [f"vm: {vm} (halted one)", "expected: running", "actual: halted"]


def test_nobody_and_several_are_told_apart(xe, vm):
    assert xe("vm-start", "vm=nobody").err == "Error: No matching VMs found\n"
    assert xe("host-disable", "host=nobody").err == "Error: No matching hosts found\n"
    assert xe("sr-data-source-list", "sr=nobody").err == "Error: No matching hosts found\n"
    assert xe("host-disable").err.startswith("Error: Multiple matching hosts found. --multiple required")
    xe.good("vm-create", "name-label=another")
    assert xe("vm-reset-powerstate", "power-state=halted", "--force").err == (
        "Error: Multiple matches VMs found. --multiple required to complete the operation\n"
    )
    assert xe("console", "--multiple").err == (
        "Error: Multiple matches VMs found. Operation can only be performed on one VM at a time\n"
    )
    assert xe("vm-start", "nosuch=x").err == (
        "Error: Parameter 'nosuch' is not a field of the VM class. Failed to select VM for operation.\n"
    )


def test_with_multiple_each_failure_is_printed_and_the_status_is_1(xe, vm):
    other = xe.good("vm-create", "name-label=another").line
    result = xe("vm-pause", "is-control-domain=false", "--multiple")
    assert result.status == 1 and result.err == ""
    assert {line.split(": ")[0] for line in result.out.splitlines()} >= {
        f"operation failed on {vm}",
        f"operation failed on {other}",
    }


def test_single_hosts_leave_a_directory_or_come_to_one_only_when_forced(xe):
    host = f"host-uuid={xe.good('host-list', '--minimal').line.split(',')[0]}"
    for words in (
        ("host-enable-external-auth", host, "auth-type=nosuch", "service-name=x"),
        ("host-disable-external-auth", host),
    ):
        refused = xe(*words)
        assert (refused.out, refused.status) == ("", 1) and "--force" in refused.err, words
    assert "type: nosuch" in xe("host-enable-external-auth", host, "auth-type=nosuch", "service-name=x", "--force").err
    xe.good("host-disable-external-auth", host, "--force")


def test_a_quote_in_a_name_is_more_than_the_expression_takes(xe):
    assert xe("vm-start", 'vm=a"b').err.splitlines()[0] != "Error: No matching VMs found"


def test_an_option_that_is_no_yes_or_no_is_refused(xe):
    vm = xe.good("vm-create", "name-label=optional").line
    result = xe("vm-shutdown", f"uuid={vm}", "force=perhaps")
    said = "Error: Failed to parse parameter 'force': expecting 'true' or 'false'\n"
    assert (result.out, result.err, result.status) == ("", said, 1)


def test_traced_failures_say_where_they_come_from(xe):
    assert "Backtrace:" in xe("vm-start", "vm=nobody", "--trace").err


def test_spellings_of_handbooks_work_with_a_hint(xe):
    host = xe.good("host-list", "--minimal").line.split(",")[0]
    result = xe("host-set-power-on-mode", f"host={host}", "power-on-mode=custom", "power-on-config=key:value")
    assert result.err == "Hint: write power-on-config:<key>=<value>\n"
    assert xe.good("host-param-get", f"uuid={host}", "param-name=power-on-config").line == "key: value"
    sr = xe.good("sr-list", "name-label=Shared storage", "--minimal").line
    vdi = xe.good("vdi-create", f"sr-uuid={sr}", "name-label=d", "virtual-size=1GiB", "type=user").line
    assert xe("vdi-resize", f"size=uuid={vdi}", "size=2GiB").err.startswith("Hint: ")
    assert xe.good("vdi-param-get", f"uuid={vdi}", "param-name=virtual-size").line == str(2 << 30)


def test_members_send_clients_to_the_coordinator_but_do_what_is_theirs(xe):
    member = next(row for row in xe.server.pool.hosts() if row.ref != xe.host)
    refused = xe("vm-list", user="root", password=PASSWORD, host=member.ref)
    address = next(row.address for row in xe.server.pool.hosts() if row.ref == xe.host)
    assert refused.status == 1 and address in refused.err
    assert xe.good("host-is-in-emergency-mode", user="root", password=PASSWORD, host=member.ref).line == "false"

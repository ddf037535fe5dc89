"""Command lines as handbooks for administrators print them, run by a shell with our xe against a daemon.

What a reader has to fill in is filled in; everything else is as printed, mistakes of the handbooks included.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from xapid.testing.processes import PASSWORD, Daemon, Daemons

BIN = Path(sys.executable).parent
HINT = "Hint: write "


class Shell:
    """Runs lines of Bash in which xe reaches one daemon."""

    def __init__(self, daemon: Daemon, directory: Path) -> None:
        self._directory = directory
        self._environment = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(directory),
            "XE_SERVER": daemon.address,
            "XE_PORT": str(daemon.port),
            "XE_PASSWORD": PASSWORD,
        }

    def __call__(self, line: str, **environment: str) -> tuple[str, str, int]:
        """Output, errors and exit status."""
        done = subprocess.run(
            ["bash", "-c", line], cwd=self._directory, env={**self._environment, **environment},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        return done.stdout, done.stderr, done.returncode

    def good(self, line: str) -> str:
        """The output of what must go well and say nothing else."""
        out, err, status = self(line)
        assert (err, status) == ("", 0), (line, out, err)
        return out.rstrip("\n")


@pytest.fixture(scope="module")
def shell(xapid_daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(xapid_daemon, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def names(shell: Shell) -> dict[str, str]:
    """What readers fill in, by the name that stands for it."""
    found = {
        "pool": shell.good("xe pool-list --minimal"),
        "vm": shell.good("xe vm-install template='Debian Bookworm 12' new-name-label='web server'"),
        "shared": shell.good("xe sr-list name-label='Shared storage' --minimal"),
        "network": shell.good("xe network-create name-label=migration"),
    }
    hosts = shell.good("xe host-list params=uuid --minimal").split(",")
    vlan = shell.good("xe network-create name-label='VLAN 12'")
    for number, host in enumerate(hosts, 1):
        shell.good(f"xe host-param-set uuid={host} name-label=prdxcpsrv00{number}")
        eth1 = shell.good(f"xe pif-list host-uuid={host} device=eth1 VLAN=-1 --minimal")
        shell.good(f"xe vlan-create pif-uuid={eth1} vlan=12 network-uuid={vlan}")
        found[f"host{number}"] = host
    found["member"] = next(host for host in hosts if host != shell.good("xe pool-list params=master --minimal"))
    found["coordinator"] = shell.good("xe pool-list params=master --minimal")
    found["vbd"] = shell.good(
        "xe vm-disk-list vm='web server' vbd-params=uuid vdi-params=none | sed -n 's/.*: *//p' | grep -"
    ).split()[0]
    found["vdi"] = shell.good(f"xe vbd-param-get uuid={found['vbd']} param-name=vdi-uuid")
    return found


def ip(number: int) -> str:
    return (
        f"xe pif-reconfigure-ip uuid=$(xe pif-list device=eth1 VLAN=12 host-uuid=$(xe host-list name-label=prdxcpsrv00{number}"
        f" --minimal) --minimal) mode=static IP=192.168.12.{4 - number} netmask=255.255.255.0"
    )


# What is printed; what shows that it worked; what that says.
PRINTED = [
    ("xe pool-list", "xe pool-list --minimal", "{pool}"),
    ('xe pool-param-set name-label="New Pool" uuid={pool}', "xe pool-list params=name-label --minimal", "New Pool"),
    (
        'xe sr-create content-type=user type=nfs name-label="Example SR" shared=true \\\n'
        "    device-config:server=server \\\n    device-config:serverpath=/path",
        "xe sr-list name-label='Example SR' params=host,type,content-type,shared | sed 's/.*: //' | xargs",
        "<shared> nfs user true",
    ),
    ("xe pool-param-set uuid={pool} default-SR={shared}", "xe pool-list params=default-SR --minimal", "{shared}"),
    ("xe host-list", "xe host-list name-label=prdxcpsrv001 --minimal", "{host1}"),
    ("xe host-disable uuid={member}", "xe host-param-get uuid={member} param-name=enabled", "false"),
    ("xe host-evacuate uuid={member}", "xe vm-list resident-on={member} is-control-domain=false --minimal", ""),
    ("xe host-enable uuid={member}", "xe host-param-get uuid={member} param-name=enabled", "true"),
    (
        'xe host-set-power-on-mode host={member} \\\n    power-on-mode="DRAC" \\\n    power-on-config:power_on_ip=192.0.2.7',
        "xe host-param-get uuid={member} param-name=power-on-config param-key=power_on_ip", "192.0.2.7",
    ),
    (
        'xe host-set-power-on-mode host={member} power-on-mode=""',
        "xe host-list uuid={member} params=power-on-mode --minimal", "",
    ),
    (
        "xe pool-param-set uuid={pool} igmp-snooping-enabled=true",
        "xe pool-param-get uuid={pool} param-name=igmp-snooping-enabled", "true",
    ),
    ("xe pool-secret-rotate", "xe pool-list --minimal", "{pool}"),
    ("xe network-list", "xe network-list name-label=migration --minimal", "{network}"),
    *(
        (ip(n), f"xe pif-list device=eth1 VLAN=12 host-uuid={{host{n}}} params=IP --minimal", f"192.168.12.{4 - n}")
        for n in (3, 2, 1)
    ),
    ("xe network-list params=uuid,name-label,bridge", "xe network-list name-label=migration --minimal", "{network}"),
    ("xe host-list params=uuid,name-label", "xe host-list name-label=prdxcpsrv002 --minimal", "{host2}"),
    (
        "xe host-param-set uuid={host3} other-config:migration_network_uuid={network}",
        "xe host-param-get uuid={host3} param-name=other-config param-key=migration_network_uuid", "{network}",
    ),
    ("xe vm-disk-list vm='web server'", "xe vbd-list vm-uuid={vm} --minimal", "{vbd}"),
    ("xe vm-param-set uuid={vm} HVM-boot-policy=\"\"", "xe vm-param-get uuid={vm} param-name=HVM-boot-policy", ""),
    ("xe vm-param-set uuid={vm} PV-bootloader=pygrub", "xe vm-param-get uuid={vm} param-name=PV-bootloader", "pygrub"),
    ("xe vm-disk-list uuid={vm}", "xe vbd-list vm-uuid={vm} --minimal", "{vbd}"),
    ("xe vbd-param-set uuid={vbd} bootable=true", "xe vbd-param-get uuid={vbd} param-name=bootable", "true"),
    (
        "xe vm-copy vm='web server' new-name-label='on shared storage' sr-uuid={shared}",
        "xe vdi-list uuid=$(xe vbd-list vm-name-label='on shared storage' params=vdi-uuid --minimal) params=sr-uuid --minimal",
        "{shared}",
    ),
    (
        "xe vm-start vm='web server' && until xe vm-list name-label='web server' params=allowed-operations"
        " | grep -q pool_migrate; do sleep 0.1; done; xe vm-migrate vm='web server' host={host2} compress=true live=true",
        "xe vm-param-get uuid={vm} param-name=resident-on", "{host2}",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("printed", "asked", "said"), PRINTED, ids=[line[0][:50] for line in PRINTED])
def test_a_command_line_of_a_handbook_does_what_it_is_printed_for(shell, names, printed, asked, said):
    shell.good(printed.format(**names))
    assert shell.good(asked.format(**names)) == said.format(**names)


MISPRINTED = [
    (
        "xe vdi-resize size=uuid={vdi} size=20GiB",
        "write vdi-resize uuid=<uuid> disk-size=<size>", "xe vdi-param-get uuid={vdi} param-name=virtual-size", f"{20 << 30}",
    ),
    (
        'xe host-set-power-on-mode host={member} power-on-mode="custom" power-on-config=key:value',
        "write power-on-config:<key>=<value>", "xe host-param-get uuid={member} param-name=power-on-config", "key: value",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("printed", "hint", "asked", "said"), MISPRINTED, ids=["vdi-resize", "power-on-config"])
def test_a_command_line_that_handbooks_spell_wrong_works_with_a_hint(shell, names, printed, hint, asked, said):
    shell("xe vm-shutdown --force vm='web server'")
    out, err, status = shell(printed.format(**names))
    assert (out, err, status) == ("", f"Hint: {hint}\n", 0)
    assert shell.good(asked.format(**names)) == said


def test_a_host_that_a_script_switches_on_is_switched_on_by_its_name(shell, names):
    """The default mode of a host cannot switch it on, which is what the user is told."""
    shell.good(f"xe host-set-power-on-mode host={names['member']} power-on-mode=''")
    _, err, status = shell(f"xe host-power-on host={names['member']}")
    assert status == 1 and names["member"] in err


def test_a_host_is_enabled_without_being_named_only_where_just_one_can_be_meant(shell, names):
    shell.good("xe host-disable uuid={member}".format(**names))
    assert shell("xe host-enable") == ("", f"Hint: write host-enable uuid={names['member']}\n", 0)
    assert shell.good("xe host-list enabled=false --minimal") == ""
    out, err, status = shell("xe host-enable")
    assert (out, status) == ("", 1)
    assert err == "Error: Multiple matching hosts found. --multiple required to complete the operation\n"
    shell.good("xe host-disable uuid={host1} && xe host-disable uuid={host2}".format(**names))
    assert shell("xe host-enable") == ("", err, 1)
    shell.good("xe host-enable --multiple")
    assert shell.good("xe host-list enabled=false --minimal") == ""


def test_a_certificate_goes_to_the_host_that_is_called_if_none_is_named(shell, names, tool):
    shell.good(
        f"{tool('openssl')} req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=x -days 9 2>/dev/null"
    )
    command = "xe host-server-certificate-install certificate=cert.pem private-key=key.pem"
    hint = f"Hint: write host-server-certificate-install uuid={names['coordinator']}\n"
    assert shell(command) == ("", hint, 0)
    assert shell.good("xe certificate-list name= type=host params=host --minimal").count(names["coordinator"]) == 1
    assert shell(f"{command} host=nosuch")[1] == "Error: No matching hosts found\n"
    shell.good(f"xe host-reset-server-certificate host={names['coordinator']}")


def test_the_pool_need_not_be_named_where_something_of_it_is_set(shell, names):
    """Manuals print its uuid in brackets. There is nothing to guess for other commands, or without anything to set."""
    hint = f"Hint: write pool-param-set uuid={names['pool']}\n"
    assert shell("xe pool-param-set igmp-snooping-enabled=false") == ("", hint, 0)
    assert shell.good("xe pool-list params=igmp-snooping-enabled --minimal") == "false"
    for line in ("xe pool-param-set", "xe pool-param-get param-name=name-label", "xe host-param-set name-label=x"):
        assert shell(line)[1].startswith("Required parameter not found: uuid"), line
    assert "Authentication failed" in shell("xe -pw wrong pool-param-set igmp-snooping-enabled=false")[1]


def test_a_vm_goes_to_the_pool_that_is_named_be_it_its_own(xapid_daemon, shell, names):
    """There it keeps its networks, which another pool would not have."""
    vm = shell.good("xe vm-install template='Debian Bookworm 12' new-name-label=mover")
    shell.good(f"xe vif-create vm-uuid={vm} network-uuid={names['network']} device=0 mac=random")
    disk = shell.good(f"xe vbd-list vm-uuid={vm} type=Disk params=vdi-uuid --minimal")
    local = shell.good("xe sr-list name-label='Local storage' host=prdxcpsrv002 --minimal")
    there = f"remote-master={xapid_daemon.address}:{xapid_daemon.port} remote-username=root"
    shell.good(f"xe vm-migrate vm=mover host=prdxcpsrv002 {there} remote-password='{PASSWORD}' vdi:{disk}={local}")
    assert shell.good(f"xe vif-list vm-uuid={vm} params=network-uuid --minimal") == names["network"]
    moved = shell.good(f"xe vbd-list vm-uuid={vm} type=Disk params=vdi-uuid --minimal")
    assert shell.good(f"xe vdi-param-get uuid={moved} param-name=sr-uuid") == local
    assert "Authentication failed" in shell(f"xe vm-migrate vm=mover host=prdxcpsrv002 {there} remote-password=wrong")[1]
    for nowhere in ("a b", "192.0.2.1:abc"):
        out, err, status = shell(f"xe vm-migrate vm=mover remote-master='{nowhere}' remote-username=root remote-password=x")
        assert (out, status) == ("The VM moves with its disks.\n", 1) and "could not be reached" in err, err
    shell.good("xe vm-uninstall vm=mover --force")


def test_a_password_is_changed_for_oneself(shell, names):
    shell.good("xe user-password-change new=other")
    assert shell("xe pool-list")[2] == 1
    shell.good(f"xe -pw other user-password-change old=other new='{PASSWORD}'")
    assert shell.good("xe pool-list --minimal") == names["pool"]


def test_a_host_leaves_the_pool(shell, names):
    """The last of this module: it takes a host away. Without --force, the user is asked first."""
    for vm in shell.good(f"xe vm-list resident-on={names['member']} is-control-domain=false --minimal").split(","):
        if vm:  # of those before, some may have been started here
            shell.good(f"xe vm-shutdown uuid={vm} --force")
    out, _, status = shell(f"xe pool-eject host-uuid={names['member']}")
    assert "Type 'yes' to continue" in out and "Aborted" in out and status == 0
    shell.good(f"xe pool-eject host-uuid={names['member']} --force")
    assert names["member"] not in shell.good("xe host-list --minimal")


@pytest.fixture
def alone(xapid_daemons: Daemons, tmp_path: Path) -> Iterator[tuple[Daemon, Shell, Shell]]:
    """A pool of one host, and a second such daemon: the first, and a shell for each."""
    first, second = xapid_daemons.several(2)
    yield first, Shell(first, tmp_path), Shell(second, tmp_path)


def test_single_hosts_need_not_be_named_and_join_each_other(alone, tool):
    """A host is enabled, given a certificate that was made by the printed steps, and joined by another."""
    first, at_first, at_second = alone
    at_first.good("xe host-enable")
    openssl = tool("openssl")
    at_first.good(
        f"{openssl} genrsa -out privatekey.pem 2048 2>/dev/null && {openssl} rsa -in privatekey.pem -out privatekey.nop.pem"
        f" 2>/dev/null && {openssl} req -new -key privatekey.nop.pem -out csr -subj /CN=xapid.example &&"
        f" {openssl} x509 -req -in csr -signkey privatekey.nop.pem -out cert.pem -days 30 2>/dev/null"
    )
    before = at_first.good("xe certificate-list type=host --minimal")
    at_first.good("xe host-server-certificate-install certificate=cert.pem private-key=privatekey.nop.pem")
    assert at_first.good("xe certificate-list type=host --minimal") != before

    vm = at_second.good("xe vm-install template='Debian Bookworm 12' new-name-label=mover")
    there = f"remote-master={first.address}:{first.port} remote-username=root remote-password='{PASSWORD}'"
    at_second.good(f"xe vm-migrate vm=mover {there}")
    assert at_second.good("xe vm-list name-label=mover --minimal") == ""
    assert at_first.good("xe vm-list name-label=mover --minimal") == vm

    out = at_second.good(f"xe pool-join master-address={first.address} master-username=root master-password='{PASSWORD}'")
    assert out == "Host agent will restart and attempt to join pool shortly..."
    deadline = time.monotonic() + 60
    while "," not in (hosts := at_first.good("xe host-list params=name-label --minimal")):
        assert time.monotonic() < deadline
    assert hosts.count(",") == 1
    # The member sends its users to the coordinator.
    _, err, status = at_second("xe vm-list")
    assert (err.splitlines()[-1], status) == (f"Master IP address: {first.address}", 1)

    # When that is gone for good, an administrator at the member makes it the coordinator.
    assert at_second.good("xe host-is-in-emergency-mode") == "false"
    first.kill()
    assert at_second.good("xe pool-emergency-transition-to-master").startswith("Host agent will restart")
    while at_second("xe host-list --minimal")[2]:
        assert time.monotonic() < deadline + 60
    assert at_second.good("xe pool-list params=master --minimal") in at_second.good("xe host-list --minimal")

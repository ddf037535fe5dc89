"""What operating systems call themselves, as guest agents report it (``VM_guest_metrics.os_version``)."""

from __future__ import annotations

from typing import Final

LINUX: Final[tuple[tuple[str, str, str, str, str, str], ...]] = (
    ("debian bullseye 11", "debian", "Debian GNU/Linux 11 (bullseye)", "5.10.0-33-amd64", "11", "0"),
    ("debian trixie 13", "debian", "Debian GNU/Linux 13 (trixie)", "6.12.43+deb13-amd64", "13", "0"),
    ("debian", "debian", "Debian GNU/Linux 12 (bookworm)", "6.1.0-28-amd64", "12", "0"),
    ("ubuntu focal fossa 20.04", "ubuntu", "Ubuntu 20.04 LTS", "5.4.0-205-generic", "20", "04"),
    ("ubuntu noble numbat 24.04", "ubuntu", "Ubuntu 24.04 LTS", "6.8.0-51-generic", "24", "04"),
    ("ubuntu", "ubuntu", "Ubuntu 22.04 LTS", "5.15.0-130-generic", "22", "04"),
    ("almalinux 8", "almalinux", "AlmaLinux 8", "4.18.0-553.el8_10.x86_64", "8", "0"),
    ("almalinux", "almalinux", "AlmaLinux 9", "5.14.0-503.el9.x86_64", "9", "0"),
    ("rocky linux 8", "rocky", "Rocky Linux 8", "4.18.0-553.el8_10.x86_64", "8", "0"),
    ("rocky", "rocky", "Rocky Linux 9", "5.14.0-503.el9.x86_64", "9", "0"),
    ("oracle linux 8", "oracle", "Oracle Linux Server 8", "5.15.0-302.el8uek.x86_64", "8", "0"),
    ("oracle linux", "oracle", "Oracle Linux Server 9", "5.15.0-302.el9uek.x86_64", "9", "0"),
    ("red hat enterprise linux 8", "rhel", "Red Hat Enterprise Linux 8", "4.18.0-553.el8_10.x86_64", "8", "0"),
    ("red hat", "rhel", "Red Hat Enterprise Linux 9", "5.14.0-503.el9.x86_64", "9", "0"),
    ("centos stream 9", "centos", "CentOS Stream 9", "5.14.0-539.el9.x86_64", "9", "0"),
    ("centos", "centos", "CentOS Linux 7", "3.10.0-1160.el7.x86_64", "7", "0"),
    ("suse", "sles", "SUSE Linux Enterprise Server 15", "6.4.0-150600.21-default", "15", "0"),
)
"""Words of a name, the distribution, its full name, kernel, and version; the first that fits counts."""
USUAL: Final = "debian"
WINDOWS: Final = (
    ("windows server 2016", "Microsoft Windows Server 2016 Standard", "14393"),
    ("windows server 2019", "Microsoft Windows Server 2019 Standard", "17763"),
    ("windows server 2022", "Microsoft Windows Server 2022 Standard", "20348"),
    ("windows server 2025", "Microsoft Windows Server 2025 Standard", "26100"),
    ("windows 11", "Microsoft Windows 11 Pro", "22631"),
    ("", "Microsoft Windows 10 Pro", "19045"),
)


def windows(name: str) -> dict[str, str]:
    """The Windows that a template, or a VM, of this name has."""
    full, build = next((full, build) for words, full, build in WINDOWS if words in name.lower())
    return {"name": full, "distro": "windows", "major": "10", "minor": "0", "build": build}


def linux(name: str) -> dict[str, str]:
    """The Linux that it has."""
    name = name.lower()
    fitting = [system for system in LINUX if system[0] in name] or [system for system in LINUX if system[0] == USUAL]
    _, distro, full, kernel, major, minor = fitting[0]
    return {"name": full, "distro": distro, "uname": kernel, "major": major, "minor": minor}

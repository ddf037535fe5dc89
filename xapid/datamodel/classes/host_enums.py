"""host: its enums."""

from xapid.datamodel.types import Enum

host_allowed_operations = Enum(
    "host_allowed_operations",
    "Operations that can run on a host.",
    {
        "provision": "make a VM from a template here",
        "evacuate": "move all VMs away",
        "shutdown": "power the host off",
        "reboot": "restart the host",
        "power_on": "switch the host on remotely",
        "vm_start": "start a VM here",
        "vm_resume": "resume a suspended VM here",
        "vm_migrate": "send or receive a migrating VM",
        "apply_updates": "install updates",
        "enable": "let the host take VMs again",
    },
)

latest_synced_updates_applied_state = Enum(
    "latest_synced_updates_applied_state",
    "Whether a host has the newest update set fetched by the pool.",
    {
        "yes": "the newest set is installed",
        "no": "the newest set is still to be installed",
        "unknown": "cannot be told, for example before the first sync",
    },
)

host_display = Enum(
    "host_display",
    "State of the host console on the local screen.",
    {
        "enabled": "shown",
        "disable_on_reboot": "shown until the next reboot",
        "disabled": "hidden",
        "enable_on_reboot": "hidden until the next reboot",
    },
)

host_sched_gran = Enum(
    "host_sched_gran",
    "Unit in which the hypervisor schedules virtual CPUs.",
    {
        "core": "whole cores together",
        "cpu": "each hardware thread by itself",
        "socket": "whole sockets together",
    },
)

host_numa_affinity_policy = Enum(
    "host_numa_affinity_policy",
    "Ways of placing VMs over NUMA nodes.",
    {
        "any": "VMs may spread over all nodes",
        "best_effort": "keep a VM on as few nodes as possible",
        "default_policy": "leave the choice to the server",
    },
)

host_ntp_mode = Enum(
    "host_ntp_mode",
    "Origins of the time servers of a host.",
    {
        "DHCP": "servers named by DHCP",
        "Custom": "servers set by the administrator",
        "Factory": "servers preset by the product",
        "Disabled": "no NTP at all",
    },
)

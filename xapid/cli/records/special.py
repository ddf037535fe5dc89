"""Parameters that are not simply fields: computed from several, asked for by a message of their own, or worded for people.

By class and name; each is a function of the object and the API.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from xapid.cli.api import Api
from xapid.cli.values import NOT_THERE, UNKNOWN, show
from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import DateTime, Map, String, Type

Special = Callable[[Api, Row], "str | Awaitable[str]"]

INCONSISTENT: Final = "<inconsistent>"
_UNKNOWN_TIME: Final = "<unknown time>"


def _asked(message: str, type_: Type | None = None, *, otherwise: str | None = None) -> Special:
    """The answer of a message that takes the object alone; ``otherwise``, if it fails."""

    async def read(api: Api, row: Row) -> str:
        try:
            value = await api.ask(message, row.ref)
        except XenAPIError:
            if otherwise is None:
                raise
            return otherwise
        return show(type_ or api.catalogue.messages[message].message.result, value, api.uuid)

    return read


def _data_source(message: str, owner: Callable[[Row], str], name: Callable[[Row], str], scale: float = 1.0) -> Special:
    """The present value of a statistic."""

    async def read(api: Api, row: Row) -> str:
        try:
            value = await api.ask(message, owner(row), name(row))
        except XenAPIError:
            return UNKNOWN
        return f"{value / scale:.3f}"

    return read


def _of_vm(name: str, *, scale: float = 1024.0) -> Special:
    return _data_source("VM.query_data_source", lambda row: str(row.VM), lambda row: name.format(row.device), scale)


def _of_host(name: str) -> Special:
    return _data_source("host.query_data_source", lambda row: str(row.host), lambda row: name.format(row.device), 1024.0)


async def _memory_target(api: Api, row: Row) -> str:
    try:
        return str(int(await api.ask("VM.query_data_source", row.ref, "memory_target")))
    except XenAPIError as error:
        return "0" if error.code == "VM_BAD_POWER_STATE" else UNKNOWN


async def _vcpus_utilisation(api: Api, row: Row) -> str:
    metrics = api.row("VM_metrics", row.metrics)
    shown = []
    for number in range(0 if metrics is None else metrics.VCPUs_number):
        try:
            shown.append(f"{number}: {await api.ask('VM.query_data_source', row.ref, f'cpu{number}'):.3f}")
        except XenAPIError:
            break
    return "; ".join(shown)


async def _attachable(api: Api, row: Row) -> str:
    try:
        await api.ask("VBD.assert_attachable", row.ref)
    except XenAPIError as error:
        return f"false (error: {error.code})"
    return "true"


def _metrics(of: str, worded: Callable[[Any], str], otherwise: str = NOT_THERE) -> Special:
    def read(api: Api, row: Row) -> str:
        metrics = api.row(of, row.metrics)
        return otherwise if metrics is None else worded(metrics)

    return read


def _of_vm_metrics(field: str, otherwise: str) -> Special:
    """What a VM's metrics say; ``otherwise``, if it has none."""

    def read(api: Api, row: Row) -> str:
        metrics = api.row("VM_metrics", row.metrics)
        type_ = api.catalogue.field("VM_metrics", field).type
        return otherwise if metrics is None else show(type_, getattr(metrics, field), api.uuid)

    return read


def _duplex(metrics: Any) -> str:
    if metrics.duplex:
        return "full"
    return "half" if metrics.carrier else "unknown"


def _medium(api: Api, row: Row) -> str:
    vdi = api.row("VDI", row.VDI)
    if row.empty:
        return "<EMPTY>"
    return NOT_THERE if vdi is None else str(vdi.name_label)


def _pci_ids(of: Callable[[Api, Row], Iterable[str]]) -> Special:
    def read(api: Api, row: Row) -> str:
        return "; ".join(each.pci_id for each in api.rows("PCI", of(api, row)))

    return read


def _depends_on(api: Api, row: Row) -> Iterable[str]:
    device = api.row("PCI", row.PCI)
    return () if device is None else device.dependencies


def _device(api: Api, row: Row) -> str:
    device = api.row("PCI", row.PCI)
    return NOT_THERE if device is None else str(device.pci_id)


def _sizes(api: Api, row: Row) -> str:
    return "; ".join(f"{key}:({len(value.encode())} bytes)" for key, value in row.compatibility_metadata.items())


def _consistent(field: str) -> Special:
    """What all hosts agree on."""

    def read(api: Api, row: Row) -> str:
        declared = api.catalogue.field("host", field).type
        hosts = api.hosts
        values = {show(declared, getattr(host, field), api.uuid) for host in hosts}
        if declared is DateTime and hosts:
            return min(values)
        return values.pop() if len(values) == 1 else INCONSISTENT

    return read


def _each(cls: str, field: str, of: Callable[[Api, Row], Iterable[str]], separator: str = "; ") -> Special:
    """A field of every one of some objects."""

    def read(api: Api, row: Row) -> str:
        type_ = api.catalogue.field(cls, field).type
        return separator.join(show(type_, getattr(each, field), api.uuid) for each in api.rows(cls, of(api, row)))

    return read


def _sr_host(api: Api, row: Row) -> str:
    plugs = api.rows("PBD", row.PBDs)
    if len(plugs) > 1:
        return "<shared>"
    host = api.row("host", plugs[0].host) if plugs else None
    return NOT_THERE if host is None else str(host.name_label)


def _is_variant(field: str) -> Special:
    def read(api: Api, row: Row) -> str:
        driver = api.row("Host_driver", row.driver)
        return "true" if driver is not None and getattr(driver, field) == row.ref else "false"

    return read


async def _supported_sr_types(api: Api, row: Row) -> str:
    return "; ".join(await api.ask("SR.get_supported_types"))


def _patches(api: Api, row: Row) -> str:
    applied = api.rows("host_patch", row.patches)
    return ", ".join(api.uuid("pool_patch", patch.pool_patch) or NOT_THERE for patch in applied)


SPECIAL: Final[Mapping[str, Special]] = {
    "VM memory-target": _memory_target,
    "VM hvm": _of_vm_metrics("hvm", "false"),
    "VM nomigrate": _of_vm_metrics("nomigrate", "false"),
    "VM nested-virt": _of_vm_metrics("nested_virt", "false"),
    "VM start-time": _of_vm_metrics("start_time", _UNKNOWN_TIME),
    "VM install-time": _of_vm_metrics("install_time", _UNKNOWN_TIME),
    "VM allowed-VBD-devices": _asked("VM.get_allowed_VBD_devices", otherwise=""),
    "VM allowed-VIF-devices": _asked("VM.get_allowed_VIF_devices", otherwise=""),
    "VM possible-hosts": _asked("VM.get_possible_hosts"),
    "VM last-boot-record": lambda api, row: f"'{row.last_booted_record}'",
    "VM VCPUs-utilisation": _vcpus_utilisation,
    "VM cooperative": _asked("VM.get_cooperative", otherwise="true"),
    "VIF io_read_kbs": _of_vm("vif_{}_rx"),
    "VIF io_write_kbs": _of_vm("vif_{}_tx"),
    "VBD io_read_kbs": _of_vm("vbd_{}_read"),
    "VBD io_write_kbs": _of_vm("vbd_{}_write"),
    "VBD attachable": _attachable,
    "PIF io_read_kbs": _of_host("pif_{}_rx"),
    "PIF io_write_kbs": _of_host("pif_{}_tx"),
    "PIF speed": _metrics("PIF_metrics", lambda metrics: f"{metrics.speed} Mbit/s"),
    "PIF duplex": _metrics("PIF_metrics", _duplex),
    "VBD vdi-name-label": _medium,
    "PGPU dependencies": _pci_ids(_depends_on),
    "VGPU pci": _device,
    "VGPU compatibility-metadata": _sizes,
    "subject roles": _each("role", "name_label", lambda api, row: row.roles),
    "network_sriov remaining-capacity": _asked("network_sriov.get_remaining_capacity", otherwise=UNKNOWN),
    "SR host": _sr_host,
    "VGPU_type max-resolution": lambda api, row: f"{row.max_resolution_x}x{row.max_resolution_y}",
    "host memory-free-computed": _asked("host.compute_free_memory"),
    "host patches": _patches,
    "pool_patch hosts": _each("host_patch", "host", lambda api, row: row.host_patches, ", "),
    "Host_driver variants": _each("Driver_variant", "name", lambda api, row: row.variants),
    "Host_driver variants-dev-status": _each("Driver_variant", "status", lambda api, row: row.variants),
    "Host_driver variants-hw-present": _each("Driver_variant", "hardware_present", lambda api, row: row.variants),
    "Driver_variant active": _is_variant("active_variant"),
    "Driver_variant selected": _is_variant("selected_variant"),
    "pool supported-sr-types": _supported_sr_types,
    "pool license-state": _asked("pool.get_license_state", Map(String, String)),
    "pool https-only": _consistent("https_only"),
    "pool ssh-enabled": _consistent("ssh_enabled"),
    "pool ssh-enabled-timeout": _consistent("ssh_enabled_timeout"),
    "pool ssh-expiry": _consistent("ssh_expiry"),
    "pool console-idle-timeout": _consistent("console_idle_timeout"),
    "pool ssh-auto-mode": _consistent("ssh_auto_mode"),
}

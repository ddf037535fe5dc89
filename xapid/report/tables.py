"""What stands in the resource report: a table each of servers, networks, VDIs, storage, VMs and GPUs.

Sizes are numbers in GiB or MiB and uses are percentages, so that spreadsheets can sort and add them. What nobody measures (a
halted VM's processors, a GPU without a driver that tells) is left empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

import attrs

from xapid.database import Database, Row
from xapid.stats import Store
from xapid.stats.archive import Function
from xapid.stats.store import Series

Cell = str | int | float | None
Line = tuple[Cell, ...]

GIB: Final = 1 << 30
MIB: Final = 1 << 20
KB: Final = 1000
_NEVER: Final = datetime.fromisoformat("1971-01-01T00:00:00+00:00")


@attrs.frozen
class Table:
    """One kind of thing, a line each. Lines are made while they are read."""

    title: str
    columns: tuple[str, ...]
    lines: Callable[[], Iterator[Line]] = attrs.field(repr=False)


def tables(db: Database, store: Store, now: datetime) -> tuple[Table, ...]:
    """The whole report, as the pool is now."""
    pool = _Pool(db, store, now)
    return (
        Table(
            "Servers",
            ("Name", "Pool coordinator", "UUID", "Address", "CPU usage (%)", "Network (kB/s, average/maximum)",
             "Memory used (MiB)", "Storage", "Uptime", "Description"),
            pool.servers,
        ),
        Table("Networks", ("Name", "Link status", "MAC", "MTU", "VLAN", "Type", "Location"), pool.networks),
        Table("VDIs", ("Name", "Type", "UUID", "Size (GiB)", "Storage", "Description"), pool.vdis),
        Table("Storage", ("Name", "Type", "UUID", "Size (GiB)", "Location", "Description"), pool.storage),
        Table(
            "VMs",
            ("Name", "Power state", "Running on", "Address", "MAC", "NIC", "Operating system", "Storage", "Memory used (MiB)",
             "CPU usage (%)", "UUID", "Uptime", "Template", "Description"),
            pool.vms,
        ),
        Table(
            "GPUs",
            ("Name", "Servers", "PCI bus path", "UUID", "Power usage (W)", "Temperature (°C)", "Memory used (%)",
             "Compute usage (%)"),
            pool.gpus,
        ),
    )  # fmt: skip


@attrs.frozen
class _Pool:
    """The pool that is reported."""

    db: Database
    store: Store
    now: datetime

    # Tables ---------------------------------------------------------------------------------------------------------------

    def servers(self) -> Iterator[Line]:
        coordinator = next(iter(self.db.table("pool"))).master
        for host in self._sorted("host"):
            series = self.store.find("host", host.uuid)
            yield (
                host.name_label,
                "yes" if host.ref == coordinator else "no",
                host.uuid,
                host.address,
                _percent(_figure(series, "cpu_avg")),
                _traffic(series),
                self._host_memory(host),
                "; ".join(self._space(sr) for sr in self._srs_of(host) if sr.physical_size > 0),
                self._host_uptime(host),
                host.name_description,
            )

    def networks(self) -> Iterator[Line]:
        for network in self._sorted("network"):
            if not network.PIFs:
                yield (network.name_label, None, None, network.MTU, None, "internal", "")
            for ref in network.PIFs:
                pif = self.db.table("PIF").find(ref)
                if pif is not None:
                    yield (
                        network.name_label,
                        self._link(pif),
                        pif.MAC,
                        network.MTU,
                        pif.VLAN if pif.VLAN >= 0 else None,
                        _kind_of_interface(pif),
                        self._name("host", pif.host),
                    )

    def vdis(self) -> Iterator[Line]:
        for vdi in self._sorted("VDI"):
            yield (
                vdi.name_label,
                vdi.type,
                vdi.uuid,
                _in(GIB, vdi.virtual_size),
                self._name("SR", vdi.SR),
                vdi.name_description,
            )

    def storage(self) -> Iterator[Line]:
        for sr in self._sorted("SR"):
            size = _in(GIB, sr.physical_size) if sr.physical_size > 0 else None
            yield (sr.name_label, sr.type, sr.uuid, size, self._location(sr), sr.name_description)

    def vms(self) -> Iterator[Line]:
        for vm in self._sorted("VM"):
            if vm.is_a_template or vm.is_a_snapshot or vm.is_control_domain:
                continue
            series = self.store.find("vm", vm.uuid) if vm.power_state in ("Running", "Paused") else None
            vifs = sorted(self._all("VIF", vm.VIFs), key=lambda vif: int(vif.device) if vif.device.isdigit() else 0)
            yield (
                vm.name_label,
                vm.power_state,
                self._name("host", vm.resident_on),
                ", ".join(self._addresses(vm)),
                ", ".join(vif.MAC for vif in vifs),
                ", ".join(vif.device for vif in vifs),
                self._system(vm),
                self._disks(vm),
                _memory(series),
                _percent(_figure(series, "cpu_usage")),
                vm.uuid,
                self._vm_uptime(vm),
                vm.reference_label or vm.other_config.get("base_template_name", ""),
                vm.name_description,
            )

    def gpus(self) -> Iterator[Line]:
        for gpu in list(self.db.table("PGPU")):
            pci = self.db.table("PCI").find(gpu.PCI)
            host = self.db.table("host").find(gpu.host)
            path = "" if pci is None else pci.pci_id
            series = None if host is None else self.store.find("host", host.uuid)
            used, free = _of_gpu(series, "memory_used", path), _of_gpu(series, "memory_free", path)
            yield (
                "" if pci is None else pci.device_name,
                "" if host is None else host.name_label,
                path,
                gpu.uuid,
                _of_gpu(series, "power_usage", path),
                _of_gpu(series, "temperature", path),
                _percent(used / (used + free)) if used is not None and free is not None and used + free else None,
                _percent(_of_gpu(series, "utilisation_compute", path)),
            )

    # Parts of lines -------------------------------------------------------------------------------------------------------

    def _sorted(self, cls: str) -> list[Row]:
        return sorted(self.db.table(cls), key=lambda row: (row.name_label.lower(), row.uuid))

    def _all(self, cls: str, refs: tuple[str, ...]) -> list[Row]:
        found = (self.db.table(cls).find(ref) for ref in refs)
        return [row for row in found if row is not None]

    def _name(self, cls: str, ref: str) -> str:
        row = self.db.table(cls).find(ref)
        return "" if row is None else str(row.name_label)

    def _host_memory(self, host: Row) -> Cell:
        metrics = self.db.table("host_metrics").find(host.metrics)
        if metrics is None or not metrics.memory_total:
            return None
        return _in(MIB, metrics.memory_total - metrics.memory_free)

    def _host_uptime(self, host: Row) -> str:
        metrics = self.db.table("host_metrics").find(host.metrics)
        started = host.other_config.get("boot_time", "").rstrip(".")
        if metrics is None or not metrics.live or not started.isdigit():
            return ""
        return _duration(self.now.timestamp() - int(started))

    def _vm_uptime(self, vm: Row) -> str:
        metrics = self.db.table("VM_metrics").find(vm.metrics)
        if vm.power_state != "Running" or metrics is None or metrics.start_time < _NEVER:
            return ""
        return _duration((self.now - metrics.start_time).total_seconds())

    def _srs_of(self, host: Row) -> list[Row]:
        return self._all("SR", tuple(pbd.SR for pbd in self._all("PBD", host.PBDs)))

    @staticmethod
    def _space(sr: Row) -> str:
        return f"{sr.name_label}: {_in(GIB, sr.physical_utilisation)} of {_in(GIB, sr.physical_size)} GiB"

    def _location(self, sr: Row) -> str:
        if sr.shared:
            return self._name("pool", next(iter(self.db.table("pool"))).ref) or "pool"
        return ", ".join(self._name("host", pbd.host) for pbd in self._all("PBD", sr.PBDs))

    def _link(self, pif: Row) -> str:
        metrics = self.db.table("PIF_metrics").find(pif.metrics)
        return "connected" if metrics is not None and metrics.carrier else "disconnected"

    def _guest(self, vm: Row) -> Row | None:
        return self.db.table("VM_guest_metrics").find(vm.guest_metrics)

    def _addresses(self, vm: Row) -> list[str]:
        guest = self._guest(vm)
        said: Mapping[str, str] = {} if guest is None else guest.networks
        return list(dict.fromkeys(value for name, value in sorted(said.items()) if "/ip" in name))

    def _system(self, vm: Row) -> str:
        guest = self._guest(vm)
        return "" if guest is None else str(guest.os_version.get("name", "")).partition("|")[0]

    def _disks(self, vm: Row) -> str:
        drives = (vbd.VDI for vbd in self._all("VBD", vm.VBDs) if vbd.type == "Disk")
        disks = self._all("VDI", tuple(drives))
        return "; ".join(f"{self._name('SR', vdi.SR)}: {_in(GIB, vdi.virtual_size)} GiB" for vdi in disks)


def _kind_of_interface(pif: Row) -> str:
    if pif.bond_master_of:
        return "bond"
    if pif.tunnel_access_PIF_of:
        return "tunnel"
    if pif.VLAN >= 0:
        return "VLAN"
    return "physical" if pif.physical else "virtual"


def _in(unit: int, size: int) -> float:
    return round(size / unit, 2)


def _figure(series: Series | None, name: str) -> float | None:
    value = None if series is None else series.figures.get(name)
    return None if value is None or value != value else value


def _percent(fraction: float | None) -> Cell:
    return None if fraction is None else round(100 * fraction, 1)


def _memory(series: Series | None) -> Cell:
    memory, free = _figure(series, "memory"), _figure(series, "memory_internal_free")
    return None if memory is None else _in(MIB, int(memory - 1024 * (free or 0)))


def _of_gpu(series: Series | None, what: str, path: str) -> float | None:
    # The data source of a GPU has its path in it, with slashes where the path has colons.
    return _figure(series, f"gpu_{what}_{path.replace(':', '/')}")


_WAYS: Final = ("pif_aggr_rx", "pif_aggr_tx")


def _traffic(series: Series | None) -> str:
    """Both directions together, over the last ten minutes."""
    if series is None or not all(name in series.archive.names for name in _WAYS):
        return ""
    average = _over(series, "AVERAGE", lambda values: sum(values) / len(values))
    most = _over(series, "MAX", max)
    return "" if average is None or most is None else f"{average / KB:.1f}/{most / KB:.1f}"


def _over(series: Series, function: Function, come_to: Callable[[list[float]], float]) -> float | None:
    functions = series.archive.functions
    ring = series.archive.rings(function if function in functions else "AVERAGE")[0]
    columns = [list(series.archive.names).index(name) for name in _WAYS]
    rows = [ring.row(ring.last - ring.step * back) for back in range(ring.rows)]
    sums = [sum(row[column] for column in columns) for row in rows if row is not None]
    known = [value for value in sums if value == value]
    return come_to(known) if known else None


def _duration(seconds: float) -> str:
    whole = timedelta(seconds=max(0, int(seconds)))
    hours, rest = divmod(whole.seconds, 3600)
    return f"{whole.days} d {hours:02}:{rest // 60:02}"

"""What changes in the database when a VM's power state does, whoever caused it: a call, the guest, or the end of a host.

Serves ``power_state`` and what depends on it: ``resident_on``, ``domid``, attached devices, consoles and the metrics objects.
Each function is one change set, so clients see old or new, and nothing between.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from xapid.agent.values import DomainState
from xapid.database import Database, Row, Transaction
from xapid.datamodel.types import EMPTY_MAP, NULL_REF, frozenmap
from xapid.operations import allowed
from xapid.operations.vm_metadata import dump
from xapid.placement.graphics import choose_gpu

_GONE_WITH_DOMAIN: Final = ("restart_device_model",)
_GONE_WHEN_HALTED: Final = ("restart_device_model", "restart_vm")


def set_live(db: Database, vm: Row, host: str, state: DomainState, now: datetime) -> None:
    """The VM has a domain on ``host``, as ``state`` describes it: Running or Paused."""
    with db.transaction() as tx:
        _update_metrics(tx, db, db.get("VM", vm.ref), state, now)
        vm = db.get("VM", vm.ref)
        changes: dict[str, Any] = {}
        if db.table("VM_guest_metrics").find(vm.guest_metrics) is None:
            changes["guest_metrics"] = tx.create("VM_guest_metrics", last_updated=now)
        tx.update(
            vm,
            power_state=state["power"],
            resident_on=host,
            scheduled_to_be_resident_on=NULL_REF,
            domid=state["domid"],
            memory_target=state["memory_actual"],
            last_boot_CPU_flags=_cpu_flags(db, vm, host, state),
            last_booted_record=dump(vm),
            **changes,
        )
        _attach_devices(tx, db, vm, state)
        _sync_consoles(tx, db, vm, host, state)
        allowed.refresh(tx, db, db.get("VM", vm.ref))


def measure_again(db: Database, vm: Row, state: DomainState) -> None:
    """A VM was running all the time, but what its metrics say of its domain is not kept over a restart of the daemon."""
    with db.transaction() as tx:
        metrics = db.table("VM_metrics").find(vm.metrics)
        _update_metrics(tx, db, vm, state, _started(state) if metrics is None else max(_started(state), metrics.last_updated))


def set_running_flag(db: Database, vm: Row, power: str) -> None:
    """The VM's processors were stopped (Paused) or go on (Running); nothing else is different."""
    with db.transaction() as tx:
        tx.update(vm.ref, power_state=power)
        allowed.refresh(tx, db, db.get("VM", vm.ref))


def set_halted(db: Database, vm: Row) -> None:
    """The VM has no domain and no saved memory: devices are let go, and their current operations with them."""
    with db.transaction() as tx:
        vm = db.get("VM", vm.ref)
        for cls, refs in (("VBD", vm.VBDs), ("VIF", vm.VIFs)):
            for ref in refs:
                if ref in db.table(cls):
                    tx.update(ref, currently_attached=False, reserved=False, current_operations=EMPTY_MAP)
        for ref in vm.VUSBs:
            tx.update(ref, currently_attached=False, current_operations=EMPTY_MAP)
        for ref in vm.VGPUs:
            tx.update(ref, currently_attached=False)
        changes: dict[str, Any] = {}
        pool = next(iter(db.table("pool")), None)
        if pool is None or not pool.ha_reboot_vm_on_internal_shutdown:
            changes["ha_always_run"] = False
        tx.update(
            vm,
            power_state="Halted",
            requires_reboot=False,
            pending_guidances=tuple(g for g in vm.pending_guidances if g not in _GONE_WHEN_HALTED),
            **changes,
        )
        _release(tx, db, vm)
        if vm.metrics in db.table("VM_metrics"):
            tx.update(
                vm.metrics, memory_actual=0, VCPUs_number=0, current_domain_type="unspecified", hvm=False, nested_virt=False,
                nomigrate=False, VCPUs_CPU=EMPTY_MAP, VCPUs_flags=EMPTY_MAP, state=(),
            )  # fmt: skip
        allowed.refresh(tx, db, db.get("VM", vm.ref))


def set_suspended(db: Database, vm: Row) -> None:
    """The VM's memory is in its ``suspend_VDI``. Its devices count as attached still."""
    with db.transaction() as tx:
        vm = db.get("VM", vm.ref)
        tx.update(
            vm,
            power_state="Suspended",
            last_booted_record=dump(vm),
            pending_guidances=tuple(g for g in vm.pending_guidances if g not in _GONE_WITH_DOMAIN),
        )
        _release(tx, db, vm)
        allowed.refresh(tx, db, db.get("VM", vm.ref))


def forget_guest(db: Database, vm: Row) -> None:
    """What the guest reported before belongs to a boot that is over."""
    with db.transaction() as tx:
        if vm.guest_metrics in db.table("VM_guest_metrics"):
            tx.destroy(vm.guest_metrics)
        tx.update(vm.ref, guest_metrics=NULL_REF)


def _cpu_flags(db: Database, vm: Row, host: str, state: DomainState) -> frozenmap:
    """The processor that the guest saw when it booted: what all hosts of the pool had in common then. Moving and sleeping
    change nothing about that, nor does what becomes of the pool.
    """
    if vm.power_state != "Halted" and vm.last_boot_CPU_flags:
        return vm.last_boot_CPU_flags  # type: ignore[no-any-return]  # rows are untyped
    if state["cpu_flags"]:
        return frozenmap(state["cpu_flags"])
    level = next((pool.cpu_info for pool in db.table("pool")), None) or db.get("host", host).cpu_info
    kind = "pv" if state["domain_type"] == "pv" else "hvm"
    features = level.get(f"features_{kind}_host", level.get(f"features_{kind}", ""))
    return frozenmap({"vendor": level.get("vendor", ""), "features": features})


def _release(tx: Transaction, db: Database, vm: Row) -> None:
    """The host that ran the VM has nothing to do with it any more."""
    tx.update(vm.ref, resident_on=NULL_REF, scheduled_to_be_resident_on=NULL_REF, domid=-1)
    for ref in vm.consoles:
        tx.destroy(ref)
    for ref in vm.VGPUs:
        tx.update(ref, resident_on=NULL_REF)
    for ref in vm.attached_PCIs:
        tx.update(ref, attached_VMs=tuple(other for other in db.get("PCI", ref).attached_VMs if other != vm.ref))


def _update_metrics(tx: Transaction, db: Database, vm: Row, state: DomainState, now: datetime) -> None:
    metrics = db.table("VM_metrics").find(vm.metrics)
    if metrics is None:
        tx.update(vm, metrics=tx.create("VM_metrics"))
        metrics = db.get("VM_metrics", db.get("VM", vm.ref).metrics)
    tx.update(
        metrics,
        memory_actual=state["memory_actual"],
        VCPUs_number=state["vcpus"],
        VCPUs_CPU=frozenmap({number: number for number in range(state["vcpus"])}),
        VCPUs_flags=frozenmap(dict.fromkeys(range(state["vcpus"]), ("online",))),
        VCPUs_params=vm.VCPUs_params,
        state=("running",) if state["power"] == "Running" else ("paused",),
        start_time=max(_started(state), metrics.start_time),
        last_updated=now,
        hvm=state["domain_type"] == "hvm",
        nested_virt=vm.platform.get("nested-virt") in ("true", "1"),
        nomigrate=vm.platform.get("nomigrate") in ("true", "1"),
        current_domain_type=state["domain_type"],
    )


def _attach_cards(tx: Transaction, db: Database, vm: Row) -> None:
    """Physical GPUs for the virtual ones, and the PCI devices that the VM's settings name (``0/0000:41:00.0,…``)."""
    host = db.get("host", vm.resident_on)
    for vgpu in [db.get("VGPU", ref) for ref in vm.VGPUs]:
        pgpu = choose_gpu(db, vgpu, host)
        tx.update(vgpu, currently_attached=True, resident_on=NULL_REF if pgpu is None else pgpu.ref)
    wanted = {word.rpartition("/")[2] for word in vm.other_config.get("pci", "").split(",")}
    for card in [db.get("PCI", ref) for ref in host.PCIs]:
        if card.pci_id in wanted and vm.ref not in card.attached_VMs:
            tx.update(card, attached_VMs=(*card.attached_VMs, vm.ref))


def _started(state: DomainState) -> datetime:
    return datetime.fromtimestamp(int(state["start_time"]), UTC)


def _attach_devices(tx: Transaction, db: Database, vm: Row, state: DomainState) -> None:
    for cls, refs in (("VBD", vm.VBDs), ("VIF", vm.VIFs)):
        for ref in refs:
            row = db.table(cls).find(ref)
            if row is not None and row.uuid in state["devices"]:
                name = {"device": state["devices"][row.uuid]} if cls == "VBD" else {}
                tx.update(row, currently_attached=True, reserved=False, **name)
    for ref in vm.VUSBs:
        tx.update(ref, currently_attached=True)
    _attach_cards(tx, db, db.get("VM", vm.ref))


def _sync_consoles(tx: Transaction, db: Database, vm: Row, host: str, state: DomainState) -> None:
    """One console for each protocol that the domain speaks, at the address of the host that it is on now."""
    wanted = {"rfb": state["vnc_port"], "vt100": state["text_port"]}
    base = console_base(db, host)
    for ref in vm.consoles:
        console = db.get("console", ref)
        port = wanted.pop(console.protocol, -1)
        if port < 0:
            tx.destroy(ref)
        else:
            tx.update(ref, port=port, location=f"{base}/console?uuid={console.uuid}")
    for protocol, port in wanted.items():
        if port >= 0:
            uuid = db.ids.uuid()
            tx.create("console", uuid=uuid, VM=vm.ref, protocol=protocol, port=port, location=f"{base}/console?uuid={uuid}")


def console_base(db: Database, host: str) -> str:
    """Where consoles on a host answer: where those of its control domain do, which know the port."""
    row = db.get("host", host)
    domain = db.table("VM").find(row.control_domain)
    for ref in () if domain is None else domain.consoles:
        parts = urlsplit(db.get("console", ref).location)
        if parts.netloc:
            return f"{parts.scheme}://{parts.netloc}"
    return f"https://[{row.address}]" if ":" in row.address else f"https://{row.address}"

"""What agents notice by themselves, put into the database: guests that stop, reboot or crash, and what guests report.

:class:`Reports` is the observer that the daemon gives to every agent. It never fails and never waits: an agent has nobody to
tell. Reports about what is no more are passed over.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from xapid.agent.interface import IAgentObserver
from xapid.agent.values import Cause, DomainState, GuestReport
from xapid.database import Database, Row, Transaction
from xapid.datamodel.types import frozenmap
from xapid.operations import allowed
from xapid.operations.alerts import raise_alert, tell_of_vm
from xapid.operations.anti_affinity import watch_groups
from xapid.operations.cables import is_pulled
from xapid.operations.cabling import links_up
from xapid.operations.power_state import forget_guest, set_halted, set_live

log = Logger()

_ALERTS: Final[dict[Cause, str]] = {
    "started": "VM_STARTED", "shutdown": "VM_SHUTDOWN", "rebooted": "VM_REBOOTED", "crashed": "VM_CRASHED",
    "suspended": "VM_SUSPENDED", "lost": "VM_SHUTDOWN",
}  # fmt: skip
_SAID: Final[dict[Cause, str]] = {
    "started": "has started", "shutdown": "has shut down", "rebooted": "has rebooted", "crashed": "has crashed",
    "suspended": "was suspended", "lost": "was lost",
}  # fmt: skip
_BUSY: Final = frozenset({
    "start", "start_on", "clean_shutdown", "clean_reboot", "hard_shutdown", "hard_reboot", "shutdown", "suspend", "resume",
    "resume_on", "pool_migrate", "checkpoint", "revert", "reverting",
})  # fmt: skip
"""Operations that set the power state themselves; what an agent notices meanwhile is theirs to find out."""


@implementer(IAgentObserver)
class Reports:
    """Keeps the database in line with what agents notice."""

    def __init__(self, db: Database, clock: IReactorTime, services: object = None) -> None:
        self._db = db
        self._clock = clock

    def domain_changed(self, host: str, state: DomainState, cause: Cause) -> None:
        """A domain stopped, rebooted or crashed: the VM gets the state that followed, and an alert tells why."""
        try:
            self._domain_changed(host, state, cause)
        except Exception:
            log.failure("A change of VM {vm} on host {host} was not recorded", vm=state["vm"], host=host)

    def guest_reported(self, host: str, report: GuestReport) -> None:
        """What a guest says becomes its VM_guest_metrics; operations that it makes possible become allowed."""
        try:
            self._guest_reported(host, report)
        except Exception:
            log.failure("A report of VM {vm} on host {host} was not recorded", vm=report["vm"], host=host)

    def carrier_changed(self, host: str, device: str, carrier: bool) -> None:
        """A link came or went: it shows in the PIF_metrics of the interface, and in the bond that it is a member of.

        One whose cable was pulled is down, whatever the agent says.
        """
        db = self._db
        row = db.table("host").find_uuid(host)
        with db.transaction() as tx:
            for pif in () if row is None else (db.get("PIF", ref) for ref in row.PIFs):
                if pif.device == device and pif.metrics in db.table("PIF_metrics"):
                    tx.update(pif.metrics, carrier=carrier and not is_pulled(pif), last_updated=self._now())
                    bond = db.table("Bond").find(pif.bond_slave_of)
                    if bond is not None and row is not None:
                        self._bond_changed(tx, row, bond)

    def _bond_changed(self, tx: Transaction, host: Row, bond: Row) -> None:
        now = links_up(self._db, bond)
        if now != bond.links_up:
            name = self._db.get("PIF", bond.master).device
            tx.update(bond, links_up=now)
            text = f"Of {len(bond.slaves)} links of {name} on host '{host.name_label}', {now} are up (before: {bond.links_up})."
            raise_alert(self._db, self._now(), "BOND_STATUS_CHANGED", host, text)

    def _domain_changed(self, host: str, state: DomainState, cause: Cause) -> None:
        db = self._db
        place, vm = db.table("host").find_uuid(host), db.table("VM").find_uuid(state["vm"])
        if place is None or vm is None or not _BUSY.isdisjoint(vm.current_operations.values()):
            return
        if vm.resident_on != place.ref and (vm.power_state, cause) != ("Halted", "started"):
            return  # the report took its time, and a call has ended what it is about
        with db.transaction():
            if state["power"] in ("Running", "Paused"):
                forget_guest(db, vm)
                set_live(db, vm, place.ref, state, self._now())
            elif state["power"] == "Halted":
                set_halted(db, vm)
            tell_of_vm(db, self._now(), _ALERTS[cause], vm, _SAID[cause], place.ref)
            watch_groups(db, self._now(), vm.groups)

    def _guest_reported(self, host: str, report: GuestReport) -> None:
        db = self._db
        vm = db.table("VM").find_uuid(report["vm"])
        if vm is None or vm.power_state not in ("Running", "Paused") or self._elsewhere(host, vm):
            return
        fields: dict[str, Any] = {
            "os_version": frozenmap(report["os_version"]),
            "netbios_name": frozenmap(report["netbios_name"]),
            "PV_drivers_version": frozenmap(report["pv_drivers_version"]),
            "PV_drivers_up_to_date": report["pv_drivers_detected"],
            "PV_drivers_detected": report["pv_drivers_detected"],
            "networks": frozenmap(report["networks"]),
            "other": frozenmap(report["other"]),
            "services": frozenmap(report["services"]),
            "can_use_hotplug_vbd": report["can_use_hotplug_vbd"],
            "can_use_hotplug_vif": report["can_use_hotplug_vif"],
            "live": report["live"],
        }
        with db.transaction() as tx:
            metrics = db.table("VM_guest_metrics").find(vm.guest_metrics)
            if metrics is None:
                tx.update(vm, guest_metrics=tx.create("VM_guest_metrics", **fields, last_updated=self._now()))
            elif any(getattr(metrics, name) != value for name, value in fields.items()):
                tx.update(metrics, **fields, last_updated=self._now())
            allowed.refresh(tx, db, db.get("VM", vm.ref))

    def _elsewhere(self, host: str, vm: Row) -> bool:
        place = self._db.table("host").find_uuid(host)
        return place is None or place.ref != vm.resident_on

    def _now(self) -> datetime:
        return datetime.fromtimestamp(int(self._clock.seconds()), UTC)

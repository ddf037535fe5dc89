"""Proxies of provisioning services, run beside the interfaces that they serve: simulated, as the hosts are.

A proxy runs while its interface is attached to a VM that has a domain, on the host of that VM, if the host has a cache for the
site and the site has servers. Serves ``currently_attached`` and ``status`` of ``PVS_proxy``, and the alerts about proxies that
cannot run: PVS_PROXY_NO_CACHE_SR_AVAILABLE, PVS_PROXY_NO_SERVER_AVAILABLE and PVS_PROXY_SR_OUT_OF_SPACE.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from xapid.database import Database, Row
from xapid.database.database import Change
from xapid.datamodel.types import NULL_REF
from xapid.operations.alerts import raise_alert

_WATCHED: Final = frozenset({"VIF", "VM", "PVS_proxy"})


class RunningProxies:
    """Follows the changes in ``db``. None is started or stopped while ``idle`` says so."""

    def __init__(self, db: Database, clock: IReactorTime, idle: Callable[[], bool] = lambda: False) -> None:
        self._db = db
        self._clock = clock
        self._idle = idle
        self._places: dict[str, str] = {}
        """Where each proxy was last wanted."""
        self._next: IDelayedCall | None = None

    def start(self) -> None:
        """Start and stop proxies from now on. Those that there are already stay as they are until something changes."""
        self._places = {proxy.ref: self._wanted(proxy) for proxy in self._db.table("PVS_proxy")}
        self._db.observers.append(self._committed)

    def stop(self) -> None:
        """Leave all as they are."""
        if self._committed in self._db.observers:
            self._db.observers.remove(self._committed)
        if self._next is not None and self._next.active():
            self._next.cancel()

    def _committed(self, generation: int, changes: list[Change]) -> None:
        concerned = len(self._db.table("PVS_proxy")) and any(change.table.cls.name in _WATCHED for change in changes)
        if concerned and (self._next is None or not self._next.active()):
            self._next = self._clock.callLater(0, self._look)

    def _look(self) -> None:
        if self._idle():
            return
        before, self._places = self._places, {}
        for proxy in self._db.table("PVS_proxy").rows():
            place = self._places[proxy.ref] = self._wanted(proxy)
            if place == before.get(proxy.ref, NULL_REF):
                continue
            runs = place != NULL_REF and self._can_run(proxy, self._db.get("host", place))
            with self._db.transaction() as tx:
                tx.update(proxy, currently_attached=runs, status="initialised" if runs else "stopped")

    def _wanted(self, proxy: Row) -> str:
        """The host on which the proxy is to run, or the null reference."""
        vif = self._db.table("VIF").find(proxy.VIF)
        vm = None if vif is None or not vif.currently_attached else self._db.table("VM").find(vif.VM)
        return NULL_REF if vm is None else str(vm.resident_on)

    def _can_run(self, proxy: Row, host: Row) -> bool:
        """Whether the host and the site have what it takes; if not, an alert says what is missing."""
        db, site = self._db, self._db.get("PVS_site", proxy.site)
        where = f"of site '{site.name_label}' on host '{host.name_label}' (uuid: {host.uuid})"
        cache = next((row for row in map(db.table("PVS_cache_storage").find, site.cache_storage) if _is_on(row, host)), None)
        sr = None if cache is None else db.table("SR").find(cache.SR)
        if cache is None or sr is None:
            return self._tell("PVS_PROXY_NO_CACHE_SR_AVAILABLE", proxy, f"There is no cache storage {where}.")
        if not site.servers:
            return self._tell("PVS_PROXY_NO_SERVER_AVAILABLE", proxy, f"There is no server {where}.")
        if cache.size > sr.physical_size - sr.physical_utilisation:
            what = f"SR '{sr.name_label}' (uuid: {sr.uuid}) has no room for a cache of {cache.size} bytes"
            return self._tell("PVS_PROXY_SR_OUT_OF_SPACE", proxy, f"{what} {where}.")
        return True

    def _tell(self, alert: str, proxy: Row, text: str) -> bool:
        vif = self._db.get("VIF", proxy.VIF)
        text = f"The proxy (uuid: {proxy.uuid}) of VIF {vif.device} (uuid: {vif.uuid}) does not run. {text}"
        raise_alert(self._db, datetime.fromtimestamp(int(self._clock.seconds()), UTC), alert, proxy, text)
        return False


def _is_on(cache: Row | None, host: Row) -> bool:
    return cache is not None and cache.host == host.ref

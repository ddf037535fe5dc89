"""A host leaves the pool: what keeps it from that, and what is left of it on both sides."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import XenAPI

from xapid.datamodel.types import frozenmap
from xapid.testing.neighbours import Street


class Pair:
    """A coordinator and a member, and the member's host."""

    def __init__(self, street: Street) -> None:
        self.street = street
        self.pool, self.member = street.pool(2)
        self.api = self.pool.session().xenapi
        self.host = str(self.api.host.get_by_uuid(self.member.host))
        street.clock.pass_time(40)

    def change(self, ref: str, **fields: object) -> None:
        with self.pool.pool.db.transaction() as tx:
            tx.update(ref, **fields)

    def vm(self, *, running: bool) -> str:
        (template,) = self.api.VM.get_by_name_label("Other install media")
        vm = self.api.VM.clone(template, "small")
        self.api.VM.provision(vm)
        if running:
            self.api.VM.start_on(vm, self.host, False, False)
        return str(vm)

    def silence(self) -> None:
        self.member.die()
        self.street.clock.pass_time(700)


ROWS: dict[str, tuple[Callable[[Pair], object], list[str]]] = {
    "HA is on": (lambda p: p.change(p.api.pool.get_all()[0], ha_enabled=True), ["HA_IS_ENABLED"]),
    "updates are being applied": (
        lambda p: p.change(p.host, current_operations=frozenmap({"OpaqueRef:t": "apply_updates"})),
        ["NOT_SUPPORTED_DURING_UPGRADE"],
    ),
    "it is the coordinator": (
        lambda p: setattr(p, "host", p.api.host.get_by_uuid(p.pool.host)),
        ["OPERATION_NOT_ALLOWED", "The coordinator cannot be ejected from its own pool"],
    ),
    "a VM runs there": (lambda p: p.vm(running=True), ["OPERATION_NOT_ALLOWED", "VM resident on host"]),
    "the secret is being rotated": (
        lambda p: p.change(p.api.pool.get_all()[0], is_psr_pending=True), ["POOL_SECRET_ROTATION_PENDING"],
    ),
    "it has just died": (lambda p: p.member.die(), ["CANNOT_CONTACT_HOST", "{host}"]),
    "it is offline": (Pair.silence, ["HOST_OFFLINE", "{host}"]),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_a_host_may_not_leave(street: Street, row: str) -> None:
    pair = Pair(street)
    spoil, expected = ROWS[row]
    spoil(pair)
    hosts = len(pair.pool.pool.db.table("host"))
    with pytest.raises(XenAPI.Failure) as caught:
        pair.api.pool.eject(pair.host)
    assert caught.value.details == [pair.host if word == "{host}" else word for word in expected]
    assert len(pair.pool.pool.db.table("host")) == hosts
    assert pair.pool.federation.membership.find(pair.member.federation.membership.own) is not None


def test_what_was_the_hosts_alone_goes_and_vms_stay_listed(street: Street) -> None:
    pair = Pair(street)
    api, db = pair.api, pair.pool.pool.db
    was, secret, vm = pair.member.host, pair.member.federation.secret, pair.vm(running=False)
    (local,) = [
        sr.ref for sr in db.table("SR")
        if [db.get("PBD", ref).host for ref in sr.PBDs] == [pair.host] and sr.content_type == "user" and not sr.is_tools_sr
    ][:1]  # fmt: skip
    disk = api.VDI.create({
        "name_label": "lost", "SR": local, "virtual_size": "1048576", "type": "user", "sharable": False, "read_only": False,
        "other_config": {},
    })  # fmt: skip
    api.VBD.create({
        "VM": vm, "VDI": disk, "userdevice": "0", "bootable": True, "mode": "RW", "type": "Disk", "empty": False,
        "unpluggable": True, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    })  # fmt: skip
    cpus = int(api.pool.get_cpu_info(api.pool.get_all()[0])["cpu_count"])
    api.pool.eject(pair.host)
    street.clock.pass_time(5)

    gone = {cls: [row for row in db.table(cls) if getattr(row, "host", "") == pair.host] for cls in ("PBD", "PIF", "PGPU")}
    assert gone == {"PBD": [], "PIF": [], "PGPU": []}
    assert local not in db.table("SR")
    assert disk not in db.table("VDI")
    assert api.VM.get_power_state(vm) == "Halted"
    assert int(api.pool.get_cpu_info(api.pool.get_all()[0])["cpu_count"]) == cpus // 2
    assert was not in pair.pool.federation.membership.pins()

    fresh = pair.member
    assert (fresh.coordinator_address, fresh.host == was, fresh.federation.secret == secret) == (None, False, False)
    assert len(fresh.pool.db.table("pool")) == len(fresh.pool.db.table("host")) == 1
    assert fresh.federation._store.newest is None
    alone = fresh.session().xenapi
    assert alone.VM.get_by_name_label("small") == []
    alone.VM.start(own_vm(alone), False, False)


def own_vm(api: object) -> str:
    (template,) = api.VM.get_by_name_label("Other install media")  # type: ignore[attr-defined]
    vm = api.VM.clone(template, "own")  # type: ignore[attr-defined]
    api.VM.provision(vm)  # type: ignore[attr-defined]
    return str(vm)


def test_nothing_is_kept_of_a_host_that_has_left(street: Street) -> None:
    pair = Pair(street)
    uuid = pair.member.host
    assert [key for key in pair.pool.pool.db.meta if uuid in key]
    pair.api.pool.eject(pair.host)
    street.clock.pass_time(60)
    assert [key for key in pair.pool.pool.db.meta if uuid in key] == []

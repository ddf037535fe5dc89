"""Moving a running VM to another host of the pool: ``VM.pool_migrate``, and what hosts tell the coordinator about it."""

from __future__ import annotations

from xapid.agent.interface import IHostAgent
from xapid.agent.values import AgentFailure, DomainState, VmConfig
from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations.agent_errors import translated
from xapid.operations.alerts import tell_of_vm
from xapid.operations.anti_affinity import watch_groups
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.operations.domain_config import believed_state, vm_config
from xapid.operations.interrupting import interruptible
from xapid.operations.migration_network import address_for
from xapid.operations.power_state import set_halted, set_live
from xapid.placement.checks import Question, assert_can_boot_here
from xapid.placement.choice import reserve
from xapid.placement.versions import assert_not_older


async def pool_migrate(context: Context, vm: str, host: str, options: frozenmap) -> None:
    row = context.db.get("VM", vm)
    target = context.db.get("host", host)
    if options.get("force") != "true":
        assert_not_older(context.db, row, target.software_version, host)
    question = Question(
        db=context.db, vm=row, host=target, memory=host != row.resident_on, cpu_features=options.get("force") != "true"
    )
    assert_can_boot_here(question)
    await _move(context, row, host, options)
    tell_of_vm(context.db, context.now(), "VM_MIGRATED", row, "was migrated", host, at="to")
    watch_groups(context.db, context.now(), row.groups)


async def restart_device_models(context: Context, self: str) -> None:
    vm = context.db.get("VM", self)
    if vm.power_state != "Running":
        raise XenAPIError("VM_BAD_POWER_STATE", self, "Running", vm.power_state)
    await _move(context, vm, vm.resident_on, frozenmap())
    left = tuple(word for word in context.db.get("VM", self).pending_guidances if word != "restart_device_model")
    with context.db.transaction() as tx:
        tx.update(self, pending_guidances=left)


def atomic_set_resident_on(context: Context, vm: str, host: str) -> None:
    context.db.get("host", host)
    with context.db.transaction() as tx:
        tx.update(context.db.get("VM", vm), resident_on=host, scheduled_to_be_resident_on=NULL_REF)


async def _move(context: Context, vm: Row, host: str, options: frozenmap) -> None:
    state = await move_domain(context, vm, host, options, vm_config(context.db, vm))
    set_live(context.db, vm, host, state, context.now())


async def move_domain(context: Context, vm: Row, host: str, options: frozenmap, config: VmConfig) -> DomainState:
    """Take a domain from its host to another (or round to the same one), where it goes on with ``config``.

    ``options`` are those of ``VM.pool_migrate``: ``network`` (a reference) and ``compress``, which else are what the host and
    the pool prefer. On failure the domain stays where and as it was, with one exception: if the other host is out of reach once
    the domain has left, it is there that the VM is, for when that host can be reached again.
    """
    db, source = context.db, context.agent(vm.resident_on)
    destination = context.agent(host)
    address = address_for(db, host, options.get("network", NULL_REF))
    told = {"compress": "true" if the_pool(db).migration_compression else "false", **options}
    if host != vm.resident_on:
        reserve(db, vm, host)
    try:
        with translated(db, vm.ref):
            ticket = await destination.hypervisor.expect(config)
            ticket["address"] = address
            try:
                handover = await interruptible(context, source.hypervisor.migrate(vm.uuid, ticket, told))
            except BaseException:
                await destination.hypervisor.forget_expected(ticket)
                raise
            try:
                return await destination.hypervisor.receive(config, ticket, handover)
            except AgentFailure as failure:
                await _settle(context, vm, host, source, is_lost=failure.reason == "unreachable")
                raise
    except BaseException:
        if vm.ref in db.table("VM"):
            with db.transaction() as tx:
                tx.update(vm.ref, scheduled_to_be_resident_on=NULL_REF)
        raise


async def _settle(context: Context, vm: Row, host: str, source: IHostAgent, *, is_lost: bool) -> None:
    """A domain has left its host, and the other one did not take it: say where the VM is now."""
    db = context.db
    vm = db.get("VM", vm.ref)
    believed = believed_state(db, vm)
    if is_lost:
        set_live(db, vm, host, believed, context.now())
        return
    found = await source.hypervisor.adopt(vm_config(db, vm), believed)
    if found["power"] == "Halted":
        set_halted(db, vm)

"""What a coordinator does with a host whose agent is new to it, or was out of its sight: the two compare what they know.

The database says which SRs are plugged and which VMs run there. An agent that began anew takes that up, or says how it really
is; of one that went on in the meantime, what it runs is the truth, whatever became of the calls that were under way when it was
lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from twisted.logger import Logger

from xapid.agent.interface import IHostAgent
from xapid.agent.values import AgentFailure, DomainState, Ticket
from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations.domain_config import believed_state, vm_config
from xapid.operations.levelling import take_facts
from xapid.operations.power_state import measure_again, set_halted, set_live
from xapid.operations.storage_rows import revealed, sr_config

log = Logger()


class Others:
    """What the other hosts run, asked when it is first needed. ``agents`` are those of the pool, by reference of host."""

    def __init__(self, agents: Iterable[tuple[str, IHostAgent]], host: str) -> None:
        self._agents = [(ref, agent) for ref, agent in agents if ref != host]
        self._found: dict[str, tuple[str, DomainState]] | None = None
        self.answered: set[str] = set()
        """The hosts that said what they run."""

    async def running(self, vm: str) -> tuple[str, DomainState] | None:
        """The host that runs the VM with this uuid, and its domain there."""
        if self._found is None:
            self._found = {}
            for ref, agent in self._agents:
                try:
                    states = await agent.hypervisor.list_domains()
                except AgentFailure:
                    continue
                self.answered.add(ref)
                self._found.update((state["vm"], (ref, state)) for state in states)
        return self._found.get(vm)


async def take_up(
    db: Database,
    agent: IHostAgent,
    host: str,
    now: datetime,
    *,
    is_new: bool = True,
    agents: Iterable[tuple[str, IHostAgent]] = (),
) -> None:
    """Note what processors a host has, attach its SRs, and bring its VMs and their records together.

    VMs that a call works on are left to it.

    ``is_new``: the agent has begun anew since it was last heard of, so it is told what it should run. ``agents`` are those of
    the whole pool, since a VM that is not where it should be may have moved. Raises AgentFailure, when the host is out of
    sight again.
    """
    others = Others(agents, host)
    facts = await agent.metrics.facts()
    with db.transaction() as tx:
        take_facts(tx, db, db.get("host", host), facts)
    for ref in db.get("host", host).PBDs:
        pbd = db.table("PBD").find(ref)
        sr = None if pbd is None else db.table("SR").find(pbd.SR)
        if pbd is not None and pbd.currently_attached and sr is not None:
            await _attach(db, agent, pbd, sr)
    found = {state["vm"]: state for state in await agent.hypervisor.list_domains()}
    # What the host says is of this moment: whatever a call does to a VM from here on, its record knows better.
    residents = [vm for ref in db.get("host", host).resident_VMs if (vm := db.table("VM").find(ref)) is not None]
    strangers = [(vm, state) for state in found.values() if (vm := _stranger(db, agent, state, host)) is not None]
    for vm in residents:
        if vm.is_control_domain or not _is_still(db, vm):
            continue
        state = found.get(vm.uuid)
        if state is None and is_new:
            state = await agent.hypervisor.adopt(vm_config(db, vm), believed_state(db, vm))
        elsewhere = None
        if state is None:
            # Room that was kept for a migration which nobody finished is not needed any longer.
            await agent.hypervisor.forget_expected(Ticket(vm=vm.uuid, host=agent.uuid, address=""))
            elsewhere = await others.running(vm.uuid)
        if _is_still(db, vm):
            _follow(db, vm, host, elsewhere or (host, state), now)
    for vm, state in strangers:
        if _is_still(db, vm):
            await _claim(db, agent, vm, (host, state), others, now)


def _stranger(db: Database, agent: IHostAgent, state: DomainState, host: str) -> Row | None:
    """The VM of a domain, if its record does not have it on ``host``."""
    vm = db.table("VM").find_uuid(state["vm"])
    if vm is None:
        log.warn("host {host} runs a VM that nobody knows: {vm}", host=agent.uuid, vm=state["vm"])
    return None if vm is None or vm.resident_on == host else vm


def _is_still(db: Database, vm: Row) -> bool:
    """Whether no call works on a VM, or has since ``vm`` was its row."""
    now = db.table("VM").find(vm.ref)
    if now is None or vm.current_operations or now.current_operations:
        return False
    return (now.resident_on, now.domid, now.power_state) == (vm.resident_on, vm.domid, vm.power_state)


async def _attach(db: Database, agent: IHostAgent, pbd: Row, sr: Row) -> None:
    try:
        await agent.storage.sr_attach(sr_config(db, sr, revealed(db, pbd.device_config)))
    except AgentFailure as failure:
        if failure.reason == "unreachable":
            raise
    except XenAPIError as refusal:
        log.warn("SR {sr} was not attached again: {refusal}", sr=sr.uuid, refusal=refusal)
    else:
        return
    with db.transaction() as tx:
        tx.update(pbd.ref, currently_attached=False)


def _follow(db: Database, vm: Row, host: str, found: tuple[str, DomainState | None], now: datetime) -> None:
    """The record of a VM says where its domain is, and what it is like."""
    place, state = found
    if state is None or state["power"] == "Halted":
        set_halted(db, vm)
    elif place != host or state["power"] != vm.power_state or state["domid"] != vm.domid:
        set_live(db, vm, place, state, now)
    else:
        measure_again(db, vm, state)


async def _claim(
    db: Database, agent: IHostAgent, vm: Row, found: tuple[str, DomainState], others: Others, now: datetime
) -> None:
    """A VM runs here that the database has elsewhere, or nowhere: it is here, unless it is elsewhere as well."""
    host, state = found
    known = vm.resident_on
    if known in db.table("host"):
        there = await others.running(vm.uuid)
        if not _is_still(db, vm):
            return
        if there is not None and there[0] == known:
            log.warn("host {host} still runs VM {vm}, which goes on elsewhere; it is ended here", host=agent.uuid, vm=vm.uuid)
            await agent.hypervisor.shutdown(vm.uuid, "hard", 0.0)
            return
        if known not in others.answered:
            log.warn("host {host} runs VM {vm}, and so may another that does not answer", host=agent.uuid, vm=vm.uuid)
            return
    set_live(db, vm, host, state, now)

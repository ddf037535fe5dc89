"""What a coordinator does with a host whose agent is new to it: at its own start, and when a member comes back.

The database says which SRs are plugged and which VMs run there; the agent takes that up, or says how it really is.
"""

from __future__ import annotations

from datetime import datetime

from xapid.agent.interface import IHostAgent
from xapid.agent.values import AgentFailure
from xapid.database import Database
from xapid.datamodel.errors import XenAPIError
from xapid.operations.domain_config import believed_state, vm_config
from xapid.operations.levelling import take_facts
from xapid.operations.power_state import measure_again, set_halted
from xapid.operations.storage_rows import revealed, sr_config


async def take_up(db: Database, agent: IHostAgent, host: str) -> None:
    """Note what processors a host has, attach its SRs and adopt its VMs; those that are not there any more are Halted
    afterwards.
    """
    facts = await agent.metrics.facts()
    with db.transaction() as tx:
        take_facts(tx, db, db.get("host", host), facts)
    row = db.get("host", host)
    for ref in row.PBDs:
        pbd = db.get("PBD", ref)
        sr = db.table("SR").find(pbd.SR)
        if pbd.currently_attached and sr is not None:
            try:
                await agent.storage.sr_attach(sr_config(db, sr, revealed(db, pbd.device_config)))
            except (AgentFailure, XenAPIError):
                with db.transaction() as tx:
                    tx.update(ref, currently_attached=False)
    for ref in row.resident_VMs:
        vm = db.get("VM", ref)
        if not vm.is_control_domain:
            found = await agent.hypervisor.adopt(vm_config(db, vm), believed_state(db, vm))
            if found["power"] == "Halted":
                set_halted(db, vm)
            else:
                measure_again(db, vm, found)


def mark_started(db: Database, host: str, now: datetime) -> None:
    """A host's agent has started: its record says when."""
    row = db.get("host", host)
    with db.transaction() as tx:
        tx.add_to(row, "other_config", "agent_start_time", f"{int(now.timestamp())}.")

"""What a workload balancer advises, and what the pool could survive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xapid.cli import selectors
from xapid.cli.command import Run, command
from xapid.cli.failures import CommandFailed
from xapid.cli.values import NOT_THERE, comma_separated


def _named(run: Run, cls: str, ref: str) -> str:
    row = run.api.row(cls, ref)
    return NOT_THERE if row is None else f"{row.uuid} ({row.name_label})"


def _advice(run: Run, head: tuple[str, str], said: Mapping[str, Sequence[str]]) -> None:
    run.printer.record([head, *((_named(run, "VM", vm), " ".join(words)) for vm, words in said.items())])


@command("pool-retrieve-wlb-recommendations")
async def pool_retrieve_wlb_recommendations(run: Run) -> None:
    """Show where the balancer would move VMs."""
    _advice(run, ("VM", "Host, OptID, RecID, Reason"), await run.api.ask("pool.retrieve_wlb_recommendations"))


@command("host-retrieve-wlb-evacuate-recommendations", "uuid |hidden")
async def host_retrieve_wlb_evacuate_recommendations(run: Run) -> None:
    """Show where the balancer would move the VMs of a host."""
    host = await run.api.ref("host", run["uuid"])
    said = await run.api.ask("host.retrieve_wlb_evacuate_recommendations", host)
    _advice(run, ("VM", "[Host, RecID] / Error"), said)


@command("vm-retrieve-wlb-recommendations", "<vm>")
async def vm_retrieve_wlb_recommendations(run: Run) -> None:
    """Show how well a VM would run on each host."""
    vm = await selectors.one(run)
    said = await run.api.ask("VM.retrieve_wlb_recommendations", vm.ref)
    hosts = [(run.api.row("host", ref), " ".join(words)) for ref, words in said.items()]
    run.printer.record(
        [
            ("Host(Uuid)", "Stars, RecID, ZeroScoreReason"),
            *((NOT_THERE if host is None else f"{host.name_label}({host.uuid})", words) for host, words in hosts),
        ]
    )


@command("pool-ha-compute-hypothetical-max-host-failures-to-tolerate", "[vm-uuid] [restart-priority]")
async def pool_ha_hypothetical(run: Run) -> None:
    """Say how many hosts could fail if VMs had other restart priorities; both parameters may come several times."""
    vms = [await run.api.ref("VM", value) for name, value in run.args.params if name == "vm-uuid"]
    priorities = [value for name, value in run.args.params if name == "restart-priority"]
    if len(vms) != len(priorities):
        raise CommandFailed("Call needs as many restart-priority parameters as vm-uuid ones")
    changes = dict(zip(vms, priorities, strict=True))
    run.printer.line(str(await run.api.ask("pool.ha_compute_hypothetical_max_host_failures_to_tolerate", changes)))


@command("pool-ha-compute-vm-failover-plan", "host-uuids |hidden")
async def pool_ha_plan(run: Run) -> None:
    """Show where VMs would be started if hosts failed."""
    hosts = [await run.api.ref("host", uuid) for uuid in comma_separated(run["host-uuids"])]
    vms = [vm.ref for vm in await run.api.records("VM") if vm.resident_on in hosts and not vm.is_control_domain]
    plan: dict[str, Mapping[str, str]] = await run.api.ask("pool.ha_compute_vm_failover_plan", hosts, vms)
    fields = [("VM", "Destination Host or Error")]
    for ref, said in plan.items():
        where = _named(run, "host", said["host"]) if "host" in said else said.get("error_code", "UNKNOWN")
        fields.append((_named(run, "VM", ref), where))
    run.printer.record(fields)

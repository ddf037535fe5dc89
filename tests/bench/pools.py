"""What pools cost: calls that run on a member, hosts that give signs of life, joining, and emptying a host.

Daemons run on the servers' core, all of a pool together, as they would otherwise share the clients'.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from machine import SERVER_CORE, cpu_seconds
from servers import Xapid

from xapid.testing.processes import Daemon, Daemons, join

if TYPE_CHECKING:
    from measures import Bench

TEMPLATE = "Other install media"
HOSTS, VMS = 64, 5000
EVACUATED, OVER = 200, 8
MIB = 1 << 20


@contextmanager
def daemons(number: int) -> Iterator[tuple[Daemons, list[Daemon]]]:
    """Single hosts, on the servers' core, that could join each other."""
    with Daemons() as started:
        found = started.several(number, "--event-batching", "0")
        for daemon in found:
            os.sched_setaffinity(daemon.process.pid, {int(SERVER_CORE)})
        yield started, found


def forwarded_calls(bench: Bench) -> None:
    """VM.start_on and VM.hard_shutdown one after the other, on the coordinator's host and on that of a member daemon."""
    with daemons(2) as (_, (leader, member)):
        join(member, leader)
        api = leader.session().xenapi
        hosts = {record["address"]: ref for ref, record in api.host.get_all_records().items()}
        vms = [_vm(api, f"v{number}") for number in range(20)]
        for _ in range(bench.rounds):
            for name, daemon in (("coordinator", leader), ("member", member)):
                begun, count, used = time.monotonic(), 0, leader.process.pid
                before = cpu_seconds(used)
                while time.monotonic() - begun < bench.seconds:
                    vm = vms[count % len(vms)]
                    api.VM.start_on(vm, hosts[daemon.address], False, False)
                    api.VM.hard_shutdown(vm)
                    count += 1
                bench.note("forwarded", f"{name} pairs/s", count / (time.monotonic() - begun))
                bench.note("forwarded", f"{name} cpu ms", (cpu_seconds(used) - before) / count * 1e3)


def signs_of_life(bench: Bench) -> None:
    """64 hosts and 5,000 VMs: what an idle pool takes of a core, and what becomes of that with listeners and with changes."""
    with Xapid(bench.certificate, "--hosts", str(HOSTS), "--vms-per-host", str(VMS // HOSTS)) as server:
        hosts = server.call("host.get_all", server.session)
        bench.note("beats", "idle core %", _share(server, bench.seconds * 5))
        listeners = [_listener(server) for _ in range(20)]
        try:
            for call in listeners:
                call.send(None)
            bench.note("beats", "20 listeners core %", _share(server, bench.seconds * 5))
            before, count = server.cpu(), 0
            for number, ref in zip(range(100), itertools.cycle(hosts), strict=False):
                server.call("host.set_name_description", server.session, ref, f"change {number}")
                count += 1
            bench.note("beats", "change µs", (server.cpu() - before) / count * 1e6)
        finally:
            for call in listeners:
                call.close()
    bench.note("beats", "beat µs", _beat())


def joining(bench: Bench) -> None:
    """From the call of pool.join to the live, enabled host, again and again in a pool that grows."""
    rounds = min(bench.rounds, 5)
    with daemons(rounds + 1) as (_, (leader, *members)):
        for member in members:
            begun = time.monotonic()
            join(member, leader)
            bench.note("join", "s", time.monotonic() - begun)


def evacuation(bench: Bench) -> None:
    """host.evacuate with 200 running VMs, to seven other hosts."""
    with Xapid(bench.certificate, "--hosts", str(OVER), "--preset", "pool3", "--counter", f"memory={256 << 30}") as server:
        session = server.session
        source = next(
            ref for ref in server.call("host.get_all", session) if ref != server.call("pool.get_master", session, _pool(server))
        )
        for number in range(EVACUATED):
            vm = server.call("VM.clone", session, _template(server), f"v{number}")
            server.call("VM.provision", session, vm)
            server.call("VM.set_memory_limits", session, vm, *[str(256 * MIB)] * 4)
            server.call("VM.add_to_other_config", session, vm, "simulator.agent", "0.01")
            server.call("VM.start_on", session, vm, source, False, False)
        time.sleep(1)
        hosts = [source]
        for _ in range(min(bench.rounds, 3)):
            home = hosts[-1]
            count = len(server.call("host.get_resident_VMs", session, home)) - 1
            before, begun = server.cpu(), time.monotonic()
            server.call("host.evacuate", session, home)
            bench.note("evacuation", "VMs/s", count / (time.monotonic() - begun))
            bench.note("evacuation", "s of 200", (time.monotonic() - begun) * EVACUATED / max(count, 1))
            bench.note("evacuation", "cpu ms per VM", (server.cpu() - before) / max(count, 1) * 1e3)
            if len(server.call("host.get_resident_VMs", session, home)) != 1:
                raise SystemExit("VMs are left")
            _send_all(server, home)


def _send_all(server: Xapid, home: str) -> None:
    """Every VM back to one host, for the next round."""
    for ref, record in server.call("VM.get_all_records", server.session).items():
        if record["power_state"] == "Running" and not record["is_control_domain"] and record["resident_on"] != home:
            server.call("VM.pool_migrate", server.session, ref, home, {})


def _beat() -> float:
    """Processor time that the coordinator needs for a sign of life of one of 64 members, in µs, the network left out."""
    from twisted.internet.task import Clock

    from xapid.database import Database
    from xapid.datamodel.catalogue import catalogue
    from xapid.ids import Ids
    from xapid.operations.presence import Presence

    db, clock = Database(catalogue(), Ids(1)), Clock()
    with db.transaction() as tx:
        hosts = [tx.create("host", uuid=f"h{n}", metrics=tx.create("host_metrics", live=True)) for n in range(HOSTS)]
        tx.create("pool", master=hosts[0])
    presence = Presence(db, clock, lambda host: None)
    presence.start()
    turns = 200
    begun = time.process_time()
    for _ in range(turns):
        clock.advance(30)
        for ref in hosts[1:]:
            presence.reports(db.get("host", ref), 1.0, clock.seconds())
    return (time.process_time() - begun) / (turns * HOSTS) * 1e6


def _share(server: Xapid, seconds: float) -> float:
    before = server.cpu()
    time.sleep(seconds)
    return (server.cpu() - before) / seconds * 100


def _listener(server: Xapid) -> Any:
    """Waits for events of all classes, over and over, in a process of its own."""

    def run() -> Any:
        program = (
            "import sys, XenAPI\n"
            "s = XenAPI.Session(sys.argv[1], ignore_ssl=True)\n"
            "s._session = sys.argv[2]\n"
            "token = s.xenapi.event_from(['*'], '', 0.0)['token']\n"
            "print('ready', flush=True)\n"
            "while True: token = s.xenapi.event_from(['*'], token, 30.0)['token']\n"
        )
        command = [sys.executable, "-c", program, f"https://127.0.0.1:{server.port}", server.session]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    return run()


def _pool(server: Xapid) -> str:
    return str(server.call("pool.get_all", server.session)[0])


def _template(server: Xapid) -> str:
    return str(server.call("VM.get_by_name_label", server.session, TEMPLATE)[0])


def _vm(api: Any, name: str) -> str:
    (template,) = api.VM.get_by_name_label(TEMPLATE)
    vm = api.VM.clone(template, name)
    api.VM.provision(vm)
    return str(vm)

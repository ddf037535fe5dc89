"""The measurements, each a function of a :class:`Bench`: what is asked of whom, and what comes of it.

Rounds alternate between the targets, and every figure is the list of what its rounds gave; ratios are made of medians.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from browsing import console
from command_lines import command_lines
from machine import CLIENT_CORE, HERE, SERVER_CORE, pinned, tool
from pools import evacuation, forwarded_calls, joining, signs_of_life
from servers import Nginx, Server, Stock, Xapid, body
from vms import creation, many_starts, statistics, transfers

REFS = 499
"""How many different objects the small calls ask for, so that no answer can be kept for the next."""

Figures = dict[str, list[float]]


@attrs.define
class Bench:
    """The servers and what is known of their data."""

    directory: Path
    client: Path
    certificate: Path
    rounds: int
    seconds: int
    xapid: Xapid
    stock: Stock
    nginx: Nginx
    refs: list[str]
    figures: dict[str, Figures] = attrs.Factory(dict)
    """Row to name to what the rounds gave."""

    def note(self, row: str, name: str, value: float) -> None:
        self.figures.setdefault(row, {}).setdefault(name, []).append(value)

    # The clients ------------------------------------------------------------------------------------------------------

    def write(self, name: str, content: bytes) -> Path:
        path = self.directory / name
        path.write_bytes(content)
        return path

    def request(self, name: str, content: bytes, *, path: str = "/", close: bool = False) -> Path:
        """A whole HTTP request, in a file."""
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/xml\r\nContent-Length: {len(content)}\r\n"
        head += "Connection: close\r\n\r\n" if close else "\r\n"
        return self.write(name, head.encode() + content)

    def load(self, *arguments: Any) -> list[list[float]]:
        """What the client of load.c printed."""
        done = subprocess.run(
            pinned(CLIENT_CORE, [str(self.client), *map(str, arguments)]),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"load {' '.join(map(str, arguments))}: {done.stderr}")
        return [[float(word) for word in line.split()] for line in done.stdout.splitlines()]

    def wrk(self, server: Server, bodies: Path, connections: int) -> tuple[float, float, float, float]:
        """Answers per second, processor time of the server per answer (µs), median latency (µs), bytes per answer."""
        before = server.cpu()
        command = [tool("wrk"), "-t1", f"-c{connections}", f"-d{self.seconds}", "-s", str(HERE / "calls.lua")]
        done = subprocess.run(
            pinned(CLIENT_CORE, [*command, f"https://127.0.0.1:{server.port}/", "--", str(bodies)]),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        used = server.cpu() - before
        line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT")), None)
        if line is None:
            raise SystemExit(f"wrk: {done.stdout}{done.stderr}")
        count, took, size, refused, broken, median = map(float, line.split()[1:])
        if refused or broken:
            raise SystemExit(f"{server.name}: {refused:.0f} answers refused, {broken:.0f} connections broken")
        return count / took * 1e6, used / count * 1e6, median, size / count


# Correct answers first ------------------------------------------------------------------------------------------------


def prepared(xapid: Xapid, seed: int = 1) -> tuple[list[str], dict[str, Any], bytes]:
    """References to ask for, all records, and the answer that holds them. Gives the VMs names that differ."""
    listing = xapid.post(body("VM.get_all_records", xapid.session))
    records = xmlrpc.client.loads(listing)[0][0]["Value"]
    chosen = random.Random(seed).sample(sorted(ref for ref, record in records.items() if not record["is_a_template"]), REFS)
    return chosen, records, listing


def verify(bench: Bench, records: dict[str, Any]) -> None:
    """Every target answers right, before any is timed."""
    for server in (bench.xapid, bench.stock):
        for ref in bench.refs:
            found = server.call("VM.get_power_state", bench.xapid.session, ref)
            if found != records[ref]["power_state"]:
                raise SystemExit(f"{server.name}: power state of {ref} is {found}")
        if server.call("VM.get_all_records", bench.xapid.session) != records:
            raise SystemExit(f"{server.name} lists other records")
    if xmlrpc.client.loads(bench.nginx.get("/listing"))[0][0]["Value"] != records:
        raise SystemExit("nginx lists other records")
    if xmlrpc.client.loads(bench.nginx.post(b"x"))[0][0]["Value"] not in ("Running", "Halted"):
        raise SystemExit("nginx answers something else")


# The rows -------------------------------------------------------------------------------------------------------------


def small_calls(bench: Bench) -> None:
    """VM.get_power_state on 64 connections and on one."""
    lines = [body("VM.get_power_state", bench.xapid.session, ref) for ref in bench.refs]
    bodies = bench.write("getters", b"\n".join(lines) + b"\n")
    sizes: dict[str, float] = {}
    for _ in range(bench.rounds):
        for server in (bench.xapid, bench.stock, bench.nginx):
            for connections in (64, 1):
                rate, cpu, median, size = bench.wrk(server, bodies, connections)
                if abs(sizes.setdefault(server.name, size) - size) > 2:
                    raise SystemExit(f"{server.name}: answers change in size, from {sizes[server.name]} to {size}")
                row = f"small, {connections}"
                bench.note(row, f"{server.name} calls/s", rate)
                bench.note(row, f"{server.name} cpu µs", cpu)
                bench.note(row, f"{server.name} median µs", median)


def _listings(bench: Bench, server: Server, request: Path, row: str, rounds: int) -> None:
    before = server.cpu()
    results = bench.load("listing", server.port, request, rounds)
    used = (server.cpu() - before) / rounds
    for first, whole, _ in results:
        bench.note(row, f"{server.name} first ms", first)
        bench.note(row, f"{server.name} ms", whole)
    bench.note(row, f"{server.name} cpu ms", used * 1e3)


def listings(bench: Bench) -> None:
    """VM.get_all_records: warm, and after every record has changed."""
    request = bench.request("listing.call", body("VM.get_all_records", bench.xapid.session))
    json_call = b'{"jsonrpc":"2.0","id":1,"method":"VM.get_all_records","params":["%s"]}' % bench.xapid.session.encode()
    as_json = bench.request("listing.json", json_call, path="/jsonrpc")
    static = bench.write("listing.get", b"GET /listing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    bench.load("listing", bench.xapid.port, request, 1)
    bench.load("listing", bench.xapid.port, as_json, 1)
    for _ in range(bench.rounds):
        _listings(bench, bench.stock, request, "listing", 1)
        for _ in range(2):
            _listings(bench, bench.xapid, request, "listing", 2)
            _listings(bench, bench.nginx, static, "listing", 2)
        _listings(bench, bench.xapid, as_json, "listing, JSON", 2)
    everything = bench.xapid.call("VM.get_all", bench.xapid.session)
    for number in range(bench.rounds):
        changes = bench.write("changes.calls", b"".join(_framed(bench, ref, f"changed {number}") for ref in everything))
        bench.load("batch", bench.xapid.port, changes)
        _listings(bench, bench.xapid, request, "listing, all changed", 1)


def _framed(bench: Bench, ref: str, value: str) -> bytes:
    content = body("VM.set_name_description", bench.xapid.session, ref, value)
    request = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content)
    return b"%d\n%s" % (len(request), request)


def waiting_calls(bench: Bench, count: int = 200) -> None:
    """One change, seen by parked event.from calls."""
    session, ref = bench.xapid.session, bench.refs[0]
    change = bench.request("trigger", body("VM.set_name_label", session, ref, "@@@@@@@@"))
    for _ in range(bench.rounds):
        for server in (bench.xapid, bench.stock):
            server.call("VM.set_name_label", session, ref, f"at {time.monotonic()}")
            before = bench.xapid.call("event.inject", session, "VM", ref) if server is bench.xapid else f"{0:020d},{0:020d}"
            token = server.call("event.from", session, ["vm"], before, 0.0)["token"]
            request = bench.request("waiting", body("event.from", session, ["vm"], token, 600.0))
            used = server.cpu()
            results = bench.load("park", server.port, request, count, change, 8)
            bench.note("waiting", f"{server.name} cpu ms", (server.cpu() - used) * 1e3 / len(results))
            for (took,) in results[1:]:
                bench.note("waiting", f"{server.name} ms", took)


def idle_connections(bench: Bench, count: int = 1000) -> None:
    """Memory that a connection takes which made one call and is kept. In servers that were not used before."""
    data = bench.directory / "data"
    for _ in range(min(bench.rounds, 3)):
        with Xapid(bench.certificate, "--hosts", "1", "--vms-per-host", "10") as xapid, Stock(bench.certificate, data) as stock:
            ref = xapid.call("VM.get_all", xapid.session)[0]
            for server, call in (
                (xapid, body("VM.get_power_state", xapid.session, ref)),
                (stock, body("VM.get_power_state", bench.xapid.session, bench.refs[0])),
            ):
                request = bench.request("idle", call)
                bench.load("latency", server.port, request, 1)
                before = server.memory()
                command = pinned(CLIENT_CORE, [str(bench.client), "idle", str(server.port), str(request), str(count)])
                client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                assert client.stdout is not None and client.stdin is not None
                if client.stdout.readline() != "ready\n":
                    raise SystemExit(f"{server.name} does not take {count} connections")
                bench.note("idle", f"{server.name} KiB", (server.memory() - before) / count)
                client.stdin.close()
                client.wait()


def reconnections(bench: Bench, slots: int = 8) -> None:
    """Connections that resume a TLS session, make one call and end."""
    call = body("VM.get_power_state", bench.xapid.session, bench.refs[0])
    request = bench.request("reconnect", call, close=True)
    for _ in range(bench.rounds):
        for server in (bench.xapid, bench.stock, bench.nginx):
            before = server.cpu()
            ((made, resumed, took),) = bench.load("reconnect", server.port, request, slots, bench.seconds)
            if resumed < made * 0.99:
                raise SystemExit(f"{server.name} resumed {resumed:.0f} of {made:.0f} sessions")
            bench.note("reconnect", f"{server.name} /s", made / took)
            bench.note("reconnect", f"{server.name} cpu µs", (server.cpu() - before) / made * 1e6)


@contextmanager
def _streaming(bench: Bench, server: Server) -> Iterator[None]:
    """Lists everything, over and over."""
    request = bench.request("stream.call", body("VM.get_all_records", bench.xapid.session))
    command = pinned(CLIENT_CORE, [str(bench.client), "listing", str(server.port), str(request), "100000"])
    client = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        time.sleep(0.2)
        yield
    finally:
        client.terminate()
        client.wait()


def small_beside_big(bench: Bench) -> None:
    """Small calls on one connection, alone and while a client lists everything all the time."""
    request = bench.request("small.call", body("VM.get_power_state", bench.xapid.session, bench.refs[0]))
    for _ in range(bench.rounds):
        ((_, quiet, *_),) = bench.load("latency", bench.xapid.port, request, bench.seconds)
        with _streaming(bench, bench.xapid):
            ((_, beside, *_),) = bench.load("latency", bench.xapid.port, request, bench.seconds)
        bench.note("beside", "quiet µs", quiet)
        bench.note("beside", "beside a listing µs", beside)
        bench.note("beside", "times", beside / quiet)


def durable_writes(bench: Bench) -> None:
    """VM.set_name_label on 64 connections, to a daemon with a state directory and to one without."""
    few = ("--hosts", "1", "--vms-per-host", "1000")
    with Xapid(bench.certificate, *few) as passing, Xapid(bench.certificate, *few, state=bench.directory / "state") as lasting:
        for name, server in (("ephemeral", passing), ("durable", lasting)):
            refs = server.call("VM.get_all", server.session)
            calls = [body("VM.set_name_label", server.session, ref, "@@@@@@@@") for ref in refs]
            bench.write(f"writes.{name}", b"\n".join(calls) + b"\n")
        for _ in range(bench.rounds):
            for name, server in (("ephemeral", passing), ("durable", lasting)):
                rate, cpu, _, _ = bench.wrk(server, bench.directory / f"writes.{name}", 64)
                bench.note("writes", f"{name} calls/s", rate)
                bench.note("writes", f"{name} cpu µs", cpu)
        ref = lasting.call("VM.get_all", lasting.session)[0]
        if not lasting.call("VM.get_name_label", lasting.session, ref).isdigit():
            raise SystemExit("the writes did not write")


def tasks(bench: Bench) -> None:
    """Calls in the background, each with a task that is made, finished and kept for a while."""
    lines = [body("Async.VM.set_memory_limits", bench.xapid.session, ref, *["1073741824"] * 4) for ref in bench.refs]
    bodies = bench.write("tasks", b"\n".join(lines) + b"\n")
    rate, cpu, _, _ = bench.wrk(bench.xapid, bodies, 64)
    bench.note("tasks", "calls/s", rate)
    bench.note("tasks", "cpu µs", cpu)


def big_start(bench: Bench) -> None:
    """From the command line to the first answer, with a pool of 64 hosts and 1,000 VMs."""
    for _ in range(min(bench.rounds, 3)):
        with Xapid(bench.certificate, "--hosts", "64", "--vms-per-host", "16") as server:
            bench.note("start", "s", server.started_in)


def many_objects(bench: Bench) -> None:
    """500,000 objects: memory, load time and pauses, in a process of their own."""
    directory = bench.directory / "objects"
    directory.mkdir()
    for phase in ("fill", "measure"):
        command = pinned(SERVER_CORE, [sys.executable, str(HERE / "objects.py"), phase, str(directory)])
        done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
    for name, value in json.loads(done.stdout).items():
        bench.note("objects", name, value)


ROWS: dict[str, Callable[[Bench], None]] = {
    "small": small_calls,
    "listing": listings,
    "waiting": waiting_calls,
    "idle": idle_connections,
    "reconnect": reconnections,
    "beside": small_beside_big,
    "writes": durable_writes,
    "tasks": tasks,
    "start": big_start,
    "objects": many_objects,
    "transfers": transfers,
    "starts": many_starts,
    "creation": creation,
    "statistics": statistics,
    "forwarded": forwarded_calls,
    "beats": signs_of_life,
    "join": joining,
    "evacuation": evacuation,
    "xe": command_lines,
    "console": console,
}

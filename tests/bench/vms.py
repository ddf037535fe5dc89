"""What VMs cost: their disks over HTTPS, a thousand that start at once, ten thousand that are made, and their statistics."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from machine import CLIENT_CORE, HERE, SERVER_CORE, pinned, tool
from servers import Server, Xapid, body, tls

if TYPE_CHECKING:
    from measures import Bench

MIB = 1 << 20
STARTED = 1000
MADE = 10_000
AT_ONCE = 64
"""Calls that are sent before their answers are read."""
TRANSFERRED = 256
"""MiB of a disk, none of which is zeroes."""
_NOTHING: dict[str, str] = {}


# Disks ------------------------------------------------------------------------------------------------------------------


def transfers(bench: Bench) -> None:
    """An export and a raw import, beside nginx sending and receiving a file of the same size. All on disk, by curl."""
    contents = bench.directory / "contents"
    with contents.open("wb") as file, open("/dev/urandom", "rb") as source:
        for _ in range(TRANSFERRED):
            file.write(source.read(MIB))
    got = bench.directory / "got"
    with Xapid(bench.certificate, "--preset", "standalone", state=bench.directory / "disks") as xapid:
        session = xapid.session
        sr = xapid.call("pool.get_default_SR", session, xapid.call("pool.get_all", session)[0])
        disk, vm = _disk(xapid, sr, TRANSFERRED * MIB), _vm(xapid, "exported")
        xapid.call("VBD.create", session, _vbd(vm, disk))
        for _ in range(bench.rounds):
            # A machine that has to find new memory for each round's files measures that.
            (bench.directory / "put" / "disk").unlink(missing_ok=True)
            _transfer(bench, bench.nginx, "received", "-T", str(contents), "/put/disk")
            _transfer(bench, xapid, "received", "-T", str(contents), f"/import_raw_vdi?session_id={session}&vdi={disk}")
            _transfer(bench, bench.nginx, "sent", "-o", str(got), "/put/disk")
            if got.read_bytes() != contents.read_bytes():
                raise SystemExit("nginx sent something else than it received")
            _transfer(bench, xapid, "sent", "-o", str(got), f"/export?session_id={session}&ref={vm}")
            if got.stat().st_size < TRANSFERRED * MIB:
                raise SystemExit("the export is too short")
            _transfer(bench, xapid, "raw", "-o", str(got), f"/export_raw_vdi?session_id={session}&vdi={disk}")
            if got.read_bytes() != contents.read_bytes():
                raise SystemExit("xapid sent something else than it received")
    contents.unlink()
    got.unlink()


def _transfer(bench: Bench, server: Server, name: str, option: str, file: str, path: str) -> None:
    url = f"https://127.0.0.1:{server.port}{path}"
    os.sync()  # else this one, if it syncs, waits for what the one before has left to be written
    before, begun = server.cpu(), time.monotonic()
    done = subprocess.run(
        pinned(CLIENT_CORE, [tool("curl"), "-skS", "--fail", option, file, url]), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{server.name}: {done.stderr}")
    bench.note("transfers", f"{server.name} {name} MiB/s", TRANSFERRED / (time.monotonic() - begun))
    bench.note("transfers", f"{server.name} {name} cpu ms", (server.cpu() - before) * 1e3)


# Starting ---------------------------------------------------------------------------------------------------------------


def many_starts(bench: Bench) -> None:
    """Async.VM.start of 1,000 VMs on 64 hosts, sent at once; and small calls on another connection meanwhile."""
    with Xapid(bench.certificate, "--hosts", "64", "--vms-per-host", "16", "--duration-profile", "instant") as server:
        session = server.session
        records = server.call("VM.get_all_records", session)
        vms = [ref for ref, record in records.items() if record["power_state"] == "Halted" and not record["is_a_template"]]
        vms = vms[:STARTED]
        small = bench.request("beside.call", body("VM.get_power_state", session, vms[0]))
        took = 0.0
        for _ in range(min(bench.rounds, 3) + 1):
            beside = _small_calls(bench, server, small, took) if took else None
            before, begun = server.cpu(), time.monotonic()
            _send(server, [body("Async.VM.start", session, vm, False, False) for vm in vms])
            _wait(server, vms, "Running")
            took = time.monotonic() - begun
            if beside is not None:
                bench.note("starts", "VMs/s", STARTED / took)
                bench.note("starts", "cpu ms per VM", (server.cpu() - before) / STARTED * 1e3)
                _, median, _, p99 = map(float, beside.communicate(timeout=60)[0].split())
                bench.note("starts", "small calls median ms", median / 1e3)
                bench.note("starts", "small calls p99 ms", p99 / 1e3)
            _send(server, [body("Async.VM.hard_shutdown", session, vm) for vm in vms])
            _wait(server, vms, "Halted")


def _small_calls(bench: Bench, server: Server, request: Path, seconds: float) -> subprocess.Popen[str]:
    command = pinned(CLIENT_CORE, [str(bench.client), "latency", str(server.port), str(request), f"{seconds:.2f}"])
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _wait(server: Xapid, vms: list[str], power: str) -> None:
    for vm in reversed(vms):
        for _ in range(60_000):
            if server.call("VM.get_power_state", server.session, vm) == power:
                break
            time.sleep(0.001)
        else:
            raise SystemExit(f"VM {vm} is not {power}")


# Making -----------------------------------------------------------------------------------------------------------------


def creation(bench: Bench) -> None:
    """10,000 VMs, each with a disk, a drive and an interface, by calls of a client that does not wait for each answer; then
    the events of everything.
    """
    with Xapid(bench.certificate, "--hosts", "4", "--counter", f"local_storage={200 << 40}") as server:
        session = server.session
        sr = server.call("pool.get_default_SR", session, server.call("pool.get_all", session)[0])
        network = server.call("network.get_all", session)[0]
        begun, used = time.monotonic(), server.cpu()
        vms = _refs(bench, server, "VM.create", [_new_vm(number) for number in range(MADE)])
        disks = _refs(bench, server, "VDI.create", [_new_disk(sr, 1 << 30)] * MADE)
        _refs(bench, server, "VBD.create", [_vbd(vm, disk) for vm, disk in zip(vms, disks, strict=True)])
        _refs(bench, server, "VIF.create", [_vif(vm, network) for vm in vms])
        bench.note("creation", "VMs/s", MADE / (time.monotonic() - begun))
        bench.note("creation", "cpu ms per VM", (server.cpu() - used) / MADE * 1e3)
        for name in ("first", "again"):
            begun = time.monotonic()
            answer = server.post(body("event.from", session, ["*"], "", 60.0))
            bench.note("creation", f"events {name} s", time.monotonic() - begun)
        bench.note("creation", "events MB", len(answer) / 1e6)
        if answer.count(b"<name>operation</name>") < 5 * MADE:
            raise SystemExit("there are events missing")


def _refs(bench: Bench, server: Xapid, message: str, records: list[dict[str, Any]]) -> list[str]:
    begun = time.monotonic()
    found = _send(server, [body(message, server.session, record) for record in records])
    bench.note("creation", f"{message} /s", len(records) / (time.monotonic() - begun))
    return found


def _send(server: Xapid, calls: list[bytes]) -> list[str]:
    """The references that calls answer with, which leave one after the other on one connection."""
    found: list[str] = []
    with tls().wrap_socket(socket.create_connection(("127.0.0.1", server.port), 60)) as link, link.makefile("rb") as answers:
        for start in range(0, len(calls), AT_ONCE):
            some = calls[start : start + AT_ONCE]
            link.sendall(b"".join(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(call), call) for call in some))
            for _ in some:
                size = 0
                while (line := answers.readline()) != b"\r\n":
                    if line.lower().startswith(b"content-length:"):
                        size = int(line.partition(b":")[2])
                match = re.search(rb">(OpaqueRef:[^<]+)</value>", answer := answers.read(size))
                if match is None:
                    raise SystemExit(answer.decode())
                found.append(match[1].decode())
    return found


def _new_vm(number: int) -> dict[str, Any]:
    memory = str(512 * MIB)
    return {
        "name_label": f"vm {number}", "name_description": "", "user_version": "1", "is_a_template": False,
        "affinity": "OpaqueRef:NULL", "memory_static_max": memory, "memory_dynamic_max": memory, "memory_dynamic_min": memory,
        "memory_static_min": memory, "VCPUs_params": _NOTHING, "VCPUs_max": "1", "VCPUs_at_startup": "1",
        "actions_after_shutdown": "destroy", "actions_after_reboot": "restart", "actions_after_crash": "restart",
        "PV_bootloader": "", "PV_kernel": "", "PV_ramdisk": "", "PV_args": "", "PV_bootloader_args": "", "PV_legacy_args": "",
        "HVM_boot_policy": "BIOS order", "HVM_boot_params": {"order": "dc"}, "platform": {"acpi": "1", "apic": "true"},
        "PCI_bus": "", "other_config": _NOTHING, "recommendations": "",
    }  # fmt: skip


def _new_disk(sr: str, size: int) -> dict[str, Any]:
    return {
        "name_label": "disk", "SR": sr, "virtual_size": str(size), "type": "user", "sharable": False, "read_only": False,
        "other_config": _NOTHING,
    }  # fmt: skip


def _vbd(vm: str, disk: str) -> dict[str, Any]:
    return {
        "VM": vm, "VDI": disk, "userdevice": "0", "bootable": True, "mode": "RW", "type": "Disk", "empty": False,
        "other_config": _NOTHING, "qos_algorithm_type": "", "qos_algorithm_params": _NOTHING,
    }  # fmt: skip


def _vif(vm: str, network: str) -> dict[str, Any]:
    return {
        "VM": vm, "network": network, "device": "0", "MAC": "", "MTU": "1500", "other_config": _NOTHING,
        "qos_algorithm_type": "", "qos_algorithm_params": _NOTHING,
    }  # fmt: skip


def _disk(server: Xapid, sr: str, size: int) -> str:
    return str(server.call("VDI.create", server.session, _new_disk(sr, size)))


def _vm(server: Xapid, name: str) -> str:
    return str(server.call("VM.create", server.session, {**_new_vm(0), "name_label": name}))


# Statistics -------------------------------------------------------------------------------------------------------------


def statistics(bench: Bench) -> None:
    """2,000 VMs with twenty data sources each, in a process of their own."""
    for _ in range(min(bench.rounds, 3)):
        command = pinned(SERVER_CORE, [sys.executable, str(HERE / "archives.py"), "2000"])
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
        figures = json.loads(done.stdout)
        bench.note("statistics", "core %", figures["core_percent"])
        bench.note("statistics", "MB", figures["megabytes"])
        bench.note("statistics", "poll ms", figures["poll_of_a_minute_ms"])

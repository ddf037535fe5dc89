"""Measures xapid beside stock Twisted and nginx: ``make bench``, or ``python tests/bench [--rows small,listing] …``.

All of it runs on this machine and on its loopback, one server at a time busy, servers on core 0 and clients on core 1.
Prints a table of ratios, and writes every figure of every round as JSON.
"""

from __future__ import annotations

import argparse
import json
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from machine import compile_client, description
from measures import ROWS, Bench, prepared, verify
from outcome import figures_text, results, table
from servers import Nginx, Stock, Xapid, body

from xapid.http.tls import SUITES


def main() -> int:
    options = argparse.ArgumentParser(prog="make bench ARGS=…")
    options.add_argument("--rows", default=",".join(ROWS), help=f"what to measure: {', '.join(ROWS)}")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=int, default=2, help="of each round of calls")
    options.add_argument("--vms", type=int, default=10_000)
    options.add_argument("--json", type=Path, default=Path("build/bench.json"), help="where every figure goes")
    options.add_argument("--check", action="store_true", help="fail when a gate is missed")
    chosen = options.parse_args()
    rows = chosen.rows.split(",")
    if unknown := set(rows) - ROWS.keys():
        options.error(f"no such row: {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that what was started is stopped too
    begun = time.monotonic()
    machine = description()
    with tempfile.TemporaryDirectory(prefix="xapid-bench.") as name:
        directory = Path(name)
        client = compile_client(directory)
        subprocess.run([sys.executable, "-m", "xapid", "certs", str(directory)], check=True, stdout=subprocess.DEVNULL)
        certificate = directory / "server.pem"
        with Xapid(certificate, "--hosts", "1", "--vms-per-host", str(chosen.vms)) as xapid:
            refs, records, listing = prepared(xapid)
            data = directory / "data"
            data.write_bytes(pickle.dumps(({xapid.session}, records)))
            answer = xapid.post(body("VM.get_power_state", xapid.session, refs[0]))
            with (
                Stock(certificate, data) as stock,
                Nginx(certificate, ":".join(SUITES), directory, answer, listing) as nginx,
            ):
                bench = Bench(directory, client, certificate, chosen.rounds, chosen.seconds, xapid, stock, nginx, refs)
                verify(bench, records)
                for row in rows:
                    started = time.monotonic()
                    ROWS[row](bench)
                    print(f"measured {row} in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    found = results(bench.figures)
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    chosen.json.write_text(json.dumps({"machine": machine, "figures": bench.figures}, indent=1))
    print("\n".join(f"{key}: {value}" for key, value in machine.items()))
    print(f"{chosen.rounds} rounds of {chosen.seconds} s, {time.monotonic() - begun:.0f} s in all\n")
    print(figures_text(bench.figures))
    print(f"\n{table(found)}")
    return int(chosen.check and any(result.verdict == "MISSED" for result in found))


if __name__ == "__main__":
    sys.exit(main())

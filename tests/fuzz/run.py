"""Runs one fuzz target with coverage guidance: ``python tests/fuzz/run.py TARGET [--seconds N] [--corpus DIR]``.

Targets are ``whole_path``, ``http_parser`` and ``fast_and_plain``. Arguments that begin with a single ``-`` go to libFuzzer.

Needs atheris (``pip install -e '.[fuzz]'``). The corpus is kept and grows; it begins with the seeds. An input that makes the
target raise is written to ``DIR/../findings-…``, shown, and ends the run with a status other than 0.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import atheris
from twisted.logger import globalLogBeginner

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

with atheris.instrument_imports(include=["xapid"]):
    from fuzz import calls
    from fuzz.fast_and_plain import FastAndPlain
    from fuzz.http_parser import HttpParser, seeds
    from fuzz.whole_path import WholePath

LARGEST = 16 * 1024
MEMORY_MB = 1024
TOO_SLOW_S = 30
TARGETS = {"whole_path": WholePath, "http_parser": HttpParser, "fast_and_plain": FastAndPlain}


def mutated(data: bytes, max_size: int, seed: int) -> bytes:
    """For whole calls: mostly mutations by the byte, and now and then another call altogether, or two in one."""
    random = Random(seed)
    match random.randrange(8):
        case 0 | 1 | 2:
            fresh = calls.any_call(random, random.choice((0.02, 0.1, 0.4)))
            return fresh if len(fresh) <= max_size else data
        case 3:
            parts = data.split(b"<value>")
            if len(parts) > 2:
                value = calls.xml_value(random.choice(calls.ODD)).encode("utf-8", "surrogatepass")
                at = random.randrange(1, len(parts))
                parts[at] = value.removeprefix(b"<value>") + parts[at].partition(b"</value>")[2]
                return b"<value>".join(parts)[:max_size]
    return bytes(atheris.Mutate(data, max_size))


def first_inputs() -> Iterator[bytes]:
    """Seeds of the targets that take whole calls."""
    yield from (data for _, data in calls.of_every_message())
    yield from calls.of_every_action()
    yield from (b"R" + data for data in seeds())


def main() -> None:
    """Never returns: libFuzzer ends the process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path)
    given, more = parser.parse_known_args()
    folder = given.corpus or ROOT / ".fuzz" / given.target
    folder.mkdir(parents=True, exist_ok=True)
    whole = given.target != "http_parser"
    for seed in first_inputs() if whole else seeds():
        if len(seed) <= LARGEST:
            (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
    words = folder.with_name(f"words-{given.target}")
    escaped = {"".join(f"\\x{byte:02x}" for byte in word) for word in calls.words()}
    words.write_text("".join(f'"{word}"\n' for word in sorted(escaped)))
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False)
    target = TARGETS[given.target]()
    options = [
        f"-max_total_time={given.seconds}",
        f"-max_len={LARGEST}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-timeout={TOO_SLOW_S}",
        f"-dict={words}",
        f"-artifact_prefix={folder.with_name(f'findings-{given.target}-')}",
        "-print_final_stats=1",
        "-verbosity=0" if not more else "-verbosity=1",
    ]

    def one(data: bytes) -> None:
        target.check(data)

    custom = {"custom_mutator": mutated} if whole else {}
    atheris.Setup([sys.argv[0], *options, *more, str(folder)], one, **custom)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

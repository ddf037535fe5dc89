"""The fuzz targets: what they begin with and what they once found is tried again, and each runs for a while where atheris is.

``FUZZ_SECONDS`` says how long (30); ``make fuzz SECONDS=3600`` is for longer runs.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fuzz import calls, findings
from fuzz.consistency import assert_consistent
from fuzz.fast_and_plain import FastAndPlain
from fuzz.http_parser import HttpParser, seeds
from fuzz.whole_path import WholePath

SECONDS = int(os.environ.get("FUZZ_SECONDS", "30"))
STARTING = 120
"""Seconds that it may take to instrument everything and to read the corpus."""


@pytest.fixture(scope="module")
def path() -> Iterator[WholePath]:
    made = WholePath()
    yield made
    assert_consistent(made.server.pool.db)
    made.close()


def test_a_call_of_every_message_is_answered_and_leaves_the_database_right(path: WholePath) -> None:
    waiting = {name for name, data in calls.of_every_message() if not path.check(data).startswith(b"HTTP/1.1 ")}
    assert waiting <= {"event.next", "event.from"}


def test_requests_to_everything_else_are_answered(path: WholePath) -> None:
    for data in [*calls.of_every_action(), *(b"R" + seed for seed in seeds())]:
        path.check(data)


@pytest.mark.parametrize("data", findings.WHOLE_PATH, ids=lambda data: str(data[:40]))
def test_what_the_whole_path_once_stumbled_over_it_does_no_more(path: WholePath, data: bytes) -> None:
    path.check(data)


def test_where_pieces_of_requests_end_makes_no_difference() -> None:
    parser = HttpParser()
    for data in [*seeds(), *findings.HTTP_PARSER]:
        parser.check(data)
    parser.close()


def test_what_the_two_paths_once_answered_differently_they_do_no_more() -> None:
    both = FastAndPlain()
    for data in findings.FAST_AND_PLAIN:
        both.check(data)
    both.close()


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
@pytest.mark.parametrize("target", ["whole_path", "http_parser", "fast_and_plain"])
def test_nothing_is_found_in_the_time_that_there_is(target: str, tmp_path: Path) -> None:
    run = [sys.executable, str(Path(__file__).with_name("run.py")), target]
    options = ["--seconds", str(SECONDS), "--corpus", str(tmp_path / "corpus")]
    done = subprocess.run([*run, *options], capture_output=True, text=True, timeout=SECONDS + STARTING, check=False)
    assert done.returncode == 0, done.stderr[-8000:]
    assert "number_of_executed_units" in done.stderr

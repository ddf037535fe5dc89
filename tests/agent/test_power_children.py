"""Programs in processes of their own: real ones, guarded, on a clock that the test moves."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
import pytest_twisted
from twisted.internet import defer, reactor, task

from xapid.agent import children as module
from xapid.agent.children import Children, readable, signal_name

ensured = pytest_twisted.ensureDeferred


@pytest.fixture
def clock():
    return task.Clock()


@pytest.fixture
def children(clock):
    return Children(reactor, clock)


async def until(condition, limit=60.0):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline
        await task.deferLater(reactor, 0.01)


def patiently(condition, limit=60.0):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def alive(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"
    return False


def pids(file):
    return [int(word) for word in file.read_text().split()] if file.exists() else []


@ensured
async def test_a_program_gets_its_input_and_everything_that_it_says_comes_back(children):
    ended = await children.run(["sh", "-c", "cat; echo bad >&2; echo result >&3; exit 3"], limit=9, given=b"good")
    assert (ended.status, ended.signal, ended.in_time) == (3, None, True)
    assert (ended.output, ended.errors, ended.result) == ("good", "bad\n", b"result\n")


@ensured
async def test_a_program_that_a_signal_ends_is_told_from_one_that_exits(children):
    ended = await children.run(["sh", "-c", "kill -SEGV $$"], limit=9)
    assert (ended.status, ended.signal) == (None, signal.SIGSEGV)


@ensured
async def test_a_program_that_cannot_be_started_exits_as_in_a_shell(children):
    ended = await children.run(["/nowhere/at-all"], limit=9)
    assert ended.status == 127
    assert "/nowhere/at-all" in ended.errors


@ensured
async def test_settings_of_the_daemon_are_not_handed_on(children, monkeypatch):
    monkeypatch.setenv("XAPID_ROOT_PASSWORD", "hush")
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/notify")
    monkeypatch.setenv("MY_OWN", "kept")
    ended = await children.run(["env"], limit=9, environment={"GIVEN": "too"})
    assert "hush" not in ended.output
    assert "NOTIFY_SOCKET" not in ended.output
    assert {"MY_OWN=kept", "GIVEN=too"} <= set(ended.output.splitlines())


@ensured
async def test_floods_of_output_are_cut_and_block_nobody(children):
    code = "import os, sys; sys.stdout.write('x' * 300_000 + 'end'); os.write(3, b'y')"
    ended = await children.run([sys.executable, "-c", code], limit=9)
    assert len(ended.output) == module.MOST_OUTPUT
    assert ended.output.endswith("xend")
    assert ended.result == b"y"


@ensured
async def test_at_the_limit_a_program_dies_with_all_its_children_also_those_that_fled(children, clock, tmp_path):
    file = tmp_path / "pids"
    script = f"setsid sh -c 'trap \"\" TERM; echo $$ >> {file}; sleep 600 & wait' & sleep 600 & echo $$ $! >> {file}; wait"
    running = defer.ensureDeferred(children.run(["sh", "-c", script], limit=60))
    await until(lambda: len(pids(file)) == 3)
    clock.advance(59)
    assert all(map(alive, pids(file)))
    clock.advance(1)
    ended = await running
    assert not ended.in_time
    assert not any(map(alive, pids(file)))
    assert not clock.getDelayedCalls()


@ensured
async def test_what_a_program_leaves_running_ends_with_it(children, tmp_path):
    file = tmp_path / "pids"
    ended = await children.run(["sh", "-c", f"setsid sleep 600 & echo $! > {file}"], limit=9)
    assert ended.status == 0
    assert not any(map(alive, pids(file)))


@ensured
async def test_a_cancelled_program_is_killed(children, tmp_path):
    file = tmp_path / "pids"
    running = defer.ensureDeferred(children.run(["sh", "-c", f"echo $$ > {file}; sleep 600"], limit=60))
    await until(lambda: pids(file))
    running.cancel()
    with pytest.raises(defer.CancelledError):
        await running
    await until(lambda: not alive(pids(file)[0]))


@ensured
async def test_a_program_that_kills_its_guard_dies_with_it(children, tmp_path):
    file = tmp_path / "pids"
    ended = await children.run(["sh", "-c", f"echo $$ > {file}; kill -KILL $PPID; while :; do :; done"], limit=9)
    assert ended.signal == signal.SIGKILL
    await until(lambda: not alive(pids(file)[0]))


@ensured
async def test_output_that_somebody_else_holds_open_is_not_waited_for(children, clock, tmp_path):
    file, before = tmp_path / "pids", len(os.listdir("/proc/self/fd"))
    script = f"setsid sleep 600 & echo said; echo $! > {file}; kill -KILL $PPID; while :; do :; done"
    running = defer.ensureDeferred(children.run(["sh", "-c", script], limit=60))
    await until(lambda: len(clock.getDelayedCalls()) == 2)
    try:
        clock.advance(module.DRAIN_FOR)
        ended = await running
        assert (ended.signal, ended.output) == (signal.SIGKILL, "said\n")
        await until(lambda: len(os.listdir("/proc/self/fd")) == before)
        assert not clock.getDelayedCalls()
    finally:
        os.kill(pids(file)[0], signal.SIGKILL)


@ensured
async def test_no_file_stays_open_when_a_program_has_ended(children):
    await children.run(["true"], limit=9)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        await children.run(["true"], limit=9, given=b"x" * 100_000)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_program_dies_with_the_daemon_that_started_it(tmp_path):
    file = tmp_path / "pids"
    daemon = f"""
from twisted.internet import defer, reactor
from xapid.agent.children import Children
defer.ensureDeferred(Children(reactor, reactor).run(["sh", "-c", "echo $$ > {file}; sleep 600"], limit=60))
reactor.run()
"""
    process = subprocess.Popen([sys.executable, "-c", daemon], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    try:
        patiently(lambda: pids(file))
        assert alive(pids(file)[0])
    finally:
        process.kill()
        process.wait()
    patiently(lambda: not alive(pids(file)[0]))


def test_text_that_no_answer_could_carry_is_replaced():
    assert readable("a\0b\x1bc\ud800d\uffffe\n\U0001f600") == "a\ufffdb\ufffdc\ufffdd\ufffde\n\U0001f600"


def test_signals_are_called_by_their_names():
    assert (signal_name(9), signal_name(4711)) == ("SIGKILL", "4711")

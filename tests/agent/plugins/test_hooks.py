"""Hooks: real programs in real processes, in order, each of which may object."""

from __future__ import annotations

import pytest
import pytest_twisted
from twisted.internet import defer, reactor
from twisted.logger import globalLogPublisher

from hanging import alive, hanging, pids, until
from xapid.agent.children import Children
from xapid.agent.plugins.folders import Folders
from xapid.agent.plugins.hooks import Hooks
from xapid.agent.plugins.host_plugins import HostPlugins
from xapid.agent.plugins.programs import Programs
from xapid.agent.values import AgentFailure, Errand
from xapid.datamodel.errors import XenAPIError

ensured = pytest_twisted.ensureDeferred
HOOK = "host-pre-declare-dead"
ARGS = {"hostuuid": "the-dead-one", "reason": "user"}
ERRAND = Errand(number="1", session="OpaqueRef:5e551011", url="http://127.0.0.1:1", fingerprint="")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "xapi.d" / HOOK).mkdir(parents=True)
    return tmp_path / "xapi.d" / HOOK


@pytest.fixture
def put(folder):
    def put(name, text, mode=0o755):
        (folder / name).write_text("#!/bin/sh\n" + text)
        (folder / name).chmod(mode)

    return put


@pytest.fixture
def plugins(clock, folder):
    programs = Programs(Children(reactor, clock), clock, limit=60.0, most=2)
    return HostPlugins("the-uuid", programs, Folders(()), Folders(()), Hooks(programs, folder.parent))


@pytest.fixture
def run(plugins):
    return lambda: plugins.run_hook(HOOK, ARGS, ERRAND)


@pytest.fixture
def logged():
    seen = []
    globalLogPublisher.addObserver(seen.append)
    yield seen
    globalLogPublisher.removeObserver(seen.append)


async def failure(awaitable):
    with pytest.raises(XenAPIError) as caught:
        await awaitable
    return caught.value.description


@ensured
async def test_programs_of_a_hook_run_in_the_order_of_their_names_and_are_told_which_host_and_why(run, put, tmp_path):
    for name in ("20second", "10first", "b", "a.sh"):
        put(name, f'echo "$0 $*" | sed "s,.*/,," >>{tmp_path}/seen')
    put("30plain", f"echo plain >>{tmp_path}/seen", 0o644)
    await run()
    told = "-hostuuid the-dead-one -reason user\n"
    assert (tmp_path / "seen").read_text() == "".join(f"{name} {told}" for name in ("10first", "20second", "a.sh", "b"))


@ensured
async def test_an_argument_without_a_name_is_given_as_it_is(plugins, put, tmp_path):
    put("a", f'echo "$*" >{tmp_path}/seen; exit 5')
    assert await failure(plugins.run_hook(HOOK, {"": "start"}, ERRAND)) == ("XAPI_HOOK_FAILED", f"{HOOK}/a", "", "", "5")
    assert (tmp_path / "seen").read_text() == "start\n"


@ensured
async def test_a_program_of_a_hook_knows_its_host_and_how_to_reach_the_pool(run, put, tmp_path):
    put("a", f'echo "$XENAPI_HOST_UUID $XENAPI_SESSION $XENAPI_URL" >{tmp_path}/seen')
    await run()
    assert (tmp_path / "seen").read_text() == "the-uuid OpaqueRef:5e551011 http://127.0.0.1:1\n"


@ensured
@pytest.mark.parametrize(
    ("body", "said", "how"),
    [
        ("echo no; exit 2", "no\n", "2"),
        ("echo no; echo why >&2; exit 255", "no\n", "255"),
        ("kill -KILL $$", "", "SIGKILL"),
        ("exec /nowhere", "", "127"),
    ],
)
async def test_the_first_that_objects_ends_it_with_an_error_that_says_which_and_how(run, put, tmp_path, body, said, how):
    put("10guard", body)
    put("20later", f"touch {tmp_path}/seen")
    assert await failure(run()) == ("XAPI_HOOK_FAILED", f"{HOOK}/10guard", "user", said, how)
    assert not (tmp_path / "seen").exists()


@ensured
async def test_one_that_ends_with_1_is_logged_and_passed_over(run, put, tmp_path, logged):
    put("10guard", 'echo "$XENAPI_SESSION cannot say"; exit 1')
    put("20later", f"touch {tmp_path}/seen")
    await run()
    assert (tmp_path / "seen").exists()
    said = [(event["script"], event["said"]) for event in logged if "said" in event]
    assert said == [(f"{HOOK}/10guard", "******** cannot say\n")]


@ensured
async def test_one_that_hangs_is_ended_at_the_limit_and_counts_as_an_objection(run, put, clock, tmp_path):
    put("10guard", hanging(tmp_path))
    error = defer.ensureDeferred(failure(run()))
    await until(lambda: pids(tmp_path))
    clock.advance(60)
    assert await error == ("XAPI_HOOK_FAILED", f"{HOOK}/10guard", "user", "", "not finished after 60 s")
    assert not any(map(alive, pids(tmp_path)))


@ensured
async def test_a_hook_can_be_cancelled(run, put, plugins, tmp_path):
    put("10guard", hanging(tmp_path))
    running = defer.ensureDeferred(run())
    await until(lambda: pids(tmp_path))
    await plugins.cancel("1")
    with pytest.raises(AgentFailure):
        await running
    await until(lambda: not any(map(alive, pids(tmp_path))))


@ensured
async def test_what_others_could_have_written_is_not_run(run, put, folder, plugins, tmp_path):
    put("a", f"touch {tmp_path}/seen")
    put("b", "true", 0o757)
    assert await plugins.has_hook(HOOK)
    for place, mode in ((folder / "a", 0o757), (folder, 0o777), (folder.parent, 0o777)):
        before = place.stat().st_mode
        place.chmod(mode)
        assert not await plugins.has_hook(HOOK)
        await run()
        place.chmod(before)
    assert not (tmp_path / "seen").exists()
    await run()
    assert (tmp_path / "seen").exists()


@ensured
@pytest.mark.parametrize("name", ["pool-join", "", "..", "../outside", "/etc", ".hidden", "nul\0", "x" * 5000])
async def test_where_there_is_no_such_folder_nothing_is_run(plugins, folder, name):
    (folder.parent.parent / "outside").mkdir()
    (folder.parent.parent / "outside" / "a").write_text("#!/bin/sh\nexit 9\n")
    (folder.parent.parent / "outside" / "a").chmod(0o755)
    assert not await plugins.has_hook(name)
    await plugins.run_hook(name, ARGS, ERRAND)

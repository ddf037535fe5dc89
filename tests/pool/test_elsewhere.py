"""Other servers that fall silent."""

from __future__ import annotations

import pytest
from twisted.internet import defer
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from xapid.datamodel.errors import XenAPIError
from xapid.pool.client import TIMEOUT
from xapid.pool.elsewhere import STALLED, Fetched, _Upload


class Line(StringTransport):
    """A connection on which nothing comes but what a test says."""

    def abortConnection(self) -> None:
        self.disconnecting = True


@pytest.fixture
def clock() -> Clock:
    return Clock()


def code(work: defer.Deferred[object]) -> str:
    """What it failed with."""
    caught: list[str] = []
    work.addErrback(lambda failure: caught.append(failure.trap(XenAPIError) and failure.value.code))
    return caught[0] if caught else ""


def test_a_file_of_which_nothing_comes_any_more_has_broken_off(clock: Clock) -> None:
    fetched, line = Fetched(clock), Line()
    fetched.makeConnection(line)
    fetched.dataReceived(b"some")
    assert defer.ensureDeferred(fetched.read()).result == b"some"
    reading = defer.ensureDeferred(fetched.read())
    clock.advance(STALLED - 1)
    fetched.dataReceived(b"more")
    assert reading.result == b"more"
    reading = defer.ensureDeferred(fetched.read())
    clock.advance(STALLED)
    assert (code(reading), line.disconnecting) == ("IMPORT_ERROR_PREMATURE_EOF", True)
    assert not clock.getDelayedCalls()


def test_a_pool_that_does_not_answer_an_upload_is_out_of_reach(clock: Clock) -> None:
    upload, line = _Upload(clock), Line()
    upload.makeConnection(line)
    beginning = defer.ensureDeferred(upload.begin("/import", "192.0.2.1"))
    clock.advance(TIMEOUT)
    assert (code(beginning), line.disconnecting) == ("VM_MIGRATE_CONTACT_REMOTE_SERVICE_FAILED", True)

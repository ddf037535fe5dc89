"""``xe`` against servers that say what a test has them say, on pairs of sockets."""

from __future__ import annotations

import socket
import struct

import pytest

from xapid.cli.frames import PREFIX
from xapid.xe import conversation
from xapid.xe.connection import Stream
from xapid.xe.conversation import Conversation, Failed
from xapid.xe.options import read
from xe.talking import Outcome, Said


@pytest.fixture
def talk(monkeypatch):
    """Runs a command line against a server that says just these bytes after its greeting."""

    def run(said, *words, greeting=PREFIX, typed=b"", minor=None):
        ours, theirs = socket.socketpair()
        theirs.sendall((greeting if minor is None else PREFIX[:-4] + struct.pack("<i", minor)) + said)
        theirs.shutdown(socket.SHUT_WR)
        monkeypatch.setattr(conversation, "open_for", lambda options: Stream(ours))
        screen = Said(typed)
        status, problem = None, ""
        try:
            status = Conversation(read(words or ("vm-list",), {}), screen).run()
        except Failed as failed:
            problem = str(failed)
        finally:
            ours.close()
        theirs.settimeout(0.1)
        received = b""
        try:
            while piece := theirs.recv(65536):
                received += piece
        except OSError:
            pass
        theirs.close()
        return Outcome(status, screen.out, screen.err, problem, received.partition(PREFIX)[2])

    return run

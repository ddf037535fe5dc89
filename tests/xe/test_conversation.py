"""The client's side of the protocol: it does what it is told, and nothing that its user has not named."""

from __future__ import annotations

import struct

import pytest

from xapid.cli import frames
from xapid.cli.frames import PREFIX, Blob, Command, Kind, Response, integer
from xe.talking import exit_, told

OK = integer(8) + integer(Kind.RESPONSE) + integer(Response.OK)
FAILED = integer(8) + integer(Kind.RESPONSE) + integer(Response.FAILED)


def contents(data):
    return b"".join((integer(12), integer(Kind.BLOB), integer(Blob.CHUNK), integer(len(data)), data, END))


END = integer(8) + integer(Kind.BLOB) + integer(Blob.END)


def test_texts_go_where_they_belong_and_the_status_is_the_servers(talk):
    said = told(Command.PRINT, "out é") + told(Command.PRINT_STDERR, "err\n") + told(Command.DEBUG, "not shown") + exit_(3)
    outcome = talk(said)
    assert (outcome.out, outcome.err, outcome.status) == ("out é\n".encode(), b"err\n", 3)


def test_errors_are_put_into_words(talk):
    error = frames.command(Command.ERROR, frames.text("CODE"), frames.texts(("a", "b")))
    assert talk(error + exit_(1)).err == b"Error code: CODE\nError parameters: a, b\n"


def test_debug_texts_are_shown_if_asked_for_or_when_the_command_fails(talk):
    said = told(Command.DEBUG, "why")
    assert talk(said + exit_(0), "vm-list", "--debug").err == b"why\n"
    assert talk(said + exit_(0), "vm-list", "--debug-on-fail").err == b""
    assert talk(said + exit_(1), "vm-list", "--debug-on-fail").err == b"why\n"


def test_a_prompt_is_answered_with_what_the_user_types(talk):
    assert talk(frames.command(Command.PROMPT) + exit_(), typed=b"yes").sent == contents(b"yes")
    assert talk(frames.command(Command.PROMPT) + exit_(), typed=b"").sent == END


def test_a_file_that_the_user_named_is_sent(talk, tmp_path):
    (tmp_path / "f").write_bytes(b"data")
    named = str(tmp_path / "f")
    assert talk(told(Command.LOAD, named) + exit_(), "x", f"filename={named}").sent == OK + contents(b"data")
    missing = str(tmp_path / "none")
    assert talk(told(Command.LOAD, missing) + exit_(), "x", f"filename={missing}").sent == FAILED


@pytest.mark.parametrize("command", [Command.LOAD, Command.HTTP_GET, Command.HTTP_PUT])
@pytest.mark.parametrize("file", ["secret", "../secret", "sub/secret", ".profile"])
def test_files_that_the_user_did_not_name_are_not_touched(talk, tmp_path, monkeypatch, command, file):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_text("s")
    said = told(command, *([file] if command == Command.LOAD else [file, "/x"]))
    outcome = talk(said + exit_(), "vm-export", "filename=other", f"word-{file}")
    assert outcome.problem.startswith("File not permitted") and outcome.sent == b""
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (integer(-1), "impossible length"),
        (integer(7) + b"1234567", "impossible length"),
        (integer(1 << 30) + b"x", "Lost the connection"),
        (integer(8) + integer(Kind.RESPONSE) + integer(Response.OK), "other than a command"),
        (integer(8) + integer(Kind.COMMAND) + integer(77), "does not know"),
        (integer(12) + integer(Kind.COMMAND) + integer(Command.PRINT) + integer(500), "impossible length"),
        (integer(12) + integer(Kind.COMMAND) + integer(Command.PRINT) + integer(-5), "impossible length"),
        (integer(8) + integer(Kind.COMMAND) + integer(Command.EXIT), "too short"),
        (b"ab", "Lost the connection"),
        (b"", "Lost the connection"),
    ],
)
def test_garbage_after_the_greeting_ends_the_command_with_a_reason(talk, said, reason):
    outcome = talk(said)
    assert outcome.status is None and reason in outcome.problem


@pytest.mark.parametrize(
    ("greeting", "reason"),
    [
        (b"HTTP/1.1 500 Internal Error\r\n\r\n", "Server internal error."),
        (b"SSH-2.0-OpenSSH_9.2p1 Debian and more of that kind\r\n", "no server of the thin CLI protocol"),
        (PREFIX[:-8] + struct.pack("<ii", 1, 0), "Protocol version mismatch"),
    ],
)
def test_whoever_greets_otherwise_is_not_talked_to(talk, greeting, reason):
    outcome = talk(b"", greeting=greeting)
    assert reason in outcome.problem and outcome.sent == b""


def test_a_reader_that_goes_away_ends_the_command_quietly(talk, monkeypatch):
    from xe.talking import Said

    monkeypatch.setattr(Said, "print", lambda self, data: setattr(self, "is_gone", True))
    outcome = talk(told(Command.PRINT, "1") + told(Command.PRINT_STDERR, "2") + exit_())
    assert (outcome.status, outcome.err) == (141, b"")

"""Files fetched and sent: new files only, whole or not at all, and a server that is told that it takes time."""

from __future__ import annotations

import os
import socket

import pytest

from xapid.xe import transfers
from xapid.xe.connection import Stream
from xapid.xe.options import read
from xe.talking import Said


@pytest.fixture
def served(monkeypatch):
    """Answers each request with the next of these answers; gives the requests."""
    ends = []

    def serve(*answers):
        left = list(answers)

        def open_url(options, url):
            ours, theirs = socket.socketpair()
            theirs.sendall(left.pop(0))
            theirs.shutdown(socket.SHUT_WR)
            ends.append((url, theirs))
            return Stream(ours), url.removeprefix("https://other")

        monkeypatch.setattr(transfers, "open_url", open_url)
        return ends

    yield serve
    for _, end in ends:
        end.close()


def got(end):
    data = b""
    while piece := end.recv(65536):
        data += piece
    return data


def run(way, file, *words):
    screen, waits = Said(), []
    went_well = way(read(["x", *words], {}), screen, str(file), "/path?x=1", lambda: waits.append(1))
    return went_well, screen.err.decode(), waits


def test_an_answer_becomes_a_new_file_that_only_its_owner_reads(served, tmp_path):
    ends = served(b"HTTP/1.1 200 OK\r\ncontent-type: x\r\n\r\n" + b"d" * 100_000)
    assert run(transfers.get, tmp_path / "f") == (True, "", [])
    assert (tmp_path / "f").read_bytes() == b"d" * 100_000
    assert os.stat(tmp_path / "f").st_mode & 0o777 == 0o600
    assert got(ends[0][1]) == b"GET /path?x=1 HTTP/1.0\r\n\r\n"


def test_a_file_that_is_there_is_not_written_over(served, tmp_path):
    served(b"HTTP/1.1 200 OK\r\n\r\nnew")
    (tmp_path / "f").write_text("old")
    went_well, said, _ = run(transfers.get, tmp_path / "f")
    assert not went_well and "exists already" in said
    assert (tmp_path / "f").read_text() == "old"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort",
        b"HTTP/1.1 404 Not Found\r\n\r\n",
        b"garbage\r\n",
        b"",
        b"HTTP/1.1 200",
    ],
)
def test_what_does_not_come_whole_leaves_no_file(served, tmp_path, answer):
    served(answer)
    went_well, said, _ = run(transfers.get, tmp_path / "f")
    assert not went_well and said
    assert not (tmp_path / "f").exists()


def test_redirections_are_followed_but_not_for_ever(served, tmp_path):
    there = b"HTTP/1.1 302 Found\r\nLocation: https://other/path\r\n\r\n"
    ends = served(there, b"HTTP/1.1 200 OK\r\n\r\ndata")
    assert run(transfers.get, tmp_path / "f")[0]
    assert [url for url, _ in ends] == ["/path?x=1", "https://other/path"]
    served(*[there] * 9)
    went_well, said, _ = run(transfers.get, tmp_path / "g")
    assert not went_well and "from one place to another" in said


def test_a_file_is_sent_with_its_length_after_the_server_agrees(served, tmp_path):
    (tmp_path / "f").write_bytes(b"u" * 70_000)
    ends = served(b"HTTP/1.1 200 OK\r\n\r\n")
    assert run(transfers.put, tmp_path / "f") == (True, "", [])
    head, _, body = got(ends[0][1]).partition(b"\r\n\r\n")
    assert head == b"PUT /path?x=1 HTTP/1.0\r\nContent-length: 70000"
    assert body == b"u" * 70_000


def test_nothing_is_sent_to_a_server_that_does_not_want_it(served, tmp_path):
    (tmp_path / "f").write_bytes(b"u")
    ends = served(b"HTTP/1.1 403 Forbidden\r\n\r\n")
    went_well, said, _ = run(transfers.put, tmp_path / "f")
    assert (went_well, said) == (False, f"{tmp_path / 'f'}: the server answers with HTTP status 403\n")
    assert got(ends[0][1]).endswith(b"\r\n\r\n")


@pytest.mark.parametrize("name", ["none", "."])
def test_what_is_no_file_is_not_sent(served, tmp_path, name):
    assert served() == []
    went_well, said, _ = run(transfers.put, tmp_path / name)
    assert not went_well and said


def test_a_server_that_takes_its_time_is_told_that_one_waits(served, tmp_path, monkeypatch):
    served(b"HTTP/1.1 200 OK\r\n\r\ndata")
    lines = Stream.line
    late = iter([True, False, False, False])

    def slow(stream, most=65536):
        if next(late):
            raise TimeoutError
        return lines(stream, most)

    monkeypatch.setattr(Stream, "line", slow)
    assert run(transfers.get, tmp_path / "f") == (True, "", [1])


@pytest.mark.parametrize(("words", "terminal", "shown"), [((), True, True), ((), False, False), (("--progress",), False, True)])
def test_progress_is_shown_to_people_and_to_whom_asks_for_it(served, tmp_path, monkeypatch, words, terminal, shown):
    seconds = iter(range(1000))
    monkeypatch.setattr(transfers, "monotonic", lambda: float(next(seconds)))
    served(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"d" * 100_000)
    screen = Said()
    screen._terminals = {2} if terminal else set()
    transfers.get(read(["x", *words], {}), screen, str(tmp_path / "f"), "/path", lambda: None)
    assert (b"10 %" in screen.err) is shown

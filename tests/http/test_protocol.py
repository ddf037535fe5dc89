"""Requests and answers on one connection: framing, keep-alive, pipelining, limits, patience, big answers."""

from __future__ import annotations

import pytest

from http_in_memory import Site, StubDispatcher, call, value
from xapid.http import link, requests
from xapid.http.head import END
from xapid.http.server import Limits
from xapid.testing.logged import LoggedFailures

LOGOUT = "session.logout"
RPC_NAMES = [
    "content-length",
    "connection",
    "cache-control",
    "content-type",
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Headers",
]
PAGE_NAMES = ["content-length", "content-type", "connection", "cache-control"]


@pytest.mark.parametrize("path", ["/", "/RPC2", "/RPC2/", "/RPC2x", "/json", "/xmlrpc", "/a/b/c", "/?x=y", "/RPC2?a=b"])
def test_a_call_may_be_posted_to_any_path(site: Site, path: str) -> None:
    answer = site.client().ask(call(LOGOUT, "bogus", path=path))
    assert (answer.version, answer.status, answer.reason) == ("HTTP/1.1", 200, "OK")
    assert answer.names == RPC_NAMES
    assert answer.headers["content-type"] == "text/xml"
    assert answer.headers["cache-control"] == "no-cache, no-store"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-headers"] == "X-Requested-With"
    assert b"SESSION_INVALID" in answer.body


@pytest.mark.parametrize("path", ["/jsonrpc", "/jsonrpc/", "/jsonrpc2"])
def test_json_has_its_own_path_and_type_without_charset(site: Site, path: str) -> None:
    body = '{"jsonrpc":"2.0","method":"session.logout","params":["bogus"],"id":1}'
    answer = site.client().ask(f"POST {path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n{body}")
    assert answer.headers["content-type"] == "application/json"
    assert answer.names == RPC_NAMES
    assert answer.body == b'{"jsonrpc":"2.0","error":{"code":1,"message":"SESSION_INVALID","data":["bogus"]},"id":1}'


@pytest.mark.parametrize(
    ("version", "header", "connection"),
    [
        ("1.1", "", "keep-alive"),
        ("1.0", "", "close"),
        ("1.1", "Connection: close\r\n", "close"),
        ("1.0", "Connection: keep-alive\r\n", "keep-alive"),
        ("1.1", "Connection: Keep-Alive\r\n", "keep-alive"),
        ("1.1", "connection: CLOSE\r\n", "close"),
        ("1.1", "TE: gzip\r\nConnection: TE, close\r\n", "close"),
        ("1.0", "Connection: TE, Keep-Alive\r\n", "keep-alive"),
    ],
)
def test_the_connection_is_kept_as_version_and_header_say(site: Site, version: str, header: str, connection: str) -> None:
    client = site.client()
    answer = client.ask(call(LOGOUT, "bogus", version=version, headers=header))
    assert answer.version == f"HTTP/{version}"
    assert answer.headers["connection"] == connection
    assert client.socket.is_open == (connection == "keep-alive")


def test_other_versions_count_as_1_1_and_lines_without_colon_are_passed_over(site: Site) -> None:
    answer = site.client().ask(call(LOGOUT, "x", version="2.0", headers="nonsense\r\n"))
    assert (answer.version, answer.status) == ("HTTP/1.1", 200)


def test_a_request_may_come_byte_by_byte_and_with_bare_line_feeds(site: Site) -> None:
    client = site.client()
    for byte in call("test.echo", "a").replace(b"\r\n", b"\n"):
        client.send(bytes([byte]))
    assert value(client.answer()) == "a"


def test_where_a_head_ends_does_not_depend_on_how_it_arrives(site: Site) -> None:
    two = b"OPTIONS / HTTP/1.1\n\nOPTIONS / HTTP/1.1\r\n\r\n"
    at_once, in_pieces = site.client(), site.client()
    at_once.send(two)
    for byte in two:
        in_pieces.send(bytes([byte]))
    assert len(at_once.answers()) == len(in_pieces.answers()) == 2


def test_a_method_begins_with_a_letter_however_it_arrives(site: Site) -> None:
    at_once, in_pieces = site.client(), site.client()
    at_once.send(b"/OST / HTTP/1.1\r\n\r\n")
    in_pieces.send(b"/OST")
    in_pieces.send(b" / HTTP/1.1\r\n\r\n")
    assert (at_once.answer().status, in_pieces.answer().status) == (500, 500)


def test_what_is_remembered_of_requests_is_bounded(site: Site) -> None:
    client = site.client()
    for number in range(1000):
        client.send(call(LOGOUT, "bogus", path=f"/{number}/{'x' * 1000}"))
        client.send(call(LOGOUT, "bogus", path=f"/{number}", headers=f"X: {'x' * 2000}\r\n"))
    server = site.server
    assert sum(len(method) + len(target) for method, target in server._decoders) < 512 * 300
    assert sum(map(len, server.heads)) < 512 * 2048


def test_pipelined_calls_are_answered_in_order_even_when_the_first_takes_its_time(
    site: Site, dispatcher: StubDispatcher
) -> None:
    client = site.client()
    client.send(call("test.echo", "1") + call("test.wait") + call("test.echo", "3") + call("test.echo", "4"))
    assert [value(answer) for answer in client.answers()] == ["1"]
    dispatcher.waiting.pop().callback(None)
    assert [value(answer) for answer in client.answers()] == ["waited", "3", "4"]


def test_a_thousand_pipelined_calls_need_no_deep_stack(site: Site) -> None:
    client = site.client()
    client.send(call("test.void") * 3000)
    assert len(client.answers()) == 3000


def test_a_client_that_pipelines_too_much_is_not_read_until_it_is_answered(site: Site, dispatcher: StubDispatcher) -> None:
    client = site.client()
    client.send(call("test.wait"))
    client.send(call("test.echo", "x" * 250_000) * 3)
    assert client.socket.producerState == "paused"
    dispatcher.waiting.pop().callback(None)
    assert client.socket.producerState == "producing"
    assert len(client.answers()) == 4


def test_a_client_that_pipelines_but_does_not_read_is_not_read_either(site: Site) -> None:
    client = site.client()
    client.protocol.pauseProducing()
    client.send(call("test.echo", "x" * 250_000) * 3)
    assert client.socket.producerState == "paused"
    client.protocol.resumeProducing()
    assert client.socket.producerState == "producing"
    assert len(client.answers()) == 3


def test_a_long_head_in_small_pieces_is_looked_through_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    class Counting:
        def search(self, data: bytes, start: int = 0) -> object:
            looked.append(len(data) - start)
            return END.search(data, start)

    monkeypatch.setattr(requests, "END", Counting())
    client = site.client()
    whole = call("test.echo", "a", headers=f"X: {'x' * 20_000}\r\n").replace(b"\r\n", b"\n")
    for byte in whole:
        client.send(bytes([byte]))
    assert value(client.answer()) == "a"
    assert 0 < sum(looked) < 10 * len(whole)


def test_a_head_that_was_seen_before_is_waited_for_until_its_last_byte(site: Site) -> None:
    """Also where what is missing would be the length of its body."""
    body = call("test.void").partition(b"\r\n\r\n")[2]
    head = f"POST / HTTP/1.1\r\nContent-Length: {len(body)}\r\nX: ".encode()
    head += b"x" * (len(body) + 2 - len(head))
    client = site.client()
    client.protocol._plain = False  # the fast path is that of TLS
    assert client.ask(head + b"\r\n\r\n" + body).status == 200
    client.send(head + b"\r")
    assert client.take() == b""
    assert client.ask(b"\n\r\n" + body).status == 200


def test_after_close_nothing_more_is_carried_out(site: Site, dispatcher: StubDispatcher) -> None:
    client = site.client()
    client.send(call("test.echo", "1", headers="Connection: close\r\n") + call("test.echo", "2"))
    assert len(client.answers()) == 1
    assert len(dispatcher.calls) == 1


@pytest.mark.parametrize(
    "head",
    [
        "POST / HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: abc\r\n\r\nbody",
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\nbody",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nbody!!",
        "POST / HTTP/1.1\r\nContent-Length: 400000\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /jsonrpc HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 7\r\n\r\nnot xml",
        "POST /\r\n\r\n",
        "nonsense\r\n\r\n",
        "\x16\x03\x01\x02",
    ],
)
def test_what_is_no_call_is_answered_500_with_a_page_and_the_end(site: Site, head: str) -> None:
    client = site.client()
    answer = client.ask(head)
    assert (answer.version, answer.status, answer.reason) == ("HTTP/1.1", 500, "Internal Error")
    assert answer.names == PAGE_NAMES
    assert answer.headers["content-type"] == "text/html"
    assert b"<title>HTTP 500 internal server error</title>" in answer.body
    assert client.socket.half_closed
    client.send(b"more" * 1000)
    assert client.take() == b""


@pytest.mark.parametrize("spelled", ["Content-Length : {}", "X: a\r\n Content-Length: {}", "Content-Length: {}\0"])
def test_a_length_that_a_proxy_may_not_have_read_as_one_is_refused(
    site: Site, dispatcher: StubDispatcher, spelled: str
) -> None:
    _, _, body = call("test.void").partition(b"\r\n\r\n")
    client = site.client()
    client.send(f"POST / HTTP/1.1\r\n{spelled.format(len(body))}\r\n\r\n".encode() + body)
    assert client.answer().status == 500
    assert dispatcher.calls == []


def test_a_body_may_be_300_kib_and_no_more(site: Site) -> None:
    body = call("test.echo", "x").partition(b"\r\n\r\n")[2]
    for size, status in ((300 * 1024, 200), (300 * 1024 + 1, 500)):
        client = site.client()
        client.send(f"POST / HTTP/1.1\r\nContent-Length: {size}\r\n\r\n")
        for _ in range(3):
            client.send(b"")
        client.send(body + b" " * (size - len(body)))
        assert client.answer().status == status


def test_the_text_of_a_malformed_body_is_escaped_in_the_page(site: Site) -> None:
    body = '{"jsonrpc":"<script>","method":"a","params":[],"id":1}'
    answer = site.client().ask(f"POST / HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n{body}")
    assert answer.status == 500
    assert b"Additional information" in answer.body
    assert b"<script>" not in answer.body


def test_a_fault_of_ours_is_answered_500_without_saying_what(site: Site, xapid_logged: LoggedFailures) -> None:
    for name in ("test.broken", "test.broken_later"):
        client = site.client()
        answer = client.ask(call(name))
        assert answer.status == 500
        assert b"secret" not in answer.body
        assert b"Traceback" not in answer.body
        assert not client.socket.is_open
    assert len(xapid_logged.flush(ZeroDivisionError)) == 2


def test_a_call_that_the_dispatcher_finds_malformed_is_answered_500(site: Site) -> None:
    assert site.client().ask(call("test.refused")).status == 500


def test_a_head_that_is_too_long_is_answered_431(site: Site) -> None:
    client = site.client()
    client.send("GET / HTTP/1.1\r\nX: ")
    client.send("x" * 70_000)
    answer = client.answer()
    assert answer.status == 431
    assert not client.socket.is_open


def test_a_slow_head_is_answered_408_after_ten_seconds_of_silence(site: Site) -> None:
    client = site.client()
    client.send("POST / HTTP/1.1\r\n")
    site.clock.advance(9)
    assert client.take() == b""
    site.clock.advance(2)
    assert client.answer().status == 408
    assert client.socket.half_closed


def test_a_head_that_trickles_in_is_answered_408_after_a_minute(site: Site) -> None:
    client = site.client()
    for _ in range(12):
        client.send("X")
        site.clock.advance(4)
        assert client.take() == b""
    site.clock.pump([4] * 4)
    assert client.answer().status == 408


def test_a_body_that_does_not_come_is_answered_408(site: Site) -> None:
    client = site.client()
    client.send(call("test.echo", "x")[:-10])
    site.clock.pump([10] * 7)
    assert client.answer().status == 408


def test_a_client_that_says_nothing_is_dropped_without_a_word(site: Site) -> None:
    client = site.client()
    site.clock.pump([10] * 7)
    assert client.take() == b""
    assert client.socket.aborted


def test_an_idle_connection_is_dropped_in_the_end(site: Site) -> None:
    client = site.client()
    client.ask(call("test.void"))
    site.clock.pump([60] * 9)
    assert client.socket.is_open
    site.clock.pump([60] * 2)
    assert client.socket.aborted


def test_a_call_may_take_as_long_as_it_takes(site: Site, dispatcher: StubDispatcher) -> None:
    client = site.client()
    client.send(call("test.wait"))
    site.clock.pump([3600] * 5)
    dispatcher.waiting.pop().callback(None)
    assert value(client.answer()) == "waited"


def test_a_client_that_does_not_close_after_us_is_dropped(site: Site) -> None:
    client = site.client()
    client.ask("nonsense\r\n\r\n")
    site.clock.pump([1] * 7)
    assert client.socket.aborted


def test_a_client_that_still_reads_when_we_have_closed_is_given_the_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    left = 4_000_000
    monkeypatch.setattr(link, "unsent", lambda transport: left)
    client = site.client()
    client.ask(call("test.void", headers="Connection: close\r\n"))
    for _ in range(60):
        site.clock.pump([1] * 10)
        left -= 1000
    assert not client.socket.aborted
    left = 0
    site.clock.pump([1] * 5)
    assert not client.socket.aborted
    site.clock.pump([1] * 10)
    assert client.socket.aborted


def test_a_client_that_takes_nothing_more_when_we_have_closed_is_dropped_in_the_end(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "unsent", lambda transport: 4_000_000)
    client = site.client()
    client.ask(call("test.void", headers="Connection: close\r\n"))
    site.clock.pump([10] * 29)
    assert not client.socket.aborted
    site.clock.pump([10] * 3)
    assert client.socket.aborted


def test_a_big_answer_waits_for_a_client_that_reads_nothing_and_then_goes_out_whole(site: Site) -> None:
    client = site.client()
    client.protocol.pauseProducing()
    client.send(call("test.big", "2000") + call("test.echo", "after"))
    assert client.take() == b""
    client.protocol.resumeProducing()
    big, after = client.answers()
    assert big.body == b"x" * 2_000_000
    assert value(after) == "after"


def test_an_answer_that_several_get_comes_with_the_head_that_each_asked_for(site: Site, dispatcher: StubDispatcher) -> None:
    for version, connection in (("1.1", "keep-alive"), ("1.1", "keep-alive"), ("1.0", "close"), ("1.1", "keep-alive")):
        answer = site.client().ask(call("test.shared", version=version))
        assert (answer.version, answer.headers["connection"]) == (f"HTTP/{version}", connection)
        assert answer.body == b"for everybody"
    dispatcher.shared = [b"for ", b"others"]
    assert site.client().ask(call("test.shared")).body == b"for others"


def test_a_big_answer_stops_while_the_client_does_not_read(site: Site) -> None:
    client = site.client()
    write = client.socket.write

    def full(data: bytes) -> None:
        write(data)
        client.protocol.pauseProducing()

    client.socket.write = full  # type: ignore[method-assign]
    client.send(call("test.big", "1000"))
    first = client.take()
    assert 256 * 1024 <= len(first) < 300 * 1024
    client.protocol.resumeProducing()
    assert 256 * 1024 <= len(client.take()) < 300 * 1024
    site.clock.pump([60] * 6)
    assert client.socket.aborted


def test_a_client_that_is_gone_gets_no_answer_and_its_waiters_are_told(site: Site, dispatcher: StubDispatcher) -> None:
    client = site.client()
    client.send(call("test.wait"))
    told: list[bool] = []
    dispatcher.origins[0].hangup.watch(lambda: told.append(True))
    client.lose()
    assert told == [True]
    dispatcher.waiting.pop().callback(None)
    assert client.take() == b""


def test_a_half_closed_client_still_gets_what_it_asked_for(site: Site, dispatcher: StubDispatcher) -> None:
    client = site.client()
    client.send(call("test.wait") + call("test.echo", "2"))
    client.protocol.readConnectionLost()
    assert client.socket.is_open
    dispatcher.waiting.pop().callback(None)
    assert [value(answer) for answer in client.answers()] == ["waited", "2"]
    assert client.socket.disconnecting


def test_a_client_that_ends_in_the_middle_of_a_request_is_let_go(site: Site) -> None:
    client = site.client()
    client.send(call("test.echo", "x")[:-5])
    client.protocol.readConnectionLost()
    assert client.take() == b""
    assert client.socket.disconnecting


def test_headers_and_the_address_go_along_with_a_call(site: Site, dispatcher: StubDispatcher) -> None:
    site.client().ask(call("test.void", headers="Task-Id: OpaqueRef:t\r\nOriginator: me\r\n"))
    (origin,) = dispatcher.origins
    assert (origin.headers["task-id"], origin.headers["originator"]) == ("OpaqueRef:t", "me")
    assert (origin.peer, origin.is_unix, origin.host) == ("192.168.1.1", False, "OpaqueRef:host")


def test_the_limits_are_settings(site: Site) -> None:
    site.serve(limits=Limits(body_size=10))
    assert site.client().ask(call("test.echo", "x")).status == 500


def test_a_server_that_stops_closes_idle_connections_and_lets_calls_end(site: Site, dispatcher: StubDispatcher) -> None:
    idle, busy = site.client(), site.client()
    busy.send(call("test.wait"))
    site.server.stop()
    assert idle.socket.disconnecting
    dispatcher.waiting.pop().callback(None)
    assert value(busy.answer()) == "waited"
    assert busy.socket.disconnecting


def test_a_client_that_waits_to_be_told_to_send_its_body_is_told(site: Site) -> None:
    client = site.client()
    head, _, body = call("test.echo", "x", headers="Expect: 100-continue\r\n").partition(b"\r\n\r\n")
    client.send(head + b"\r\n\r\n")
    assert client.take() == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert value(client.ask(body)) == "x"

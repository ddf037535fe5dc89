"""Requests to everything but calls: routes, refusals, credentials, preflights, bodies that are read as they come."""

from __future__ import annotations

import base64

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol

from http_in_memory import SESSION, WEAK, Site, StubAuthenticator, StubDispatcher, call, value
from xapid.http.exchange import Disconnected, Exchange
from xapid.testing.logged import LoggedFailures

PAGE_NAMES = ["content-length", "content-type", "connection", "cache-control"]


def basic(text: str) -> str:
    return f"Authorization: Basic {base64.b64encode(text.encode()).decode()}\r\n"


@pytest.mark.parametrize("method", ["HEAD", "DELETE", "PATCH", "TRACE", "FOO", "get", "post", "PROPFIND"])
def test_a_method_that_nothing_has_is_answered_501(site: Site, method: str) -> None:
    client = site.client()
    answer = client.ask(f"{method} / HTTP/1.1\r\n\r\n")
    assert (answer.status, answer.reason, answer.names) == (501, "Method not implemented", PAGE_NAMES)
    assert bool(answer.body) == (method != "HEAD")
    assert not client.socket.is_open


@pytest.mark.parametrize("path", ["/", "/RPC2", "/jsonrpc"])
def test_a_put_to_where_nothing_is_put_is_answered_403(site: Site, path: str) -> None:
    answer = site.client().ask(f"PUT {path} HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
    assert (answer.status, answer.reason, answer.names) == (403, "Forbidden", PAGE_NAMES)


@pytest.mark.parametrize("path", ["/", "/jsonrpc", "/json", "/RPC2", "/anything"])
def test_preflights_of_browsers_are_answered_on_every_path(site: Site, path: str) -> None:
    client = site.client()
    answer = client.ask(f"OPTIONS {path} HTTP/1.1\r\nAccess-Control-Request-Headers: a, b\r\n\r\n")
    assert answer.header_list == [
        ("content-length", "0"),
        ("connection", "keep-alive"),
        ("cache-control", "no-cache, no-store"),
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Headers", "a, b, X-Requested-With"),
        ("Access-Control-Allow-Methods", "PUT"),
    ]
    assert client.ask(call("test.void")).status == 200
    assert site.client().ask(f"OPTIONS {path} HTTP/1.0\r\n\r\n").headers["access-control-allow-headers"] == "X-Requested-With"


@pytest.mark.parametrize(
    ("request_line", "headers", "realm"),
    [
        ("GET /export_metadata", "", "get_export_metadata"),
        ("GET /export_metadata?session_id=OpaqueRef:bogus", "", "get_export_metadata"),
        ("GET /export_metadata", basic("nobody:nope"), "get_export_metadata"),
        ("GET /export_metadata", basic("nothing"), "get_export_metadata"),
        ("GET /export_metadata", "Authorization: Basic !!!\r\n", "get_export_metadata"),
        ("GET /export_metadata", "Authorization: Basic é\r\n", "get_export_metadata"),
        ("PUT /import_metadata", "", "put_import_metadata"),
        ("GET /audit_log", "", "get_audit_log"),
        ("PUT /messages", "", "put_messages"),
        ("POST /services/xenops", "", "post_services_xenops"),
        ("CONNECT /console", "", "connect_console"),
    ],
)
def test_without_good_credentials_an_action_is_answered_401_with_its_realm(
    site: Site, request_line: str, headers: str, realm: str
) -> None:
    client = site.client()
    answer = client.ask(f"{request_line} HTTP/1.1\r\n{headers}Content-Length: 0\r\n\r\n")
    assert (answer.status, answer.reason) == (401, "Unauthorised")
    assert answer.names == [*PAGE_NAMES, "WWW-Authenticate"]
    assert answer.headers["www-authenticate"] == f'Basic realm="{realm}"'
    assert not client.socket.is_open


def test_an_unknown_authorization_scheme_is_answered_500(site: Site) -> None:
    answer = site.client().ask("GET /export_metadata HTTP/1.1\r\nAuthorization: Bearer x\r\n\r\n")
    assert (answer.status, answer.names) == (500, PAGE_NAMES)


def test_a_refusal_fails_the_task_that_was_named(site: Site, authenticator: StubAuthenticator) -> None:
    site.client().ask("GET /export?task_id=OpaqueRef:t HTTP/1.0\r\n\r\n")
    site.client().ask(f"GET /export?task_id=OpaqueRef:u&session_id={WEAK} HTTP/1.0\r\n\r\n")
    assert authenticator.failed == [
        ("OpaqueRef:t", ("SESSION_AUTHENTICATION_FAILED",)),
        ("OpaqueRef:u", ("RBAC_PERMISSION_DENIED", "http/get_export", "no")),
    ]


def test_a_session_without_the_role_is_answered_403(site: Site, authenticator: StubAuthenticator) -> None:
    answer = site.client().ask(f"GET /export HTTP/1.1\r\nCookie: session_id={WEAK}\r\n\r\n")
    assert answer.status == 403
    assert authenticator.opened == authenticator.closed == [WEAK]


@pytest.mark.parametrize(
    "request_text",
    [
        f"GET /export?session_id={SESSION} HTTP/1.1\r\n\r\n",
        f"GET /export?session_id={SESSION.replace(':', '%3A')} HTTP/1.1\r\n\r\n",
        f"GET /export HTTP/1.1\r\nCookie: a=b; session_id={SESSION}\r\n\r\n",
        f"GET /export?session_id=other HTTP/1.1\r\nCookie: session_id={SESSION}&a=b\r\n\r\n",
        f"GET /export HTTP/1.1\r\n{basic('root:secret')}\r\n",
    ],
)
def test_an_action_that_is_not_there_yet_is_answered_501_to_who_may_use_it(
    site: Site, authenticator: StubAuthenticator, request_text: str
) -> None:
    assert site.client().ask(request_text).status == 501
    assert len(authenticator.closed) == len(authenticator.opened) == 1


def test_the_longest_path_wins_whatever_follows_it(site: Site) -> None:
    for path, realm in (("/export/", "get_export"), ("/exportx", "get_export"), ("/export_raw_vdi/", "get_export_raw_vdi")):
        answer = site.client().ask(f"GET {path} HTTP/1.1\r\n\r\n")
        assert answer.headers["www-authenticate"] == f'Basic realm="{realm}"'


def upload(site: Site, serve: object) -> None:
    site.serve(actions={"put_import": serve})


HEAD = f"PUT /import?session_id={SESSION} HTTP/1.1\r\nContent-Length: 10\r\n\r\n"


def test_an_upload_is_answered_before_its_body_and_read_as_it_comes(site: Site) -> None:
    parts: list[bytes] = []

    async def serve(exchange: Exchange) -> None:
        exchange.start(200, [("Connection", "close"), ("task-id", "t")])
        async for data in exchange.body():
            parts.append(data)
        exchange.write(b"done")

    upload(site, serve)
    client = site.client()
    client.send(HEAD)
    assert client.take() == b"HTTP/1.1 200 OK\r\nConnection: close\r\ntask-id: t\r\n\r\n"
    client.send(b"01234")
    assert parts == [b"01234"]
    client.send(b"56789")
    assert (parts, client.take()) == ([b"01234", b"56789"], b"done")
    assert client.socket.disconnecting


@pytest.mark.parametrize("early", [True, False])
def test_a_client_that_waits_to_be_told_to_upload_is_told(site: Site, early: bool) -> None:
    """Many wait for a second if nobody tells them."""

    async def serve(exchange: Exchange) -> None:
        if early:
            exchange.start(200, [])
        assert b"".join([data async for data in exchange.body()]) == b"0123456789"
        if not early:
            exchange.start(200, [])

    upload(site, serve)
    client = site.client()
    client.send(HEAD.replace("Content-Length", "Expect: 100-continue\r\nContent-Length"))
    told = b"HTTP/1.1 100 Continue\r\n\r\n"
    assert client.take() == told + (b"HTTP/1.1 200 OK\r\n\r\n" if early else b"")
    client.send(b"0123456789")
    assert client.take() == (b"" if early else b"HTTP/1.1 200 OK\r\n\r\n")


def test_a_client_whose_upload_is_refused_is_not_told_to_send_it(site: Site) -> None:
    async def serve(exchange: Exchange) -> None:
        exchange.start(400, [])

    upload(site, serve)
    client = site.client()
    client.send(HEAD.replace("Content-Length", "Expect: 100-continue\r\nContent-Length"))
    assert client.take() == b"HTTP/1.1 400 Bad Request\r\n\r\n"


def test_a_body_that_nobody_reads_is_dropped_before_the_next_request(site: Site) -> None:
    async def serve(exchange: Exchange) -> None:
        exchange.keep_alive = True
        exchange.start(200, [("content-length", "0")])

    upload(site, serve)
    client = site.client()
    client.send(HEAD + "01234")
    client.send(b"56789" + call("test.echo", "next"))
    first, second = client.answers()
    assert (first.status, value(second)) == (200, "next")


def test_an_upload_waits_while_nobody_reads_it(site: Site) -> None:
    go: Deferred[None] = Deferred()
    sizes: list[int] = []

    async def serve(exchange: Exchange) -> None:
        await go
        sizes.extend([len(data) async for data in exchange.body()])
        exchange.start(200, [])

    upload(site, serve)
    client = site.client()
    client.send(HEAD.replace("Length: 10", "Length: 600000"))
    client.send(b"x" * 300_000)
    assert client.socket.producerState == "paused"
    go.callback(None)
    assert client.socket.producerState == "producing"
    client.send(b"x" * 300_000)
    assert sum(sizes) == 600_000


@pytest.mark.parametrize(
    "length",
    ["Transfer-Encoding: chunked", "Content-Length: 0\r\nTransfer-Encoding: chunked", "Content-Length: 1\r\nContent-Length: 2"],
)
@pytest.mark.parametrize("method", ["OPTIONS", "GET", "PUT"])
def test_nothing_is_carried_out_after_a_body_whose_end_is_in_doubt(
    site: Site, dispatcher: StubDispatcher, method: str, length: str
) -> None:
    """A proxy in front might take for that body what would be carried out here."""

    async def serve(exchange: Exchange) -> None:
        exchange.keep_alive = exchange.head.keep_alive
        exchange.start(200, [("content-length", "0"), ("connection", "keep-alive" if exchange.keep_alive else "close")])

    site.serve(actions={"get_root": serve, "put_import": serve})
    client = site.client()
    path = f"/import?session_id={SESSION}" if method == "PUT" else "/"
    client.send(f"{method} {path} HTTP/1.1\r\n{length}\r\n\r\n".encode() + call("test.echo", "smuggled"))
    answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert dispatcher.calls == []
    assert client.socket.half_closed


def test_a_client_may_end_an_upload_early(site: Site) -> None:
    seen: list[object] = []

    async def serve(exchange: Exchange) -> None:
        seen.append([data async for data in exchange.body()])
        seen.append(exchange.truncated)
        exchange.start(200, [])

    upload(site, serve)
    client = site.client()
    client.send(HEAD + "01")
    client.protocol.readConnectionLost()
    assert seen == [[b"01"], True]
    assert client.answer().status == 200


def test_a_client_that_is_gone_ends_the_reading_and_the_writing(site: Site) -> None:
    seen: list[str] = []

    async def serve(exchange: Exchange) -> None:
        exchange.start(200, [])
        try:
            await exchange.drained()
        except Disconnected:
            seen.append("disconnected")

    upload(site, serve)
    client = site.client()
    client.socket.write = lambda data: client.protocol.pauseProducing()  # type: ignore[method-assign]
    client.send(HEAD)
    client.lose()
    assert seen == ["disconnected"]


def test_a_client_that_hangs_up_is_no_failure_of_the_server(site: Site, xapid_logged: LoggedFailures) -> None:
    """A failure that is logged fails the test."""

    async def serve(exchange: Exchange) -> None:
        exchange.start(200, [])
        await exchange.drained()

    upload(site, serve)
    client = site.client()
    client.socket.write = lambda data: client.protocol.pauseProducing()  # type: ignore[method-assign]
    client.send(HEAD)
    client.lose(cleanly=True)


def test_an_upload_that_stalls_is_dropped(site: Site) -> None:
    async def serve(exchange: Exchange) -> None:
        while await exchange.read():
            pass

    upload(site, serve)
    client = site.client()
    client.send(HEAD)
    site.clock.pump([60] * 6)
    assert client.socket.aborted


def test_an_action_that_fails_is_answered_500_or_cut_off(site: Site, xapid_logged: object) -> None:
    async def at_once(exchange: Exchange) -> None:
        raise ZeroDivisionError("a secret of ours")

    async def later(exchange: Exchange) -> None:
        exchange.start(200, [])
        raise ZeroDivisionError("a secret of ours")

    upload(site, at_once)
    answer = site.client().ask(HEAD)
    assert (answer.status, b"secret" in answer.body) == (500, False)
    upload(site, later)
    client = site.client()
    client.send(HEAD)
    assert client.socket.aborted
    xapid_logged.flush(ZeroDivisionError)  # type: ignore[attr-defined]


class Echo(Protocol):
    """Says back what it hears."""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data.upper())


def test_a_console_takes_the_connection_over_with_exactly_the_bytes_that_viewers_count(
    site: Site, authenticator: StubAuthenticator
) -> None:
    async def serve(exchange: Exchange) -> None:
        exchange.start(200, [("Connection", "keep-alive"), ("Cache-Control", "no-cache, no-store")], "HTTP/1.1")
        exchange.take_over(Echo())

    site.serve(actions={"connect_console": serve})
    client = site.client()
    client.send(f"CONNECT /console?session_id={SESSION} HTTP/1.0\r\n\r\nearly")
    client.send(b" late")
    assert client.take() == b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nCache-Control: no-cache, no-store\r\n\r\nEARLY LATE"
    assert client.socket.is_open
    site.clock.pump([600] * 5)
    assert client.socket.is_open
    assert authenticator.closed == [SESSION]


class Ending(Protocol):
    """Notes its end."""

    ended = 0

    def connectionLost(self, reason: object = None) -> None:
        self.ended += 1


def test_what_takes_over_a_connection_that_is_gone_is_told(site: Site) -> None:
    go: Deferred[None] = Deferred()
    taker = Ending()

    async def serve(exchange: Exchange) -> None:
        await go
        exchange.take_over(taker)

    site.serve(actions={"connect_console": serve})
    client = site.client()
    client.send(f"CONNECT /console?session_id={SESSION} HTTP/1.0\r\n\r\n")
    client.lose()
    go.callback(None)
    assert (taker.connected, taker.ended) == (1, 1)


def test_plain_http_answers_nothing_while_https_only_holds(site: Site, dispatcher: StubDispatcher) -> None:
    site.serve(https_only=lambda: True)
    for request in (call("test.void"), b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"):
        assert site.client().ask(request).status == 403
    assert dispatcher.calls == []


def test_plain_http_sends_browsers_to_https(site: Site) -> None:
    site.serve(https_port=8443)
    answer = site.client().ask("GET /a?b=c HTTP/1.1\r\nHost: example.org:80\r\n\r\n")
    assert (answer.status, answer.headers["location"]) == (301, "https://example.org:8443/a?b=c")


def test_no_header_of_a_request_adds_a_line_to_the_answer(site: Site) -> None:
    site.serve(https_port=8443)
    answer = site.client().ask("GET /a HTTP/1.1\r\nHost: h\rSet-Cookie: a=b\x00\x0bc\r\n\r\n")
    assert answer.headers["location"] == "https://h Set-Cookie: a=b  c:8443/a"
    answer = site.client().ask("OPTIONS / HTTP/1.1\r\nAccess-Control-Request-Headers: X\rSet-Cookie: a\r\n\r\n")
    assert answer.headers["access-control-allow-headers"] == "X Set-Cookie: a, X-Requested-With"

"""Requests that pages of other sites make browsers send."""

from __future__ import annotations

import base64

import pytest

from http_in_memory import SESSION, Site
from xapid.http.exchange import Exchange
from xapid.http.other_sites import is_from_elsewhere

BASIC = f"Authorization: Basic {base64.b64encode(b'root:secret').decode()}\r\n"
COOKIE = f"Cookie: session_id={SESSION}\r\n"


@pytest.mark.parametrize(
    ("headers", "elsewhere"),
    [
        ({}, False),
        ({"host": "h:8443"}, False),
        ({"host": "h:8443", "origin": "https://h:8443"}, False),
        ({"host": "H", "origin": "https://h"}, False),
        ({"host": "h", "origin": "https://h:443"}, False),
        ({"host": "[::1]:8443", "origin": "https://[::1]:8443"}, False),
        ({"host": "h:8443", "origin": "https://h"}, True),
        ({"host": "h:8443", "origin": "https://h:9000"}, True),
        ({"host": "h", "origin": "https://h.evil.example"}, True),
        ({"host": "h", "origin": "https://evil.example/h"}, True),
        ({"host": "h", "origin": "null"}, True),
        ({"host": "h", "origin": ""}, True),
        ({"origin": "https://h"}, True),
        ({"host": "h", "origin": "https://h:nothing"}, True),
        ({"host": "h", "sec-fetch-site": "same-origin"}, False),
        ({"host": "h", "sec-fetch-site": "none"}, False),
        ({"host": "h", "sec-fetch-site": "same-site"}, True),
        ({"host": "h", "sec-fetch-site": "cross-site"}, True),
        ({"host": "h", "origin": "https://h", "sec-fetch-site": "cross-site"}, False),
        ({"host": "h", "origin": "http://h"}, False),
        ({"host": "h", "origin": "http://h", "sec-fetch-site": "same-origin"}, False),
        ({"host": "h", "origin": "http://h", "sec-fetch-site": "cross-site"}, True),
    ],
)
def test_where_a_request_comes_from(headers: dict[str, str], elsewhere: bool) -> None:
    assert is_from_elsewhere(headers) is elsewhere


@pytest.fixture
def guarded(site: Site) -> Site:
    async def serve(exchange: Exchange) -> None:
        exchange.refuse(404, "served")

    site.serve(actions={"get_vncsnapshot": serve, "put_import": serve, "connect_console_ws": serve})
    return site


def status(site: Site, method: str, target: str, more: str) -> int:
    return site.client().ask(f"{method} {target} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n{more}\r\n").status


FOREIGN = [
    "Origin: https://evil.example\r\n",
    "Origin: null\r\n",
    "Sec-Fetch-Site: cross-site\r\n",
    "Sec-Fetch-Site: same-site\r\n",
]


@pytest.mark.parametrize("foreign", FOREIGN)
@pytest.mark.parametrize("remembered", [BASIC, COOKIE, COOKIE + BASIC, f"Cookie: pool_secret=x\r\n{BASIC}"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/vncsnapshot"), ("PUT", "/import"), ("GET", "/console")])
def test_what_a_browser_adds_by_itself_opens_nothing_for_pages_of_other_sites(
    guarded: Site, method: str, path: str, remembered: str, foreign: str
) -> None:
    assert status(guarded, method, path, remembered + foreign) == 401


@pytest.mark.parametrize("foreign", FOREIGN)
def test_nobody_is_asked_for_a_password_on_a_page_of_another_site(guarded: Site, foreign: str) -> None:
    ask = "GET /vncsnapshot HTTP/1.1\r\nHost: h\r\n"
    assert "www-authenticate" not in guarded.client().ask(f"{ask}{foreign}\r\n").headers
    assert "www-authenticate" in guarded.client().ask(f"{ask}\r\n").headers


@pytest.mark.parametrize("own", ["", "Origin: https://h\r\n", "Sec-Fetch-Site: same-origin\r\n", "Sec-Fetch-Site: none\r\n"])
@pytest.mark.parametrize("remembered", [BASIC, COOKIE])
def test_it_does_for_pages_of_ours_and_for_programs(guarded: Site, remembered: str, own: str) -> None:
    assert status(guarded, "GET", "/vncsnapshot", remembered + own) == 404


@pytest.mark.parametrize("foreign", FOREIGN)
def test_a_session_in_the_query_counts_for_any_page(guarded: Site, foreign: str) -> None:
    assert status(guarded, "GET", f"/vncsnapshot?session_id={SESSION}", foreign) == 404
    assert status(guarded, "GET", f"/vncsnapshot?session_id={SESSION}", foreign + "Cookie: session_id=other\r\n") == 404


@pytest.mark.parametrize("session", ["", "OpaqueRef:of-another-pool"])
def test_a_web_socket_without_a_session_or_with_a_foreign_one_is_refused(guarded: Site, session: str) -> None:
    target = f"/console?ref=OpaqueRef:x{session and f'&session_id={session}'}"
    handshake = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    handshake += f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}\r\n"
    assert status(guarded, "GET", target, handshake + "Origin: https://h\r\n") == 401

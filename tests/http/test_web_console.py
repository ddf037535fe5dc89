"""The web console as it is served: its files, and what their headers forbid."""

from __future__ import annotations

import gzip
import re
from html.parser import HTMLParser

import pytest

from http_in_memory import Answered, Site
from xapid.http.web_console import DIRECTORY, WebConsole, assets


@pytest.fixture(autouse=True)
def over_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain HTTP serves no files; these connections count as TLS."""
    monkeypatch.setattr("xapid.http.link.is_unix", lambda transport: True)
    monkeypatch.setattr("xapid.http.link.peer", lambda transport: ("192.0.2.1", False))


@pytest.fixture
def console(site: Site) -> Site:
    site.serve(actions={"get_root": WebConsole().serve})
    return site


def get(site: Site, path: str, more: str = "") -> Answered:
    return site.client().ask(f"GET {path} HTTP/1.1\r\n{more}\r\n")


@pytest.mark.parametrize(
    ("path", "file", "content_type"),
    [
        ("/", "index.html", "text/html; charset=utf-8"),
        ("/index.html", "index.html", "text/html; charset=utf-8"),
        ("/?x=y", "index.html", "text/html; charset=utf-8"),
        ("/app.js", "app.js", "text/javascript; charset=utf-8"),
        ("/app.css", "app.css", "text/css; charset=utf-8"),
        ("/screen.js", "screen.js", "text/javascript; charset=utf-8"),
        ("/NOTICES.txt", "NOTICES.txt", "text/plain; charset=utf-8"),
        ("/icon.svg", "icon.svg", "image/svg+xml"),
    ],
)
def test_its_files_are_served(console: Site, path: str, file: str, content_type: str) -> None:
    answer = get(console, path)
    assert (answer.status, answer.headers["content-type"]) == (200, content_type)
    assert answer.body == (DIRECTORY / file).read_bytes()


def test_every_file_can_be_reached(console: Site) -> None:
    """No other action has a path that theirs begin with, such as that of consoles."""
    for path in assets():
        assert get(console, path).status == 200, path


@pytest.mark.parametrize("path", ["/nothing", "/../files.py", "/web_console.py", "/app.js/", "/assets"])
def test_there_is_nothing_else(console: Site, path: str) -> None:
    assert get(console, path).status == 404


def test_it_is_compressed_for_those_who_take_it(console: Site) -> None:
    answer = get(console, "/app.js", "Accept-Encoding: br, gzip;q=0.8\r\n")
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(answer.body) == (DIRECTORY / "app.js").read_bytes()
    assert "content-encoding" not in get(console, "/app.js", "Accept-Encoding: br\r\n").headers


def test_a_browser_that_has_a_file_gets_only_its_tag(console: Site) -> None:
    client = console.client()
    tag = client.ask("GET /app.js HTTP/1.1\r\n\r\n").headers["etag"]
    known = client.ask(f'GET /app.js HTTP/1.1\r\nIf-None-Match: "other", W/{tag}\r\n\r\n')
    assert (known.status, known.reason, known.body, known.headers["etag"]) == (304, "Not Modified", b"", tag)
    assert "content-length" not in known.headers
    assert client.ask('GET /app.js HTTP/1.1\r\nIf-None-Match: "other"\r\n\r\n').status == 200


@pytest.mark.parametrize("path", ["/", "/app.js", "/screen.js"])
def test_its_headers_forbid_what_it_does_not_need(console: Site, path: str) -> None:
    headers = get(console, path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in headers
    assert "access-control-allow-origin" not in headers
    assert headers["cache-control"] == "no-cache"


class Page(HTMLParser):
    """What a page refers to, and what it has inline."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.refers: list[str] = []
        self.inline: list[str] = []
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in = tag
        for name, value in attrs:
            if name in ("src", "href"):
                self.refers.append(value or "")
            elif name == "style" or name.startswith("on"):
                self.inline.append(name)

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in in ("script", "style") and data.strip():
            self.inline.append(data)


def test_its_page_has_nothing_inline_and_refers_to_its_own_files() -> None:
    page = Page((DIRECTORY / "index.html").read_text())
    assert page.inline == []
    assert page.refers
    assert set(page.refers) <= set(assets())


def test_it_loads_nothing_from_elsewhere() -> None:
    """The only addresses of other servers in it are names of namespaces and of licences."""
    for name in ("app.js", "app.css", "index.html"):
        found = set(re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z.]+[^\"'` )]*", (DIRECTORY / name).read_text()))
        assert {url for url in found if not url.startswith("http://www.w3.org/")} == set(), name


def test_the_licences_of_what_it_contains_are_with_it() -> None:
    text = (DIRECTORY / "NOTICES.txt").read_text()
    for words in (
        "Mozilla Public License Version 2.0",
        "The noVNC authors",
        "Jason Miller",
        "pako",
        "Widget Workshop",
        "MIT License",
    ):
        assert words in text, words

"""Files of the web interface, and the contents of blobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed

from http_in_memory import SESSION, Answered, Site, StubAuthenticator
from xapid.datamodel.errors import XenAPIError
from xapid.http.blob_actions import BlobActions
from xapid.http.blobs import BlobStore, DirectoryBlobStore
from xapid.http.files import WebRoot
from xapid.http.server import HttpServer

BLOB = "OpaqueRef:b10b"


@pytest.fixture(autouse=True)
def over_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain HTTP serves no files; these connections count as TLS."""
    monkeypatch.setattr("xapid.http.link.is_unix", lambda transport: True)
    monkeypatch.setattr("xapid.http.link.peer", lambda transport: ("192.0.2.1", False))


def get(site: Site, path: str, more: str = "") -> Answered:
    return site.client().ask(f"GET {path} HTTP/1.1\r\n{more}\r\n")


@pytest.fixture
def web(site: Site, tmp_path: Path) -> Site:
    root = tmp_path / "web"
    (root / "sub").mkdir(parents=True)
    (root / "index.html").write_text("front")
    (root / "sub" / "index.html").write_text("below")
    (root / "a b.js").write_text("script")
    (root / "big.bin").write_bytes(bytes(1_000_000))
    (tmp_path / "secret").write_text("secret")
    (root / "link").symlink_to(tmp_path / "secret")
    site.serve(actions={"get_root": WebRoot(root).serve})
    return site


@pytest.mark.parametrize(
    ("path", "body", "content_type"),
    [
        ("/", b"front", "text/html"),
        ("/sub", b"below", "text/html"),
        ("/sub/?x=y", b"below", "text/html"),
        ("/a%20b.js", b"script", "text/javascript"),
        ("/big.bin", bytes(1_000_000), "application/octet-stream"),
    ],
)
def test_files_are_served_with_type_and_length(web: Site, path: str, body: bytes, content_type: str) -> None:
    answer = get(web, path)
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, body, content_type)


def test_a_file_may_be_called_as_an_action_begins(web: Site, tmp_path: Path) -> None:
    """The action answers for its own path, for all below it, and for what is no file."""
    root = tmp_path / "web"
    (root / "console-1f.js").write_text("script")
    (root / "console").mkdir()
    (root / "console" / "page.html").write_text("page")
    (root / "export").write_text("not this")
    files = WebRoot(root)
    web.serve(actions={"get_root": files.serve}, has_file=files.has)
    assert get(web, "/console-1f.js?v=2").body == b"script"
    for path, action in (
        ("/console", "connect_console_ws"), ("/console/", "connect_console_ws"), ("/console/page.html", "connect_console_ws"),
        ("/consoles", "connect_console_ws"), ("/console-1f.css", "connect_console_ws"), ("/export", "get_export"),
    ):  # fmt: skip
        answer = get(web, path)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, f'Basic realm="{action}"')
    assert web.client().ask("PUT /export-1f.js HTTP/1.1\r\n\r\n").status == 403


@pytest.mark.parametrize(
    "path", ["/../secret", "/%2e%2e/secret", "/..%2fsecret", "//etc/passwd", "/link", "/sub/none", "/%00", "/" + "a" * 5000]
)
def test_nothing_outside_the_directory_is_served(web: Site, path: str) -> None:
    answer = get(web, path)
    assert answer.status == 404
    assert b"secret" not in answer.body


class FakeDatabase:
    """One blob."""

    def __init__(self) -> None:
        self.blob = SimpleNamespace(ref=BLOB, uuid="b10b-uuid", public=False, mime_type="text/plain", kind="blob")
        self.changes: dict[str, Any] = {}

    def find(self, ref: str) -> Any:
        return self.blob if ref == BLOB else None

    def table(self, name: str) -> Any:
        assert name == "blob"
        return self

    def by_uuid(self, uuid: str) -> Any:
        if uuid != self.blob.uuid:
            raise XenAPIError("UUID_INVALID", "blob", uuid)
        return self.blob

    @contextmanager
    def transaction(self) -> Iterator[FakeDatabase]:
        yield self

    def update(self, ref: str, **changes: Any) -> None:
        assert ref == BLOB
        self.changes.update(changes)

    def durable(self) -> Deferred[None]:
        return succeed(None)


@pytest.fixture(params=["memory", "directory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return BlobStore() if request.param == "memory" else DirectoryBlobStore(tmp_path / "blobs")


@pytest.fixture
def database() -> FakeDatabase:
    return FakeDatabase()


@pytest.fixture
def blobs(site: Site, store: BlobStore, database: FakeDatabase, authenticator: StubAuthenticator) -> Site:
    site.serve(actions=BlobActions(database, store, authenticator, site.clock).actions)  # type: ignore[arg-type]
    return site


def put(site: Site, target: str, body: bytes, announced: int | None = None) -> bytes:
    client = site.client()
    client.send(
        f"PUT {target} HTTP/1.0\r\nContent-Length: {len(body) if announced is None else announced}\r\n\r\n".encode() + body
    )
    if announced is not None:
        client.lose()
    return client.take()


def test_a_blob_is_put_and_got(blobs: Site, database: FakeDatabase) -> None:
    assert put(blobs, f"/blob?session_id={SESSION}&ref={BLOB}", b"hello blob") == (
        b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nCache-Control: no-cache, no-store\r\n"
        b"Access-Control-Allow-Origin: *\r\n\r\n"
    )
    assert database.changes["size"] == 10
    assert database.changes["last_updated"].timestamp() == 0
    for target in (f"/blob?session_id={SESSION}&ref={BLOB}", f"/blob?session_id={SESSION}&uuid=b10b-uuid"):
        answer = get(blobs, target)
        assert (answer.version, answer.status, answer.body) == ("HTTP/1.1", 200, b"hello blob")
        assert answer.header_list == [
            ("Connection", "close"),
            ("Content-Length", "10"),
            ("Cache-Control", "no-cache, no-store"),
            ("content-type", "text/plain"),
        ]


def test_an_upload_that_is_cut_short_changes_nothing(blobs: Site, database: FakeDatabase, store: BlobStore) -> None:
    put(blobs, f"/blob?session_id={SESSION}&ref={BLOB}", b"old")
    database.changes.clear()
    put(blobs, f"/blob?session_id={SESSION}&ref={BLOB}", b"half", announced=10)
    assert database.changes == {}
    assert b"".join(store.chunks("b10b-uuid")) == b"old"


def test_which_blob_must_be_said(blobs: Site) -> None:
    answer = get(blobs, f"/blob?session_id={SESSION}")
    assert (answer.version, answer.status, answer.names, answer.body) == ("HTTP/1.1", 400, ["Connection", "Cache-Control"], b"")
    assert get(blobs, "/blob").status == 400


def test_an_unknown_blob_is_said_to_be_unknown_only_to_who_may_know(blobs: Site) -> None:
    answer = get(blobs, f"/blob?session_id={SESSION}&ref=OpaqueRef:x")
    assert (answer.version, answer.status, answer.body) == ("HTTP/1.1", 404, b"Unknown reference\n")
    assert answer.names == ["content-length", "connection", "cache-control"]
    assert get(blobs, "/blob?ref=OpaqueRef:x").status == 401


def test_a_blob_is_given_without_credentials_only_if_it_is_public(blobs: Site, database: FakeDatabase) -> None:
    answer = blobs.client().ask(f"GET /blob?ref={BLOB} HTTP/1.0\r\n\r\n")
    assert (answer.version, answer.status) == ("HTTP/1.0", 401)
    assert answer.headers["www-authenticate"] == 'Basic realm="Blob handler"'
    database.blob.public = True
    assert get(blobs, f"/blob?ref={BLOB}").status == 200


def test_a_type_of_several_lines_adds_no_headers(blobs: Site, database: FakeDatabase) -> None:
    database.blob.mime_type = "text/plain\r\nSet-Cookie: a=b"
    assert "set-cookie" not in get(blobs, f"/blob?session_id={SESSION}&ref={BLOB}").headers


def test_a_store_gives_the_contents_of_the_moment(store: BlobStore) -> None:
    upload = store.upload("a")
    upload.write(b"x" * 300_000)
    assert store.size("a") == 0
    assert upload.commit() == store.size("a") == 300_000
    before = store.chunks("a")
    second = store.upload("a")
    second.write(b"new")
    second.commit()
    assert sum(map(len, before)) == 300_000
    dropped = store.upload("a")
    dropped.write(b"never")
    dropped.abandon()
    assert b"".join(store.chunks("a")) == b"new"
    store.remove("a")
    store.remove("a")
    assert (store.size("a"), list(store.chunks("a"))) == (0, [])


def test_a_directory_takes_no_names_that_lead_out_of_it(tmp_path: Path) -> None:
    blobs = DirectoryBlobStore(tmp_path)
    for use in (blobs.size, blobs.chunks, blobs.upload, blobs.remove):
        use_: Callable[[str], object] = use
        with pytest.raises(ValueError, match="escape"):
            use_("../escape")


def test_the_server_needs_no_blobs_to_refuse_them(site: Site) -> None:
    assert isinstance(site.server, HttpServer)
    assert get(site, "/blob").status == 501

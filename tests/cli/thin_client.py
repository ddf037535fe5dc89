"""A thin client on a socket, as xe is one: sends its arguments, and does what it is told."""

from __future__ import annotations

import http.client
import socket
import ssl
import struct
from pathlib import Path
from urllib.parse import urlsplit

import attrs

from xapid.cli.frames import PREFIX, Blob, Command, Kind, Response, integer


@attrs.define
class ThinClient:
    """Runs command lines on the server at ``url``. ``answers`` are typed at prompts."""

    url: str
    password: str = "secret"
    answers: list[str] = attrs.Factory(list)

    def __call__(self, *words, user="root", password=None):
        """Output, errors and exit status."""
        body = "\n".join((*words, f"username={user}", f"password={self.password if password is None else password}")).encode()
        connection = self._connect()
        connection.sendall(b"POST /cli HTTP/1.0\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        with connection, connection.makefile("rwb") as stream:
            assert stream.read(len(PREFIX)) == PREFIX
            stream.write(PREFIX)
            stream.flush()
            return self._obey(stream)

    def _connect(self):
        parts = urlsplit(self.url)
        context = ssl._create_unverified_context()
        return context.wrap_socket(socket.create_connection((parts.hostname, parts.port), 60))

    def _obey(self, stream):
        out, err = "", ""
        while True:
            (size,) = struct.unpack("<i", stream.read(4))
            frame = stream.read(size)
            kind, command = struct.unpack_from("<ii", frame)
            assert kind == Kind.COMMAND
            fields = Fields(frame[8:])
            match command:
                case Command.PRINT:
                    out += fields.text() + "\n"
                case Command.PRINT_STDERR:
                    err += fields.text()
                case Command.ERROR:
                    err += f"Error code: {fields.text()}\nError parameters: {', '.join(fields.texts())}\n"
                case Command.EXIT:
                    return out, err, fields.integer()
                case Command.PROMPT:
                    self._send(stream, self.answers.pop(0).encode())
                case Command.LOAD:
                    self._load(stream, Path(fields.text()))
                case Command.HTTP_GET:
                    self._respond(stream, self._get(Path(fields.text()), fields.text()))
                case Command.HTTP_PUT:
                    self._respond(stream, self._put(Path(fields.text()), fields.text()))
                case other:
                    raise AssertionError(other)
            stream.flush()

    def _send(self, stream, data):
        stream.write(integer(12) + integer(Kind.BLOB) + integer(Blob.CHUNK) + integer(len(data)) + data)
        stream.write(integer(8) + integer(Kind.BLOB) + integer(Blob.END))

    def _respond(self, stream, went_well):
        stream.write(integer(8) + integer(Kind.RESPONSE) + integer(Response.WAIT))
        stream.write(integer(8) + integer(Kind.RESPONSE) + integer(Response.OK if went_well else Response.FAILED))

    def _load(self, stream, path):
        self._respond(stream, path.exists())
        if path.exists():
            self._send(stream, path.read_bytes())

    def _http(self):
        parts = urlsplit(self.url)
        return http.client.HTTPSConnection(parts.hostname, parts.port, context=ssl._create_unverified_context(), timeout=60)

    def _get(self, path, url):
        connection = self._http()
        connection.request("GET", url)
        answer = connection.getresponse()
        if answer.status == 200:
            path.write_bytes(answer.read())
        return answer.status == 200

    def _put(self, path, url):
        connection = self._http()
        data = path.read_bytes()
        connection.putrequest("PUT", url)
        connection.putheader("Content-Length", str(len(data)))
        connection.endheaders()
        connection.send(data)
        return connection.getresponse().status == 200


class Fields:
    """What a frame says."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def integer(self) -> int:
        (value,) = struct.unpack_from("<i", self.data)
        self.data = self.data[4:]
        return value

    def text(self) -> str:
        length = self.integer()
        text, self.data = self.data[:length].decode(), self.data[length:]
        return text

    def texts(self) -> list[str]:
        return [self.text() for _ in range(self.integer())]

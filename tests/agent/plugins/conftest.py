"""A stand-in for the server that plugins talk to, and folders with programs."""

from __future__ import annotations

import ssl
import threading
import xmlrpc.server

import pytest
from twisted.internet import task


class Server:
    """Answers a few messages, and keeps who asked what."""

    def __init__(self, certificate=None):
        self.calls = []
        self.server = xmlrpc.server.SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False, allow_none=True)
        self.server.register_instance(self)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def _dispatch(self, method, params):
        self.calls.append((method, *params))
        match method:
            case "host.get_name_label":
                return {"Status": "Success", "Value": "the host"}
            case "secret.get_by_uuid":
                return {"Status": "Success", "Value": f"ref of {params[1]}"}
            case "secret.get_value":
                return {"Status": "Success", "Value": f"value of {params[1]}"}
        return {"Status": "Failure", "ErrorDescription": ["MESSAGE_METHOD_UNKNOWN", method]}

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def server():
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def clock():
    clock = task.Clock()
    clock.advance(1_700_000_000)
    return clock


@pytest.fixture
def server_with():
    """Another such server, that presents a certificate."""
    return Server

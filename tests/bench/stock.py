"""The baseline: the same few calls, served the way Twisted's own documentation serves XML-RPC, over the same TLS policy.

``python stock.py CERTIFICATE DATA`` prints the port on which it answers. ``DATA`` is a pickle of sessions and VM records.
Session tickets are on, which is more than Twisted gives by default.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet import defer, reactor
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.web import server, xmlrpc
from zope.interface import implementer

from xapid.certificates.pair import Certificate
from xapid.http.tls import TlsPolicy


def success(value: Any) -> dict[str, Any]:
    return {"Status": "Success", "Value": value}


class Machines(xmlrpc.XMLRPC):
    def __init__(self, sessions: set[str], records: dict[str, dict[str, Any]], events: Events) -> None:
        super().__init__()
        self._sessions = sessions
        self._records = records
        self._events = events

    def _check(self, session: str) -> None:
        if session not in self._sessions:
            raise xmlrpc.Fault(1, "SESSION_INVALID")

    def xmlrpc_get_power_state(self, session: str, ref: str) -> dict[str, Any]:
        self._check(session)
        return success(self._records[ref]["power_state"])

    def xmlrpc_get_all_records(self, session: str) -> dict[str, Any]:
        self._check(session)
        return success(self._records)

    def xmlrpc_set_name_label(self, session: str, ref: str, value: str) -> dict[str, Any]:
        self._check(session)
        self._records[ref]["name_label"] = value
        self._events.changed(ref, self._records[ref])
        return success("")


class Events(xmlrpc.XMLRPC):
    def __init__(self) -> None:
        super().__init__()
        self._generation = 1
        self._last: tuple[str, dict[str, Any]] = ("", {})
        self._waiting: list[defer.Deferred[None]] = []
        self.count = 0

    def changed(self, ref: str, record: dict[str, Any]) -> None:
        self._generation += 1
        self._last = ref, record
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            done.callback(None)

    def xmlrpc_from(self, session: str, classes: list[str], token: str, timeout: float) -> Any:
        if int(token.split(",")[0]) < self._generation:
            return self._batch()
        done: defer.Deferred[None] = defer.Deferred()
        self._waiting.append(done)
        return done.addCallback(lambda _: self._batch())

    def _batch(self) -> dict[str, Any]:
        ref, record = self._last
        event = {"id": str(self._generation), "timestamp": "0.0", "class": "vm", "operation": "mod", "ref": ref}
        event["snapshot"] = record
        token = f"{self._generation:020d},{0:020d}"
        return success({"events": [event], "valid_ref_counts": {"vm": self.count}, "token": token})


@implementer(IOpenSSLServerConnectionCreator)
class Policy:
    """The context of the server under test, with Twisted's own transport."""

    def __init__(self, certificate: Certificate) -> None:
        self._policy = TlsPolicy(certificate)

    def serverConnectionForTLS(self, tls_protocol: Any) -> SSL.Connection:
        return self._policy.serverConnectionForTLS(tls_protocol)


def main(certificate: str, data: str) -> None:
    from twisted.protocols.tls import TLSMemoryBIOFactory

    sessions, records = pickle.loads(Path(data).read_bytes())
    root, events = xmlrpc.XMLRPC(), Events()
    events.count = len(records)
    root.putSubHandler("VM", Machines(sessions, records, events))
    root.putSubHandler("event", events)
    site = server.Site(root)
    policy = Policy(Certificate.load(Path(certificate)))
    port = reactor.listenTCP(0, TLSMemoryBIOFactory(policy, False, site), backlog=1024, interface="127.0.0.1")
    print(port.getHost().port, flush=True)
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The sockets of a daemon: which addresses its hosts answer at, and the ports that are bound for them.

A daemon on a loopback address gives each further simulated host the next address, at the same port, and listens there
too, since clients go to ``https://<host.address>``.
"""

from __future__ import annotations

import errno
import ipaddress
import resource
import socket
from collections.abc import Sequence
from typing import Any

from twisted.internet.interfaces import IListeningPort, IProtocolFactory

from xapid.config import Config, ConfigError, is_wildcard
from xapid.inventory.populate import addresses_from

BACKLOG = 1024
TRIES = 20
"""For a port that is free at every address, when any port will do."""


class Sockets:
    """Bound sockets by address, taken over by the reactor when everything else is ready."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.port = config.port
        self.addresses: list[str] = []
        self._bound: dict[str, socket.socket] = {}

    def open(self, hosts: int) -> Sequence[str]:
        """Bind for so many hosts; returns an address for each. Raises ConfigError for an address that cannot be had."""
        config = self._config
        self.addresses = addresses_from(config.host_address, hosts)
        wanted = [config.bind]
        if not is_wildcard(config.bind) and ipaddress.ip_address(config.bind).is_loopback:
            wanted += [each for each in self.addresses[1:] if ipaddress.ip_address(each).is_loopback]
        for _ in range(TRIES):
            if self._bind(wanted):
                return self.addresses
        raise ConfigError(f"port: none is free at all of {', '.join(wanted)}")

    def _bind(self, wanted: list[str]) -> bool:
        port = self._config.port
        for address in wanted:
            try:
                self._bound[address] = bound = bind(address, port)
            except OSError as problem:
                self.close()
                if self._config.port == 0 and problem.errno == errno.EADDRINUSE:
                    return False
                raise ConfigError(f"cannot listen on {address}:{port}: {problem.strerror}") from problem
            port = bound.getsockname()[1]
        self.port = port
        return True

    def take(self, address: str) -> socket.socket | None:
        """The socket that is bound at ``address``, if there is one, for the caller to keep."""
        return self._bound.pop(address, None)

    def close(self) -> None:
        """Give back what the reactor has not taken."""
        for bound in self._bound.values():
            bound.close()
        self._bound.clear()


def allow_many_connections() -> None:
    """Open as many files as this user may: each connection is one, and shells allow few unless they are asked."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def bind(address: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, port))
        bound.listen(BACKLOG)
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound


def adopt(reactor: Any, bound: socket.socket, factory: IProtocolFactory) -> IListeningPort:
    """Let the reactor accept what comes to a listening socket."""
    with bound:
        port: IListeningPort = reactor.adoptStreamPort(bound.fileno(), bound.family, factory)
        return port

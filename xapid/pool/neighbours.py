"""Where the hosts of the pool that other daemons run speak HTTP, for requests that are passed on to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IStreamClientEndpoint

from xapid.pool.dialling import CONNECT_TIMEOUT
from xapid.pool.membership import Membership, Place


@attrs.frozen(eq=False)
class Neighbours:
    """See :class:`xapid.http.on_behalf.Neighbours`. ``tls`` makes the client side for hosts with certain fingerprints."""

    _reactor: Any
    _membership: Membership
    _tls: Callable[[Callable[[str], bool]], IOpenSSLClientConnectionCreator]

    def endpoint(self, host: str) -> IStreamClientEndpoint | None:
        """The endpoint of the host with this uuid; None if this daemon runs it, or does not know where it is."""
        place = self._membership.find(host)
        return None if place is None else self._at(place)

    @property
    def coordinator(self) -> IStreamClientEndpoint | None:
        """The endpoint of the coordinator; None if this daemon is that."""
        place = self._membership.leader
        return None if place is None else self._at(place)

    def _at(self, place: Place) -> IStreamClientEndpoint:
        tls = self._tls(lambda fingerprint: self._membership.host_of(fingerprint) == place.who)
        tcp = HostnameEndpoint(self._reactor, place.address, place.port, timeout=CONNECT_TIMEOUT)
        endpoint: IStreamClientEndpoint = wrapClientTLS(tls, tcp)
        return endpoint

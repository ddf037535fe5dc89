"""On a member: requests about what is the pool's, and not the host's own, are sent on to the coordinator.

Whoever asks has been admitted with a session of the pool, and asks the same there: the answer is 302, for uploads before their
body, as clients expect of any host that is not the one to ask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from xapid.http.exchange import Exchange, Serve
from xapid.http.pages import BARE
from xapid.pool.membership import Place

SENT_ON: Final = frozenset({
    "put_import", "put_import_metadata", "put_import_raw_vdi", "get_export", "get_export_metadata", "get_export_raw_vdi",
    "get_blob", "put_blob", "put_messages", "get_pool_xml_db_sync", "put_pool_xml_db_sync", "get_wlb_report",
    "get_wlb_diagnostics", "put_pool_patch_upload", "get_updates", "put_bundle",
})  # fmt: skip
"""The actions that only the daemon with the pool's database can serve."""


@attrs.frozen(eq=False)
class ToCoordinator:
    """Makes actions send clients on; ``leader`` is where the coordinator answers, None on the coordinator itself."""

    _leader: Callable[[], Place | None]

    def wrap(self, actions: Mapping[str, Serve]) -> dict[str, Serve]:
        """The same actions, of which those that are the coordinator's are left to it."""
        return {name: self._sending(serve) if name in SENT_ON else serve for name, serve in actions.items()}

    def _sending(self, serve: Serve) -> Serve:
        async def serve_or_send(exchange: Exchange) -> None:
            leader = self._leader()
            if leader is None:
                await serve(exchange)
                return
            name = f"[{leader.address}]" if ":" in leader.address else leader.address
            port = "" if leader.port == 443 else f":{leader.port}"
            exchange.start(302, [*BARE, ("Location", f"https://{name}{port}{exchange.head.target}")], "HTTP/1.1")

        return serve_or_send

"""``/wlb_report`` and ``/wlb_diagnostics``: what the pool's workload balancing server reports, handed on as it says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from xapid.http.chunks import cut
from xapid.http.exchange import Exchange, Serve
from xapid.http.pages import BARE
from xapid.http.work import Works
from xapid.operations.balancer import Value, ask

PATIENCE: Final = ("wlb_reports_timeout", 600.0)
_OURS: Final = ("session_id", "task_id", "subtask_of", "pool_secret", "report")
"""Arguments that are not the report's."""


class BalancerActions:
    """Serves reports of the workload balancing server."""

    def __init__(self, works: Works) -> None:
        self._works = works

    @property
    def actions(self) -> Mapping[str, Serve]:
        """For the server."""
        return {"get_wlb_report": self.report, "get_wlb_diagnostics": self.diagnostics}

    async def report(self, exchange: Exchange) -> None:
        """Serves ``GET /wlb_report``: the report that ``report`` names; all other arguments are its parameters."""
        name = exchange.head.query.get("report")
        if not name:
            exchange.refuse(500, "report says which")
            return
        asked = parse_qsl(exchange.head.target.partition("?")[2], keep_blank_values=True)
        parameters = [(key, value) for key, value in asked if key not in _OURS]
        await self._serve(exchange, "ExecuteReport", {"ReportName": name, "ReportParms": parameters}, "XmlDataSet")

    async def diagnostics(self, exchange: Exchange) -> None:
        """Serves ``GET /wlb_diagnostics``."""
        await self._serve(exchange, "GetDiagnostics", {}, "DiagnosticData")

    async def _serve(self, exchange: Exchange, method: str, parameters: Mapping[str, Value], part: str) -> None:
        work = self._works.begin(exchange, f"WLB {method} request")
        if work is None:
            return
        async with self._works.carried(exchange, work):
            async with self._works.dispatcher.work(work.session, work.task, exchange.origin) as context:
                result = await ask(context, method, parameters, patience=PATIENCE)
            data = result.text(part).encode()
            exchange.start(200, [*BARE, ("Content-Length", str(len(data))), ("content-type", "text/xml")], "HTTP/1.1")
            await exchange.send(cut(data))

"""Which action a request reaches: the one with the longest path that the request's path starts with, under its method.

``POST /`` and ``GET /`` are actions, so every POST and GET reaches something; a method that no action has is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable

from xapid.datamodel.http_actions import ACTIONS, HttpAction


class Routes:
    """The table."""

    def __init__(self, actions: Iterable[HttpAction] = ACTIONS) -> None:
        self._by_method: dict[str, list[HttpAction]] = {}
        for action in sorted(actions, key=lambda action: len(action.path), reverse=True):
            self._by_method.setdefault(action.method, []).append(action)

    def knows(self, method: str) -> bool:
        """Whether any action has this method; if not, the answer is 501."""
        return method in self._by_method

    def find(self, method: str, path: str) -> HttpAction | None:
        """The action that a request reaches; None if it reaches none, and the answer is 403."""
        return next((action for action in self._by_method.get(method, ()) if path.startswith(action.path)), None)

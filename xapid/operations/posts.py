"""What becomes of a request that this server sends to another one by HTTPS, as operations see it.

:meth:`xapid.pool.elsewhere.Elsewhere.post` sends it.
"""

from __future__ import annotations

from typing import Literal

import attrs

Reason = Literal["refused", "unknown_host", "reset", "timed_out", "unverified"]


@attrs.frozen
class Posted:
    """The answer to a request."""

    status: int
    body: bytes


class PostFailed(Exception):
    """There is no answer. ``text`` says more."""

    def __init__(self, reason: Reason, text: str = "") -> None:
        super().__init__(reason, text)
        self.reason = reason
        self.text = text


class UploadFailed(Exception):
    """A file did not arrive (:meth:`xapid.pool.elsewhere.Elsewhere.upload`). The text says why."""

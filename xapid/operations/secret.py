"""Secrets: texts that other objects name by uuid (class ``secret``)."""

from __future__ import annotations

from typing import Any

from xapid.operations.context import Context


def introduce(context: Context, uuid: str, value: str, other_config: Any) -> str:
    with context.db.transaction() as tx:
        return tx.create("secret", uuid=uuid, value=value, other_config=other_config)

"""Pools of several daemons in this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from xapid.testing.neighbours import Street


@pytest.fixture
def street() -> Iterator[Street]:
    """A network without daemons yet."""
    street = Street()
    yield street
    street.close()

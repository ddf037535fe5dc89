"""A database of the real API with repeatable names."""

from __future__ import annotations

import pytest

from xapid.database import Database
from xapid.database.event_log import EventLog
from xapid.datamodel.catalogue import catalogue
from xapid.ids import Ids


@pytest.fixture
def db() -> Database:
    """An empty database."""
    return Database(catalogue(), Ids(seed=1))


@pytest.fixture
def log(db: Database) -> EventLog:
    """Its history."""
    return EventLog(db)

"""Objects in memory: tables, indexes, derived reference sets, synchronous transactions, events, and the journal."""

from xapid.database.database import Database, Transaction
from xapid.database.row import Row
from xapid.database.table import Table

__all__ = ["Database", "Row", "Table", "Transaction"]

"""The whole database as XML, in the format that the reference server reads and writes."""

from xapid.database.dump.reading import Dump, DumpError, Found, Reader
from xapid.database.dump.writing import SCHEMA, write

__all__ = ["SCHEMA", "Dump", "DumpError", "Found", "Reader", "write"]

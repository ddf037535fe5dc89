"""Where committed changes are kept, so that an acknowledged one is never lost.

:mod:`.interface` is what the database asks of a journal; :mod:`.sqlite` keeps it in a file, whose layout and versions are in
:mod:`.layout` and whose notation of values is in :mod:`.notation`; :mod:`.seals` keeps secrets from who reads that file without
its key. :mod:`.copied` keeps nothing, and begins with a copy.
"""

from xapid.database.journal.copied import CopiedJournal
from xapid.database.journal.interface import Batch, Journal, JournalError, Loaded, NoJournal, Put
from xapid.database.journal.seals import Seal
from xapid.database.journal.sqlite import SQLiteJournal

__all__ = ["Batch", "CopiedJournal", "Journal", "JournalError", "Loaded", "NoJournal", "Put", "SQLiteJournal", "Seal"]

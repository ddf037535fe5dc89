"""What ``xe`` shows of objects: every record and its parameters, and how each is read and written.

:data:`xapid.cli.records.tables.RECORDS` declares them; :mod:`xapid.cli.records.declared` gives the declarations their meaning.
"""

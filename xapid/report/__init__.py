"""The resource report: what a pool has and how much of it is used, as tables for spreadsheets.

:mod:`~xapid.report.tables` says what stands in it, :mod:`~xapid.report.writing` writes it as CSV or XLSX. It serves whoever
offers it: ``/resource_report``, ``xe pool-resource-export`` and the web console.
"""

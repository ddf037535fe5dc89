"""Command lines: the thin CLI protocol of ``POST /cli``, and every command of ``xe``.

The client is thin: it sends its arguments and then prints, reads files and asks its user what the server tells it to. So all
of ``xe`` is here: what objects have for parameters (:mod:`xapid.cli.records`), what commands there are
(:mod:`xapid.cli.commands`), and what a client sees of both. Commands call messages through the dispatcher, as the session
that the user logged in with, and never look into the database themselves.
"""

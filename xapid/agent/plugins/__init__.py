"""Programs of the administrator that this host runs: host plugins, API extensions, functions of scripts, and hooks.

=====================  ===============================================================================================
``folders``            where the files are, and which of them are trusted
``programs``           so many at a time, each with a time limit; how they ended, in the words of the reference server
``hooks``              what runs by itself when something happens to a host or its pool
``host_plugins``       ``host.call_plugin`` and ``host.call_extension``: programs that read and write XML-RPC
``scripts``, inside    functions of Python files, which power-on modes are
``library/``           what all of them can import: the stock ``XenAPI``, and ``XenAPIPlugin``
=====================  ===============================================================================================
"""

"""What plugins and scripts can import: this folder stands in their ``PYTHONPATH``.

The modules need nothing but Python 3.6 and its standard library, because plugins bring an interpreter of their own choice;
and nothing of xapid imports them.
"""

"""What the XenAPI is, as data: classes, fields, messages, enums, errors and alerts.

Declarations only. Nothing here holds state, knows Twisted, or imports another room; every other room derives what it
needs (getters, types on the wire, permissions, event classes, database defaults) from these declarations.
"""

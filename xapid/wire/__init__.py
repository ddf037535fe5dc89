"""Bytes to typed values and back: XML-RPC and JSON-RPC, driven by the types of :mod:`xapid.datamodel`."""

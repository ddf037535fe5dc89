"""What calls mean: one module per class of the XenAPI, in lower case; one function per message, of the message's name.

That a function exists is all the registration there is (see :mod:`xapid.operations.binding`).
"""

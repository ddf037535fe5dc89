"""The path of a call from its decoded name and parameters to its encoded answer (see :mod:`xapid.dispatch.pipeline`)."""

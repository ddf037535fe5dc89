"""xapid: a management server for pools of hosts and virtual machines that speaks XenAPI."""

__version__ = "0.1.0"

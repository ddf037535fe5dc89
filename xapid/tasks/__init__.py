"""Tasks: what the server is busy with, how far it has come, and how it ended."""

from xapid.tasks.registry import Tasks
from xapid.tasks.running import RunningTask

__all__ = ["RunningTask", "Tasks"]

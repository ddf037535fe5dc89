"""What clients are told when an agent could not do something: AgentFailure turned into the API's errors."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Literal

import attrs

from xapid.agent.values import AgentFailure
from xapid.database import Database
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF

Request = Literal["shutdown", "suspend"]
"""What a guest was asked to do."""

_TIMEOUT: Final = {"shutdown": "VM_SHUTDOWN_TIMEOUT", "suspend": "VM_SUSPEND_TIMEOUT"}
_IGNORED: Final = {"shutdown": "VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT", "suspend": "VM_FAILED_SUSPEND_ACKNOWLEDGMENT"}


@attrs.define
class _Translated(AbstractContextManager[None]):
    db: Database
    vm: str
    request: Request

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, AgentFailure):
            raise _error(self.db, error, self.vm, self.request) from error


def translated(db: Database, vm: str = NULL_REF, request: Request = "shutdown") -> AbstractContextManager[None]:
    """Raise what an agent fails with inside the block as the error that clients know. ``vm``: the VM that it is about."""
    return _Translated(db, vm, request)


def _error(db: Database, failure: AgentFailure, vm: str, request: Request) -> XenAPIError:
    first, second = (*failure.details, "", "")[:2]
    match failure.reason:
        case "no_acknowledgment":
            return XenAPIError(_IGNORED[request], vm)
        case "timed_out":
            return XenAPIError(_TIMEOUT[request], vm, second)
        case "not_enough_memory":
            return XenAPIError("HOST_NOT_ENOUGH_FREE_MEMORY", first, second)
        case "boot_failed":
            return XenAPIError("BOOTLOADER_FAILED", vm, second)
        case "device_in_use":
            cls = next((name for name in ("VBD", "VIF") if db.table(name).find_uuid(first) is not None), "VDI")
            return XenAPIError("DEVICE_DETACH_REJECTED", cls, _ref(db, cls, first), second)
        case "no_space":
            return XenAPIError("SR_SUSPEND_SPACE_INSUFFICIENT", _ref(db, "SR", first))
        case "no_such_domain":
            return XenAPIError("VM_BAD_POWER_STATE", vm, "running", "halted")
        case "bad_power_state":
            return XenAPIError("VM_BAD_POWER_STATE", vm, "running", second.lower())
        case "unreachable":
            return XenAPIError("CANNOT_CONTACT_HOST", _ref(db, "host", first))
        case _:
            return XenAPIError("INTERNAL_ERROR", str(failure))


def _ref(db: Database, cls: str, uuid: str) -> str:
    row = db.table(cls).find_uuid(uuid)
    return NULL_REF if row is None else row.ref

"""Secure Boot of VMs: what their UEFI variables hold, and the mode they put the firmware in."""

from __future__ import annotations

import base64
import binascii
import struct
from typing import Final

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations import allowed
from xapid.operations.context import Context
from xapid.placement.memory import domain_type_of

VARIABLES: Final = "EFI-variables"
"""The key of ``NVRAM`` under which the firmware's variables are, in base64."""
KEYS: Final = ("PK", "KEK", "db", "dbx")
"""The variables that hold certificates: who may change the others, and what may and may not boot."""
_NEEDED: Final = {"PK", "KEK", "db"}
_MAGIC: Final = b"VARS"


def get_secureboot_readiness(context: Context, self: str) -> str:
    vm = context.db.get("VM", self)
    if not _has_uefi(vm):
        return "not_supported"
    if vm.platform.get("secureboot", "false").lower() not in ("true", "auto"):
        return "disabled"
    if not vm.NVRAM.get(VARIABLES):
        return "first_boot"
    present = _present(vm)
    if "PK" not in present:
        return "setup_mode"
    if not present >= _NEEDED:
        return "certs_incomplete"
    return "ready" if "dbx" in present else "ready_no_dbx"


def set_uefi_mode(context: Context, self: str, mode: str) -> str:
    """In setup mode there is no platform key; in user mode the pool's keys are there. Errors: OPERATION_NOT_ALLOWED."""
    db = context.db
    vm = db.get("VM", self)
    if not _has_uefi(vm):
        raise XenAPIError("OPERATION_NOT_ALLOWED", "The VM does not boot with UEFI firmware")
    allowed.check(db, vm, "changing_NVRAM")
    names = tuple(name for name in KEYS if name in _present(vm) and name != "PK") if mode == "setup" else KEYS
    with db.transaction() as tx:
        tx.update(vm, NVRAM=frozenmap({**vm.NVRAM, VARIABLES: _written(names)}))
    return f"{mode} mode: {' '.join(names)}".rstrip()


def update_secureboot_certificates_on_boot(context: Context, self: str, mark: bool) -> None:
    vm = context.db.get("VM", self)
    if mark and not _has_uefi(vm):
        raise XenAPIError("OPERATION_NOT_ALLOWED", "The VM does not boot with UEFI firmware")
    state = vm.secureboot_certificates_state
    unmarked = "update_available" if state == "update_on_boot" else state
    with context.db.transaction() as tx:
        tx.update(vm, secureboot_certificates_state="update_on_boot" if mark else unmarked)


def _has_uefi(vm: Row) -> bool:
    return domain_type_of(vm) == "hvm" and vm.HVM_boot_params.get("firmware") == "uefi"


def _present(vm: Row) -> set[str]:
    """Which of the keys are among a VM's variables. Their names stand there in UTF-16, after how long they are."""
    try:
        store = base64.b64decode(vm.NVRAM.get(VARIABLES, ""), validate=True)
    except binascii.Error:
        return set()
    encoded = ((name, name.encode("utf-16-le")) for name in KEYS)
    return {name for name, text in encoded if struct.pack("<Q", len(text)) + text in store}


def _written(names: tuple[str, ...]) -> str:
    """A store with variables of these names."""
    entries = b"".join(_entry(name.encode("utf-16-le")) for name in names)
    return base64.b64encode(_MAGIC + struct.pack("<IQQ", 2, len(names), len(entries)) + entries).decode()


def _entry(name: bytes) -> bytes:
    """Name, contents, owner, attributes, time and certificate: of the simulated keys only the first says anything."""
    return struct.pack("<Q", len(name)) + name + struct.pack("<Q", 0) + bytes(16) + struct.pack("<I", 0x27) + bytes(16 + 32)

"""The SMBIOS strings that guests see: ``VM.set_bios_strings`` and ``copy_bios_strings``."""

from __future__ import annotations

from typing import Final

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations.context import Context

GENERIC_BIOS_STRINGS: Final = frozenmap(
    {
        "bios-vendor": "Xen",
        "bios-version": "",
        "system-manufacturer": "Xen",
        "system-product-name": "HVM domU",
        "system-version": "",
        "system-serial-number": "",
        "baseboard-manufacturer": "",
        "baseboard-product-name": "",
        "baseboard-version": "",
        "baseboard-serial-number": "",
        "baseboard-asset-tag": "",
        "baseboard-location-in-chassis": "",
        "enclosure-asset-tag": "",
        "hp-rombios": "",
        "oem-1": "Xen",
        "oem-2": "MS_VM_CERT/SHA1/bdbeb6e0a816d43fa6d3fe8aaef04c2bad9d3e3d",
    }
)
"""What a guest sees when nobody said otherwise."""

_SETTABLE: Final = frozenset(name for name in GENERIC_BIOS_STRINGS if name not in ("hp-rombios", "oem-1", "oem-2"))
_LONGEST: Final = 512


def set_bios_strings(context: Context, self: str, value: frozenmap) -> None:
    vm = context.db.get("VM", self)
    if vm.bios_strings:
        raise XenAPIError("VM_BIOS_STRINGS_ALREADY_SET")
    for key, text in value.items():
        if key not in _SETTABLE:
            raise XenAPIError("INVALID_VALUE", key, "this is no BIOS string that can be set")
        if not text or len(text) > _LONGEST or not all(" " <= letter <= "~" for letter in text):
            raise XenAPIError("INVALID_VALUE", key, f"a BIOS string has 1 to {_LONGEST} printable ASCII characters")
    with context.db.transaction() as tx:
        tx.update(vm, bios_strings=frozenmap({**GENERIC_BIOS_STRINGS, **value}))


def copy_bios_strings(context: Context, vm: str, host: str) -> None:
    row = context.db.get("VM", vm)
    source = context.db.get("host", host)
    if row.bios_strings:
        raise XenAPIError("VM_BIOS_STRINGS_ALREADY_SET")
    with context.db.transaction() as tx:
        tx.update(row, bios_strings=source.bios_strings, affinity=host)

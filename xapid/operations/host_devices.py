"""What a host prepares for guests: virtual functions of graphics cards, certificates for their firmware (class ``host``)."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from xapid.database import Database, Row, Transaction
from xapid.datamodel.errors import XenAPIError
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.whole_files import write_whole

AMD: Final = "1002"
NVIDIA: Final = "10de"
FUNCTIONS: Final = 4
"""Virtual functions of a simulated card."""
_SHARED: Final = (
    "class_id", "class_name", "vendor_id", "vendor_name", "device_id", "device_name", "subsystem_vendor_id",
    "subsystem_vendor_name", "subsystem_device_id", "subsystem_device_name",
)  # fmt: skip
"""What a virtual function has of its card."""
UEFI: Final = "uefi-certificates.tar"
"""The file in the state directory."""


def mxgpu_vf_setup(context: Context, host: str) -> None:
    db = context.db
    with db.transaction() as tx:
        for pgpu in (db.get("PGPU", ref) for ref in db.get("host", host).PGPUs):
            card = db.table("PCI").find(pgpu.PCI)
            if card is not None and card.vendor_id == AMD:
                _split(tx, card)


def nvidia_vf_setup(context: Context, host: str, pf: str, enable: bool) -> None:
    """Errors: OPERATION_NOT_ALLOWED, for any other card, and while a VM has one of its functions."""
    db = context.db
    db.get("host", host)
    card = db.get("PCI", pf)
    if card.vendor_id != NVIDIA or card.host != host:
        raise XenAPIError("OPERATION_NOT_ALLOWED", "it is no card of NVIDIA in this host")
    with db.transaction() as tx:
        if enable:
            _split(tx, card)
        else:
            _join(tx, db, card)


def write_uefi_certificates_to_disk(context: Context, host: str) -> None:
    """Errors: INVALID_VALUE, if what the pool has is no text in base64. Where nothing is kept, nothing is written."""
    context.db.get("host", host)
    pool, state = the_pool(context.db), context.config.state_directory
    text = pool.custom_uefi_certificates or pool.uefi_certificates
    try:
        certificates = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise XenAPIError("INVALID_VALUE", "uefi_certificates", "") from None
    if state is None:
        return
    if certificates:
        write_whole(state / UEFI, certificates)
    else:
        (state / UEFI).unlink(missing_ok=True)


def _split(tx: Transaction, card: Row) -> None:
    """Make the card's virtual functions, if it has none."""
    if card.virtual_functions:
        return
    bus, _, function = card.pci_id.rpartition(".")
    first = int(function) + 1 if function.isdecimal() else 1
    for number in range(first, first + FUNCTIONS):
        tx.create(
            "PCI",
            host=card.host,
            physical_function=card.ref,
            pci_id=f"{bus}.{number}",
            **{name: getattr(card, name) for name in _SHARED},
        )


def _join(tx: Transaction, db: Database, card: Row) -> None:
    """Errors: OPERATION_NOT_ALLOWED."""
    functions = [db.get("PCI", ref) for ref in card.virtual_functions]
    if any(function.attached_VMs for function in functions):
        raise XenAPIError("OPERATION_NOT_ALLOWED", "a VM has one of the card's virtual functions")
    for function in functions:
        tx.destroy(function)

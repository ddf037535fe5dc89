"""Commands that are one message each: devices of VMs, and what they are connected to."""

from __future__ import annotations

from xapid.cli.rows import row

ROWS = (
    row("vif-plug", "VIF.plug", "uuid"),
    row("vif-destroy", "VIF.destroy", "uuid"),
    row("vif-move", "VIF.move", "uuid network-uuid"),
    row("vbd-plug", "VBD.plug", "uuid"),
    row("vbd-insert", "VBD.insert", "uuid vdi-uuid"),
    row("vbd-eject", "VBD.eject", "uuid"),
    row("vbd-pause", "VBD.pause", "uuid", flags="hidden"),
    row("vbd-unpause", "VBD.unpause", "uuid token", flags="hidden"),
    row("vgpu-destroy", "VGPU.destroy", "uuid"),
    row("gpu-group-create", "GPU_group.create", "name-label [name-description]"),
    row("gpu-group-destroy", "GPU_group.destroy", "uuid"),
    row("gpu-group-get-remaining-capacity", "GPU_group.get_remaining_capacity", "uuid vgpu-type-uuid", flags="told"),
    row("pgpu-enable-dom0-access", "PGPU.enable_dom0_access", "uuid", flags="told"),
    row("pgpu-disable-dom0-access", "PGPU.disable_dom0_access", "uuid", flags="told"),
    row("pci-enable-dom0-access", "PCI.enable_dom0_access", "uuid", flags="told"),
    row("pci-disable-dom0-access", "PCI.disable_dom0_access", "uuid", flags="told"),
    row("pci-get-dom0-access-status", "PCI.get_dom0_access_status", "uuid", flags="told"),
    row("pusb-scan", "PUSB.scan", "host-uuid"),
    row("vusb-create", "VUSB.create", "vm-uuid usb-group-uuid", first="usb-group-uuid"),
    row("vusb-unplug", "VUSB.unplug", "uuid"),
    row("vusb-destroy", "VUSB.destroy", "uuid"),
    row("vtpm-create", "VTPM.create", "vm-uuid [is-unique]"),
    row("vtpm-destroy", "VTPM.destroy", "uuid [(force)]", flags="forced"),
)

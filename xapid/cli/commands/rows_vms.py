"""Commands that are one message each: VMs."""

from __future__ import annotations

from xapid.cli.rows import row

ROWS = (
    row("vm-pause", "VM.pause", "@vm", flags="standard long"),
    row("vm-unpause", "VM.unpause", "@vm", flags="standard long"),
    row("vm-suspend", "VM.suspend", "@vm", flags="standard long"),
    row("vm-restart-device-models", "VM.restart_device_models", "@vm", flags="standard"),
    row("vm-memory-dynamic-range-set", "VM.set_memory_dynamic_range", "@vm min!size max!size", flags="templates control"),
    row("vm-memory-static-range-set", "VM.set_memory_static_range", "@vm min!size max!size", flags="templates control"),
    row(
        "vm-memory-limits-set",
        "VM.set_memory_limits",
        "@vm static-min!size static-max!size dynamic-min!size dynamic-max!size",
        flags="templates control",
    ),
    row("vm-memory-set", "VM.set_memory", "@vm memory!size", flags="templates control"),
    row("vm-memory-target-wait", "VM.wait_memory_target_live", "@vm", flags="hidden long control"),
    row("vm-memory-shadow-multiplier-set", "VM.set_shadow_multiplier_live", "@vm multiplier"),
    row("vm-compute-memory-overhead", "VM.compute_memory_overhead", "@vm", flags="control told"),
    row("vm-compute-maximum-memory", "VM.maximise_memory", "@vm total!size [approximate]", flags="standard"),
    row("vm-vcpu-hotplug", "VM.set_VCPUs_number_live", "@vm new-vcpus"),
    row("vm-data-source-record", "VM.record_data_source", "@vm data-source", flags="single control"),
    row("vm-data-source-query", "VM.query_data_source", "@vm data-source", flags="single control"),
    row("vm-data-source-forget", "VM.forget_data_source_archives", "@vm data-source", flags="single control"),
    row("vm-copy-bios-strings", "VM.copy_bios_strings", "@vm host-uuid"),
    row("vm-set-uefi-mode", "VM.set_uefi_mode", "uuid mode", flags="told"),
    row("vm-get-secureboot-readiness", "VM.get_secureboot_readiness", "uuid", flags="told"),
    row("vm-update-secureboot-certificates-on-boot", "VM.update_secureboot_certificates_on_boot", "@vm mark"),
    row("vm-sysprep", "VM.sysprep", "@vm filename!file [timeout]=180", flags="long"),
)

"""Commands that are one message each: VMs."""

from __future__ import annotations

from xapid.cli.rows import row

ROWS = (
    row("vm-pause", "VM.pause", "@vm", flags="standard long"),
    row("vm-unpause", "VM.unpause", "@vm", flags="standard long"),
    row("vm-suspend", "VM.suspend", "@vm", flags="standard long"),
    row("vm-restart-device-models", "VM.restart_device_models", "@vm", flags="standard"),
    row("vm-query-services", "VM.query_services", "@vm", flags="standard hidden"),
    row("vm-memory-dynamic-range-set", "VM.set_memory_dynamic_range", "@vm min!size max!size"),
    row("vm-memory-static-range-set", "VM.set_memory_static_range", "@vm min!size max!size"),
    row(
        "vm-memory-limits-set",
        "VM.set_memory_limits",
        "@vm static-min!size static-max!size dynamic-min!size dynamic-max!size",
    ),
    row("vm-memory-set", "VM.set_memory", "@vm memory!size"),
    row("vm-memory-target-set", "VM.set_memory_target_live", "@vm target!size"),
    row("vm-memory-balloon", "VM.set_memory_target_live", "@vm target!size", deprecated="use vm-memory-dynamic-range-set"),
    row("vm-memory-target-wait", "VM.wait_memory_target_live", "@vm", flags="hidden long"),
    row("vm-memory-shadow-multiplier-set", "VM.set_shadow_multiplier_live", "@vm multiplier"),
    row("vm-compute-memory-overhead", "VM.compute_memory_overhead", "@vm"),
    row("vm-compute-maximum-memory", "VM.maximise_memory", "@vm total!size [approximate]", flags="standard"),
    row("vm-retrieve-wlb-recommendations", "VM.retrieve_wlb_recommendations", "@vm"),
    row("vm-destroy", "VM.destroy", "uuid"),
    row("vm-vcpu-hotplug", "VM.set_VCPUs_number_live", "@vm new-vcpus"),
    row("vm-data-source-record", "VM.record_data_source", "@vm data-source"),
    row("vm-data-source-query", "VM.query_data_source", "@vm data-source"),
    row("vm-data-source-forget", "VM.forget_data_source_archives", "@vm data-source"),
    row("vm-copy-bios-strings", "VM.copy_bios_strings", "@vm host-uuid"),
    row("vm-call-plugin", "VM.call_plugin", "vm-uuid plugin fn [args:]", flags="long"),
    row("vm-call-host-plugin", "VM.call_host_plugin", "vm-uuid plugin fn [args:]", flags="long"),
    row("vm-set-uefi-mode", "VM.set_uefi_mode", "uuid mode"),
    row("vm-get-secureboot-readiness", "VM.get_secureboot_readiness", "uuid"),
    row("vm-update-secureboot-certificates-on-boot", "VM.update_secureboot_certificates_on_boot", "@vm mark"),
    row("vm-sysprep", "VM.sysprep", "@vm filename!file [timeout]", flags="long"),
)

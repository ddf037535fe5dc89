"""The alerts that the system itself raises as ``message`` objects, with their priorities: 1 most severe, 5 least."""

import attrs


@attrs.frozen
class Alert:
    """An alert: the name of the message object, its priority, and when it is raised."""

    name: str
    priority: int
    doc: str


ALERTS = {
    alert.name: alert
    for alert in (
        Alert("ALARM", 1, "A watched performance figure crossed its threshold."),
        Alert(
            "ALL_RUNNING_VMS_IN_ANTI_AFFINITY_GRP_ON_SINGLE_HOST",
            3,
            "All running VMs of an anti-affinity group are on one host.",
        ),
        Alert("BOND_STATUS_CHANGED", 3, "The number of working links in a bond changed."),
        Alert("CLUSTER_HOST_ENABLE_FAILED", 3, "A host could not enable clustering."),
        Alert("CLUSTER_HOST_FENCING", 2, "A host is restarting itself because it lost contact with the cluster."),
        Alert("CLUSTER_HOST_JOINING", 4, "A host became a live member of the cluster."),
        Alert("CLUSTER_HOST_LEAVING", 3, "A host is no longer a live member of the cluster."),
        Alert("CLUSTER_QUORUM_APPROACHING_LOST", 2, "Losing another member would cost the cluster its quorum."),
        Alert("EXTAUTH_INIT_IN_HOST_FAILED", 2, "External authentication could not be started on a host."),
        Alert(
            "EXTAUTH_IN_POOL_IS_NON_HOMOGENEOUS",
            2,
            "The hosts of the pool have differing external authentication settings.",
        ),
        Alert("FAILED_LOGIN_ATTEMPTS", 3, "Attempts to log in to the pool have failed lately."),
        Alert("GRACE_LICENSE", 3, "A host runs on a temporary license because the license server is away."),
        Alert("HA_HEARTBEAT_APPROACHING_TIMEOUT", 5, "Network heartbeats came in barely in time."),
        Alert("HA_HOST_FAILED", 3, "A host dropped out of the liveset without a proper shutdown."),
        Alert("HA_HOST_WAS_FENCED", 4, "A host restarted because high availability had fenced it."),
        Alert("HA_NETWORK_BONDING_ERROR", 3, "A bond that carries the heartbeat has a fault."),
        Alert("HA_POOL_DROP_IN_PLAN_EXISTS_FOR", 3, "The pool can now survive fewer host failures than before."),
        Alert("HA_POOL_OVERCOMMITTED", 3, "The pool can no longer survive the configured number of host failures."),
        Alert("HA_PROTECTED_VM_RESTART_FAILED", 2, "A protected VM could not be restarted automatically."),
        Alert("HA_STATEFILE_APPROACHING_TIMEOUT", 5, "Access to the heartbeat statefile succeeded barely in time."),
        Alert("HA_STATEFILE_LOST", 2, "A host lost access to the heartbeat statefile."),
        Alert(
            "HA_XAPI_HEALTHCHECK_APPROACHING_TIMEOUT",
            5,
            "The health check of the management agent finished barely in time.",
        ),
        Alert("HOST_CLOCK_SKEW_DETECTED", 3, "A member's clock differs from the coordinator's by more than 5 minutes."),
        Alert("HOST_CLOCK_WENT_BACKWARDS", 1, "The clock of a host jumped back."),
        Alert("HOST_CPU_FEATURES_DOWN", 3, "The CPU of a host lost features."),
        Alert("HOST_CPU_FEATURES_UP", 5, "The CPU of a host gained features."),
        Alert("HOST_INTERNAL_CERTIFICATE_EXPIRED", 1, "The certificate that a host uses inside the pool has run out."),
        Alert("HOST_SERVER_CERTIFICATE_EXPIRED", 1, "The certificate that a host shows to clients has run out."),
        Alert("HOST_SYNC_DATA_FAILED", 3, "Data could not be synchronized to a host."),
        Alert(
            "IP_CONFIGURED_PIF_CAN_UNPLUG",
            3,
            "High availability was enabled while a PIF with an IP address can be unplugged.",
        ),
        Alert("LICENSE_DOES_NOT_SUPPORT_POOLING", 2, "The license of a host does not cover membership in a pool."),
        Alert("LICENSE_EXPIRED", 2, "The license has run out."),
        Alert("LICENSE_EXPIRES_SOON", 2, "The license will run out shortly."),
        Alert("LICENSE_NOT_AVAILABLE", 2, "The license server had no license to give."),
        Alert("LICENSE_SERVER_CONNECTED", 4, "The license server is reachable again."),
        Alert("LICENSE_SERVER_UNAVAILABLE", 3, "The license server gives no service at the moment."),
        Alert("LICENSE_SERVER_UNREACHABLE", 2, "No connection to the license server could be made."),
        Alert("LICENSE_SERVER_VERSION_OBSOLETE", 2, "The license server is too old for this software."),
        Alert("METADATA_LUN_BROKEN", 3, "Database changes can no longer be written to the metadata volume."),
        Alert("METADATA_LUN_HEALTHY", 4, "Database changes are being written to the metadata volume again."),
        Alert("MULTIPATH_PERIODIC_ALERT", 3, "The number of working storage paths of a host changed."),
        Alert("PBD_PLUG_FAILED_ON_SERVER_START", 3, "Storage could not be attached when a host started."),
        Alert("PERIODIC_UPDATE_SYNC_FAILED", 3, "The scheduled check for updates failed."),
        Alert("POOL_CA_CERTIFICATE_EXPIRED", 1, "A CA certificate trusted by the pool has run out."),
        Alert("POOL_CPU_FEATURES_DOWN", 5, "The CPU features common to the pool became fewer."),
        Alert("POOL_CPU_FEATURES_UP", 5, "The CPU features common to the pool became more."),
        Alert("POOL_MASTER_TRANSITION", 4, "Another host became coordinator of the pool."),
        Alert("POOL_PINNED_CERTIFICATE_EXPIRED", 1, "A pinned certificate trusted by the pool has run out."),
        Alert("PVS_PROXY_NO_CACHE_SR_AVAILABLE", 3, "No cache storage was available for a PVS proxy."),
        Alert("PVS_PROXY_NO_SERVER_AVAILABLE", 3, "No PVS server was available for a PVS proxy."),
        Alert("PVS_PROXY_SETUP_FAILED", 3, "A PVS proxy could not be set up."),
        Alert("PVS_PROXY_SR_OUT_OF_SPACE", 3, "The cache storage of a PVS proxy is full."),
        Alert("SM_GC_NO_SPACE", 3, "The storage clean-up lacks the free space that it needs."),
        Alert("TLS_VERIFICATION_EMERGENCY_DISABLED", 3, "A host has certificate verification switched off in an emergency."),
        Alert("VBD_QOS_FAILED", 3, "The I/O limits of a disk could not be applied."),
        Alert("VCPU_QOS_FAILED", 3, "The CPU scheduling settings of a VM could not be applied."),
        Alert(
            "VDI_CBT_METADATA_INCONSISTENT",
            3,
            "The record of changed blocks of a disk is inconsistent, so tracking stopped.",
        ),
        Alert("VDI_CBT_RESIZE_FAILED", 3, "Changed block tracking stopped because the record did not follow a resize."),
        Alert("VDI_CBT_SNAPSHOT_FAILED", 3, "Changed block tracking stopped because a snapshot could not be recorded."),
        Alert("VIF_QOS_FAILED", 3, "The bandwidth limit of a VIF could not be applied."),
        Alert("VMPP_ARCHIVE_FAILED_0", 3, "A protection policy could not archive a snapshot."),
        Alert("VMPP_ARCHIVE_LOCK_FAILED", 3, "Archiving was skipped because its lock was taken."),
        Alert("VMPP_ARCHIVE_MISSED_EVENT", 3, "A scheduled archive run was missed."),
        Alert("VMPP_ARCHIVE_SUCCEEDED", 5, "A protection policy archived its snapshots."),
        Alert("VMPP_ARCHIVE_TARGET_MOUNT_FAILED", 3, "The archive target could not be mounted."),
        Alert("VMPP_ARCHIVE_TARGET_UNMOUNT_FAILED", 3, "The archive target could not be unmounted."),
        Alert("VMPP_LICENSE_ERROR", 3, "The license does not cover protection policies."),
        Alert("VMPP_SNAPSHOT_ARCHIVE_ALREADY_EXISTS", 3, "The snapshot had been archived before."),
        Alert("VMPP_SNAPSHOT_FAILED", 3, "A protection policy could not take a snapshot."),
        Alert("VMPP_SNAPSHOT_LOCK_FAILED", 3, "A policy snapshot was skipped because its lock was taken."),
        Alert("VMPP_SNAPSHOT_MISSED_EVENT", 3, "A scheduled policy snapshot was missed."),
        Alert("VMPP_SNAPSHOT_SUCCEEDED", 5, "A protection policy took its snapshots."),
        Alert("VMPP_XAPI_LOGON_FAILURE", 3, "A protection policy could not log in to the server."),
        Alert("VMSS_LICENSE_ERROR", 3, "The license does not cover snapshot schedules."),
        Alert("VMSS_SNAPSHOT_FAILED", 3, "A snapshot schedule could not take a snapshot."),
        Alert("VMSS_SNAPSHOT_LOCK_FAILED", 3, "A scheduled snapshot was skipped because its lock was taken."),
        Alert("VMSS_SNAPSHOT_MISSED_EVENT", 3, "A scheduled snapshot was missed."),
        Alert("VMSS_SNAPSHOT_SUCCEEDED", 5, "A snapshot schedule took its snapshots."),
        Alert("VMSS_XAPI_LOGON_FAILURE", 3, "A snapshot schedule could not log in to the server."),
        Alert("VM_CHECKPOINTED", 5, "A checkpoint of the VM was taken."),
        Alert("VM_CLONED", 5, "The VM was cloned."),
        Alert("VM_CRASHED", 2, "The VM crashed."),
        Alert("VM_MIGRATED", 5, "The VM moved to another host."),
        Alert("VM_PAUSED", 5, "The VM was paused."),
        Alert("VM_REBOOTED", 5, "The VM was rebooted."),
        Alert("VM_RESUMED", 5, "The VM was resumed."),
        Alert("VM_SECURE_BOOT_FAILED", 5, "The VM failed to boot with secure boot."),
        Alert("VM_SHUTDOWN", 5, "The VM was shut down."),
        Alert("VM_SNAPSHOTTED", 5, "A snapshot of the VM was taken."),
        Alert("VM_SNAPSHOT_REVERTED", 5, "The VM was taken back to a snapshot."),
        Alert("VM_STARTED", 5, "The VM was started."),
        Alert("VM_SUSPENDED", 5, "The VM was suspended."),
        Alert("VM_UNPAUSED", 5, "The VM was unpaused."),
        Alert("WLB_CONSULTATION_FAILED", 3, "The workload balancing server could not be asked for advice."),
        Alert("WLB_OPTIMIZATION_ALERT", 3, "The workload balancing server suggests moving VMs."),
        Alert(
            "XAPI_STARTUP_BLOCKED_AS_VERSION_HIGHER_THAN_COORDINATOR",
            2,
            "A member did not start because its software is newer than the coordinator's.",
        ),
        *(
            Alert(f"{owner}_CERTIFICATE_EXPIRING_{days}", priority, f"A certificate will run out within {int(days)} days.")
            for owner in ("HOST_SERVER", "HOST_INTERNAL", "POOL_CA", "POOL_PINNED")
            for days, priority in (("30", 3), ("14", 2), ("07", 1))
        ),
    )
}

"""Records of the pool and of what it administers."""

from __future__ import annotations

from xapid.cli.records.declared import Listing, Record

RECORDS = (
    Record(
        "pool",
        """
        RO uuid  RW name-label name-description  RO master  RW default-SR crash-dump-SR suspend-image-SR
        RO supported-sr-types=@*  MRW other-config  SRO allowed-operations current-operations
        RO ha-enabled ha-configuration ha-statefiles  RW ha-host-failures-to-tolerate  RO ha-plan-exists-for
        RW ha-allow-overcommit  RO ha-overcommitted  RW ha-reboot-vm-on-internal-shutdown
        RO blobs wlb-url wlb-username  RW wlb-enabled wlb-verify-cert igmp-snooping-enabled
        MRW gui-config health-check-config  RO vswitch-controller% restrictions  SRW tags~
        RO license-state=@ ha-cluster-stack  MRW guest-agent-config  MRO cpu_info
        RW policy-no-vendor-device live-patching-disabled uefi-certificates% custom-uefi-certificates%
        RO tls-verification-enabled client-certificate-auth-enabled client-certificate-auth-name  SRW repositories+
        RO repository-proxy-url repository-proxy-username  RW https-only=@ migration-compression coordinator-bias
        RO telemetry-frequency telemetry-next-collection last-update-sync update-sync-frequency update-sync-day
            update-sync-enabled  RW auto-update-vm-secureboot-certificates  MRO recommendations
        RW ext-auth-cache-enabled ext-auth-cache-size ext-auth-cache-expiry  MRW license-server  RO ssh-enabled=@
        RW ssh-enabled-timeout=@  RO ssh-expiry=@
        RW console-idle-timeout=@ ssh-auto-mode=@ limit-console-sessions vm-console-idle-timeout
        """,
        Listing("pool", "uuid name-label name-description master default-SR"),
    ),
    Record(
        "task",
        """
        RO uuid name-label name-description subtask_of subtasks resident-on status progress type result created finished
            error_info allowed_operations current_operations  MRW other-config
        """,
        Listing("task", "uuid name-label name-description status progress"),
    ),
    Record(
        "message",
        """
        RO uuid name priority class=cls obj-uuid timestamp body
        """,
        Listing("message", ""),
    ),
    Record(
        "subject",
        """
        RO uuid subject-identifier  MRO other-config  SRO roles=@
        """,
        Listing("subject", "uuid subject-identifier other-config roles"),
    ),
    Record(
        "role",
        """
        RO uuid name=name_label description=name_description
        """,
        Listing("role", "uuid name description subroles", expression="subroles<>[]"),
    ),
    Record(
        "Cluster",
        """
        RO uuid  SRO cluster-hosts
        RO cluster-token cluster-stack cluster-stack-version token-timeout token-timeout-coefficient
        SRO pending-forget% allowed-operations current-operations  RO pool-auto-join  MRO cluster-config
        MRW other-config  RO is-quorate quorum live-hosts expected-hosts
        """,
        Listing(
            "cluster",
            "uuid cluster-hosts cluster-token cluster-stack allowed-operations current-operations pool-auto-join"
            " cluster-config other-config",
        ),
    ),
    Record(
        "Cluster_host",
        """
        RO uuid cluster PIF host enabled joined live last-update-live  SRO allowed-operations current-operations
        MRO other-config
        """,
        Listing("cluster-host", "uuid cluster pif host enabled allowed-operations current-operations other-config"),
    ),
    Record(
        "Repository",
        """
        RO uuid  RW name-label name-description  RO binary-url source-url update hash  RW gpgkey-path
        RO origin certificate%
        """,
        Listing(
            "repository", "uuid name-label name-description binary-url source-url update hash up-to-date gpgkey-path origin"
        ),
    ),
    Record(
        "Observer",
        """
        RO uuid  SRW host-uuids=hosts+  RO name-label name-description  MRW attributes  SRW endpoints+ components+
        RW enabled
        """,
        Listing("observer", "uuid name-label name-description host-uuids endpoints enabled"),
    ),
    Record(
        "Caller",
        """
        RO uuid  RW name-label name-description  RO user-agent client-ip last-access  SRW groups  RO rate-limit
        """,
        Listing("caller", "uuid name-label name-description user-agent client-ip last-access groups rate-limit"),
    ),
    Record(
        "Rate_limit",
        """
        RO uuid  RW name-label name-description  SRO callers  RW burst-size fill-rate
        """,
        Listing("rate-limit", "uuid name-label callers burst-size fill-rate"),
    ),
)

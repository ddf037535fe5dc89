"""Records of storage."""

from __future__ import annotations

from xapid.cli.records.declared import Listing, Record

RECORDS = (
    Record(
        "SR",
        """
        RO uuid  RW name-label name-description  RO host=@  SRO allowed-operations current-operations VDIs PBDs
        RO virtual-allocation physical-utilisation physical-size type content-type  RW shared
        RO introduced-by is-tools-sr  MRW other-config  MRO sm-config  RO blobs local-cache-enabled  SRW tags~
        RO clustered
        """,
        Listing("sr", "uuid name-label name-description host type content-type", standard=True),
    ),
    Record(
        "PBD",
        """
        RO uuid host^ host-uuid=host host-name-label=host.name_label sr-uuid=SR sr-name-label=SR.name_label
        MRO device-config  RO currently-attached  MRW other-config
        """,
        Listing("pbd", "uuid host-uuid sr-uuid device-config currently-attached"),
    ),
    Record(
        "VDI",
        """
        RO uuid  RW name-label name-description  RO is-a-snapshot snapshot-of snapshots snapshot-time
        SRO allowed-operations current-operations  RO sr-uuid=SR sr-name-label=SR.name_label
        SRO vbd-uuids=VBDs crashdump-uuids=crash_dumps
        RO virtual-size physical-utilisation location type sharable read-only storage-lock managed parent^ missing
            is-tools-iso  MRW other-config  MRO xenstore-data sm-config  RW on-boot allow-caching
        RO metadata-latest metadata-of-pool  SRW tags~  RO cbt-enabled
        """,
        Listing("vdi", "uuid name-label name-description virtual-size read-only sharable sr-uuid"),
    ),
    Record(
        "SM",
        """
        RO uuid name-label name-description type vendor copyright required-api-version capabilities^  MRO features
        RO configuration driver-filename required-cluster-stack~ supported-image-formats
        """,
        Listing("sm", "uuid type name-label name-description vendor copyright configuration"),
    ),
    Record(
        "DR_task",
        """
        RO uuid introduced-SRs
        """,
        Listing("drtask", ""),
    ),
    Record(
        "blob",
        """
        RO uuid name-label name-description size public last-updated mime-type
        """,
        Listing("blob", "uuid mime-type"),
    ),
    Record(
        "secret",
        """
        RO uuid  RW value
        """,
        Listing("secret", ""),
    ),
)

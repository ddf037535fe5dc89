"""Disaster recovery."""

from xapid.datamodel.schema import Class, Derived, Message, Param, runtime
from xapid.datamodel.types import Map, Ref, Set, String, Void

DR_task = Class(
    "DR_task",
    "A disaster recovery attempt, holding the SRs brought in for it.",
    "boston",
    fields=(
        runtime("uuid", String, "Globally unique identifier of the recovery task.", "rio"),
        runtime(
            "introduced_SRs", Set(Ref("SR")), "SRs that were attached for this recovery.", "rio",
            derived_from=Derived("SR", "introduced_by"),
        ),
    ),
    messages=(
        Message(
            "create", (Param("type", String), Param("device_config", Map(String, String)), Param("whitelist", Set(String))),
            Ref("DR_task"), "Finds SRs on the given storage and attaches those listed, ready for recovery.", "boston",
        ),
        Message(
            "destroy", (Param("self", Ref("DR_task")),), Void,
            "Ends the recovery and forgets the SRs that were brought in for it and are not in use.", "boston",
        ),
    ),
)

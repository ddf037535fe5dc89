"""What belongs to a host: metrics, processors, experimental features."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.schema import Class, constructed, runtime, writable
from xapid.datamodel.types import Bool, DateTime, Float, Int, Map, Ref, String

host_metrics = Class(
    "host_metrics",
    "Measured state of one host.",
    "rio",
    fields=(
        runtime("uuid", String, "Globally unique identifier of the metrics record.", "rio"),
        runtime("memory_total", Int, "Memory installed in the host, in bytes.", "rio"),
        runtime(
            "memory_free", Int, "Memory not in use on the host, in bytes, no longer kept up to date.",
            Lifecycle(published="rio", deprecated="midnight-ride", removed="tampa"), default=0,
        ),
        runtime("live", Bool, "True while the pool believes the host to be up.", "rio"),
        runtime("last_updated", DateTime, "Time at which these figures were last refreshed.", "rio"),
        writable(
            "other_config", Map(String, String),
            "Free-form key/value pairs that clients and tools keep with the metrics record.", "orlando", default={},
        ),
    ),
)


host_cpu = Class(
    "host_cpu",
    "A physical CPU of a host; superseded by the host's own CPU information.",
    Lifecycle(published="rio", deprecated="midnight-ride"),
    fields=(
        runtime("uuid", String, "Universally unique identifier that stays the same for the object's whole life.", "rio"),
        runtime("host", Ref("host"), "Host that the CPU is in.", "rio"),
        runtime("number", Int, "Index of the CPU within its host, counted from 0.", "rio"),
        runtime("vendor", String, "Identification string of the CPU's maker.", "rio"),
        runtime("speed", Int, "Clock rate in MHz.", "rio"),
        runtime("modelname", String, "Full model name as the CPU reports it.", "rio"),
        runtime("family", Int, "Family number as the CPU reports it.", "rio"),
        runtime("model", Int, "Model number as the CPU reports it.", "rio"),
        runtime("stepping", String, "Revision of the CPU model.", "rio"),
        runtime("flags", String, "Space-separated names of the CPU's capabilities.", "rio"),
        runtime("features", String, "Bit mask of the CPU's capabilities, written in hex.", "rio"),
        runtime("utilisation", Float, "Load of the CPU at the last measurement, from 0 to 1.", "rio", persist=False),
        writable(
            "other_config", Map(String, String),
            "Free key/value pairs for clients and for options without a field of their own.", "orlando", default={},
        ),
    ),
)


Feature = Class(
    "Feature",
    "An optional capability of a host that can be on or off.",
    "falcon",
    fields=(
        runtime("uuid", String, "Unique identifier of this feature, stable across references and restarts.", "falcon"),
        constructed("name_label", String, "Human-readable name of the feature.", "rio", default=""),
        constructed("name_description", String, "Longer human-readable remarks about the feature.", "rio", default=""),
        runtime("enabled", Bool, "True when the feature is on.", "falcon", default=False),
        constructed(
            "experimental", Bool, "True when the feature is not considered ready for production.", "falcon", default=False,
        ),
        constructed("version", String, "Version of the feature.", "falcon", default="1.0"),
        runtime("host", Ref("host"), "Host that offers the feature.", "falcon"),
    ),
)

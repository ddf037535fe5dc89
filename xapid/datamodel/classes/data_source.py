"""What can be measured."""

from xapid.datamodel.schema import Class, runtime
from xapid.datamodel.types import Bool, Float, String

data_source = Class(
    "data_source",
    "A performance metric of a host, VM or storage repository.",
    "orlando",
    events=False,
    persist=False,
    in_database=False,
    fields=(
        runtime("name_label", String, "Identifying name of the metric.", "rio", default=""),
        runtime("name_description", String, "Human-readable explanation of the metric.", "rio", default=""),
        runtime("enabled", Bool, "True when the metric is being archived.", "rio"),
        runtime("standard", Bool, "True when the metric is archived unless it is turned off.", "rio"),
        runtime("units", String, "Unit in which values are expressed.", "rio"),
        runtime("min", Float, "Lowest value the metric can take.", "rio"),
        runtime("max", Float, "Highest value the metric can take.", "rio"),
        runtime("value", Float, "Present value of the metric.", "rio"),
    ),
)

"""Binary data kept beside other objects."""

from xapid.datamodel.schema import Class, Message, Param, constructed, runtime, writable
from xapid.datamodel.types import Bool, DateTime, Int, Ref, String, Void

blob = Class(
    "blob",
    "A binary object stored by the server and read or written over HTTP.",
    "orlando",
    fields=(
        runtime("uuid", String, "Unique identifier of the binary object.", "rio"),
        writable("name_label", String, "Name of the binary object as shown to people.", "rio", default=""),
        writable("name_description", String, "Free text saying what the data is.", "rio", default=""),
        runtime("size", Int, "Length of the data, in bytes.", "rio"),
        writable("public", Bool, "True if anyone may read the data without a session.", "tampa", default=False),
        constructed("last_updated", DateTime, "Moment at which the data was last written, in UTC.", "rio"),
        constructed("mime_type", String, "MIME type of the data.", "rio"),
    ),
    messages=(
        Message(
            "create", (Param("mime_type", String), Param("public", Bool, False)), Ref("blob"),
            "Makes an empty binary object of the given MIME type.", "orlando", asynchronous=False,
        ),
        Message(
            "destroy", (Param("self", Ref("blob")),), Void, "Deletes the binary object along with its data.", "orlando",
            asynchronous=False,
        ),
    ),
)

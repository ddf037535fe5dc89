"""Certificates that hosts present or trust."""

from xapid.datamodel.classes.pool_enums import certificate_purpose
from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.schema import Class, constructed, runtime
from xapid.datamodel.types import EPOCH, NULL_REF, DateTime, Enum, Ref, Set, String

certificate_type = Enum(
    "certificate_type",
    "Roles a certificate can have.",
    {
        "ca": "authority trusted by the pool",
        "host": "shown by a host to clients",
        "host_internal": "shown by a host to other pool hosts",
        "pinned": "a single peer trusted as it is",
    },
)


Certificate = Class(
    "Certificate",
    "A TLS certificate that the pool presents or trusts.",
    "stockholm",
    enums=(certificate_type, certificate_purpose),
    fields=(
        runtime("uuid", String, "Unique identifier of this certificate, stable across references and restarts.", "stockholm"),
        runtime(
            "name", String, "File name of a certificate installed under a name; empty for other kinds.", "1.294.0", default="",
        ),
        runtime("type", certificate_type, "What the certificate is used for.", "1.294.0", default="host"),
        constructed(
            "host", Ref("host"), "Host that presents the certificate, or null for one trusted by the whole pool.", "stockholm",
            default=NULL_REF,
        ),
        constructed("not_before", DateTime, "Moment from which the certificate is valid.", "stockholm", default=EPOCH),
        constructed("not_after", DateTime, "Moment at which the certificate expires.", "stockholm", default=EPOCH),
        constructed(
            "fingerprint", String, "Older name of the SHA-256 fingerprint.",
            Lifecycle(published="stockholm", deprecated="24.19.0"), default="",
        ),
        constructed(
            "fingerprint_sha256", String, "SHA-256 fingerprint as colon-separated hexadecimal bytes.",
            Lifecycle(prototyped="24.20.0"), default="",
        ),
        constructed(
            "fingerprint_sha1", String, "SHA-1 fingerprint as colon-separated hexadecimal bytes.",
            Lifecycle(prototyped="24.20.0"), default="",
        ),
        constructed(
            "purpose", Set(certificate_purpose),
            "Connections for which a trusted certificate is accepted; empty means no restriction.",
            Lifecycle(prototyped="26.13.0"), default=(),
        ),
    ),
)

"""Repositories that updates come from."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR
from xapid.datamodel.schema import Class, Message, Param, constructed, runtime, to_host, writable
from xapid.datamodel.types import Bool, Enum, Ref, String, Void

origin = Enum(
    "origin",
    "Kinds of repository by where their contents come from.",
    {
        "remote": "packages served at a URL",
        "bundle": "packages from an uploaded bundle file",
        "remote_pool": "packages served by another pool",
    },
)


Repository = Class(
    "Repository",
    "A source from which the pool gets software updates.",
    "1.301.0",
    roles=POOL_OPERATOR | CLIENT_CERT,
    enums=(origin,),
    fields=(
        runtime("uuid", String, "Globally unique identifier of the repository.", "1.301.0"),
        writable("name_label", String, "Display name of the repository.", "rio", default=""),
        writable("name_description", String, "Free text describing the repository.", "rio", default=""),
        constructed("binary_url", String, "Base URL of the binary packages.", "1.301.0", default=""),
        constructed("source_url", String, "Base URL of the source packages.", "1.301.0", default=""),
        constructed(
            "update", Bool, "True when the repository carries update metadata of the product.", "1.301.0", default=False,
        ),
        runtime("hash", String, "Checksum of the metadata fetched at the latest sync.", "1.301.0", default=""),
        runtime(
            "up_to_date", Bool, "Former flag for all hosts having the repository's newest packages.",
            Lifecycle(published="1.301.0", deprecated="23.18.0", removed="23.18.0"), default=False,
        ),
        constructed(
            "gpgkey_path", String, "File name of the GPG public key that verifies the packages.",
            Lifecycle(prototyped="22.12.0"), default="",
        ),
        constructed(
            "origin", origin, "Where the contents of the repository come from.", Lifecycle(prototyped="24.23.0"),
            default="remote",
        ),
        constructed(
            "certificate", String, "TLS certificate expected from the remote pool that serves the packages.",
            Lifecycle(prototyped="25.7.0"), default="",
        ),
    ),
    messages=(
        Message(
            "introduce",
            (
                Param("name_label", String), Param("name_description", String), Param("binary_url", String),
                Param("source_url", String), Param("update", Bool), Param("gpgkey_path", String, ""),
            ),
            Ref("Repository"), "Registers a remote repository by its URLs.", "1.301.0",
        ),
        Message(
            "introduce_bundle", (Param("name_label", String), Param("name_description", String)), Ref("Repository"),
            "Registers a repository that is filled from uploaded bundle files.", Lifecycle(prototyped="24.23.0"),
        ),
        Message(
            "introduce_remote_pool",
            (
                Param("name_label", String), Param("name_description", String), Param("binary_url", String),
                Param("certificate", String),
            ),
            Ref("Repository"), "Registers the coordinator of another pool as a repository.", Lifecycle(prototyped="25.7.0"),
        ),
        Message(
            "forget", (Param("self", Ref("Repository")),), Void,
            "Deletes the record of the repository, which must not be in use.", "1.301.0",
        ),
        Message(
            "apply", (Param("host", Ref("host")),), Void, "Installs the updates of the repository on a host.", hidden=True,
            pool_internal=True, forward=to_host("host"),
        ),
        Message(
            "set_gpgkey_path", (Param("self", Ref("Repository")), Param("value", String)), Void,
            "Sets the file name of the GPG key that verifies the packages.", Lifecycle(prototyped="22.12.0"),
        ),
        Message(
            "apply_livepatch",
            (
                Param("host", Ref("host")), Param("component", String), Param("base_build_id", String),
                Param("base_version", String), Param("base_release", String), Param("to_version", String),
                Param("to_release", String),
            ),
            Void, "Applies a live patch to a running component of a host.", hidden=True, pool_internal=True,
            forward=to_host("host"),
        ),
    ),
)

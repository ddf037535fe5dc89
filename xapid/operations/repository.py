"""Where updates come from (class ``Repository``)."""

from __future__ import annotations

import re
from typing import NoReturn

from xapid.datamodel.errors import XenAPIError
from xapid.operations.addressing import is_http_url
from xapid.operations.context import Context
from xapid.operations.updating import apply as install
from xapid.operations.updating import offer_of

_KEY_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*|")


def introduce(
    context: Context, name_label: str, name_description: str, binary_url: str, source_url: str, update: bool, gpgkey_path: str
) -> str:
    for url in (binary_url, source_url) if source_url else (binary_url,):
        _check_url(url)
    _check_key_path(gpgkey_path)
    _check_new(context, name_label, binary_url)
    with context.db.transaction() as tx:
        return tx.create(
            "Repository",
            name_label=name_label,
            name_description=name_description,
            binary_url=binary_url,
            source_url=source_url,
            update=update,
            gpgkey_path=gpgkey_path,
        )


def introduce_bundle(context: Context, name_label: str, name_description: str) -> str:
    _check_new(context, name_label, "")
    for row in context.db.table("Repository"):
        if row.origin == "bundle":
            raise XenAPIError("BUNDLE_REPOSITORY_ALREADY_EXISTS", row.ref)
    with context.db.transaction() as tx:
        return tx.create("Repository", name_label=name_label, name_description=name_description, update=True, origin="bundle")


def introduce_remote_pool(context: Context, name_label: str, name_description: str, binary_url: str, certificate: str) -> str:
    _check_url(binary_url)
    _check_new(context, name_label, binary_url)
    with context.db.transaction() as tx:
        return tx.create(
            "Repository",
            name_label=name_label,
            name_description=name_description,
            binary_url=binary_url,
            certificate=certificate,
            update=True,
            origin="remote_pool",
        )


def forget(context: Context, self: str) -> None:
    row = context.db.get("Repository", self)
    if any(self in pool.repositories for pool in context.db.table("pool")):
        raise XenAPIError("REPOSITORY_IS_IN_USE")
    with context.db.transaction() as tx:
        tx.destroy(row)
    context.services.offers.forget(row.uuid)


def set_gpgkey_path(context: Context, self: str, value: str) -> None:
    row = context.db.get("Repository", self)
    _check_key_path(value)
    with context.db.transaction() as tx:
        tx.update(row, gpgkey_path=value)


def apply(context: Context, host: str) -> None:
    row = context.db.get("host", host)
    install(context, row, offer_of(context.db, context.services).checksum)


def apply_livepatch(
    context: Context,
    host: str,
    component: str,
    base_build_id: str,
    base_version: str,
    base_release: str,
    to_version: str,
    to_release: str,
) -> NoReturn:
    """Agents patch nothing."""
    context.db.get("host", host)
    raise XenAPIError("APPLY_LIVEPATCH_FAILED", f"{component} {to_version}-{to_release}")


def _check_url(url: str) -> None:
    if not is_http_url(url):
        raise XenAPIError("INVALID_BASE_URL", url)


def _check_key_path(path: str) -> None:
    if not _KEY_PATH.fullmatch(path):
        raise XenAPIError("INVALID_GPGKEY_PATH", path)


def _check_new(context: Context, name: str, url: str) -> None:
    for row in context.db.table("Repository"):
        if row.name_label == name or (url and row.binary_url == url):
            raise XenAPIError("REPOSITORY_ALREADY_EXISTS", row.ref)

"""Class ``session``: logging in and out, and root's password."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from twisted.internet.task import deferLater

from xapid.database.dump import DumpError, Reader
from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context

AGENTS: Final = 128
"""Programs of clients that are remembered."""
PIECE: Final = 1 << 20


async def login_with_password(context: Context, uname: str, pwd: str, version: str, originator: str) -> str:
    """A peer that is root already (the Unix socket), or has shown a client's certificate, needs no password.

    ``version`` means nothing.
    """
    _track(context)
    logins = context.services.logins
    if context.session.is_local_superuser:
        return logins.as_root(context.host, originator).ref
    identity = logins.by_certificate(context.origin.certificates())
    if identity is not None:
        return logins.with_certificate(identity, context.host, originator).ref
    return (await logins.with_password(uname, pwd, context.host, originator, context.origin.peer)).ref


def _track(context: Context) -> None:
    """Remember which program logs in: the first word of what it calls itself, and the version after it."""
    known = context.services.user_agents
    name, _, version = context.origin.headers.get("user-agent", "").partition(" ")[0].partition("/")
    if name.isprintable() and name and (name in known or len(known) < AGENTS):
        known[name[:80]] = version[:40] if version.isprintable() else ""


async def slave_login(context: Context, host: str, psecret: str) -> str:
    return (await context.services.logins.with_pool_secret(psecret, host)).ref


async def slave_local_login(context: Context, psecret: str) -> str:
    return (await context.services.logins.local_with_pool_secret(psecret, context.host)).ref


async def slave_local_login_with_password(context: Context, uname: str, pwd: str) -> str:
    """A peer that is root already needs no password here either."""
    if context.session.is_local_superuser:
        return context.services.logins.local_as_root(context.host).ref
    return (await context.services.logins.local_with_password(uname, pwd, context.host, context.origin.peer)).ref


async def create_from_db_file(context: Context, filename: str) -> str:
    """Errors: COULD_NOT_IMPORT_DATABASE."""
    reader = Reader(context.db.api)
    try:
        for piece in _pieces(Path(filename)):
            reader.feed(piece)
            await deferLater(context.clock, 0)
        return str(context.services.archives.open(reader.done()))
    except (OSError, ValueError) as problem:
        raise XenAPIError("COULD_NOT_IMPORT_DATABASE", f"the file cannot be read: {type(problem).__name__}") from problem
    except DumpError as problem:
        raise XenAPIError("COULD_NOT_IMPORT_DATABASE", str(problem)) from problem


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while piece := source.read(PIECE):
            yield piece


def logout(context: Context) -> None:
    context.services.sessions.destroy(context.session.ref)


def local_logout(context: Context) -> None:
    context.services.sessions.destroy(context.session.ref)


async def change_password(context: Context, old_pwd: str, new_pwd: str) -> None:
    """Errors: USER_IS_NOT_LOCAL_SUPERUSER, CHANGE_PASSWORD_REJECTED. The old password is not asked for: root is root."""
    if not context.session.is_local_superuser:
        raise XenAPIError("USER_IS_NOT_LOCAL_SUPERUSER", "Only the local superuser can change the local password")
    await context.services.passwords.change(new_pwd)


def get_all_subject_identifiers(context: Context) -> tuple[str, ...]:
    sids = (session.auth_user_sid for session in context.services.sessions)
    return tuple(dict.fromkeys(sid for sid in sids if sid))


def logout_subject_identifier(context: Context, subject_identifier: str) -> None:
    if subject_identifier:
        caller = context.session
        context.services.sessions.destroy_where(
            lambda session: session.auth_user_sid == subject_identifier and session is not caller
        )

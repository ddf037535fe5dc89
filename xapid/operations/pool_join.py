"""``pool.join``, and what the two sides say to each other on the way through the API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from xapid.datamodel.types import frozenmap
from xapid.operations import hooks
from xapid.operations.context import Context
from xapid.operations.licences import assert_licensed
from xapid.operations.pool_join_checks import CLASSES, Facts, check
from xapid.operations.pool_trust import trusted_file


async def join(context: Context, master_address: str, master_username: str, master_password: str) -> None:
    """Make this host a member of another pool. Errors: those of logging in there; see :mod:`~.pool_join_checks`."""
    await _join(context, master_address, master_username, master_password, False)


async def join_force(context: Context, master_address: str, master_username: str, master_password: str) -> None:
    """The same, passing over differences of software builds and processor vendors."""
    await _join(context, master_address, master_username, master_password, True)


async def _join(context: Context, address: str, user: str, password: str, force: bool) -> None:
    services, db = context.services, context.db
    assert_licensed(db, "Pooling")
    host, own = services.role.coordinator, context.agent()
    with services.pool.only_join(context.task.ref):
        visit = await services.pool.visit(address, user, password)
        try:
            far = {cls: await visit.call(f"{cls}.get_all_records") for cls in CLASSES}
            master = next(iter(far["pool"].values()))["master"]
            skew = abs(_moment(await visit.call("host.get_servertime", master)) - context.clock.seconds())
            ports = (services.pool.port, visit.port)
            check(Facts(db=db, config=context.config, far=far, skew=skew, ports=ports, force=force))
            await _bring_trust(context, visit, next(iter(far["pool"])))
            await services.pool.join(visit)
        finally:
            await visit.end()
    await hooks.run_hook(context, hooks.POOL_JOIN, own, host, leads=False)


async def _bring_trust(context: Context, visit: Any, pool: str) -> None:
    """The pool trusts what this host trusts, for the same purposes, and heeds its revocation lists.

    What the pool trusts the host gets when it has joined.
    """
    held = await context.agent().certificates.list_certificates()
    rows = [row for row in context.db.table("Certificate") if row.type in ("ca", "pinned")]
    authorities = {row.name for row in rows if row.type == "ca" and row.name}
    named = {state["name"]: state["pem"] for state in held if state["type"] == "ca" and state["name"] in authorities}
    if named:
        await visit.call("pool.exchange_ca_certificates_on_join", named, [])
    for kind in ("ca", "pinned"):
        own = [row for row in rows if row.type == kind and not row.name]
        purposes = {trusted_file(row.fingerprint_sha256): list(row.purpose) for row in own}
        states = [state for state in held if state["type"] == kind and state["name"] in purposes]
        if states:
            known = {state["pem"]: purposes[state["name"]] for state in states}
            await visit.call("pool.exchange_trusted_certificates_on_join", pool, kind == "ca", known, [])
    lists = {state["name"]: state["pem"] for state in held if state["type"] == "crl"}
    if lists:
        await visit.call("pool.exchange_crls_on_join", pool, lists, [])


def _moment(text: Any) -> float:
    """Seconds since 1970, of a time as JSON-RPC writes it."""
    return datetime.strptime(str(text), "%Y%m%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()


def exchange_certificates_on_join(context: Context, uuid: str, certificate: str) -> frozenmap:
    """Trust a host that is about to join by its certificate; returns the certificates of the pool by uuid of host."""
    return frozenmap(context.services.pool.exchange_certificates(uuid, certificate))


def initial_auth(context: Context) -> str:
    """The pool's secret, for a host that joins."""
    return str(context.services.pool.secret)

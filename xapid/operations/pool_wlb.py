"""Workload balancing of the pool: the server that it uses, and how that is set up (class ``pool``)."""

from __future__ import annotations

from contextlib import suppress

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations import balancing
from xapid.operations.balancer import Account, account, ask
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.operations.licences import assert_licensed
from xapid.operations.posts import PostFailed

TEST_TIMEOUT = 30.0


async def initialize_wlb(
    context: Context, wlb_url: str, wlb_username: str, wlb_password: str, xenserver_username: str, xenserver_password: str
) -> None:
    """The server is told of the pool, and with whose rights to look at it. Nothing is kept if it does not want it.

    Errors: LICENCE_RESTRICTION; those of :func:`~xapid.operations.balancer.ask`.
    """
    db = context.db
    assert_licensed(db, "WLB")
    pool = the_pool(db)
    address = db.get("host", pool.master).address
    parameters = {
        "Password": xenserver_password, "PoolUuid": pool.uuid, "UserName": xenserver_username,
        "XenServerUrl": f"http://[{address}]:80/" if ":" in address else f"http://{address}:80/",
    }  # fmt: skip
    result = await ask(context, "AddXenServer", parameters, by=Account(wlb_url, wlb_username, wlb_password))
    result.text("Id")
    with db.transaction() as tx:
        pool = the_pool(db)
        _forget_password(context, pool)
        secret = tx.create("secret", value=wlb_password, other_config=frozenmap())
        tx.update(pool, wlb_url=wlb_url, wlb_username=wlb_username, wlb_password=secret)


async def deconfigure_wlb(context: Context) -> None:
    """The pool forgets the server, also if that cannot be told of it. Errors: WLB_NOT_INITIALIZED."""
    account(context)
    with suppress(XenAPIError):
        await ask(context, "RemoveXenServer", {"PoolUuid": the_pool(context.db).uuid})
    with context.db.transaction() as tx:
        pool = the_pool(context.db)
        _forget_password(context, pool)
        tx.update(pool, wlb_url="", wlb_username="", wlb_password=NULL_REF, wlb_enabled=False)


async def send_wlb_configuration(context: Context, config: frozenmap) -> None:
    assert_licensed(context.db, "WLB")
    account(context)
    parameters = {"OptimizationParms": dict(config), "PoolUuid": the_pool(context.db).uuid}
    result = await ask(context, "SetXenPoolConfiguration", parameters)
    if not result.is_empty:
        raise result.malformed("nothing was expected")


async def retrieve_wlb_configuration(context: Context) -> frozenmap:
    assert_licensed(context.db, "WLB")
    account(context)
    result = await ask(context, "GetXenPoolConfiguration", {"PoolUuid": the_pool(context.db).uuid})
    pairs = result.parts("OptimizationParms")
    if any(pair.keys() < {"Key", "Value"} for pair in pairs):
        raise result.malformed("a setting has no Key or no Value")
    return frozenmap({pair["Key"]: pair["Value"] for pair in pairs})


async def retrieve_wlb_recommendations(context: Context) -> dict[str, tuple[str, ...]]:
    return await balancing.for_pool(context)


async def send_test_post(context: Context, host: str, port: int, body: str) -> str:
    """Post ``body`` to ``https://host:port/``; returns the body of the answer.

    Errors: INVALID_VALUE for a port that is none; SSL_VERIFY_ERROR, if the pool verifies certificates; INTERNAL_ERROR.
    """
    if not 0 < port < 1 << 16:
        raise XenAPIError("INVALID_VALUE", "port", str(port))
    pool = the_pool(context.db)
    trusted = None
    if pool.tls_verification_enabled:
        known = await context.agent(pool.master).certificates.list_certificates()
        trusted = [certificate["pem"] for certificate in known if certificate["type"] == "ca"]
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    try:
        posted = await context.services.elsewhere.post(host, port, "/", headers, body.encode(), TEST_TIMEOUT, trusted)
    except PostFailed as failure:
        if failure.reason == "unverified":
            raise XenAPIError("SSL_VERIFY_ERROR", failure.text) from failure
        raise XenAPIError("INTERNAL_ERROR", f"the request was not answered: {failure.reason}") from failure
    if posted.status >= 400:
        raise XenAPIError("INTERNAL_ERROR", f"the request was answered with HTTP status {posted.status}")
    return str(posted.body.decode("utf-8", "replace"))


def _forget_password(context: Context, pool: Row) -> None:
    if pool.wlb_password in context.db.table("secret"):
        with context.db.transaction() as tx:
            tx.destroy(pool.wlb_password)

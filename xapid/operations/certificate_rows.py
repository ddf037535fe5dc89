"""``Certificate`` objects: they follow what hosts show and what the pool trusts."""

from __future__ import annotations

from cryptography import x509

from xapid.agent.interface import IHostAgent
from xapid.agent.values import CertificateState
from xapid.certificates.checks import certificate_fields
from xapid.database import Database

SHOWN = ("host", "host_internal")


async def put_on_record(db: Database, agent: IHostAgent, host: str) -> None:
    """Have the objects of a host tell what it shows now. Raises what the agent raises."""
    for state in await agent.certificates.list_certificates():
        if state["type"] in SHOWN:
            record(db, host, state)


def record(db: Database, host: str, state: CertificateState) -> None:
    """A host shows this certificate, in place of another one."""
    leaf = x509.load_pem_x509_certificate(state["pem"].encode())
    fields = certificate_fields(leaf)
    present = [
        row for row in map(db.table("Certificate").find, db.get("host", host).certificates)
        if row is not None and row.type == state["type"]
    ]  # fmt: skip
    if len(present) == 1 and present[0].fingerprint_sha256 == fields["fingerprint_sha256"]:
        return
    with db.transaction() as tx:
        for row in present:
            tx.destroy(row)
        tx.create("Certificate", type=state["type"], host=host, **fields)


async def catch_up(db: Database, agent: IHostAgent, host: str, coordinator: IHostAgent | None) -> None:
    """A host is there again: the database tells what it shows and whether it verifies, and it trusts what the pool does.

    Raises what the agents raise.
    """
    if db.get("host", host).certificates:  # a host that nobody reaches shows none
        await put_on_record(db, agent, host)
    if coordinator is not None and coordinator is not agent:
        await bring_in_line(coordinator, agent)
    await note_verification(db, agent, host)


async def bring_in_line(coordinator: IHostAgent, member: IHostAgent) -> None:
    """A host trusts and heeds what the coordinator does, and nothing else."""
    wanted: list[CertificateState] = await coordinator.certificates.list_trusted()
    if wanted != await member.certificates.list_trusted():
        await member.certificates.replace_trusted(wanted)


async def note_verification(db: Database, agent: IHostAgent, host: str) -> None:
    """Have the host's object tell whether it looks at certificates of others, since the pool demands it."""
    is_on = await agent.certificates.verifies()
    row, pool = db.table("host").find(host), db.table("pool").first()
    wanted = pool is not None and pool.tls_verification_enabled and is_on
    if row is not None and row.tls_verification_enabled != wanted:
        with db.transaction() as tx:
            tx.update(row, tls_verification_enabled=wanted)

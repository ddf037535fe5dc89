"""What the coordinator looks after by itself, and tells in alerts: failed logins, certificates that run out, hosts that do
not verify others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from xml.sax.saxutils import escape

from twisted.internet import defer
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from xapid.agent.interface import IHostAgent
from xapid.agent.values import AgentFailure
from xapid.auth.logins import FailedLogins
from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import EPOCH
from xapid.operations.alerts import raise_alert
from xapid.operations.certificate_rows import note_verification
from xapid.operations.host_settings import close_ssh

log = Logger()

HOUR: Final = 3600.0
MINUTE: Final = 60.0
CERTIFICATES: Final = {
    "host": "HOST_SERVER", "host_internal": "HOST_INTERNAL", "ca": "POOL_CA", "pinned": "POOL_PINNED",
}  # fmt: skip
"""Type of a certificate → how the names of the alerts about it begin."""
STAGES: Final = ((0, "EXPIRED"), (7, "EXPIRING_07"), (14, "EXPIRING_14"), (30, "EXPIRING_30"))
"""Days that a certificate is valid for at most, and how the name of the alert ends."""
UNVERIFIED: Final = "TLS_VERIFICATION_EMERGENCY_DISABLED"
MOST_NAMES: Final = 20
"""How many of those who failed to log in an alert lists."""


class RoutineChecks:
    """Checks ``db`` in turns of ``clock``. ``failed_logins`` counts since it was last emptied."""

    def __init__(
        self, db: Database, clock: IReactorTime, failed_logins: FailedLogins, agents: Callable[[], list[tuple[str, IHostAgent]]]
    ) -> None:
        """``agents`` are those of the hosts that have one, by reference."""
        self._agents = agents
        self._db = db
        self._clock = clock
        self._failed_logins = failed_logins
        every: dict[Callable[[], Any], float] = {
            self.tell_failed_logins: HOUR, self.check_certificates: 24 * HOUR, self.check_verification: HOUR / 6,
            self.close_ssh: MINUTE,
        }  # fmt: skip
        self._loops = [(LoopingCall(check), seconds) for check, seconds in every.items()]
        for loop, _ in self._loops:
            loop.clock = clock

    def start(self) -> None:
        """Look at logins every hour, at certificates every day, and at the verification of hosts every ten minutes, whether
        SSH is to be closed every minute.
        """
        for loop, seconds in self._loops:
            loop.start(seconds, now=False).addErrback(lambda failure: log.failure("Routine check", failure))

    def stop(self) -> None:
        """Look no more."""
        for loop, _ in self._loops:
            if loop.running:
                loop.stop()

    def tell_failed_logins(self) -> None:
        """One alert about all logins that failed since the last one; none if none did."""
        failed = self._failed_logins.take()
        if not failed:
            return
        known = sorted((each for each in failed.items() if each[0] is not None), key=lambda each: -each[1][0])
        told, rest = known[:MOST_NAMES], sum(number for number, _ in failed.values())
        parts = [f"<total>{rest}</total>"]
        for attempt, (number, last) in told:
            rest -= number
            who = {"username": attempt.user, "originator": attempt.originator, "ip": attempt.address} if attempt else {}
            names = "".join(f"<{key}>{_plain(name)}</{key}>" for key, name in who.items() if name)
            parts.append(f"<known>{names}<number>{number}</number><date>{last:%Y%m%dT%H:%M:%SZ}</date></known>")
        if rest:
            parts.append(f"<unknown>{rest}</unknown>")
        for pool in self._db.table("pool"):
            raise_alert(self._db, self._now(), "FAILED_LOGIN_ATTEMPTS", pool, f"<body>{''.join(parts)}</body>")

    def check_certificates(self) -> None:
        """An alert for each certificate that ran out or is about to, once for each stage; older ones about it go."""
        now = self._now()
        for certificate in self._db.table("Certificate"):
            prefix = f"{CERTIFICATES[certificate.type]}_CERTIFICATE_"
            about = self._db.table("host").find(certificate.host) if prefix.startswith("HOST") else certificate
            if about is None:
                continue
            left = certificate.not_after - now
            stage = next((word for days, word in STAGES if left <= timedelta(days)), None)
            until = f"{certificate.not_after:%Y%m%dT%H:%M:%SZ}"
            text = f"<body><message>The certificate is valid until</message><date>{until}</date></body>"
            self._keep(now, about, prefix, None if stage is None else prefix + stage, text)

    def check_verification(self) -> defer.Deferred[None]:
        """An alert about each host that does not verify certificates although the pool does, for as long as it lasts."""
        return defer.ensureDeferred(self._check_verification())

    async def _check_verification(self) -> None:
        for ref, agent in self._agents():
            try:
                await note_verification(self._db, agent, ref)
            except (AgentFailure, XenAPIError):
                continue  # it is told of when it is there again
        now, text = self._now(), "The host does not verify the certificates of others, although the pool demands it."
        verified = any(pool.tls_verification_enabled for pool in self._db.table("pool"))
        for host in self._db.table("host"):
            wanted = UNVERIFIED if verified and not host.tls_verification_enabled else None
            self._keep(now, host, UNVERIFIED, wanted, text)

    def close_ssh(self) -> None:
        """SSH was enabled for a time, and that is over."""
        now = self._now()
        with self._db.transaction() as tx:
            for host in self._db.table("host").rows():
                if host.ssh_enabled and EPOCH < host.ssh_expiry <= now:
                    close_ssh(tx, self._db, host)

    def _keep(self, now: datetime, about: Row, prefix: str, wanted: str | None, text: str) -> None:
        """Of the alerts about an object whose names begin with ``prefix``, have the one that is ``wanted``, and only that."""
        standing = False
        with self._db.transaction() as tx:
            for message in list(self._about(about, prefix)):
                if (message.name, message.body) == (wanted, text):
                    standing = True
                else:
                    tx.destroy(message)
            if wanted is not None and not standing:
                raise_alert(self._db, now, wanted, about, text)

    def _about(self, row: Row, prefix: str) -> Iterator[Row]:
        return (m for m in self._db.table("message").rows() if m.obj_uuid == row.uuid and m.name.startswith(prefix))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(int(self._clock.seconds()), UTC)


def _plain(name: str) -> str:
    """What was given as a name, as a text in XML."""
    return escape("".join(letter if letter.isprintable() else " " for letter in name))

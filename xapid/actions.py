"""What serves the HTTP actions of a host, put together from the modules of :mod:`xapid.http`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from twisted.internet.interfaces import IReactorTime

from xapid.assembly import Pool
from xapid.cli.catalogue import commands
from xapid.cli.serving import CommandLines
from xapid.dispatch.http_credentials import HttpAuthenticator
from xapid.http.backup_actions import BackupActions, Failed
from xapid.http.balancer_actions import BalancerActions
from xapid.http.blob_actions import BlobActions
from xapid.http.console_actions import ConsoleActions
from xapid.http.database_actions import DatabaseActions
from xapid.http.exchange import Serve
from xapid.http.refused_actions import REFUSED
from xapid.http.relay import Relay
from xapid.http.report_actions import ReportActions
from xapid.http.rrd_actions import RrdActions
from xapid.http.rrd_upload import RrdUpload
from xapid.http.sharing_actions import SharingActions
from xapid.http.to_coordinator import ToCoordinator
from xapid.http.update_actions import UpdateActions
from xapid.http.vdi_actions import VdiActions
from xapid.http.vm_actions import VmActions
from xapid.http.work import Works
from xapid.state.backup import BackupError, backup
from xapid.state.restore import unpack


def actions(
    pool: Pool,
    authenticator: HttpAuthenticator,
    clock: IReactorTime,
    port: Callable[[], int],
    root: Serve,
    relay: Relay | None = None,
) -> dict[str, Serve]:
    """A function for the name of each action that is served.

    ``port`` is where every host answers; ``root`` serves files; ``relay`` passes on what others are to answer.
    """
    db, services, dispatcher, state = pool.db, pool.services, pool.dispatcher, pool.config.state_directory
    works = Works(db, services, dispatcher, port)
    served: dict[str, Serve] = {
        "get_root": root,
        "post_cli": CommandLines(dispatcher, commands(), clock, None if relay is None else relay.command_line).serve,
        **BlobActions(db, services.blobs, authenticator, clock, services).actions,
        **VmActions(works).actions,
        **VdiActions(works).actions,
        **RrdActions(db, services, clock).actions,
        **RrdUpload(db, services, clock).actions,
        **ConsoleActions(db, services).actions,
        **DatabaseActions(works).actions,
        **BackupActions(works, state, lambda file: _back_up(state, file), lambda file: _restore(state, file)).actions,
        **SharingActions(works, clock).actions,
        **BalancerActions(works).actions,
        **UpdateActions(works).actions,
        **REFUSED,
        **ReportActions(db, services, pool.config, clock).actions,
    }
    return ToCoordinator(lambda: services.pool.membership.leader).wrap(served)


def _back_up(state: Path | None, file: Path) -> None:
    assert state is not None
    try:
        backup(state, file)
    except BackupError as problem:
        raise Failed(str(problem)) from problem


def _restore(state: Path | None, file: Path) -> None:
    assert state is not None
    try:
        unpack(state, file)
    except BackupError as problem:
        raise Failed(str(problem)) from problem

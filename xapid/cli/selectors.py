"""The objects that a user means: ``vm=NAME``, ``uuid=…``, or any parameter of theirs that a list could be filtered by.

Serves the commands that work on VMs, hosts and storage repositories. Without ``--multiple`` there must be just one; with it,
every one is worked on, and those that fail are told apart when all are done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import attrs

from xapid.cli import values
from xapid.cli.arguments import STANDARD
from xapid.cli.command import Run
from xapid.cli.failures import ClientError, CommandFailed, SeveralFailed
from xapid.cli.filtering import Filter, UnknownField, matching
from xapid.cli.records.declared import Record
from xapid.cli.records.tables import RECORDS
from xapid.cli.wording import told
from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import DateTime

_TOLD_PRIORITY: Final = 5
"""Messages of at least this number are not told."""


@attrs.frozen
class _Kind:
    """What can be selected."""

    cls: str
    noun: str
    plural: str
    nobody: str
    fields: tuple[str, ...]
    """By which ``vm=`` (``host=``, ``sr=``) finds it."""

    @property
    def record(self) -> Record:
        return RECORDS[self.cls]


KINDS: Final = {
    "vm": _Kind("VM", "VM", "VMs", "No matching VMs found", ("uuid", "name__label")),
    "host": _Kind("host", "host", "hosts", "No matching hosts found", ("uuid", "hostname", "name__label")),
    "sr": _Kind("SR", "sr", "srs", "No matching hosts found", ("uuid", "name__label")),
}


async def select(run: Run, *, several: bool = True, templates: bool = False, control: bool = False) -> list[Row]:
    """The objects that the user means; one alone unless ``several`` are allowed and ``--multiple`` is given.

    VMs that are templates or control domains are only found by commands that ask for them. Raises :class:`CommandFailed`.
    """
    name = run.command.selects
    kind = KINDS[name]
    filters = [
        Filter(key, value)
        for key, value in run.args.params
        if key != name and key not in STANDARD and key != "progress" and not run.command.takes(key)
    ]
    if name == "vm" and not control:
        filters.insert(0, Filter("is-control-domain", "false"))
    if name == "vm" and not templates:
        filters.insert(0, Filter("is-a-template", "false"))
    records = await run.api.records(kind.cls, _expression(kind, run.args.find(name)))
    try:
        found = await matching(run.api, kind.record, records, filters)
    except UnknownField as problem:
        raise CommandFailed(
            f"Parameter '{problem}' is not a field of the {kind.cls} class. Failed to select {kind.noun} for operation."
        ) from None
    if not found:
        raise CommandFailed(kind.nobody)
    if len(found) > 1 and not (several and run.is_set("multiple")):
        if several:
            reason = "--multiple required to complete the operation"
        else:
            reason = f"Operation can only be performed on one {kind.noun} at a time"
        if name == "vm":
            raise CommandFailed(f"Multiple matches VMs found. {reason}")
        raise CommandFailed(f"Multiple matching {kind.plural} found. {reason}")
    return found


def _expression(kind: _Kind, wanted: str | None) -> str:
    if wanted is None:
        return "true"
    quoted = wanted.replace("\\", "\\\\").replace('"', '\\"')
    return " or ".join(f'(field "{field}"="{quoted}")' for field in kind.fields)


async def one(run: Run, *, templates: bool = False, control: bool = False) -> Row:
    """The one object that the user means."""
    return (await select(run, several=False, templates=templates, control=control))[0]


async def snapshot(run: Run) -> Row:
    """The snapshot whose uuid is given as ``snapshot-uuid``, or else as ``uuid``. Raises :class:`CommandFailed`."""
    uuid = run.args.find("snapshot-uuid") or run.args.find("uuid")
    if uuid is None:
        raise CommandFailed("Required parameter not found: snapshot-uuid or uuid.")
    vm = await run.api.get("VM", uuid)
    if not vm.is_a_snapshot:
        raise CommandFailed(f"{uuid} is not a snapshot")
    return vm


async def template(run: Run) -> Row:
    """The template whose uuid is given as ``template-uuid``. Raises :class:`CommandFailed`."""
    vm = await run.api.get("VM", run["template-uuid"])
    if not vm.is_a_template:
        raise CommandFailed(f"{run['template-uuid']} is not a template")
    return vm


async def for_each(
    run: Run,
    act: Callable[[Row], Awaitable[None]],
    *,
    several: bool = True,
    templates: bool = False,
    control: bool = False,
) -> None:
    """Has ``act`` work on every object that the user means, which must be one alone unless ``several`` are allowed.

    Raises :class:`CommandFailed`, and :class:`SeveralFailed` at the end for those of several that failed.
    """
    found = await select(run, several=several, templates=templates, control=control)
    failures: list[tuple[str, str]] = []
    for row in found:
        since = await run.api.ask("host.get_servertime", run.api.coordinator) if row.kind == "VM" else None
        try:
            await act(row)
        except (XenAPIError, CommandFailed, ClientError) as problem:
            if len(found) == 1:
                raise
            failures.insert(0, (str(row.uuid), told(run.api, problem)))
            continue
        if since is not None:
            await _tell(run, row, since)
    if failures:
        raise SeveralFailed(failures)


async def _tell(run: Run, vm: Row, since: datetime) -> None:
    """Shows the alerts that a VM has caused meanwhile."""
    limit = run.args.get("message-priority", str(_TOLD_PRIORITY))
    most = int(limit) if limit.isdecimal() else _TOLD_PRIORITY
    try:
        alerts: dict[str, Row] = await run.api.ask("message.get", "VM", vm.uuid, since)
    except XenAPIError:
        return
    for alert in alerts.values():
        if alert.priority < most:
            moment = values.show(DateTime, alert.timestamp, run.api.uuid)
            run.terminal.print_error(f"Message: time={moment} priority={alert.priority} name='{alert.name}'\n")

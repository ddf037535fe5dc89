"""``event-wait``: until an object is as the user wants it."""

from __future__ import annotations

from xapid.cli.arguments import STANDARD
from xapid.cli.command import Run, command
from xapid.cli.failures import CommandFailed
from xapid.cli.filtering import Filter, UnknownField, matching
from xapid.cli.records.tables import LISTINGS

_WAIT_S = 30.0


@command("event-wait", "class")
async def event_wait(run: Run) -> None:
    """Wait until an object of a class has certain values: field=value, or field=/=value for anything else."""
    name = run["class"]
    found = LISTINGS.get(name.replace("_", "-").lower())
    if found is None:
        raise CommandFailed(f"Unknown class: '{name}'")
    record, listing = found
    filters = [
        Filter(key, value.removeprefix("/="), refused=value.startswith("/="))
        for key, value in run.args.params
        if key not in STANDARD and key != "class"
    ]
    token = ""
    while True:
        batch = await run.api.call("event.from", [record.cls.lower()], token, _WAIT_S)
        token = batch.token
        try:
            if await matching(run.api, record, await run.api.records(record.cls, listing.expression), filters):
                return
        except UnknownField as problem:
            raise CommandFailed(f"Unknown field '{problem}'") from None

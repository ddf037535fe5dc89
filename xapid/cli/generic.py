"""The families of commands that follow from records: ``NAME-list`` and ``NAME-param-list``, ``-get``, ``-set``, ``-add``,
``-remove``, ``-clear``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from twisted.internet.task import deferLater

from xapid.cli.arguments import STANDARD
from xapid.cli.command import Body, Command, Run, described
from xapid.cli.failures import CommandFailed
from xapid.cli.filtering import Filter, UnknownField, matching
from xapid.cli.records import reading, writing
from xapid.cli.records.declared import Listing, Parameter, Record
from xapid.cli.records.tables import LISTINGS
from xapid.cli.values import comma_separated
from xapid.database import Row

_TURN: Final = 25
"""Records after which other clients get their turn."""


def commands() -> Iterator[Command]:
    """Every command that follows from a record."""
    for record, listing in LISTINGS.values():
        yield _list(record, listing)
        yield _command(
            f"{listing.name}-param-list",
            "uuid [database:]",
            _param_list(record),
            f"Show every parameter of one {listing.name}.",
        )
        yield _command(
            f"{listing.name}-param-get",
            "uuid param-name [param-key] [database:]",
            _param_get(record),
            "Show one parameter, or one key of a map.",
        )
        yield from _writers(record, listing.name)


def _writers(record: Record, name: str) -> Iterator[Command]:
    if record.is_settable:
        doc = "Set parameters: name=value, or name:key=value for maps."
        yield _command(f"{name}-param-set", "uuid", _param_set(record), doc)
    if record.is_addable:
        doc = "Add param-key to a set, or key=value to a map."
        yield _command(f"{name}-param-add", "uuid param-name [param-key]", _param_add(record), doc)
        doc = "Remove an item of a set, or a key of a map."
        yield _command(f"{name}-param-remove", "uuid param-name param-key", _param_remove(record), doc)
    if record.is_clearable:
        yield _command(f"{name}-param-clear", "uuid param-name", _param_clear(record), "Empty a set, a map or a text.")


def _command(name: str, words: str, body: Callable[..., object], doc: str) -> Command:
    return Command(name=name, body=body, doc=doc, **described(words))  # type: ignore[arg-type]  # every body is async


def _of_any_database(body: Body) -> Body:
    """Has a command read, with ``database:vdi-uuid`` or ``database:filename``, what another database says.

    That is on a disk, or in a file of the server. Raises :class:`CommandFailed`, and what the two messages do.
    """

    async def read(run: Run) -> None:
        named, own = run.args.map("database"), run.api.session
        if "vdi-uuid" in named and "filename" in named:
            raise CommandFailed("A database is on a disk or in a file, but not in both")
        if "vdi-uuid" in named:
            session = await run.api.call("VDI.open_database", await run.api.ref("VDI", named["vdi-uuid"]))
        elif "filename" in named:
            session = await run.api.call("session.create_from_db_file", named["filename"])
        else:
            await body(run)
            return
        run.api.session = session
        try:
            await body(run)
        finally:
            await run.api.call("session.logout")
            run.api.session = own

    return read


# Lists -------------------------------------------------------------------------------------------------------------------


def _list(record: Record, listing: Listing) -> Command:
    @_of_any_database
    async def body(run: Run) -> None:
        try:
            rows = await _listed(run, record, listing)
        except UnknownField as problem:
            raise CommandFailed(f"Unknown field '{problem}'") from None
        shown = columns(record, run.args.find("params"), listing)
        await print_rows(run, record, rows, shown)

    names = " ".join(f"[{parameter.name}]" for parameter in record.parameters if not parameter.is_hidden)
    doc = f"List what there is of class {record.cls}. Parameters limit the list to what has just these values."
    return Command(
        name=f"{listing.name}-list",
        body=body,
        doc=doc,
        is_standard=listing.standard,
        **described(f"[params] [database:] {names}"),
    )


async def _listed(run: Run, record: Record, listing: Listing) -> list[Row]:
    filters = [Filter(name, value) for name, value in listing.only.items()]
    filters += [
        Filter(name, value)
        for name, value in run.args.params
        if name not in STANDARD and name != "params" and not name.startswith("database:")
    ]
    rows = await run.api.records(record.cls, listing.expression)
    found = await matching(run.api, record, rows, filters)
    return rows if run.is_set("all") else found


def columns(record: Record, wanted: str | None, listing: Listing) -> list[Parameter]:
    """The parameters that a list shows, in the order of the record."""
    visible = [parameter for parameter in record.parameters if not parameter.is_hidden]
    if wanted == "all" or (wanted is None and not listing.columns):
        return visible
    names = listing.columns if wanted is None else frozenset(comma_separated(wanted))
    return [parameter for parameter in visible if parameter.name in names]


async def print_rows(run: Run, record: Record, rows: Iterable[Row], shown: list[Parameter], *, expensive: bool = False) -> None:
    """Prints records as fast as the client reads, and lets others have their turn now and then."""
    run.printer.table()
    if run.printer.minimal:
        shown = shown[:1]
    for number, row in enumerate(rows, 1):
        fields = []
        for each in shown:
            if each.path and not each.is_expensive:
                value = reading.plain(each)(run.api, row)
            else:
                value = await _shown(run, record, each, row, expensive)
            fields.append((each.label, value))
        run.printer.row(fields)
        await run.terminal.drained()
        if not number % _TURN:
            await deferLater(run.clock, 0)


async def _shown(run: Run, record: Record, parameter: Parameter, row: Row, expensive: bool) -> str:
    if parameter.is_expensive and not expensive:
        return reading.EXPENSIVE
    return await reading.text(run.api, record, parameter, row)


# Parameters --------------------------------------------------------------------------------------------------------------


def _param_list(record: Record) -> Callable[[Run], object]:
    @_of_any_database
    async def body(run: Run) -> None:
        row = await run.api.get(record.cls, run["uuid"])
        visible = [parameter for parameter in record.parameters if not parameter.is_hidden]
        await print_rows(run, record, [row], visible, expensive=True)

    return body


def _param_get(record: Record) -> Callable[[Run], object]:
    @_of_any_database
    async def body(run: Run) -> None:
        row = await run.api.get(record.cls, run["uuid"])
        parameter = writing.find(record, run["param-name"])
        key = run.args.find("param-key")
        if key is None:
            run.printer.line(await reading.text(run.api, record, parameter, row))
        elif parameter.is_map:
            pairs = await reading.pairs(run.api, record, parameter, row)
            if key not in pairs:
                raise CommandFailed(f"Key {key} not found in map")
            run.printer.line(pairs[key])
        else:
            run.printer.line("")

    return body


def _param_set(record: Record) -> Callable[[Run], object]:
    async def body(run: Run) -> None:
        row = await run.api.get(record.cls, run["uuid"])
        await writing.set_all(run.api, record, row, _others(run))

    return body


def _param_add(record: Record) -> Callable[[Run], object]:
    async def body(run: Run) -> None:
        row = await run.api.get(record.cls, run["uuid"])
        parameter = writing.find(record, run["param-name"])
        await writing.add(run.api, record, row, parameter, run.args.find("param-key"), dict(_others(run)))

    return body


def _param_remove(record: Record) -> Callable[[Run], object]:
    async def body(run: Run) -> None:
        row = await run.api.get(record.cls, run["uuid"])
        await writing.remove(run.api, record, row, writing.find(record, run["param-name"]), run["param-key"])

    return body


def _param_clear(record: Record) -> Callable[[Run], object]:
    async def body(run: Run) -> None:
        row = await run.api.get(record.cls, run["uuid"])
        await writing.clear(run.api, record, row, writing.find(record, run["param-name"]))

    return body


def _others(run: Run) -> Iterator[tuple[str, str]]:
    """What is given beyond the command's own parameters."""
    for name, value in run.args.params:
        if name not in STANDARD and not run.command.takes(name):
            yield name, value

"""Commands that are messages by other names: a row says which arguments of a command line are which of a message.

A row's words stand for the message's parameters, one each, in order:

================= ====================================================================================
``uuid``          a required argument, read as the type of the parameter says
``[mtu]``         an optional one; without it the parameter has its default, or is empty
``[mode]=none``   or is this; ``@coordinator`` is that host
``args:``         a map, in brackets if it is optional
``disk-size!size``  read in another way: as a size with a unit, or as the contents of a ``file``
``@vm``           every VM (``@host``, ``@sr``) that the user's selectors find, one after the other
``@pool``         the pool, ``@coordinator`` its coordinator
``'text'``        always this
``(force)``       an argument that means nothing to the message
================= ====================================================================================

Uuids become references, and lists are separated by commas. What the message returns is printed: an object as its uuid.

Flags of a row say more:

================= ====================================================================================
``standard``      ``help`` names it among the common commands
``hidden``        and this one not at all
``local``         it works on a host by itself
``long``          it takes its time, so it is a task that is waited for
``single``        it works on one object at a time, whatever ``--multiple`` says
``templates``     it works on templates too; ``control``: on control domains
``forced``        it does nothing without ``--force``
``told``          what it returns is for people: programs (``--minimal``) do not see it
================= ====================================================================================
"""

from __future__ import annotations

import re
from typing import Any, Final

import attrs

from xapid.cli import selectors, values
from xapid.cli.command import Command, Run
from xapid.cli.records.writing import typed
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.schema import NO_DEFAULT, Param
from xapid.datamodel.types import Bool, Float, Map, Ref, Set, Type, Void

_WORD: Final = re.compile(r"(\[?)(\(?)([\w-]+:?)\)?\]?(?:!(\w+))?(?:=([@\w-]*))?")


@attrs.frozen
class _Argument:
    """One word of a row."""

    name: str
    param: Param | None
    """Of the message; None if the word has no part in it."""
    is_optional: bool = False
    how: str = ""
    default: str | None = None

    async def value(self, run: Run) -> Any:
        assert self.param is not None
        type_ = self.param.type
        if isinstance(type_, Map):
            given = run.args.map(self.name.rstrip(":"))
            return given or (type_.empty if self.param.required else self.param.default)
        text = run.args.find(self.name)
        if text is None and self.default == "@coordinator":
            return run.api.coordinator
        if text is None:
            text = self.default
        if text is None:
            return type_.empty if self.param.required else self.param.default
        return await self.read(run, type_, text)

    async def read(self, run: Run, type_: Type, text: str) -> Any:
        if self.how == "size":
            return values.size(self.name, text)
        if self.how == "file":
            return (await run.file(self.name)).decode("utf-8", "replace")
        if type_ is Bool:
            return values.boolean(self.name, text)
        return await typed(run.api, type_, self.name, text)


@attrs.frozen
class _Given:
    """A word that users say nothing for."""

    what: str

    async def value(self, run: Run) -> Any:
        if self.what == "@pool":
            return run.api.pool.ref
        if self.what == "@coordinator":
            return run.api.coordinator
        return self.what.strip("'")


def row(
    name: str,
    message: str,
    words: str = "",
    doc: str = "",
    *,
    flags: str = "",
    quiet: bool = False,
    first: str = "",
    **more: Any,
) -> Command:
    """A command that is ``message``. ``quiet`` leaves out what the message returns; ``first`` are required arguments in the
    order in which they are missed.
    """
    marks = flags.split()
    entry = catalogue().messages[message]
    params = iter(entry.message.params)
    selects, arguments = "", list[_Argument | _Given]()
    position = 0
    for number, word in enumerate(words.split()):
        if word in ("@vm", "@host", "@sr"):
            selects, position = word[1:], number
            next(params)
        elif word.startswith(("@", "'")):
            next(params)
            arguments.append(_Given(word))
        else:
            argument, is_idle = _argument(word)
            arguments.append(argument if is_idle else attrs.evolve(argument, param=next(params)))
    own = [argument for argument in arguments if isinstance(argument, _Argument)]
    passed = [each for each in arguments if isinstance(each, _Given) or each.param is not None]
    is_long, is_forced, is_told = "long" in marks, "forced" in marks, "told" in marks
    chosen = {"several": "single" not in marks, "templates": "templates" in marks, "control": "control" in marks}
    result = Void if quiet else entry.message.result

    async def call(run: Run, *target: str) -> None:
        given = [await each.value(run) for each in passed]
        given[position:position] = target
        value = await (run.api.long if is_long else run.api.call)(message, *given)
        show(run, result, value, told=is_told)

    async def body(run: Run) -> None:
        if is_forced:
            run.assert_forced()
        if selects:
            await selectors.for_each(run, lambda found: call(run, found.ref), **chosen)
        else:
            await call(run)

    required = [each.name for each in own if not each.is_optional]
    return Command(
        name=name,
        required=tuple(dict.fromkeys((*first.split(), *required))),
        optional=tuple(each.name for each in own if each.is_optional),
        selects=selects,
        doc=doc or entry.message.doc,
        body=body,
        message=message,
        is_standard="standard" in marks,
        is_hidden="hidden" in marks,
        is_local="local" in marks,
        **more,
    )


def _argument(word: str) -> tuple[_Argument, bool]:
    """The argument that a word of a row stands for, and whether it means nothing to the message."""
    match = _WORD.fullmatch(word)
    assert match is not None, word
    bracket, idle, name, how, default = match.groups()
    return _Argument(name, None, bool(bracket), how or "", default), bool(idle)


def made(name: str, cls: str, words: str, doc: str = "", *, flags: str = "", **fixed: Any) -> Command:
    """A command that makes an object of ``cls`` and prints its uuid.

    Words are as in :func:`row`, but stand for fields: that of the same name, or the one before ``/``. ``fixed`` fields are
    always the same.
    """
    declared = catalogue().classes[cls]
    fields = {field.name: field for field in declared.fields}
    arguments: dict[str, _Argument] = {}
    for word in words.split():
        before, slash, after = word.partition("/")
        argument, is_idle = _argument(after if slash else word)
        field = fields.get(before if slash else argument.name.rstrip(":").replace("-", "_"))
        if not is_idle:
            assert field is not None, word
            default = field.default if field.has_default else NO_DEFAULT
            arguments[field.name] = attrs.evolve(argument, param=Param(field.name, field.type, default))

    async def body(run: Run) -> None:
        given = {field: await argument.value(run) for field, argument in arguments.items()}
        ref = await run.api.call(f"{cls}.create", {**fixed, **given})
        show(run, declared.ref, ref)

    own = arguments.values()
    return Command(
        name=name,
        required=tuple(each.name for each in own if not each.is_optional),
        optional=tuple(each.name for each in own if each.is_optional),
        doc=doc or f"Make an object of class {cls}, and print its uuid.",
        body=body,
        message=f"{cls}.create",
        is_hidden="hidden" in flags.split(),
    )


def show(run: Run, type_: Type, value: Any, *, told: bool = False) -> None:
    """Prints what a message returned; if ``told``, for people alone."""
    if told:
        items = value if isinstance(type_, Set) else (value,)
        for item in items:
            of = type_.of if isinstance(type_, Set) else type_
            run.printer.message(values.show(of, item, run.api.uuid))
        return
    match type_:
        case Ref(to=cls):
            run.printer.line(run.api.uuid(cls, value) or values.NOT_THERE)
        case Set(of=Ref(to=cls)):
            run.printer.lines(run.api.uuid(cls, ref) or values.NOT_THERE for ref in value)
        case Set(of=Set(of=of)):
            run.printer.lines(", ".join(values.show(of, item, run.api.uuid) for item in items) for items in value)
        case Set(of=of):
            run.printer.lines(values.show(of, item, run.api.uuid) for item in value)
        case Map(key=key, value=of):
            uuid = run.api.uuid
            run.printer.record([(values.show(key, k, uuid), values.show(of, v, uuid)) for k, v in value.items()])
        case _ if type_ is Float:
            run.printer.line(f"{value:.6f}")
        case _ if type_ is not Void:
            run.printer.line(values.show(type_, value, run.api.uuid))

"""Every command that is a message comes to that message, with objects of the pool, and tells what the message answers."""

from __future__ import annotations

from cli.conftest import Xe
from cli.test_every_command import LEAVE_ALONE, NOBODY, NUMBERS, VALUES
from xapid.cli.catalogue import commands
from xapid.cli.records.tables import LISTINGS
from xapid.cli.serving import CommandLines
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import Enum, Ref
from xapid.testing.in_process import Server, config

CLASSES = {name: record.cls for name, (record, _) in LISTINGS.items()}
MOVES = {"pool-designate-new-master"}
"""Then another host answers."""
KINDS = {"vm": "VM", "host": "host", "sr": "SR"}


class Noting:
    """A dispatcher that notes which messages are called, and which errors they answer with."""

    def __init__(self, dispatcher):
        self._dispatcher = dispatcher
        self.called = []
        self.errors = []

    def dispatch(self, call, codec, origin):
        self.called.append(call.name.removeprefix("Async."))
        failure = codec.failure

        def noted(description):
            self.errors.append(XenAPIError.relayed(*description))
            return failure(description)

        codec.failure = noted
        return self._dispatcher.dispatch(call, codec, origin)


def given(command, db, vm) -> list[str]:
    """The command's required arguments: uuids of objects that there are, or of none, and words that its message knows."""
    cls, _, verb = command.message.partition(".")
    types = {field.name: field.type for field in catalogue().classes[cls].fields} if verb == "create" else {}
    types |= {param.name: param.type for param in catalogue().messages[command.message].message.params}
    words = []
    for name in command.required:
        kind = types.get(name.replace("-", "_"))
        if isinstance(kind, Enum):
            value = list(kind.values)[-1]
        elif name in VALUES or name in NUMBERS:
            value = VALUES.get(name, "1")
        else:
            cls = class_of(command, name)
            rows = [] if cls is None else db.table(cls).rows()
            value = vm if cls == "VM" else rows[-1].uuid if rows else NOBODY
        words.append(f"{name}={value}")
    if "force" in command.optional:
        words.append("force=true")
    if command.selects:
        words.append(f"{command.selects}={vm if command.selects == 'vm' else db.table(KINDS[command.selects]).rows()[-1].uuid}")
    return words


def class_of(command, name):
    if name == "uuid":
        params = catalogue().messages[command.message].message.params
        return params[0].type.to if params and isinstance(params[0].type, Ref) else None
    return CLASSES.get(name.removesuffix("-uuid")) if name.endswith("-uuid") else KINDS.get(name)


def test_every_command_that_is_a_message_calls_it_and_tells_its_error():
    server = Server(config())
    xe = Xe(server)
    noting = Noting(server.pool.dispatcher)
    xe.lines = CommandLines(noting, commands(), server.clock)
    rows = {name: each for name, each in commands().items() if each.message and name not in LEAVE_ALONE | MOVES}
    missed, untold = [], []
    for name, command in rows.items():
        if not any(row.name_label == "subject" and not row.is_a_template for row in server.pool.db.table("VM").rows()):
            vm = xe.good("vm-install", "template=Debian Bookworm 12", "new-name-label=subject").line
        noting.called.clear()
        noting.errors.clear()
        result = xe(name, *given(command, server.pool.db, vm), session=server.session()._session, files={NOBODY: b"contents"})
        reached = command.message in noting.called
        if not reached and not any(error.code == "UUID_INVALID" for error in noting.errors):
            missed.append((name, result.err))
        if result.status and not result.err.strip():
            untold.append(name)
    server.close()
    assert not missed
    assert not untold
    assert len(rows) > 240

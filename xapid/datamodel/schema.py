"""The shapes in which the API is declared: a Class holds Fields and Messages, and says where they come from.

Only *explicit* messages are declared. Getters, setters, constructors and the like follow from the fields and the class
(see :mod:`xapid.datamodel.derive`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import attrs

from xapid.datamodel.lifecycle import UNPUBLISHED, Lifecycle, since
from xapid.datamodel.roles import POOL_OPERATOR, READ_ONLY, Roles
from xapid.datamodel.types import Enum, Record, Ref, Type, freeze

NO_DEFAULT: Final = object()
"""Distinguishes 'has no default' from a default of None."""

NAMESPACES: Final = ("name", "memory", "VCPUs", "HVM", "PV", "actions", "qos", "API_version", "io", "backup", "archive")
"""Groups of fields that belong together; on the wire their names are joined to the fields' by one underscore."""

Qualifier = Literal["RW", "RO/constructor", "RO/runtime"]


@attrs.frozen
class Derived:
    """Says that a set field is the other end of the field ``field`` of class ``cls``, and is computed from it."""

    cls: str
    field: str


@attrs.frozen
class Field:
    """A field of a class. Make one with :func:`runtime`, :func:`constructed` or :func:`writable`."""

    name: str
    type: Type
    doc: str
    qualifier: Qualifier
    lifecycle: Lifecycle = UNPUBLISHED
    default: Any = NO_DEFAULT
    internal: bool = False
    """Kept in the database but never on the wire."""
    persist: bool = True
    """Whether the value survives a restart."""
    secret: bool = False
    """Whether the text is sealed where it is kept."""
    events: bool = True
    """Whether a change of the far end of this relation is an event of this object."""
    writers: Roles | None = None
    """Who may call the derived setters; None: the class's roles."""
    map_key_roles: Mapping[str, Roles] = attrs.field(factory=dict, eq=False)
    """Wider rights for single keys of a map; a key pattern may end in ``*``."""
    derived_from: Derived | None = None
    flat: bool = False
    """Whether the name only looks as if it were in one of the NAMESPACES."""

    @property
    def initial(self) -> Any:
        """What a new object holds when nobody says otherwise."""
        return self.type.empty if self.default is NO_DEFAULT else self.default

    @property
    def has_default(self) -> bool:
        return self.default is not NO_DEFAULT

    @property
    def dump_name(self) -> str:
        """The name in filters and database dumps, where ``__`` sets a namespace apart."""
        for space in NAMESPACES:
            if self.name.startswith(f"{space}_") and not self.flat:
                return f"{space}__{self.name.removeprefix(space).lstrip('_')}"
        return self.name


def _field(qualifier: Qualifier, name: str, type_: Type, doc: str, release: str | Lifecycle, options: dict[str, Any]) -> Field:
    if options.get("default", NO_DEFAULT) is not NO_DEFAULT:
        options["default"] = freeze(type_, options["default"])
    return Field(name, type_, doc, qualifier, since(release), **options)


def runtime(name: str, type_: Type, doc: str, release: str | Lifecycle = UNPUBLISHED, **options: Any) -> Field:
    """A field that only the server writes (``RO/runtime``)."""
    return _field("RO/runtime", name, type_, doc, release, options)


def constructed(name: str, type_: Type, doc: str, release: str | Lifecycle = UNPUBLISHED, **options: Any) -> Field:
    """A field that a constructor's record may set, and nobody afterwards (``RO/constructor``)."""
    return _field("RO/constructor", name, type_, doc, release, options)


def writable(name: str, type_: Type, doc: str, release: str | Lifecycle = UNPUBLISHED, **options: Any) -> Field:
    """A field with derived setters (``RW``)."""
    return _field("RW", name, type_, doc, release, options)


@attrs.frozen
class Param:
    """A parameter of a message, after the session. One with a default may be left out at the end of a call."""

    name: str
    type: Type
    default: Any = NO_DEFAULT

    @property
    def required(self) -> bool:
        return self.default is NO_DEFAULT


@attrs.frozen
class Forward:
    """Which host runs a message, found from ``path``: a parameter, and fields to follow from it (``vdi.VBDs.VM``).

    ========== ==============================================================================
    kind       the host is
    ========== ==============================================================================
    host       the object itself, or the one that it belongs to (a PIF's, a PBD's)
    vm         where the VM, or the VM that the device belongs to, is resident
    sr         any on which the SR, or the SR that the disk is on, is plugged
    disks      any that reaches the SRs of all disks of the VM
    choose     chosen by placement for the VM
    ========== ==============================================================================
    """

    kind: Literal["host", "vm", "sr", "disks", "choose"]
    path: str
    otherwise: Forward | None = None
    """Where it runs when there is no such host; None: on the coordinator."""
    unplugged: bool = False
    """Whether a host that has the SR introduced but not plugged will do."""


def to_host(path: str) -> Forward:
    """Runs on the host at ``path``, or the host of the object there."""
    return Forward("host", path)


def where_vm_runs(path: str, otherwise: Forward | None = None) -> Forward:
    """Runs where the VM at ``path`` is resident, or else as ``otherwise`` says."""
    return Forward("vm", path, otherwise)


def any_host_with_sr(path: str, *, unplugged: bool = False) -> Forward:
    """Runs on any host that has the SR at ``path`` plugged, the coordinator first."""
    return Forward("sr", path, unplugged=unplugged)


def any_host_with_disks(path: str) -> Forward:
    """Runs on any host that reaches all disks of the VM at ``path``, the coordinator first."""
    return Forward("disks", path)


def chosen_host(path: str) -> Forward:
    """Runs on a host that placement picks for the VM at ``path``."""
    return Forward("choose", path)


THE_POOL: Final = "@pool"
"""In the place of a parameter: the pool object, of which there is one."""
THE_HOST: Final = "@host"
"""In the place of a parameter: the host that the message is forwarded to."""


@attrs.frozen
class Lock:
    """An entry in ``current_operations`` of related objects.

    ``path`` is a parameter, THE_POOL or THE_HOST, and fields to follow from it.
    """

    path: str
    operation: str


@attrs.frozen
class Message:
    """A call. ``params`` come after the session; ``params[0]`` is usually the object that the message is sent to."""

    name: str
    params: tuple[Param, ...]
    result: Type
    doc: str
    lifecycle: Lifecycle = attrs.field(default=UNPUBLISHED, converter=since)
    roles: Roles | None = attrs.field(default=None, kw_only=True)
    """Who may call it; None: the class's roles."""
    errors: tuple[str, ...] = attrs.field(default=(), kw_only=True)
    session: bool = attrs.field(default=True, kw_only=True)
    """Whether the first thing a client sends is a session."""
    asynchronous: bool = attrs.field(default=True, kw_only=True)
    """Whether ``Async.`` may stand before it."""
    effect: bool = attrs.field(default=True, kw_only=True)
    """Whether it may change something; such calls are audited."""
    hidden: bool = attrs.field(default=False, kw_only=True)
    """Left out of the published reference, though clients and members call it."""
    pool_internal: bool = attrs.field(default=False, kw_only=True)
    """Only for calls between hosts of a pool."""
    secret: bool = attrs.field(default=False, kw_only=True)
    """Its parameters stay out of logs."""
    implicit: bool = attrs.field(default=False, kw_only=True)
    """Follows from a field or the class."""
    map_key_roles: Mapping[str, Roles] = attrs.field(factory=dict, kw_only=True, eq=False)
    forward: Forward | None = attrs.field(default=None, kw_only=True)
    """Where it runs; None: on the coordinator."""
    operation: str | None = attrs.field(default=None, kw_only=True)
    """The value that it takes in ``current_operations`` of the object in ``locked``."""
    locked: str | None = attrs.field(default=None, kw_only=True)
    """The parameter with the locked object, or THE_POOL; None: the first reference."""
    also_locks: tuple[Lock, ...] = attrs.field(default=(), kw_only=True)
    refused: str | None = attrs.field(default=None, kw_only=True)
    """The error with which the reference server answers this message whatever it is called with."""
    also: tuple[str, ...] = attrs.field(default=(), kw_only=True)
    """Other names that manuals print for it: they are answered, and listed nowhere."""
    field: Field | None = attrs.field(default=None, kw_only=True, eq=False, repr=False)
    """Of an implicit message: the field that it reads or writes."""

    @property
    def required(self) -> int:
        """How many parameters a caller must give, the session not counted."""
        return sum(param.required for param in self.params)


@attrs.frozen
class Class:
    """A class of the XenAPI."""

    name: str
    doc: str
    lifecycle: Lifecycle = attrs.field(converter=since)
    fields: tuple[Field, ...] = attrs.field(kw_only=True)
    messages: tuple[Message, ...] = attrs.field(default=(), kw_only=True)
    """Explicit messages only."""
    enums: tuple[Enum, ...] = attrs.field(default=(), kw_only=True)
    """The enums that the reference lists under this class."""
    constructor: bool = attrs.field(default=False, kw_only=True)
    """Whether ``create`` and ``destroy`` follow from the class."""
    roles: Roles = attrs.field(default=POOL_OPERATOR, kw_only=True)
    """Who may call what changes an object, where a message or field does not say otherwise."""
    readers: Roles = attrs.field(default=READ_ONLY, kw_only=True)
    events: bool = attrs.field(default=True, kw_only=True)
    persist: bool = attrs.field(default=True, kw_only=True)
    in_database: bool = attrs.field(default=True, kw_only=True)
    listed: bool = attrs.field(default=True, kw_only=True)
    """Whether ``get_all`` and its kin follow from the class."""
    by_name: bool = attrs.field(default=True, kw_only=True)
    """Whether ``get_by_name_label`` follows from a field ``name_label``."""
    policy: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict, kw_only=True, eq=False)
    """Message options of derived messages, by name: the operation, locks and forwarding of ``create`` and ``destroy``."""

    @property
    def record(self) -> Record:
        return Record(self.name)

    @property
    def ref(self) -> Ref:
        return Ref(self.name)

    def __str__(self) -> str:
        return self.name

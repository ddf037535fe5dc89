"""What can be set: one :class:`Config`, from a TOML file, from ``XAPID_…`` in the environment and from flags.

A setting is declared once, as a field here: its flag (``--vms-per-host``), its environment variable
(``XAPID_VMS_PER_HOST``) and its key in the file (``vms-per-host``) follow from its name, and ``xapid serve --help`` prints
its sentence. Flags win over the environment, the environment over the file. A key that is not declared is an error.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

PREFIX: Final = "XAPID_"
CONFIG_VARIABLE: Final = "XAPID_CONFIG"
KIB: Final = 1024

Read = Callable[[Any], Any]
"""Makes a setting's value of what the file, the environment or a flag holds; raises ValueError with a sentence."""


class ConfigError(Exception):
    """A setting is unknown or has a value that it cannot have. The text says which and where."""


# Reading single values -------------------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("it must be a text that is not empty")
    return value


def _path(value: Any) -> Path:
    return Path(_text(os.fspath(value) if isinstance(value, os.PathLike) else value)).expanduser()


def _yes_or_no(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    match str(value).lower():
        case "1" | "true" | "yes" | "on":
            return True
        case "0" | "false" | "no" | "off" | "":
            return False
    raise ValueError("it must be true or false")


def _whole(least: int, most: int) -> Read:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError("it must be a whole number")
        try:
            number = int(value)
        except ValueError:
            raise ValueError("it must be a whole number") from None
        if not least <= number <= most:
            raise ValueError(f"it must lie between {least} and {most}")
        return number

    return read


def _address(value: Any) -> str:
    try:
        return str(ipaddress.ip_address(_text(value)))
    except ValueError:
        raise ValueError("it must be an IP address") from None


def _endpoint(value: Any) -> tuple[str, int]:
    """``192.0.2.1:8443`` or ``[2001:db8::1]:8443``."""
    address, colon, port = _text(value).rpartition(":")
    if not colon or not port.isascii() or not port.isdigit():
        raise ValueError("it must be ADDRESS:PORT")
    return _address(address.removeprefix("[").removesuffix("]")), _whole(0, 65535)(port)


def _endpoints(value: Any) -> tuple[tuple[str, int], ...]:
    items: Iterable[Any] = value.split(",") if isinstance(value, str) else value
    return tuple(_endpoint(item.strip()) for item in items)


def _counters(value: Any) -> dict[str, int]:
    """``nics=4``, several of those, or a table in the file."""
    if isinstance(value, str):
        value = value.split(",")
    pairs = value.items() if isinstance(value, Mapping) else [item.partition("=")[::2] for item in value]
    return {name.strip().replace("-", "_"): _whole(0, 2**63 - 1)(number) for name, number in pairs}


def _names(value: Any) -> tuple[str, ...]:
    items: Iterable[Any] = value.split(",") if isinstance(value, str) else value
    return tuple(_text(item).strip() for item in items)


def _one_of(*words: str) -> Read:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError(f"it must be one of {', '.join(words)}")
        return str(value)

    return read


# Declaring settings ----------------------------------------------------------------------------------------------------


@attrs.frozen
class Setting:
    """How a field of :class:`Config` is read and explained."""

    read: Read
    doc: str
    metavar: str = ""
    """What stands for the value in the help text; empty for a switch."""
    secret: bool = False
    """Only taken from the environment: a process list must not show it."""
    repeated: bool = False
    choices: tuple[str, ...] = ()


_SETTING: Final = "xapid.setting"


def _setting(default: Any, read: Read, metavar: str, doc: str, **options: Any) -> Any:
    setting = Setting(read, doc, metavar, **options)
    return attrs.field(default=default, repr=not setting.secret, metadata={_SETTING: setting})


DURATION_PROFILES: Final = ("instant", "realistic")
LOG_FORMATS: Final = ("human", "json")
LOG_LEVELS: Final = ("debug", "info", "warn", "error", "critical")
_MANY: Final = 1_000_000


def default_state_directory() -> Path:
    """``$XDG_STATE_HOME/xapid``; ``/var/lib/xapid`` for root."""
    if os.geteuid() == 0:
        return Path("/var/lib/xapid")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "xapid"


@attrs.frozen(kw_only=True)
class Config:
    """Every setting of a daemon. The defaults make the daemon that ``make run`` starts."""

    bind: str = _setting("127.0.0.1", _address, "ADDRESS", "The address to listen on with TLS.")
    port: int = _setting(8443, _whole(0, 65535), "PORT", "The port to listen on with TLS; 0 takes a free one.")
    listen: tuple[tuple[str, int], ...] = _setting(
        (), _endpoints, "ADDRESS:PORT", "One more address and port to listen on with TLS; may be repeated.", repeated=True
    )
    address: str | None = _setting(
        None, _address, "ADDRESS", "What clients are told as this host's address, when bound to a wildcard such as 0.0.0.0."
    )
    http_port: int | None = _setting(
        None, _whole(0, 65535), "PORT", "Listen for plain HTTP too, on this port. PIF and pool settings (https_only) govern it."
    )
    unix_socket: Path | None = _setting(
        None, _path, "PATH", "Listen on a Unix socket too, where root and this daemon's own user need no password."
    )

    monitor: tuple[str, int] | None = _setting(
        None, _endpoint, "ADDRESS:PORT", "Show /metrics, /healthz and /readyz there over plain HTTP, to everybody."
    )
    metrics_of_objects: bool = _setting(False, _yes_or_no, "", "Have /metrics also tell what was measured of each host and VM.")

    state: Path = _setting(
        attrs.Factory(default_state_directory), _path, "DIR", "Where the database, the certificate and the first password are."
    )
    ephemeral: bool = _setting(False, _yes_or_no, "", "Keep everything in memory and forget it at the end.")

    preset: str = _setting("pool3", _text, "NAME", "What a new pool holds: standalone, pool3, … (docs/operating.md).")
    dump: Path | None = _setting(
        None, _path, "FILE", "Fill a new pool with what this database dump (xe pool-dump-database) holds, not by a preset."
    )
    hosts: int | None = _setting(None, _whole(1, 4096), "N", "How many hosts a new pool has, instead of the preset's number.")
    vms_per_host: int | None = _setting(None, _whole(0, _MANY), "N", "How many VMs a new pool has on each host.")
    counter: Mapping[str, int] = _setting(
        attrs.Factory(dict),
        _counters,
        "NAME=N",
        "Another number of the new pool (docs/operating.md); may be repeated.",
        repeated=True,
    )
    processors: tuple[str, ...] = _setting(
        (), _names, "NAME", "Generations of the simulated hosts' processors, in turn (docs/operating.md); at later starts too."
    )
    seed: int | None = _setting(None, _whole(0, 2**63 - 1), "N", "Make references, uuids and MAC addresses repeatable.")
    duration_profile: str = _setting(
        "instant",
        _one_of(*DURATION_PROFILES),
        "PROFILE",
        "How long simulated work takes: as on real machines, or no time at all.",
        choices=DURATION_PROFILES,
    )

    plugins: Path | None = _setting(
        None, _path, "DIR", "Look for power-on modes and host plugins here first, instead of in /etc/xapi.d/plugins."
    )
    extensions: Path | None = _setting(
        None, _path, "DIR", "Look for API extensions here, instead of in /etc/xapi.d/extensions."
    )
    hooks: Path | None = _setting(None, _path, "DIR", "Look for the folders of hooks here, instead of in /etc/xapi.d.")
    plugin_processes: int = _setting(
        16, _whole(1, 1000), "N", "How many host plugins and extensions run at the same time; more of them wait."
    )
    plugin_time_limit: int = _setting(
        600, _whole(1, 86_400), "SECONDS", "How long a power-on script or host plugin may run before it is ended."
    )
    repositories: Path | None = _setting(
        None, _path, "DIR", "Look for update repositories here: in the directory with the last name of a repository's address."
    )
    web_root: Path | None = _setting(None, _path, "DIR", "Serve the files of this directory to browsers at /.")
    certificate: Path | None = _setting(
        None, _path, "FILE", "A PEM file with the certificate and its key, instead of a self-signed one in the state directory."
    )

    event_batching: int = _setting(
        50, _whole(0, 60_000), "MS", "How many milliseconds event.from waits for more events before it answers."
    )
    lock_patience: int = _setting(
        20, _whole(0, 3600), "SECONDS", "How long a call waits for another one that works on the same object."
    )
    max_body: int = _setting(300 * KIB, _whole(KIB, 1024 * KIB * KIB), "BYTES", "The largest body of a call that is read.")
    encoded_records: int = _setting(
        256, _whole(0, 1024 * KIB), "MIB", "How much memory the encoded records may take that are kept until they change."
    )
    session_lifetime: int = _setting(86_400, _whole(1, 10 * 365 * 86_400), "SECONDS", "How long an idle session lives.")

    register_callers: bool = _setting(
        False, _yes_or_no, "", "Make a Caller for every client program and address that calls, so that its use is counted."
    )
    allow_mixed_ports: bool = _setting(
        False, _yes_or_no, "", "Let the daemons of a pool use different ports; HOST_IS_SLAVE then tells clients the port too."
    )
    fidelity: str = _setting(
        "manuals",
        _one_of("manuals", "strict"),
        "WORD",
        "strict: ask no more of a host that joins than the reference server does, whatever the next settings say.",
        choices=("manuals", "strict"),
    )
    join_with_suspended_vms: bool = _setting(False, _yes_or_no, "", "Let a host join a pool while VMs of it are suspended.")
    join_with_any_clock: bool = _setting(False, _yes_or_no, "", "Let a host join a pool whose clock is another.")
    join_with_any_address: bool = _setting(
        False, _yes_or_no, "", "Let a host join a pool with a management address that may change (DHCP)."
    )
    join_with_any_size: bool = _setting(False, _yes_or_no, "", "Let a host join a pool that has 64 hosts already.")

    no_fast_path: bool = _setting(
        False, _yes_or_no, "", "Take every call the long way, also those for which there is a short one with the same result."
    )
    ready_json: bool = _setting(
        False, _yes_or_no, "", "Print one line of JSON on standard output, with the URL and more, once the daemon answers."
    )
    log_level: str = _setting(
        "info", _one_of(*LOG_LEVELS), "LEVEL", "The least serious messages to log, on standard error.", choices=LOG_LEVELS
    )
    log_format: str = _setting(
        "human", _one_of(*LOG_FORMATS), "FORMAT", "How log lines look: for people, or as JSON objects.", choices=LOG_FORMATS
    )
    root_password: str | None = _setting(
        None, _text, "PASSWORD", "The password of root in a new pool; made up when this is not set.", secret=True
    )

    def __attrs_post_init__(self) -> None:
        if is_wildcard(self.bind) and self.address is None:
            raise ConfigError(f"address: bound to {self.bind}, clients must be told an address that they can reach")
        if self.address is not None and is_wildcard(self.address):
            raise ConfigError(f"address: clients cannot reach {self.address}")

    @property
    def counters(self) -> dict[str, Any]:
        """What was given of a new pool, by its name in :class:`xapid.inventory.presets.Counts`: numbers, and processors."""
        named = {"hosts": self.hosts, "vms_per_host": self.vms_per_host, "processors": self.processors or None}
        return dict(self.counter) | {name: given for name, given in named.items() if given is not None}

    @property
    def state_directory(self) -> Path | None:
        """Where things are kept; None when nothing is."""
        return None if self.ephemeral else self.state

    @property
    def host_address(self) -> str:
        """``host.address`` of this daemon's own host."""
        return self.address or self.bind

    @property
    def endpoints(self) -> tuple[tuple[str, int], ...]:
        """Every address and port to listen on with TLS, the main one first."""
        return ((self.bind, self.port), *self.listen)


def is_wildcard(address: str) -> bool:
    """Whether it stands for every address of the machine."""
    return ipaddress.ip_address(address).is_unspecified


def settings() -> dict[str, Setting]:
    """Every setting by its name, in the order of the help text."""
    return {field.name: field.metadata[_SETTING] for field in attrs.fields(Config)}


# Gathering -------------------------------------------------------------------------------------------------------------


def load(file: Path | None = None, environ: Mapping[str, str] | None = None, flags: Mapping[str, Any] | None = None) -> Config:
    """The configuration from all three sources. ``flags`` holds only those that were given. Raises ConfigError.

    Without ``file``, the one that ``XAPID_CONFIG`` names is read, if any.
    """
    environ = os.environ if environ is None else environ
    if file is None and environ.get(CONFIG_VARIABLE):
        file = Path(environ[CONFIG_VARIABLE])
    values: dict[str, Any] = {}
    if file is not None:
        values |= _from_file(file)
    values |= _from_environment(environ)
    values |= {name: _read(name, value, flag(name)) for name, value in (flags or {}).items()}
    return Config(**values)


def flag(name: str) -> str:
    """The setting's flag."""
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """The setting's environment variable."""
    return PREFIX + name.upper()


def _from_file(file: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise ConfigError(f"{file}: {problem}") from problem
    values: dict[str, Any] = {}
    for key, value in content.items():
        name = key.replace("-", "_")
        if name not in settings() or settings()[name].secret:
            raise ConfigError(f"{file}: unknown key {key}{_closest(name, lambda known: known.replace('_', '-'))}")
        if name in values:
            raise ConfigError(f"{file}: {key} is set twice")
        values[name] = _read(name, value, f"{file}: {key}")
    return values


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values = {}
    for key, value in environ.items():
        if not key.startswith(PREFIX) or key == CONFIG_VARIABLE:
            continue
        name = key.removeprefix(PREFIX).lower()
        if name not in settings():
            raise ConfigError(f"unknown environment variable {key}{_closest(name, variable)}")
        values[name] = _read(name, value, key)
    return values


def _read(name: str, value: Any, where: str) -> Any:
    try:
        return settings()[name].read(value)
    except ValueError as problem:
        raise ConfigError(f"{where}: {problem}") from problem


def _closest(name: str, spelled: Callable[[str], str]) -> str:
    close = difflib.get_close_matches(name, settings(), n=1)
    return f"; did you mean {spelled(close[0])}?" if close else ""

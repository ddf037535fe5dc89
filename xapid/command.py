"""The command ``xapid``: ``serve`` starts a daemon, ``settings`` looks at what is set, ``check`` and ``backup`` look at what a
daemon kept and copy it, ``password`` gives root another password, ``coverage`` counts what it answers, ``certs`` makes
certificates for development.

Options of ``serve`` and ``settings`` follow from the fields of :class:`xapid.config.Config`. Exit status: 0 when all went
well, 1 when something is not as it should be, 2 for a setting or an option that cannot be.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import click

import xapid
from xapid.config import CONFIG_VARIABLE, Config, ConfigError, Setting, flag, load, settings, variable

_HELP = """xapid is a management server for pools of hosts and virtual machines. It speaks XenAPI over HTTPS.

Start with `xapid serve`. Everything that can be set has a flag, an environment variable and a key in a TOML file; flags win
over the environment, the environment over the file. `xapid serve --help` lists them.
"""


@click.group(help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(xapid.__version__, prog_name="xapid")
def main() -> None:
    """The entry point."""


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command an option for every setting, and ``--config``."""
    for name, setting in reversed(settings().items()):
        if not setting.secret:
            command = click.option(flag(name), name, **_option(name, setting))(command)
    return click.option(
        "--config",
        "file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help=f"Read settings from this TOML file. [{CONFIG_VARIABLE}]",
    )(command)


def _option(name: str, setting: Setting) -> dict[str, Any]:
    option: dict[str, Any] = {"default": None, "help": f"{setting.doc} [{variable(name)}{_default(name)}]"}
    if not setting.metavar:
        return option | {"is_flag": True, "flag_value": "true"}
    option["metavar"] = "|".join(setting.choices) or setting.metavar
    return option | {"multiple": setting.repeated}


def _default(name: str) -> str:
    value = getattr(attrs.fields(Config), name).default
    if isinstance(value, attrs.Factory):  # type: ignore[arg-type]  # attrs declares the class as a function
        value = value.factory()
    return "" if value in (None, False, ()) else f"; {value}"


def _config(file: Path | None, flags: dict[str, Any]) -> Config:
    given = {name: value for name, value in flags.items() if value not in (None, ())}
    try:
        config = load(file, flags=given)
        _check_inventory(config)
        return config
    except ConfigError as problem:
        raise click.UsageError(str(problem)) from problem


def _check_inventory(config: Config) -> None:
    """Presets and counters are known only to the inventory. Raises ConfigError."""
    from xapid.inventory.presets import PRESETS, preset

    if config.preset not in PRESETS:
        raise ConfigError(f"preset: there is no {config.preset}, only {', '.join(PRESETS)}")
    try:
        preset(config.preset, **config.counters)
    except (TypeError, ValueError) as problem:
        raise ConfigError(f"counter: {problem}") from problem


@main.command(short_help="Run a daemon until SIGTERM or SIGINT.")
@_options
def serve(file: Path | None, **flags: Any) -> None:
    """Runs a daemon until SIGTERM or SIGINT.

    The first start on a state directory makes a pool (--preset, --hosts, …), a certificate and a password for root, which
    is then in the file `initial-password` of that directory until it is changed. XAPID_ROOT_PASSWORD sets it instead.
    """
    config = _config(file, flags)
    from xapid.daemon import run  # only this command pays for loading the whole server

    try:
        status = run(config)
    except ConfigError as problem:
        raise click.UsageError(str(problem)) from problem
    sys.exit(status)


@main.command("settings", short_help="Look at settings and declarations without starting anything.")
@_options
def settings_(file: Path | None, **flags: Any) -> None:
    """Says what the settings come to, and whether every operation has a message and every message an answer."""
    config = _config(file, flags)
    for field in attrs.fields(Config):
        if not settings()[field.name].secret:
            click.echo(f"{field.name.replace('_', '-'):18} {getattr(config, field.name)}")
    from xapid.coverage import count

    counts = count()
    click.echo(f"{len(counts.names):,} messages, {len(counts.not_done):,} of them not yet done")


_STATE = click.argument("state", type=click.Path(path_type=Path, exists=True, file_okay=False))


@main.command(short_help="Verify a state directory.")
@_STATE
def check(state: Path) -> None:
    """Verifies the state directory STATE, also while a daemon uses it, and changes nothing.

    The database must be sound, every object of it must be readable and of the types that the API declares, and its indexes
    and relations must agree. Exits with 1 if something is wrong.
    """
    from xapid.state.check import check as look

    found = look(state)
    if found.version is not None:
        click.echo(f"version {found.version}, generation {found.generation}, {found.objects.total():,} objects")
    for note in found.notes:
        click.echo(f"note: {note}")
    for problem in found.problems:
        click.echo(f"problem: {problem}", err=True)
    if found.problems:
        sys.exit(1)
    click.echo(f"{state} is sound")


@main.command(short_help="Copy a state directory into one file.")
@_STATE
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(state: Path, file: Path) -> None:
    """Copies the state directory STATE into FILE, a tar archive, also while a daemon uses it.

    FILE holds keys: keep it as secret as STATE. Unpacked into a new directory, it is a state directory again. It is
    compressed if its name ends with gz, and replaced whole if it is there.
    """
    from xapid.state.backup import BackupError
    from xapid.state.backup import backup as copy

    try:
        copy(state, file)
    except BackupError as problem:
        raise click.ClickException(str(problem)) from problem


@main.command(short_help="Give root another password, on this machine.")
@click.option("--reset", is_flag=True, help="Give root of the daemon that keeps its state in STATE another password.")
@click.option("--hash", "only_hash", is_flag=True, help="Print the hash of a password, for a file of users.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Take the password from the first line of standard input.")
@click.argument("state", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
def password(reset: bool, only_hash: bool, from_stdin: bool, state: Path | None) -> None:
    """A way back in for who has lost root's password: with --reset, a new one is made up and printed, or taken from standard
    input. A running daemon has it when this returns, another one when it starts. Sessions that are open stay. Do it on the
    coordinator: members take the password that it has.
    """
    from xapid.auth.passwords import hashed
    from xapid.datamodel.errors import XenAPIError

    if reset == only_hash or reset != (state is not None):
        raise click.UsageError("say --reset and STATE, or --hash")
    chosen = sys.stdin.readline().rstrip("\n") if from_stdin or only_hash else secrets.token_urlsafe(15)
    try:
        encoded = hashed(chosen)
    except XenAPIError as refusal:
        raise click.UsageError(refusal.params[0]) from refusal
    if state is None:
        click.echo(encoded)
        return
    from xapid.state.reset import NotTaken, reset_password

    try:
        is_running = reset_password(state, encoded)
    except (OSError, NotTaken) as problem:
        raise click.ClickException(str(problem)) from problem
    if not from_stdin:
        click.echo(chosen)
    click.echo("It holds now." if is_running else "It holds from the daemon's next start.", err=True)


@main.command(short_help="Count the messages that are answered, by kind.")
@click.option("--refused", is_flag=True, help="List the messages that are not yet done, one name a line.")
@click.option("--page", is_flag=True, help="Print the page docs/coverage.md.")
@click.option("--write", type=click.Path(path_type=Path, dir_okay=False), help="Write the page to this file.")
@click.option("--check", type=click.Path(path_type=Path, exists=True), help="Exit with 1 if this file is not the current page.")
def coverage(refused: bool, page: bool, write: Path | None, check: Path | None) -> None:
    """Counts the messages: derived, implemented, removed, refused as the reference server refuses them, not yet done."""
    from xapid import coverage as pages

    counts = pages.count()
    if refused:
        for name in counts.not_done:
            click.echo(name)
    elif check is not None:
        if check.read_text() != pages.page(counts):
            raise click.ClickException(f"{check} is out of date; run `make coverage`")
    elif write is not None:
        write.write_text(pages.page(counts))
    elif page:
        click.echo(pages.page(counts), nl=False)
    else:
        click.echo(pages.summary(counts))


@main.command(short_help="Make certificates for development.")
@click.option(
    "--name", "names", multiple=True, metavar="NAME", help="A host name or an address of the server; may be repeated."
)
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def certs(names: tuple[str, ...], directory: Path) -> None:
    """Makes a certificate authority in DIRECTORY, unless it has one, and a server certificate that it vouches for.

    Import ca.pem into clients, and start the daemon with --certificate server.pem. Both hold for ten years.
    """
    from xapid.certificates.pair import Certificate, authority, issued

    now = datetime.now(UTC)
    directory.mkdir(parents=True, exist_ok=True)
    key, public, server = directory / "ca.key", directory / "ca.pem", directory / "server.pem"
    if not key.exists():
        authority("xapid development CA", now).save(key)
    ca = Certificate.load(key)
    public.write_bytes(ca.certificate_pem)
    made = issued(ca, names or ("localhost", "127.0.0.1", "::1"), now)
    made.save(server)
    click.echo(f"{public}: import this into clients; SHA-256 {ca.fingerprint}")
    click.echo(f"{server}: for --certificate; SHA-256 {made.fingerprint}")

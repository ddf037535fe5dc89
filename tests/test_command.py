"""The command line."""

from __future__ import annotations

import subprocess

import pytest
from click.testing import CliRunner

import xapid
from xapid.command import main
from xapid.config import Setting, flag, settings, variable


@pytest.fixture
def run(monkeypatch):
    for name in settings():
        monkeypatch.delenv(variable(name), raising=False)
    return lambda *arguments, **options: CliRunner().invoke(main, list(arguments), **options)


def public() -> dict[str, Setting]:
    return {name: setting for name, setting in settings().items() if not setting.secret}


def test_help_names_the_commands(run):
    result = run("--help")
    assert result.exit_code == 0
    commands = ("serve", "settings", "check", "backup", "password", "coverage", "certs")
    assert all(f"  {command} " in result.output for command in commands)


def test_version(run):
    assert xapid.__version__ in run("--version").output


def test_help_of_serve_explains_every_setting_and_shows_no_secret_flag(run):
    output = " ".join(run("serve", "--help", terminal_width=500).output.split())
    for name, setting in public().items():
        assert f"{flag(name)} " in output
        assert setting.doc.split(",")[0] in output
        assert variable(name) in output
    assert "--root-password" not in output


def test_flags_reach_the_daemon(run, monkeypatch):
    seen = []
    monkeypatch.setattr("xapid.daemon.run", lambda config: seen.append(config) or 3)
    result = run(
        "serve", "--port", "0", "--ready-json", "--ephemeral", "--preset", "standalone",
        "--listen", "127.0.0.9:1", "--seed", "7",
        env={"XAPID_ROOT_PASSWORD": "secret", "XAPID_SEED": "6"},
    )  # fmt: skip
    assert result.exit_code == 3
    config = seen[0]
    assert (config.port, config.ready_json, config.ephemeral, config.seed) == (0, True, True, 7)
    assert config.endpoints == (("127.0.0.1", 0), ("127.0.0.9", 1))
    assert (config.preset, config.root_password) == ("standalone", "secret")


def test_an_impossible_setting_ends_with_status_2_and_a_sentence(run):
    result = run("serve", "--port", "x")
    assert result.exit_code == 2
    assert "--port: it must be a whole number" in result.output


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--preset", "pool9"], "there is no pool9, only standalone, pool3"),
        (["--counter", "nicks=4"], "nicks"),
        (["--counter", "nics=0"], "nics must be at least 1"),
        (["--counter", "nics"], "whole number"),
    ],
)
def test_an_impossible_inventory_is_refused_before_anything_starts(run, flags, complaint):
    result = run("settings", *flags)
    assert result.exit_code == 2
    assert complaint in result.output


def test_settings_prints_what_holds(run, tmp_path):
    file = tmp_path / "x.toml"
    file.write_text("hosts = 16\n")
    result = run("settings", "--config", str(file))
    assert result.exit_code == 0, result.output
    assert any(line.split() == ["hosts", "16"] for line in result.output.splitlines())


def test_coverage_lists_what_is_not_done_one_name_a_line(run):
    for name in run("coverage", "--refused").output.splitlines():
        assert name.count(".") == 1


def test_coverage_page_is_checked_against_a_file(run, tmp_path):
    file = tmp_path / "coverage.md"
    assert run("coverage", "--write", str(file)).exit_code == 0
    assert run("coverage", "--check", str(file)).exit_code == 0
    file.write_text(file.read_text() + "edited")
    assert run("coverage", "--check", str(file)).exit_code == 1


def test_certs_keeps_the_authority_and_makes_a_server_that_it_vouches_for(run, tmp_path, tool):
    openssl = tool("openssl")
    assert run("certs", str(tmp_path)).exit_code == 0
    authority = (tmp_path / "ca.pem").read_bytes()
    assert run("certs", str(tmp_path), "--name", "xapid.example", "--name", "10.0.0.5").exit_code == 0
    assert (tmp_path / "ca.pem").read_bytes() == authority
    assert b"PRIVATE" not in authority
    for secret in ("ca.key", "server.pem"):
        assert (tmp_path / secret).stat().st_mode & 0o777 == 0o600
    for name in (["-verify_hostname", "xapid.example"], ["-verify_ip", "10.0.0.5"]):
        command = [openssl, "verify", "-CAfile", str(tmp_path / "ca.pem"), *name, str(tmp_path / "server.pem")]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0

"""Settings from a file, the environment and flags."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from xapid.config import Config, ConfigError, flag, load, settings, variable


def toml(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "xapid.toml"
    file.write_text(text)
    return file


def test_without_any_source_the_defaults_hold():
    assert load(environ={}) == Config()


def test_every_field_is_declared_as_a_setting():
    assert list(settings()) == [field.name for field in attrs.fields(Config)]


def test_names_of_flags_and_variables_follow_from_the_field():
    assert (flag("vms_per_host"), variable("vms_per_host")) == ("--vms-per-host", "XAPID_VMS_PER_HOST")


def test_the_environment_wins_over_the_file_and_flags_over_both(tmp_path):
    file = toml(tmp_path, "port = 1\nhosts = 1\nseed = 1\n")
    config = load(file, {"XAPID_HOSTS": "2", "XAPID_SEED": "2"}, {"seed": "3"})
    assert (config.port, config.hosts, config.seed) == (1, 2, 3)


def test_the_file_may_be_named_by_the_environment(tmp_path):
    assert load(environ={"XAPID_CONFIG": str(toml(tmp_path, "vms-per-host = 50"))}).vms_per_host == 50


def test_keys_may_be_written_with_either_dash(tmp_path):
    assert load(toml(tmp_path, "duration_profile = 'instant'"), {}).duration_profile == "instant"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("presett = 'x'", "unknown key presett; did you mean preset"),
        ("zzz = 1", "unknown key zzz$"),
        ("root-password = 'x'", "unknown key root-password"),
        ("port = 1\n[listen]\nx = 1", "listen: it must be ADDRESS:PORT"),
        ("max-body = 5\nmax_body = 5", "lie between"),
        ("port = 1\nport = 2", "xapid.toml: Cannot overwrite a value"),
        ("state = 5", "state: it must be a text"),
        ("ephemeral = 'maybe'", "ephemeral: it must be true or false"),
    ],
)
def test_a_file_with_a_mistake_is_refused_with_its_name(tmp_path, text, complaint):
    with pytest.raises(ConfigError, match=complaint) as caught:
        load(toml(tmp_path, text), {})
    assert str(caught.value).startswith(str(tmp_path))


def test_the_same_key_in_two_spellings_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="set twice"):
        load(toml(tmp_path, "http-port = 80\nhttp_port = 80"), {})


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "none.toml", {})


def test_an_unknown_variable_is_an_error_and_others_programs_variables_are_not():
    with pytest.raises(ConfigError, match="XAPID_PRESETT; did you mean XAPID_PRESET"):
        load(environ={"XAPID_PRESETT": "x"})
    assert load(environ={"PATH": "/bin", "XAPIDX": "1"}) == Config()


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("port", "65536", "between 0 and 65535"),
        ("port", "12x", "whole number"),
        ("port", True, "whole number"),
        ("hosts", "0", "between 1"),
        ("bind", "localhost", "IP address"),
        ("listen", "127.0.0.1", "ADDRESS:PORT"),
        ("duration_profile", "slow", "one of instant, realistic"),
        ("preset", "", "not empty"),
    ],
)
def test_a_flag_with_an_impossible_value_is_refused_with_its_name(name, value, complaint):
    with pytest.raises(ConfigError, match=f"^{flag(name)}: .*{complaint}"):
        load(environ={}, flags={name: value})


def test_more_addresses_come_after_the_main_one():
    config = load(environ={}, flags={"port": 443, "listen": ("192.0.2.1:8443", "[2001:db8::1]:443")})
    assert config.endpoints == (("127.0.0.1", 443), ("192.0.2.1", 8443), ("2001:db8::1", 443))
    assert load(environ={"XAPID_LISTEN": "192.0.2.1:1, 192.0.2.2:2"}).listen == (("192.0.2.1", 1), ("192.0.2.2", 2))


def test_the_hosts_address_is_the_bound_one_and_a_wildcard_needs_another():
    assert load(environ={}, flags={"bind": "192.0.2.7"}).host_address == "192.0.2.7"
    with pytest.raises(ConfigError, match="address"):
        load(environ={}, flags={"bind": "0.0.0.0"})
    with pytest.raises(ConfigError, match="cannot reach"):
        load(environ={}, flags={"bind": "0.0.0.0", "address": "0.0.0.0"})
    assert load(environ={}, flags={"bind": "0.0.0.0", "address": "192.0.2.7"}).host_address == "192.0.2.7"


def test_counters_come_from_flags_of_their_own_pairs_and_a_table(tmp_path):
    assert load(environ={}, flags={"hosts": "4", "counter": ("nics=4", "shared-srs=2")}).counters == {
        "hosts": 4,
        "nics": 4,
        "shared_srs": 2,
    }
    assert load(toml(tmp_path, "[counter]\nnics = 3\n"), {}).counters == {"nics": 3}
    assert load(environ={"XAPID_COUNTER": "nics=2,vlans=0"}).counters == {"nics": 2, "vlans": 0}


def test_an_ephemeral_daemon_has_no_state_directory():
    assert load(environ={}, flags={"state": "/x", "ephemeral": "true"}).state_directory is None
    assert load(environ={}, flags={"state": "/x"}).state_directory == Path("/x")


def test_the_password_comes_from_the_environment_and_is_never_printed():
    config = load(environ={"XAPID_ROOT_PASSWORD": "hunter2"})
    assert config.root_password == "hunter2"
    assert "hunter2" not in repr(config)

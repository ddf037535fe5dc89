"""What the user says: the command line, the environment, files."""

from __future__ import annotations

import pytest

from xapid.xe.options import UsageError, read


def test_without_a_word_it_is_root_at_this_machine():
    options = read(["vm-list"], {})
    assert (options.server, options.port, options.user, options.password) == ("127.0.0.1", None, "root", "null")
    assert not options.is_plain and not options.is_verified
    assert options.body == b"vm-list\nusername=root\npassword=null"


def test_switches_are_taken_wherever_they_stand_and_the_rest_keeps_its_order():
    switches = ["-u", "me", "-pw", "p=w", "--force", "--nossl", "--debug", "--debug-on-fail", "--verify"]
    words = ["-s", "h", "-p", "8443", "vm-list", "--minimal", "params=uuid", *switches]
    options = read(words, {})
    assert (options.server, options.port, options.user, options.password) == ("h", 8443, "me", "p=w")
    assert options.arguments == ["vm-list", "--minimal", "params=uuid", "--force"]
    assert options.body.endswith(b"--force\nusername=me\npassword=p=w")
    assert options.is_plain and options.is_debugged and options.is_debugged_on_failure and options.is_verified


def test_the_same_can_be_said_as_assignments():
    words = [
        "vm-list",
        "server=h",
        "port=1",
        "username=me",
        "password=pw",
        "nossl=true",
        "debugonfail=true",
        "traceparent=00-1",
    ]
    options = read(words, {})
    assert (options.server, options.port, options.user, options.password, options.is_plain) == ("h", 1, "me", "pw", True)
    assert options.arguments == ["vm-list"]
    assert options.is_debugged_on_failure and options.traceparent == "00-1"


def test_words_about_certificates_are_parameters_of_commands_unless_they_are_switches():
    options = read(["certificate-list", "fingerprint=AA:BB", "--fingerprint", "CC:DD", "--cacert", "ca.pem"], {})
    assert options.arguments == ["certificate-list", "fingerprint=AA:BB"]
    assert (options.fingerprint, options.authorities) == ("ccdd", "ca.pem")
    assert read(["vm-list"], {"XE_FINGERPRINT": "AA", "XE_CACERT": "x"}).fingerprint == "aa"


def test_the_command_line_wins_over_extra_arguments_over_variables_over_the_file(tmp_path):
    (tmp_path / ".xe").write_text("server=file\nusername=file\n# password=comment\npassword=file\nport=1\n")
    environment = {
        "HOME": str(tmp_path),
        "XE_SERVER": "variable",
        "XE_USERNAME": "variable",
        "XE_PASSWORD": "variable",
        "XE_EXTRA_ARGS": "server=extra,password=with\\,comma,params=uuid,--minimal",
    }
    options = read(["vm-list", "-s", "line"], environment)
    assert (options.server, options.user, options.password, options.port) == ("line", "variable", "with,comma", 1)
    assert options.arguments == ["vm-list", "params=uuid", "--minimal"]


def test_a_password_file_holds_a_name_and_a_password(tmp_path):
    file = tmp_path / "pw"
    file.write_text("somebody\nsecret word\n")
    options = read(["-pwf", str(file), "vm-list"], {"XE_PASSWORD": "other"})
    assert (options.user, options.password) == ("somebody", "secret word")
    assert read(["-pw", "given", "vm-list"], {"XE_PASSWORDFILE": str(file)}).password == "given"
    file.write_text("alone")
    for name in (str(file), str(tmp_path / "none")):
        with pytest.raises(UsageError, match="password file"):
            read(["-pwf", name, "vm-list"], {})


@pytest.mark.parametrize("words", [["-s"], ["vm-list", "-pw"], ["-p", "x"], ["port=70000"], ["-p", "0"]])
def test_switches_without_values_and_impossible_ports_are_refused(words):
    with pytest.raises(UsageError):
        read(words, {})


@pytest.mark.parametrize("words", [["vm-list", "name-label=a\nforce=true"], ["vm-list", "x=y\r"], ["x", "-pw", "a\nb"]])
def test_a_line_end_in_an_argument_is_refused_rather_than_sent_as_another_argument(words):
    with pytest.raises(UsageError, match="line end"):
        _ = read(words, {}).body


def test_a_password_with_a_line_end_is_not_shown():
    with pytest.raises(UsageError) as caught:
        _ = read(["vm-list", "-pw", "hush\nhush"], {}).body
    assert "hush" not in str(caught.value)


def test_only_values_of_parameters_are_files():
    options = read(["vm-import", "filename=a.xva", "word", "-pw", "secret", "x="], {})
    assert options.files == {"a.xva"}


def test_trace_headers_come_from_the_environment_and_hold_no_line_ends():
    assert read(["vm-list"], {"TRACEPARENT": "00-ab", "BAGGAGE": "k=v"}).baggage == "k=v"
    with pytest.raises(UsageError):
        read(["vm-list"], {"TRACEPARENT": "00\r\nx: y"})


def test_a_name_without_a_password_is_asked_about():
    assert read(["-u", "me", "vm-list"], {}).must_ask
    assert not read(["-u", "me", "-pw", "", "vm-list"], {}).must_ask
    assert not read(["vm-list"], {}).must_ask

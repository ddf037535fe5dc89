"""What Bash offers."""

from __future__ import annotations

import pytest

from xapid.xe import completion
from xapid.xe.completion import candidates, split

HELP = {
    "vm-start": {"optional params": ["force", "on", "<vm-selectors>"]},
    "sr-create": {"reqd params": ["name-label", "type"], "optional params": ["host-uuid", "device-config:"]},
    "vm-list": {"optional params": ["params", "database:", "uuid", "name-label", "other-config"]},
    "vm-param-set": {"reqd params": ["uuid"]},
    "vm-disk-list": {},
}
COMMANDS = [
    *("vm-start", "vm-list", "vm-param-list", "vm-param-set", "host-list", "host-param-list", "vm-disk-list", "sr-create"),
    *("sr-list", "sr-param-list"),
]
ANSWERS = {
    "help --all": COMMANDS,
    "vm-list params=name-label": ["web one", "$(boom)"],
    "vm-list params=uuid": ["u-1", "u-2"],
    "host-list params=uuid": ["h-1"],
}


class Server:
    def __call__(self, question):
        return ANSWERS.get(" ".join(question), [])

    def help(self, command):
        return HELP.get(command, {})

    def text(self, question):
        return "uuid ( RO): u-1\n   name-label ( RW): x\n  other-config (MRW): \n" if question[1:] == ["uuid=u-1"] else ""


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("vm-s", ["vm-start"]),
        ("-s host vm-l", ["vm-list"]),
        ("help sr-c", ["sr-create"]),
        ("vm-start ", ["force=", "on=", "uuid=", "vm="]),
        ("vm-start vm=x f", ["force="]),
        ("vm-start --f", ["--force"]),
        ("vm-start vm=w", ["vm=web one"]),
        ("vm-start uuid=", ["uuid=u-1", "uuid=u-2"]),
        ("vm-disk-list uuid=u-2", ["uuid=u-2"]),
        ("sr-create host-uuid=", ["host-uuid=h-1"]),
        ("sr-create name-label=x d", ["device-config:"]),
        ("vm-list params=", ["params=all", "params=name-label", "params=other-config", "params=uuid"]),
        ("vm-list params=uuid,n", ["params=uuid,name-label"]),
        ("vm-param-set uuid=u-1 o", ["other-config:"]),
        ("vm-param-set o", ["other-config="]),
        ("nosuch x=", []),
        ("-pw ", []),
    ],
)
def test_what_could_come_next(line, offered):
    assert candidates(split(f"xe {line}")[0][1:], Server()) == offered


def test_files_are_offered_where_files_are_meant(tmp_path):
    (tmp_path / "backup.xva").touch()
    (tmp_path / "sub").mkdir()
    found = candidates(["vm-import", f"filename={tmp_path}/"], Server())
    assert found == [f"filename={tmp_path}/backup.xva", f"filename={tmp_path}/sub/"]


def test_lines_are_read_as_shells_read_them():
    assert split("xe vm-start 'vm=a b' x\\ y \"q") == (["xe", "vm-start", "vm=a b", "x y", "q"], '"')
    assert split("xe ") == (["xe", ""], "")


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        ("xe vm-start vm=w", "web\\ one\n"),
        ("xe vm-start vm='w", "web one\n"),
        ("xe vm-start vm=$", "\\$\\(boom\\)\n"),
        ('xe vm-start vm="', "\\$(boom)\nu-1\nu-2\nweb one\n"),
    ],
)
def test_names_cannot_become_commands_of_the_shell(monkeypatch, capsys, line, printed):
    monkeypatch.setattr(completion, "_Server", lambda words: Server())
    monkeypatch.delenv("COMP_WORDBREAKS", raising=False)
    assert completion.main([line, str(len(line))]) == 0
    assert capsys.readouterr().out == printed


def test_without_a_server_nothing_is_offered(monkeypatch, tmp_path):
    monkeypatch.setenv("XE_EXTRA_ARGS", "")
    server = completion._Server(["-s", "127.0.0.1", "-p", "1"])
    assert candidates(["vm-"], server) == []


def test_items_of_minimal_output_are_taken_apart():
    assert completion._items("a\\,b,c\\\\,,d\n") == ["a,b", "c\\", "d"]

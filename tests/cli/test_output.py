"""What xe prints, to the character."""

from __future__ import annotations

import pytest

from xapid.cli import values
from xapid.cli.failures import CommandFailed
from xapid.cli.printer import Printer


class Paper:
    def __init__(self):
        self.text = ""

    def print(self, text):
        self.text += f"{text}\n"


def printed(act, *, minimal=False):
    paper = Paper()
    printer = Printer(paper, minimal=minimal)
    act(printer)
    printer.finish()
    return paper.text


def test_a_record_has_its_first_name_at_the_left_and_the_others_at_the_right():
    fields = [("uuid ( RO)", "1"), ("name-label ( RW)", "a"), ("tags (SRW)", "")]
    assert printed(lambda printer: printer.record(fields)) == (
        "uuid ( RO)          : 1\n    name-label ( RW): a\n          tags (SRW): \n\n\n"
    )


def test_a_record_without_parameters_is_three_empty_lines():
    assert printed(lambda printer: printer.record([])) == "\n\n\n"


def test_minimal_output_is_one_line_of_first_values_with_commas_escaped_and_of_several_lists_the_last_first():
    def act(printer):
        printer.record([("uuid", "a,b"), ("name", "x")])
        printer.message("for people")
        printer.lines(["c\\d", "e"])

    assert printed(act, minimal=True) == "c\\\\d,e,a\\,b\n"


def test_minimal_output_of_nothing_is_an_empty_line():
    assert printed(lambda printer: None, minimal=True) == "\n"


def test_lists_show_the_default_columns_in_the_order_of_the_record(xe):
    network = xe.good("network-create", "name-label=n").line
    assert xe.good("network-list", f"uuid={network}").out == (
        f"uuid ( RO)                : {network}\n"
        "          name-label ( RW): n\n"
        "    name-description ( RW): \n"
        f"              bridge ( RO): {xe.good('network-param-get', f'uuid={network}', 'param-name=bridge').line}\n"
        "\n\n"
    )
    assert xe.good("network-list", f"uuid={network}", "params=MTU,name-label,nosuch").out == (
        "name-label ( RW)    : n\n           MTU ( RW): 1500\n\n\n"
    )
    assert xe.good("network-list", f"uuid={network}", "params=MTU,name-label", "--minimal").out == "n\n"


def test_filters_compare_what_is_shown_of_values_map_keys_and_set_items(xe):
    network = xe.good("network-create", "name-label=filtered").line
    xe.good("network-param-set", f"uuid={network}", "other-config:colour=red", "name-description=a=b")
    xe.good("network-param-add", f"uuid={network}", "param-name=tags", "param-key=t")
    for wanted in (
        "name-label=filtered",
        "other-config:colour=red",
        "other-config-colour=red",
        "tags:contains=t",
        "name-description=a=b",
    ):
        assert xe.good("network-list", wanted, "--minimal").line == network
    assert xe.good("network-list", "tags:contains=u", "name-label=filtered").out == ""
    assert xe("network-list", "nosuch=1").err == "Error: Unknown field 'nosuch'\n"
    assert xe.good("network-list", "name-label=nothing like that", "nosuch=1").out == ""


def test_expensive_fields_are_shown_for_one_object_only(xe):
    pif = xe.good("pif-list", "--minimal").line.split(",")[0]
    assert "io_read_kbs ( RO): <expensive field>" in xe.good("pif-list", f"uuid={pif}", "params=all").out
    assert "<expensive field>" not in xe.good("pif-param-list", f"uuid={pif}").out


def test_deprecated_and_hidden_parameters_are_marked_and_left_out(xe):
    shown = xe.good("vm-list", "params=all", "is-control-domain=true").out
    assert "ha-always-run ( RW) [DEPRECATED]: false" in shown
    assert "nomigrate" not in shown
    assert xe.good(
        "host-param-get", f"uuid={xe.good('host-list', '--minimal').line.split(',')[0]}", "param-name=uefi-certificates"
    )


@pytest.mark.parametrize(
    ("text", "size"),
    [("5", 5), ("5B", 5), ("2kiB", 2048), ("1 MiB", 1 << 20), ("3gb", 3 << 30), ("1t", 1 << 40), ("7bytes", 7)],
)
def test_sizes_may_have_units(text, size):
    assert values.size("x", text) == size


@pytest.mark.parametrize("text", ["", "lots", "-1", "1.5GiB", "1PiB"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(CommandFailed, match="'x'"):
        values.size("x", text)


def test_booleans_are_read_in_all_their_spellings():
    assert [values.boolean("x", text) for text in ("TRUE", "t", "Yes", "y", "1")] == [True] * 5
    assert [values.boolean("x", text) for text in ("FALSE", "f", "No", "n", "0")] == [False] * 5
    with pytest.raises(CommandFailed):
        values.boolean("x", "maybe")

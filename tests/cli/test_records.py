"""Records of xe say what the API's classes have."""

from __future__ import annotations

import pytest

from xapid.cli.records.declared import DeclarationError, Listing, Record
from xapid.cli.records.special import SPECIAL
from xapid.cli.records.tables import LISTINGS, RECORDS
from xapid.datamodel.catalogue import catalogue

PARAMETERS = [(record, parameter) for record in RECORDS.values() for parameter in record.parameters]


def test_every_special_parameter_is_declared_and_known():
    declared = {f"{record.cls} {parameter.name}" for record, parameter in PARAMETERS if not parameter.path}
    assert declared == SPECIAL.keys()


def test_every_parameter_that_can_be_set_has_a_message_that_sets_it():
    for record, parameter in PARAMETERS:
        if parameter.mark == "RW" or parameter.is_settable:
            assert f"{record.cls}.set_{parameter.written}" in catalogue().messages


def test_names_are_unique_and_uuid_comes_first():
    for record in RECORDS.values():
        names = [parameter.name for parameter in record.parameters]
        assert len(names) == len(set(names)) and names[0] == "uuid"


def test_there_is_a_family_of_commands_for_each_listing():
    assert len(LISTINGS) == 56
    assert LISTINGS["template"][0] is LISTINGS["vm"][0]


@pytest.mark.parametrize("words", ["RO nosuch", "uuid", "RO uuid=nosuch.field", "RO uuid!"])
def test_a_record_that_the_class_does_not_have_is_refused(words):
    with pytest.raises(DeclarationError):
        _ = Record("VM", words, Listing("vm", "uuid")).parameters


def test_every_parameter_of_every_object_of_a_pool_can_be_shown(xe):
    for name in LISTINGS:
        for uuid in xe.good(f"{name}-list", "params=uuid", "--minimal", "--all").line.split(",")[:2]:
            if uuid:
                shown = xe.good(f"{name}-param-list", f"uuid={uuid}").out
                assert uuid in shown and "<expensive field>" not in shown

"""The check of replies against declared types."""

from __future__ import annotations

from xmlrpc.client import DateTime as Date

import pytest

from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.types import Bool, DateTime, Float, Int, Map, Option, Record, Ref, Set, String, Void
from xapid.testing.conformity import Nonconformity, check, checker

POWER = catalogue().enums["vm_power_state"]


@pytest.mark.parametrize(
    ("type_", "right", "wrong"),
    [
        (String, "", 5),
        (Int, "-12", 12),
        (Int, "0", ""),
        (Float, 0.5, "0.5"),
        (Bool, True, "true"),
        (DateTime, Date("20260101T00:00:00Z"), "20260101T00:00:00Z"),
        (Void, "", None),
        (Ref("VM"), "OpaqueRef:NULL", None),
        (POWER, "Running", "running"),
        (Set(Ref("VM")), ["OpaqueRef:x"], [1]),
        (Set(String), [], "x"),
        (Map(String, Int), {"a": "1"}, {"a": 1}),
        (Map(Int, String), {"1": ""}, {"x": ""}),
        (Map(Ref("VM"), POWER), {"OpaqueRef:x": "Halted"}, {"OpaqueRef:x": "halted"}),
        (Option(Int), "1", "x"),
    ],
    ids=str,
)
def test_values_of_a_type_pass_and_others_do_not(type_, right, wrong):
    assert checker(type_)(right) is None
    assert checker(type_)(wrong) is not None


def test_a_record_has_exactly_the_fields_of_its_class():
    good = {"uuid": "u", "value": "v", "other_config": {}}
    check("secret.get_record", Record("secret"), good)
    for bad in (good | {"ref": "x"}, {"uuid": "u", "value": "v"}, good | {"other_config": {"k": 1}}):
        with pytest.raises(Nonconformity, match=r"secret\.get_record is declared to answer secret record"):
            check("secret.get_record", Record("secret"), bad)


def test_the_complaint_names_the_field():
    bad = {"uuid": "u", "value": 5, "other_config": {}}
    assert checker(Record("secret"))(bad) == "secret.value: 5 is not text"

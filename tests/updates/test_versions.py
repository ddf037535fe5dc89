"""The order of versions."""

from __future__ import annotations

import pytest

from xapid.updates.versions import Package, compare, parse

ORDERED = ["1.0~rc1", "1.0", "1.0^git1", "1.0a", "1.0.1", "1.0.9", "1.0.10", "1.1", "2"]


def test_versions_are_in_the_order_that_package_managers_see():
    for number, version in enumerate(ORDERED):
        assert compare(version, version) == 0
        for later in ORDERED[number + 1 :]:
            assert (compare(version, later), compare(later, version)) == (-1, 1), (version, later)


@pytest.mark.parametrize(("one", "other"), [("1.0", "1-0"), ("1.05", "1.5"), ("5.el8", "5_el8")])
def test_versions_that_are_spelled_otherwise_are_the_same(one, other):
    assert compare(one, other) == 0


def test_numbers_may_be_of_any_length():
    assert compare("1" * 5000, "2" + "0" * 4999) == -1
    assert compare("0" * 5000 + "1", "1") == 0


def test_an_epoch_weighs_more_than_a_version_and_that_more_than_a_release():
    editions = ["0:9-9", "1:1-1", "1:1-2", "1:2-1"]
    packages = [parse("xen.x86_64", edition) for edition in editions]
    for number, package in enumerate(packages):
        assert package.edition == editions[number]
        assert all(package.against(later) < 0 < later.against(package) for later in packages[number + 1 :])


def test_a_package_is_called_as_its_file_is():
    assert Package("xen-tools", "x86_64", 0, "4.17", "6").full_name == "xen-tools-4.17-6.x86_64.rpm"
    assert Package("xen", "noarch", 2, "4", "6").full_name == "xen-2:4-6.noarch.rpm"
    assert parse("xen.hvm.x86_64", "0:4.17-6").name == "xen.hvm"

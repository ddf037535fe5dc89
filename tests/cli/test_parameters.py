"""Parameters shown, set, added to, removed from and cleared."""

from __future__ import annotations

import pytest


@pytest.fixture
def vm(xe):
    return xe.good("vm-create", "name-label=v").line


def get(xe, vm, name, *more):
    return xe.good("vm-param-get", f"uuid={vm}", f"param-name={name}", *more).line


@pytest.mark.parametrize(
    ("word", "name", "shown"),
    [
        ("name-label=a b=c", "name-label", "a b=c"),
        ("VCPUs-max=3", "VCPUs-max", "3"),
        ("memory-static-max=512MiB", "memory-static-max", "536870912"),
        ("is-a-template=true", "is-a-template", "true"),
        ("actions-after-crash=rename restart", "actions-after-crash", "Rename restart"),
        ("actions-after-reboot=destroy", "actions-after-reboot", "Destroy"),
        ("HVM-shadow-multiplier=2", "HVM-shadow-multiplier", "2.000"),
        ("affinity=", "affinity", "<not in database>"),
        ("PV-bootloader=pygrub", "PV-bootloader", "pygrub"),
        ("HVM-boot-policy=", "HVM-boot-policy", ""),
        ("HVM-boot-params:order=cd", "HVM-boot-params", "order: cd"),
        ("xenstore-data-x=y", "xenstore-data", "x: y"),
    ],
)
def test_a_parameter_is_set_as_its_type_is_written(xe, vm, word, name, shown):
    assert xe.good("vm-param-set", f"uuid={vm}", word).out == ""
    assert get(xe, vm, name) == shown


def test_an_object_is_given_by_its_uuid(xe, vm):
    host = xe.good("host-list", "--minimal").line.split(",")[0]
    xe.good("vm-param-set", f"uuid={vm}", f"affinity={host}")
    assert get(xe, vm, "affinity") == host


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("VCPUs-max=many", "Parameter VCPUs-max must be an integer"),
        ("HVM-shadow-multiplier=x", "Parameter HVM-shadow-multiplier must be a floating-point number"),
        ("is-a-template=perhaps", "Parameter is-a-template must be a boolean (true or false)"),
        ("power-state=running", "Field 'power-state' is read-only."),
        ("allowed-operations:x=y", "Cannot param-set on set fields"),
        ("os-version:x=y", "Map field 'os-version' is read-only."),
        ("other-config=x", "Field 'other-config' is a map or set. use the 'name:key=value' syntax."),
    ],
)
def test_what_cannot_be_set_is_refused(xe, vm, word, said):
    result = xe("vm-param-set", f"uuid={vm}", word)
    assert (result.out, result.err, result.status) == ("", f"Error: {said}\n", 1)


def test_a_parameter_that_is_not_there_is_an_error_for_the_client(xe, vm):
    result = xe("vm-param-get", f"uuid={vm}", "param-name=nosuch")
    assert result.err == "Error code: Missing parameter\nError parameters: nosuch\n"


def test_a_key_of_a_map_is_got_replaced_and_removed(xe, vm):
    xe.good("vm-param-set", f"uuid={vm}", "other-config:a=b")
    xe.good("vm-param-set", f"uuid={vm}", "other-config:a=c")
    assert get(xe, vm, "other-config", "param-key=a") == "c"
    xe.good("vm-param-remove", f"uuid={vm}", "param-name=other-config", "param-key=a")
    missing = xe("vm-param-get", f"uuid={vm}", "param-name=other-config", "param-key=a")
    assert missing.err == "Error: Key a not found in map\n"
    gone = xe("vm-param-remove", f"uuid={vm}", "param-name=other-config", "param-key=a")
    assert gone.err == "Error: Key a is not in map\n"


def test_several_keys_are_added_at_once(xe, vm):
    xe.good("vm-param-add", f"uuid={vm}", "param-name=xenstore-data", "a=1", "b=2")
    assert sorted(get(xe, vm, "xenstore-data").split("; ")) == ["a: 1", "b: 2"]


def test_items_of_a_set_are_added_and_removed(xe, vm):
    xe.good("vm-param-add", f"uuid={vm}", "param-name=tags", "param-key=t")
    assert get(xe, vm, "tags") == "t"
    assert xe("vm-param-remove", f"uuid={vm}", "param-name=tags", "param-key=u").err == "Error: Key u is not in the set\n"
    xe.good("vm-param-remove", f"uuid={vm}", "param-name=tags", "param-key=t")
    assert get(xe, vm, "tags") == ""
    assert xe("vm-param-add", f"uuid={vm}", "param-name=tags").err.startswith("Error: When adding a key to a set")


@pytest.mark.parametrize(
    ("command", "name", "said"),
    [
        ("add", "name-label", "Can only add to parameters of type Set or Map"),
        ("add", "allowed-operations", "Parameter is read-only"),
        ("remove", "name-label", "Can only remove from parameters of type Set or Map"),
        ("remove", "bios-strings", "Cannot remove parameters from read-only map"),
        ("clear", "power-state", "Can only clear RW parameters"),
        ("clear", "VCPUs-max", "Cannot clear this parameter"),
    ],
)
def test_what_cannot_be_changed_is_refused(xe, vm, command, name, said):
    result = xe(f"vm-param-{command}", f"uuid={vm}", f"param-name={name}", "param-key=k")
    assert result.err == f"Error: {said}\n"


def test_sets_maps_and_texts_are_cleared(xe, vm):
    xe.good("vm-param-set", f"uuid={vm}", "other-config:a=b")
    xe.good("vm-param-add", f"uuid={vm}", "param-name=tags", "param-key=t")
    for name in ("other-config", "tags", "name-description"):
        xe.good("vm-param-clear", f"uuid={vm}", f"param-name={name}")
        assert get(xe, vm, name) == ""


def test_a_set_that_has_no_messages_for_items_is_set_as_a_whole(xe):
    observer = xe.good("observer-create", "name-label=o").line
    xe.good("observer-param-add", f"uuid={observer}", "param-name=attributes", "custom.a=b")
    assert xe.good("observer-param-get", f"uuid={observer}", "param-name=attributes").line == "custom.a: b"

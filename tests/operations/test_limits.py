from __future__ import annotations

import math

import pytest

from xapid.datamodel.types import NULL_REF
from xapid.operations import caller, rate_limit


def test_a_caller_is_in_a_group_once(world):
    ref = world.make("Caller", user_agent="XenCenter")
    for group in ("a", "b", "a"):
        caller.add_group(world.context, ref, group)
    assert world.row(ref).groups == ("a", "b")
    for group in ("a", "absent"):
        caller.remove_group(world.context, ref, group)
    assert world.row(ref).groups == ("b",)


def test_a_group_has_a_name(world):
    assert world.error(caller.add_group, NULL_REF, "") == ("INVALID_VALUE", "group", "")


def test_callers_share_a_limit_and_have_one(world):
    first, other = (rate_limit.create(world.context, {"burst_size": size, "fill_rate": 1.0}) for size in (1.0, 2.0))
    ref = world.make("Caller")
    rate_limit.add_caller(world.context, first, ref)
    rate_limit.add_caller(world.context, other, ref)
    assert (world.row(first).callers, world.row(other).callers) == ((), (ref,))
    rate_limit.remove_caller(world.context, first, ref)
    assert world.row(ref).rate_limit == other
    rate_limit.remove_caller(world.context, other, ref)
    assert world.row(ref).rate_limit == NULL_REF


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_there_are_no_fewer_than_no_tokens(world, value):
    ref = rate_limit.create(world.context, {"burst_size": 5.0, "fill_rate": 1.0})
    assert world.error(rate_limit.set_burst_size, ref, value) == ("INVALID_VALUE", "burst_size", str(value))
    assert world.error(rate_limit.set_fill_rate, ref, value) == ("INVALID_VALUE", "fill_rate", str(value))
    assert world.error(rate_limit.create, {"fill_rate": value}) == ("INVALID_VALUE", "fill_rate", str(value))


def test_a_limit_is_adjusted(world):
    ref = rate_limit.create(world.context, {"burst_size": 5.0, "fill_rate": 1.0})
    rate_limit.set_burst_size(world.context, ref, 9.5)
    rate_limit.set_fill_rate(world.context, ref, 0.5)
    assert (world.row(ref).burst_size, world.row(ref).fill_rate) == (9.5, 0.5)


@pytest.mark.parametrize(
    ("function", "args", "cls"),
    [
        (caller.add_group, ("g",), "Caller"),
        (caller.remove_group, ("",), "Caller"),
        (rate_limit.add_caller, (NULL_REF,), "Rate_limit"),
        (rate_limit.remove_caller, (NULL_REF,), "Rate_limit"),
        (rate_limit.set_burst_size, (-1.0,), "Rate_limit"),
        (rate_limit.set_fill_rate, (-1.0,), "Rate_limit"),
    ],
)
def test_a_null_reference_is_an_invalid_handle(world, function, args, cls):
    assert world.error(function, NULL_REF, *args) == ("HANDLE_INVALID", cls, NULL_REF)

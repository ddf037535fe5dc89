from __future__ import annotations

import pytest

from xapid.datamodel.types import NULL_REF
from xapid.operations import driver_variant, host_driver


@pytest.fixture
def driver(world):
    return world.make("Host_driver", host=world.host, name="ixgbe", active_variant=NULL_REF, selected_variant=NULL_REF)


@pytest.fixture
def variant(world, driver):
    return world.make("Driver_variant", driver=driver, name="generic", hardware_present=True)


def test_a_variant_is_selected_and_deselected(world, driver, variant):
    host_driver.select(world.context, driver, variant)
    assert world.row(driver).selected_variant == variant
    host_driver.deselect(world.context, driver)
    assert world.row(driver).selected_variant == NULL_REF


def test_a_driver_takes_no_variant_of_another(world, driver):
    stray = world.make("Driver_variant", driver=world.make("Host_driver"), hardware_present=True)
    assert world.error(host_driver.select, driver, stray) == ("INVALID_VALUE", "variant", stray)


def test_a_variant_without_hardware_is_not_selected(world, driver):
    idle = world.make("Driver_variant", driver=driver, hardware_present=False)
    assert world.error(host_driver.select, driver, idle) == ("HOST_DRIVER_NO_HARDWARE", idle)


def test_selecting_a_variant_is_selecting_it_for_its_driver(world, driver, variant):
    world.run(driver_variant.select(world.context, variant))
    assert world.calls == [("Host_driver.select", driver, variant)]


@pytest.mark.parametrize(
    ("function", "args", "cls"),
    [
        (host_driver.select, (NULL_REF,), "Host_driver"),
        (host_driver.deselect, (), "Host_driver"),
        (host_driver.rescan, (), "host"),
        (driver_variant.select, (), "Driver_variant"),
    ],
)
def test_a_null_reference_is_an_invalid_handle(world, function, args, cls):
    assert world.error(function, NULL_REF, *args) == ("HANDLE_INVALID", cls, NULL_REF)

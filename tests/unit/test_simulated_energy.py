"""Vehicle, meter and outlet: energy is power times time, exactly."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.charge_point.meter import WATT_MILLISECONDS_PER_WH, EnergyMeter
from simulators.charge_point.outlet import AC_11KW, DC_150KW, Outlet, Rating
from simulators.charge_point.vehicle import (
    ON_ALTERNATING_CURRENT,
    ON_DIRECT_CURRENT,
    Curve,
    Vehicle,
    curve_power_w,
)

START = datetime(2026, 3, 1, tzinfo=UTC)


def outlet_with(vehicle: Vehicle, rating: Rating, limit_w: int | None = None) -> Outlet:
    outlet = Outlet(rating, EnergyMeter(1_000), START, lambda _at: limit_w)
    outlet.vehicle = vehicle
    outlet.close(START)
    return outlet


def test_on_alternating_current_power_is_constant_until_nearly_full() -> None:
    powers = [curve_power_w(11_040, soc, ON_ALTERNATING_CURRENT) for soc in range(1001)]
    assert set(powers[:951]) == {11_040}
    assert powers[975] == 6_624
    assert powers[950:] == sorted(powers[950:], reverse=True)


def test_on_direct_current_power_rises_stays_and_falls() -> None:
    powers = [curve_power_w(50_000, soc, ON_DIRECT_CURRENT) for soc in range(1001)]
    assert powers[0] == 35_000
    assert set(powers[60:351]) == {50_000}
    assert (powers[500], powers[600], powers[800]) == (40_000, 33_750, 20_000)
    assert powers[350:] == sorted(powers[350:], reverse=True)


@pytest.mark.parametrize("curve", [ON_ALTERNATING_CURRENT, ON_DIRECT_CURRENT])
def test_the_last_of_a_battery_is_taken_and_no_more(curve: Curve) -> None:
    assert curve_power_w(11_040, 999, curve) > 0
    assert curve_power_w(11_040, 1000, curve) == 0


def test_a_full_vehicle_takes_nothing_more() -> None:
    outlet = outlet_with(Vehicle.of(40_000, 79, ac_w=11_000, dc_w=50_000), DC_150KW)
    outlet.advance(START + timedelta(hours=12))
    assert outlet.vehicle is not None
    assert outlet.vehicle.content
    assert outlet.power_w() == 0
    assert outlet.meter.exact_wh - 1_000 == Decimal(40_000) * 21 / 100


def test_the_weaker_of_outlet_and_vehicle_decides_the_power() -> None:
    vehicle = Vehicle.of(40_000, 20, ac_w=7_360, dc_w=50_000)
    assert outlet_with(vehicle, AC_11KW).power_w() == 7_360
    strong = Vehicle.of(40_000, 20, ac_w=22_080, dc_w=50_000)
    assert outlet_with(strong, AC_11KW).power_w() == 11_040


def test_a_limit_bounds_the_power_and_the_energy() -> None:
    outlet = outlet_with(Vehicle.of(40_000, 20, ac_w=11_040, dc_w=50_000), AC_11KW, limit_w=3_600)
    outlet.advance(START + timedelta(minutes=30))
    assert outlet.meter.exact_wh - 1_000 == 1_800


def test_no_energy_flows_through_an_open_contactor() -> None:
    outlet = outlet_with(Vehicle.of(40_000, 20, ac_w=11_040, dc_w=50_000), AC_11KW)
    outlet.open(START)
    outlet.advance(START + timedelta(hours=1))
    assert outlet.meter.register_wh == 1_000


def test_a_vehicle_that_wants_so_much_gets_exactly_that() -> None:
    vehicle = Vehicle.of(40_000, 20, ac_w=11_040, dc_w=50_000)
    vehicle.wanted = 777 * WATT_MILLISECONDS_PER_WH
    outlet = outlet_with(vehicle, AC_11KW)
    outlet.advance(START + timedelta(hours=5))
    assert outlet.meter.register_wh == 1_777
    assert vehicle.content


def test_the_register_counts_on_over_sessions() -> None:
    meter = EnergyMeter(500)
    meter.add(3_600, 1_000_000)
    between = meter.register_wh
    meter.add(3_600, 1_000_000)
    assert (between, meter.register_wh) == (1_500, 2_500)


def test_the_register_never_goes_back() -> None:
    with pytest.raises(ValueError, match="never goes back"):
        EnergyMeter().add(-1, 1)


@given(st.lists(st.integers(min_value=1, max_value=3_600_000), min_size=1, max_size=20))
def test_energy_below_the_taper_does_not_depend_on_how_often_one_looks(steps: list[int]) -> None:
    outlet = outlet_with(Vehicle.of(10_000_000, 0, ac_w=11_040, dc_w=50_000), AC_11KW)
    at = START
    for milliseconds in steps:
        at += timedelta(milliseconds=milliseconds)
        outlet.advance(at)
    assert outlet.meter.watt_milliseconds == (
        1_000 * WATT_MILLISECONDS_PER_WH + 11_040 * sum(steps)
    )


def test_the_same_seed_brings_the_same_vehicles() -> None:
    assert Vehicle.seeded(random.Random(3)) == Vehicle.seeded(random.Random(3))


def test_currents_are_per_phase_with_one_decimal() -> None:
    assert AC_11KW.amperes(11_040) == 16.0
    assert DC_150KW.amperes(100_000) == 250.0

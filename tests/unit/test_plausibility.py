"""What a connector can deliver, which values are missing at the ends, and how clocks jump."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.events import ChargingState
from gateway.domain.metering.energy import EnergyMeter
from gateway.domain.metering.meter import Measurand, Reading, Sample
from gateway.domain.metering.plausibility import (
    JUMP,
    NEAR,
    Flow,
    ceiling,
    contradict,
    has_jumped,
    is_unread_at_end,
    is_unread_at_start,
    seconds_between,
)

T0 = datetime(2026, 3, 1, 10, tzinfo=UTC)
HOUR = Decimal(3600)
AC_11 = {"power_type": "AC_3_PHASE", "max_voltage": 230, "max_amperage": 16}
DC_150 = {
    "power_type": "DC",
    "max_voltage": 920,
    "max_amperage": 400,
    "max_electric_power": 150_000,
}
UNKNOWN = {"power_type": "AC_1_PHASE", "max_voltage": 0, "max_amperage": 0}


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def metered(*told: tuple[float, int], measurand: Any = Measurand.ENERGY_IMPORT_REGISTER) -> Any:
    meter = EnergyMeter()
    for seconds, wh in told:
        meter = meter.read(Reading(at(seconds), (Sample(measurand, Decimal(wh)),)))
    return meter


# --- energy ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("connector", "full_hour"),
    [
        (AC_11, Decimal(11_040)),
        (AC_11 | {"power_type": "AC_1_PHASE"}, Decimal(3_680)),
        (AC_11 | {"power_type": "AC_2_PHASE"}, Decimal(7_360)),
        (DC_150, Decimal(150_000)),
        (UNKNOWN, Decimal(3_750_000)),
    ],
)
def test_a_connector_delivers_what_is_stated_and_a_tenth_more_and_a_little_once(
    connector: dict[str, Any], full_hour: Decimal
) -> None:
    """mod_locations 8.3.3: max_electric_power, else voltage (line to neutral) and amperage."""
    slack = max(Decimal(1000), full_hour / 60)
    most_wh = ceiling(connector).most_wh
    assert round(most_wh(HOUR), 6) == round(full_hour * Decimal("1.1") + slack, 6)
    assert round(most_wh(Decimal(0)), 6) == round(slack, 6)
    assert most_wh(Decimal(-1)) == most_wh(Decimal(0))


@pytest.mark.parametrize("connector", [AC_11, DC_150])
def test_full_power_is_never_beyond_it_however_short_the_stretch(
    connector: dict[str, Any],
) -> None:
    power = Decimal(connector.get("max_electric_power", 11_040))
    for seconds in (0, 1, 10, 60, 900, 86_400):
        wh = power * seconds / 3600
        assert ceiling(connector).allows(wh, T0, at(seconds))


@pytest.mark.parametrize("connector", [AC_11, DC_150, UNKNOWN])
def test_a_register_that_counts_in_whole_kwh_is_believed(connector: dict[str, Any]) -> None:
    assert ceiling(connector).allows(Decimal(1000), T0, T0)


def test_units_mixed_up_are_far_beyond_it() -> None:
    """R21: a register in kWh, then in Wh."""
    assert not ceiling(AC_11).allows(Decimal(5_000_000 - 5_000), T0, at(3600))
    assert not ceiling(DC_150).allows(Decimal(5_000_000 - 5_000), T0, at(3600))


def test_seconds_are_exact() -> None:
    assert seconds_between(T0, T0 + timedelta(days=2, microseconds=1)) == Decimal("172800.000001")
    assert seconds_between(at(1), T0) == -1


# --- the ends -------------------------------------------------------------------------------


def test_the_first_register_at_the_start_or_near_it_is_the_start_value() -> None:
    assert not is_unread_at_start(metered((0, 100), (60, 200)), T0, None)
    assert not is_unread_at_start(metered((NEAR.seconds, 100)), T0, None)


def test_a_first_register_that_is_read_later_is_no_start_value() -> None:
    """R21: has no start value."""
    assert is_unread_at_start(metered((NEAR.seconds + 1, 100)), T0, None)


def test_a_stated_start_needs_no_reading() -> None:
    """1.6 meterStart."""
    meter = EnergyMeter().starting(Decimal(100), T0)
    assert not is_unread_at_start(meter, T0, None)


def test_before_the_vehicle_charges_no_start_value_is_missed() -> None:
    waiting = Flow().told(ChargingState.EV_CONNECTED, T0)
    charging = waiting.told(ChargingState.CHARGING, at(600))
    meter = metered((610, 100), (900, 900))
    assert not is_unread_at_start(meter, T0, charging)
    assert is_unread_at_start(metered((700, 100), (900, 900)), T0, charging)


def test_a_vehicle_that_never_charged_misses_no_value() -> None:
    waiting = Flow().told(ChargingState.EV_CONNECTED, T0)
    assert not is_unread_at_start(metered((600, 100)), T0, waiting)
    assert not is_unread_at_end(metered((0, 100)), at(600), waiting)


def test_energy_without_a_word_of_charging_has_flowed_at_any_time() -> None:
    waiting = Flow().told(ChargingState.EV_CONNECTED, T0)
    assert is_unread_at_start(metered((600, 100), (900, 900)), T0, waiting)
    assert is_unread_at_end(metered((0, 100), (600, 900)), at(900), waiting)


@pytest.mark.parametrize("measurand", [Measurand.ENERGY_IMPORT_REGISTER, "interval"])
def test_the_last_value_at_the_end_or_near_it_is_the_stop_value(measurand: Any) -> None:
    if measurand == "interval":
        measurand = Measurand.ENERGY_IMPORT_INTERVAL
    meter = metered((0, 100), (3600, 900), measurand=measurand)
    assert not is_unread_at_end(meter, at(3600) + NEAR, None)
    assert is_unread_at_end(meter, at(3601) + NEAR, None)


def test_after_the_vehicle_has_charged_no_stop_value_is_missed() -> None:
    flow = Flow().told(ChargingState.CHARGING, T0).told(ChargingState.SUSPENDED_EV, at(600))
    meter = metered((0, 100), (590, 900))
    assert not is_unread_at_end(meter, at(7200), flow)
    again = flow.told(ChargingState.CHARGING, at(1200))
    assert is_unread_at_end(meter, at(7200), again)


def test_charging_told_again_begins_nothing() -> None:
    flow = Flow().told(ChargingState.CHARGING, T0)
    assert flow.told(ChargingState.CHARGING, at(60)) == Flow(T0)
    ended = flow.told(ChargingState.IDLE, at(120))
    assert ended.told(ChargingState.SUSPENDED_EV, at(180)) == Flow(T0, at(120))


@pytest.mark.parametrize(
    "edge", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
)
def test_no_time_that_can_be_told_is_too_early_or_too_late_to_judge(edge: datetime) -> None:
    """R20: no crash."""
    meter = EnergyMeter().register(Decimal(100), edge).register(Decimal(200), edge)
    assert not is_unread_at_start(meter, edge, None)
    assert not is_unread_at_end(meter, edge, Flow(edge))
    assert ceiling(AC_11).allows(Decimal(100), edge, edge)
    assert not contradict([(0, edge), (1, edge)])


# --- clocks ---------------------------------------------------------------------------------


def test_a_clock_that_is_put_right_by_minutes_has_not_jumped() -> None:
    jump = JUMP.seconds
    assert not has_jumped(0, jump)
    assert has_jumped(0, jump + 1)
    assert has_jumped(3600, 0)
    assert not has_jumped(3600, 3600)


def test_events_as_they_are_numbered_do_not_go_back_in_time() -> None:
    jump = JUMP.seconds
    assert not contradict([(0, T0), (2, at(60)), (1, at(30))])
    assert not contradict([(0, T0), (1, at(jump)), (2, T0)])
    assert contradict([(0, T0), (1, at(jump + 1)), (2, T0)])
    # in steps of which each is small
    assert contradict([(5, at(600)), (6, at(400)), (7, at(200))])
    assert not contradict([])

"""Energy from meter values, and the periods that it is booked to."""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.energy import STOP_BELOW_READING, WENT_BACK, EnergyMeter
from gateway.domain.events import ChargingState
from gateway.domain.meter import Measurand, Reading, Sample
from gateway.domain.periods import PARKING, Periods

T0 = datetime(2026, 3, 1, tzinfo=UTC)
REGISTER, INTERVAL = Measurand.ENERGY_IMPORT_REGISTER, Measurand.ENERGY_IMPORT_INTERVAL


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def reading(minutes: float, *samples: Sample) -> Reading:
    return Reading(at(minutes), samples)


def register(minutes: float, wh: str) -> Reading:
    return reading(minutes, Sample(REGISTER, Decimal(wh)))


def after(*readings: Reading, start: str | None = None) -> EnergyMeter:
    meter = EnergyMeter()
    if start is not None:
        meter = meter.starting(Decimal(start), T0)
    for one in readings:
        meter = meter.read(one)
    return meter


def test_energy_is_the_last_register_minus_the_start() -> None:
    assert after(register(1, "1500.5"), register(2, "1700.25"), start="1000").delivered_wh == (
        Decimal("700.25")
    )


def test_without_a_stated_start_the_first_register_is_it() -> None:
    assert after(register(0, "900"), register(5, "1000")).delivered_wh == Decimal(100)


def test_a_register_starting_at_zero_is_fine() -> None:
    assert after(register(0, "0"), register(5, "4200"), start="0").delivered_wh == Decimal(4200)


def test_phases_without_a_total_are_added_up() -> None:
    """ocpp-rules 11."""
    phases = [Sample(REGISTER, Decimal(100), phase=phase) for phase in ("L1", "L2", "L3")]
    assert after(reading(1, *phases), start="0").delivered_wh == Decimal(300)


def test_a_total_outranks_its_phases() -> None:
    samples = [Sample(REGISTER, Decimal(100), phase="L1"), Sample(REGISTER, Decimal(250))]
    assert after(reading(1, *samples), start="0").delivered_wh == Decimal(250)


def test_the_outlet_outranks_the_inlet() -> None:
    samples = [Sample(REGISTER, Decimal(260), location="Inlet"), Sample(REGISTER, Decimal(250))]
    assert after(reading(1, *samples), start="0").delivered_wh == Decimal(250)


def test_intervals_add_up_where_there_is_no_register() -> None:
    intervals = [reading(n, Sample(INTERVAL, Decimal(100))) for n in (1, 2, 3)]
    assert after(*intervals).delivered_wh == Decimal(300)


def test_an_interval_told_twice_counts_once() -> None:
    interval = reading(1, Sample(INTERVAL, Decimal(100)))
    assert after(interval, interval).delivered_wh == Decimal(100)


def test_a_register_that_goes_back_is_flagged_and_not_believed() -> None:
    """security-and-faults R21."""
    meter = after(register(1, "1500"), register(2, "200"), start="1000")
    assert meter.delivered_wh == Decimal(500)
    assert meter.flags == (WENT_BACK,)


def test_a_replayed_old_reading_is_no_step_back() -> None:
    meter = after(register(5, "1500"), register(1, "1100"), start="1000")
    assert (meter.delivered_wh, meter.flags) == (Decimal(500), ())


def test_the_stop_value_outranks_rounded_samples() -> None:
    meter = after(register(5, "1500"), start="1000").stopped(Decimal(1496), at(6))
    assert (meter.delivered_wh, meter.flags) == (Decimal(496), (STOP_BELOW_READING,))


def test_a_stop_in_whole_watt_hours_is_no_contradiction() -> None:
    """OCPP 1.6 meterStop is an integer; the samples before it need not be."""
    meter = after(register(5, "61.33"), start="0").stopped(Decimal(61), at(6))
    assert (meter.delivered_wh, meter.flags) == (Decimal(61), ())


def test_an_earlier_reading_that_comes_later_moves_the_start_back() -> None:
    """ocpp-rules 22: events come in any order, and an Ended may bring the first value."""
    meter = after(register(1, "15"), register(2, "61"), register(0, "0"), register(3, "67"))
    assert (meter.delivered_wh, meter.flags) == (Decimal(67), ())


def test_a_stated_start_is_not_moved_by_an_earlier_reading() -> None:
    assert after(register(2, "150"), register(-5, "20"), start="100").delivered_wh == Decimal(50)


def test_a_stop_below_the_start_is_not_believed() -> None:
    meter = after(start="1000").stopped(Decimal(10), at(6))
    assert (meter.delivered_wh, meter.flags) == (Decimal(0), (WENT_BACK,))


def test_signed_values_do_not_count_as_numbers() -> None:
    """ocpp-rules 11: SignedData is never a number."""
    meter = after(reading(1, Sample(REGISTER, None, signed="OCMF|...")), start="1000")
    assert meter.delivered_wh == 0


readings = st.lists(
    st.tuples(st.integers(0, 600), st.decimals(0, 10**6, places=3)), min_size=1, max_size=30
)


@given(readings)
def test_energy_is_never_negative_and_telling_twice_changes_nothing(
    told: list[tuple[int, Decimal]],
) -> None:
    story = [register(minutes, str(wh)) for minutes, wh in told]
    once = after(*story)
    assert once.delivered_wh >= 0
    in_order = sorted(story, key=lambda one: one.at)
    steady = after(*in_order)
    assert after(*in_order, in_order[-1]).delivered_wh == steady.delivered_wh


# --- periods ------------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(ChargingState))
def test_every_charging_state_is_charging_or_parking(state: ChargingState) -> None:
    """2.3.0 CdrDimensionType: parking only while the vehicle is not requesting power."""
    assert PARKING[state] is (state in (ChargingState.SUSPENDED_EV, ChargingState.IDLE))


def test_a_suspension_by_the_vehicle_starts_a_parking_period() -> None:
    periods = Periods().begin(at(0)).advance(Decimal(1000))
    periods = periods.switch(ChargingState.SUSPENDED_EV, at(30)).advance(Decimal(1100))
    done = periods.finish(at(45)).all()
    assert [(one.parking, one.energy_wh, one.seconds(at(99))) for one in done] == [
        (False, Decimal(1000), Decimal(1800)),
        (True, Decimal(100), Decimal(900)),
    ]


def test_a_suspension_by_the_station_is_no_parking() -> None:
    periods = Periods().begin(at(0)).switch(ChargingState.SUSPENDED_EVSE, at(30))
    assert len(periods.all()) == 1


def test_an_end_before_the_start_makes_an_empty_period() -> None:
    """security-and-faults R20: end never before start."""
    [only] = Periods().begin(at(10)).finish(at(5)).all()
    assert only.seconds(at(0)) == 0


switches = st.lists(
    st.tuples(st.sampled_from(ChargingState), st.integers(0, 500), st.integers(0, 1000)),
    max_size=20,
)


@given(switches)
def test_periods_add_up_to_the_whole(told: list[tuple[ChargingState, int, int]]) -> None:
    periods, delivered, moment = Periods().begin(at(0)), Decimal(0), 0
    for state, minutes, wh in told:
        delivered += wh
        moment += minutes
        periods = periods.advance(delivered).switch(state, at(moment))
    done = periods.finish(at(moment + 1)).all()
    assert sum(one.energy_wh for one in done) == delivered
    assert sum(one.seconds(at(0)) for one in done) == (moment + 1) * 60
    assert [one.start for one in done[1:]] == [one.end for one in done[:-1]]
    assert all(one.parking != two.parking for one, two in itertools.pairwise(done))


def test_a_period_that_begins_after_the_end_falls_away() -> None:
    """Seen on the wire: Finishing is a second later than the stop that follows it (1.6)."""
    periods = Periods().begin(at(0)).advance(Decimal(1000)).switch(ChargingState.IDLE, at(61))
    [only] = periods.advance(Decimal(1010)).finish(at(60)).all()
    assert (only.end, only.parking, only.energy_wh) == (at(60), False, Decimal(1010))


def test_a_start_heard_late_moves_the_first_period_back() -> None:
    """ocpp-rules 22: in whatever order events come."""
    running = Periods().begin(at(30)).begun_at(at(0))
    switched = Periods().begin(at(30)).switch(ChargingState.IDLE, at(40)).begun_at(at(0))
    assert [one.start for one in running.all()] == [at(0)]
    assert [one.start for one in switched.all()] == [at(0), at(40)]


def test_a_state_told_with_the_end_makes_no_parking() -> None:
    """2.x: an Ended event says Idle; a parking fee for no time would be wrong."""
    periods = Periods().begin(at(0)).advance(Decimal(1000)).switch(ChargingState.IDLE, at(60))
    [only] = periods.finish(at(60)).all()
    assert (only.parking, only.end, only.energy_wh) == (False, at(60), Decimal(1000))

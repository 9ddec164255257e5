"""Energy from meter values."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.metering.energy import STOP_BELOW_READING, WENT_BACK, EnergyMeter
from gateway.domain.metering.meter import Measurand, Reading, Sample

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

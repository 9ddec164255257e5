"""Charging periods from meter readings and from what the vehicle did."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.events import ChargingState
from gateway.domain.metering.energy import EnergyMeter
from gateway.domain.metering.meter import Measurand, Reading, Sample
from gateway.domain.metering.phases import PARKING, Phase
from gateway.domain.metering.plausibility import Ceiling
from gateway.domain.metering.use import Limits, MeteredUse
from gateway.domain.pricing import Bill, ChargingPeriod, Dimension, Reckoning
from gateway.domain.tariffs import Tariff, parse_tariff

T0 = datetime(2026, 3, 1, tzinfo=UTC)
CHARGING, SUSPENDED = ChargingState.CHARGING, ChargingState.SUSPENDED_EV
COUNTED = (Dimension.ENERGY, Dimension.TIME, Dimension.PARKING_TIME, Dimension.POWER)
Row = tuple[int, str, Decimal, Decimal]


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def reading(minutes: float, wh: int | str | None = None, **others: str) -> Reading:
    samples = [] if wh is None else [Sample(Measurand.ENERGY_IMPORT_REGISTER, Decimal(wh))]
    kinds = {
        "power": Measurand.POWER_IMPORT,
        "current": Measurand.CURRENT_IMPORT,
        "soc": Measurand.STATE_OF_CHARGE,
    }
    samples += [Sample(kinds[name], Decimal(value)) for name, value in others.items()]
    return Reading(at(minutes), tuple(samples))


def a_use(
    tariff: Tariff | None = None,
    limits: Limits | None = None,
    ceiling: Ceiling | None = None,
    start_wh: int = 0,
) -> MeteredUse:
    return MeteredUse(
        Reckoning(tariff, T0),
        T0,
        one_price=tariff is None or tariff.has_one_price,
        start_wh=Decimal(start_wh),
        limits=limits,
        ceiling=ceiling,
    )


def tell(use: MeteredUse, *said: Reading | tuple[ChargingState, float]) -> MeteredUse:
    for one in said:
        if isinstance(one, Reading):
            use.read(one)
        else:
            use.switch(one[0], at(one[1]))
    return use


def billed(use: MeteredUse, minutes: float, wh: int | str) -> Bill:
    bill = use.bill(at(minutes), Decimal(wh))
    assert bill is not None
    return bill


def rows(bill: Bill) -> list[Row]:
    """Minute of the start, what it was, minutes of it, Wh."""
    found = []
    for one in bill.periods:
        kind = Dimension.PARKING_TIME if Dimension.PARKING_TIME in one.volumes else Dimension.TIME
        wh = one.volumes.get(Dimension.ENERGY, Decimal(0)) * 1000
        minute = int((one.start - T0).total_seconds()) // 60
        found.append((minute, kind.value, one.volumes[kind] * 60, wh))
    return found


def tariff(*elements: dict[str, Any]) -> Tariff:
    return parse_tariff({"id": "T", "currency": "EUR", "elements": list(elements)})


def per_kwh(price: str, **restrictions: Any) -> dict[str, Any]:
    component = {"type": "ENERGY", "price": Decimal(price), "step_size": 1}
    return {"price_components": [component]} | (
        {"restrictions": restrictions} if restrictions else {}
    )


@pytest.mark.parametrize("state", list(ChargingState))
def test_every_charging_state_is_charging_or_parking(state: ChargingState) -> None:
    """2.3.0 CdrDimensionType: parking only while the vehicle is not requesting power."""
    assert PARKING[state] is (state in (ChargingState.SUSPENDED_EV, ChargingState.IDLE))


def test_parking_begins_when_the_vehicle_has_enough() -> None:
    """The reading after the switch says what flowed before it."""
    use = tell(a_use(), reading(20, 800), (SUSPENDED, 30), reading(40, 1000), reading(50, 1000))
    assert rows(billed(use, 60, 1000)) == [
        (0, "TIME", Decimal(30), Decimal(1000)),
        (30, "PARKING_TIME", Decimal(30), Decimal(0)),
    ]


def test_what_flows_through_a_whole_stretch_of_parking_is_energy_of_parking() -> None:
    use = tell(a_use(), reading(20, 800), (SUSPENDED, 20), reading(40, 900))
    assert rows(billed(use, 40, 900)) == [
        (0, "TIME", Decimal(20), Decimal(800)),
        (20, "PARKING_TIME", Decimal(20), Decimal(100)),
    ]


def test_a_suspension_by_the_station_is_no_parking() -> None:
    use = tell(a_use(), (ChargingState.SUSPENDED_EVSE, 30))
    assert rows(billed(use, 60, 500)) == [(0, "TIME", Decimal(60), Decimal(500))]


def test_a_state_told_with_the_end_or_after_it_makes_no_parking() -> None:
    """2.x: an Ended event says Idle; 1.6: Finishing is a second later than the stop."""
    for minutes in (60, 61):
        use = tell(a_use(), reading(30, 600), (ChargingState.IDLE, minutes))
        assert rows(billed(use, 60, 1000)) == [(0, "TIME", Decimal(60), Decimal(1000))]


def test_energy_counts_at_the_price_of_its_time() -> None:
    """2,000 Wh before 01:00 and 1,000 after, not 1,500 and 1,500 as an even flow would give."""
    night = tariff(per_kwh("0.10", start_time="00:00", end_time="01:00"), per_kwh("0.50"))
    use = tell(a_use(night), reading(60, 2000), reading(120, 3000))
    assert billed(use, 120, 3000).total_cost.before_taxes == Decimal("0.70")


def test_power_is_what_energy_and_time_give_not_what_a_sample_says() -> None:
    """11 kW for an hour; a sample of 22 kW at its end is a moment's."""
    fast = tariff(per_kwh("0.90", min_power=Decimal(20)), per_kwh("0.30"))
    use = tell(a_use(fast), reading(60, 11_000, power="22000"))
    bill = billed(use, 60, 11_000)
    assert bill.total_cost.before_taxes == Decimal("3.30")


def test_samples_are_the_extremes_of_their_periods() -> None:
    """mod_cdrs CdrDimensionType: kW, A over all phases; SoC as it is now."""
    use = tell(
        a_use(),
        reading(0, 0, power="3000", current="5", soc="20"),
        reading(30, 5000, power="11000", current="16", soc="35"),
        (SUSPENDED, 30),
        reading(60, 5000, power="0", current="0", soc="36"),
    )
    charging, parking = billed(use, 60, 5000).periods
    assert (charging.volumes[Dimension.MIN_POWER], charging.volumes[Dimension.MAX_POWER]) == (3, 11)
    assert (charging.volumes[Dimension.MIN_CURRENT], charging.volumes[Dimension.MAX_CURRENT]) == (
        5,
        16,
    )
    assert charging.volumes[Dimension.STATE_OF_CHARGE] == 35
    assert parking.volumes[Dimension.STATE_OF_CHARGE] == 36
    assert parking.volumes[Dimension.MIN_POWER] == 0


def test_samples_of_stretches_that_are_charged_as_one_are_put_together() -> None:
    """mod_cdrs CdrDimensionType: reached during this ChargingPeriod; CURRENT is its average."""
    use = tell(
        a_use(),
        reading(5, 500, soc="20"),
        reading(10, 1000, power="7000", current="10"),
        reading(12, power="9000"),
        reading(20, 2000, power="3000"),
        reading(25, 2500, current="16", soc="30"),
        reading(30, 3000),
        reading(40, 4000, power="11000", current="4"),
    )
    [period] = billed(use, 40, 4000).periods
    said = {name: value for name, value in period.volumes.items() if name not in COUNTED}
    assert said == {
        Dimension.MIN_POWER: 3,
        Dimension.MAX_POWER: 11,
        Dimension.MIN_CURRENT: 4,
        Dimension.MAX_CURRENT: 16,
        Dimension.CURRENT: 10,
        Dimension.STATE_OF_CHARGE: 30,
    }


def test_currents_of_phases_are_added_without_the_neutral() -> None:
    phases = [
        Sample(Measurand.CURRENT_IMPORT, Decimal(value), phase=phase)
        for phase, value in (("L1", 10), ("L2", 11), ("L3", 12), ("N", 2))
    ]
    use = tell(a_use(), Reading(at(10), tuple(phases)), reading(20, 100))
    [period] = billed(use, 20, 100).periods
    assert period.volumes[Dimension.MAX_CURRENT] == 33


def test_a_late_reading_of_what_is_charged_already_is_out_of_turn() -> None:
    use = tell(a_use(), reading(20, 800), reading(40, 1600), reading(30, 1100))
    assert use.bill(at(40), Decimal(1600)) is not None  # it said nothing new of the energy
    use = tell(use, reading(30, None, power="7000"))
    assert not use.in_turn
    assert use.bill(at(40), Decimal(1600)) is None


def test_a_greater_register_of_an_earlier_moment_is_out_of_turn() -> None:
    use = tell(a_use(), reading(40, 800), reading(30, 900))
    assert not use.in_turn
    assert not use.fits(at(60), Decimal(900))


def test_a_register_that_outranks_intervals_which_came_to_more_is_out_of_turn() -> None:
    interval = Sample(Measurand.ENERGY_IMPORT_INTERVAL, Decimal(500))
    use = tell(a_use(), Reading(at(10), (interval,)), reading(20, 100))
    assert not use.in_turn


def test_of_two_registers_of_one_moment_the_greater_one_counts() -> None:
    night = tariff(per_kwh("0.10", end_time="00:20"), per_kwh("0.50"))
    use = tell(a_use(night), reading(20, 800), reading(20, 900), reading(40, 1000))
    assert billed(use, 40, 1000).total_cost.before_taxes == Decimal("0.14")


def test_samples_are_of_the_stretch_in_which_they_were_taken() -> None:
    night = tariff(per_kwh("0.10", end_time="00:20"), per_kwh("0.50"))
    said = (reading(20, 800, power="11000"), reading(40, 1000, power="3000"))
    periods = billed(tell(a_use(night), *said), 40, 1000).periods
    assert [each.volumes[Dimension.MAX_POWER] for each in periods] == [11, 3]
    assert [each.volumes[Dimension.MIN_POWER] for each in periods] == [11, 3]


def test_a_sample_from_after_a_reading_that_comes_late_waits_for_its_stretch() -> None:
    night = tariff(per_kwh("0.10", end_time="00:20"), per_kwh("0.50"))
    said = (reading(30, power="3000"), reading(20, 800, power="9000"), reading(20, power="11000"))
    use = tell(a_use(night), *said)
    first, second = billed(use, 40, 1000).periods
    assert (first.volumes[Dimension.MIN_POWER], first.volumes[Dimension.MAX_POWER]) == (9, 11)
    assert second.volumes[Dimension.MAX_POWER] == 3
    _, until = billed(use, 25, 900).periods
    assert Dimension.MAX_POWER not in until.volumes  # it was taken after this end


def test_a_switch_after_a_reading_that_comes_late_waits_for_its_moment() -> None:
    use = tell(a_use(), (SUSPENDED, 30), reading(20, 800), reading(40, 1000))
    assert rows(billed(use, 40, 1000)) == [
        (0, "TIME", Decimal(30), Decimal(1000)),
        (30, "PARKING_TIME", Decimal(10), Decimal(0)),
    ]


def test_a_sample_of_before_the_start_is_of_no_use_and_no_harm() -> None:
    use = tell(a_use(), reading(20, 800), reading(-5, power="11000"))
    [period] = billed(use, 20, 800).periods
    assert Dimension.MAX_POWER not in period.volumes


def test_no_bill_ends_before_the_last_reading() -> None:
    assert not tell(a_use(), reading(20, 800)).fits(at(10), Decimal(800))


def test_without_a_stated_register_the_first_one_that_is_read_is_the_start() -> None:
    use = tell(MeteredUse(Reckoning(None, T0), T0), reading(0, 5000), reading(30, 5600))
    assert rows(billed(use, 30, 600)) == [(0, "TIME", Decimal(30), Decimal(600))]


@pytest.mark.parametrize(("minutes", "wh", "cost"), [(0, 0, 3), (10, 0, 3), (0, 10, 3)])
def test_a_reservation_was_used_as_soon_as_the_transaction_has_begun(
    minutes: int, wh: int, cost: int
) -> None:
    """mod_tariffs RESERVATION_EXPIRES: "does not start a charging session"."""
    fees = [{"type": "FLAT", "price": Decimal(price), "step_size": 1} for price in ("3", "40")]
    by = tariff(
        {"price_components": fees[:1]},
        {
            "price_components": fees[1:],
            "restrictions": {"reservation": "RESERVATION_EXPIRES"},
        },
    )
    reckoning = Reckoning(by, at(-30))
    reckoning.add(ChargingPeriod(at(-30), {Dimension.RESERVATION_TIME: Decimal("0.5")}), T0)
    use = MeteredUse(reckoning, T0, start_wh=Decimal(0))
    assert billed(use, minutes, wh).total_cost.before_taxes == cost


def test_a_switch_before_the_last_reading_is_out_of_turn() -> None:
    use = tell(a_use(), reading(20, 800), (SUSPENDED, 10))
    assert not use.in_turn
    assert use.bill(at(40), Decimal(800)) is None


def test_a_switch_before_another_one_is_out_of_turn() -> None:
    use = tell(a_use(), (SUSPENDED, 20), (CHARGING, 30))
    assert [row[0] for row in rows(billed(use, 40, 600))] == [0, 20, 30]
    use = tell(use, (CHARGING, 10))
    assert not use.in_turn
    assert use.bill(at(40), Decimal(600)) is None


def test_what_is_kept_between_two_readings_is_bounded() -> None:
    """Some stations never read energy, and say with every word what the vehicle does."""
    use = a_use()
    for second in range(12_000):
        use.read(reading(second / 60, power="7000"))
        use.switch(CHARGING, at(second / 60))
    assert (len(use._samples), len(use._switches)) == (10_000, 0)
    assert rows(billed(use, 200, 900)) == [(0, "TIME", Decimal(200), Decimal(900))]


def test_what_comes_after_a_use_was_made_anew_is_not_held_to_its_limits() -> None:
    anew = tell(a_use(limits=Limits(at(30), Decimal(800))), reading(20, 800))
    anew.lift_limits()
    tell(anew, reading(50, 1600), (SUSPENDED, 55))
    assert not anew.limited
    assert rows(billed(anew, 60, 1600)) == [
        (0, "TIME", Decimal(55), Decimal(1600)),
        (55, "PARKING_TIME", Decimal(5), Decimal(0)),
    ]


def test_less_than_was_read_is_made_anew_within_the_limits() -> None:
    """A stop below the last reading: what was read counts up to what is billed."""
    said = (reading(20, 800), reading(40, 1600))
    use = tell(a_use(), *said)
    assert not use.fits(at(60), Decimal(1500))
    anew = tell(a_use(limits=Limits(at(60), Decimal(1500))), *said)
    assert anew.limited
    assert rows(billed(anew, 60, 1500)) == [(0, "TIME", Decimal(60), Decimal(1500))]


def test_a_register_that_went_back_says_nothing_of_what_flowed() -> None:
    """R21: what an operator adds afterwards flowed after the last reading that was believed."""
    use = tell(a_use(), reading(20, 800), reading(30, 10), reading(40, 300))
    late = tariff(per_kwh("0.10", max_duration=1200), per_kwh("0.50", max_duration=2400))
    priced = tell(a_use(late), reading(20, 800), reading(30, 10), reading(40, 300))
    assert rows(billed(use, 60, 1200)) == [(0, "TIME", Decimal(60), Decimal(1200))]
    # 800 Wh at 0.10; 400 Wh evenly over 40 minutes, half of them at 0.50
    assert billed(priced, 60, 1200).total_cost.before_taxes == Decimal("0.18")


def test_what_was_read_after_the_end_counts_at_the_end() -> None:
    """R20: a clock that was put back; end never before start."""
    said = (reading(20, 800), (SUSPENDED, 50), reading(70, 1600))
    anew = tell(a_use(limits=Limits(at(30), Decimal(1600))), *said)
    assert anew.limited
    assert rows(billed(anew, 30, 1600)) == [(0, "TIME", Decimal(30), Decimal(1600))]


def test_more_than_the_connector_can_deliver_is_noticed_between_any_two_readings() -> None:
    """R21: within the whole session it would be possible."""
    ceiling = Ceiling(Decimal(10), Decimal(100))  # 10 Wh a second
    spike = (reading(1, 500), reading(1.01, 5_000), reading(60, 5_100), reading(61, 5_200))
    use = tell(a_use(ceiling=ceiling), *spike)
    assert use.is_beyond(at(61), Decimal(5_200))
    steady = tell(a_use(ceiling=ceiling), reading(1, 500), reading(60, 5_100))
    assert not steady.is_beyond(at(61), Decimal(5_200))
    assert steady.is_beyond(at(61), Decimal(50_000))  # by the stop alone
    assert tell(a_use(ceiling=ceiling), *spike[:2]).is_beyond(at(61), Decimal(5_000))
    # each minute has its slack of 100 Wh, and the whole has it once
    often = [reading(minute, 650 * minute) for minute in range(1, 11)]
    use = tell(a_use(NIGHT_AND_DAY, ceiling=ceiling), *often)
    assert use.is_beyond(at(10), Decimal(6_500))
    assert not tell(a_use(), *spike).is_beyond(at(61), Decimal(5_200))  # nothing to compare with


def test_a_start_heard_late_moves_only_what_has_lasted_since_the_start() -> None:
    """ocpp-rules 22: in whatever order events come."""
    assert Phase(at(30)).begun_at(at(0)) == Phase(at(0))
    switched = Phase(at(30)).switch(ChargingState.IDLE, at(40))
    assert switched.begun_at(at(0)) == Phase(at(40), parking=True, switched=True)


told = st.lists(
    st.tuples(
        st.sampled_from(ChargingState) | st.integers(0, 3000),
        st.integers(0, 200).map(lambda seconds: seconds / 60),
    ),
    max_size=25,
)


def _story(pieces: list[tuple[Any, float]]) -> tuple[list[Any], Decimal, float]:
    said: list[Any] = []
    minute, register = 0.0, 0
    for what, gap in pieces:
        minute += gap
        if isinstance(what, ChargingState):
            said.append((what, minute))
        else:
            register += what
            said.append(reading(minute, register, power=str(what)))
    energy = EnergyMeter().starting(Decimal(0), T0)
    for one in said:
        if isinstance(one, Reading):
            energy = energy.read(one)
    return said, energy.delivered_wh, minute


NIGHT_AND_DAY = tariff(
    per_kwh("0.10", start_time="00:00", end_time="00:07"),
    per_kwh("0.30", max_power=Decimal(7)),
    per_kwh("0.50"),
    {"price_components": [{"type": "PARKING_TIME", "price": Decimal(6), "step_size": 1}]},
)


ONE_PRICE = tariff(
    {
        "price_components": [
            {"type": name, "price": Decimal(price), "step_size": 1}
            for name, price in (("ENERGY", "0.3"), ("TIME", "2"), ("PARKING_TIME", "6"))
        ]
    }
)


@given(told)
def test_stretches_at_one_price_charged_as_one_come_to_the_same(
    pieces: list[tuple[Any, float]],
) -> None:
    said, wh, minutes = _story(pieces)
    as_one = tell(a_use(ONE_PRICE), *said)
    each = tell(MeteredUse(Reckoning(ONE_PRICE, T0), T0, start_wh=Decimal(0)), *said)
    for minute in (minutes, minutes + 5):
        one, other = billed(as_one, minute, wh), billed(each, minute, wh)
        assert one.total_cost == other.total_cost
        assert {str(line) for line in one.lines} == {str(line) for line in other.lines}


@given(told)
def test_periods_add_up_to_the_whole(pieces: list[tuple[Any, float]]) -> None:
    """R32: energy and time, whatever came in between."""
    said, wh, minutes = _story(pieces)
    for by in (None, NIGHT_AND_DAY):
        bill = billed(tell(a_use(by), *said), minutes + 1, wh + 10)
        assert bill.total_energy == (wh + 10) / 1000
        time = sum(
            one.volumes.get(Dimension.TIME, 0) + one.volumes.get(Dimension.PARKING_TIME, 0)
            for one in bill.periods
        )
        assert abs(time * 3600 - Decimal(minutes + 1) * 60) < Decimal("1E-3")


@given(told, st.data())
def test_a_bill_in_between_changes_nothing(pieces: list[tuple[Any, float]], data: Any) -> None:
    """The last update of a Session and its CDR agree, however often it was updated."""
    said, wh, minutes = _story(pieces)
    asked = tell(a_use(NIGHT_AND_DAY))
    reached, delivered = 0.0, EnergyMeter().starting(Decimal(0), T0)
    for one in said:
        tell(asked, one)
        reached = max(reached, one[1] if isinstance(one, tuple) else 0.0)
        if isinstance(one, Reading):
            delivered = delivered.read(one)
        if data.draw(st.booleans()):
            asked.bill(at(minutes), delivered.delivered_wh)
    anew = tell(a_use(NIGHT_AND_DAY, limits=Limits(at(minutes), wh)), *said)
    assert not anew.limited
    assert billed(asked, minutes, wh) == billed(anew, minutes, wh)
    assert billed(asked, minutes, wh).periods == billed(anew, minutes, wh).periods


def _by_hand(said: list[Any], minutes: float) -> dict[str, Decimal]:
    """Seconds and Wh while charging and while parking, second by second."""
    end = round(minutes * 60)
    parking, states, reads = False, [], [(0, 0)]
    turns = [(round(one[1] * 60), PARKING[one[0]]) for one in said if not isinstance(one, Reading)]
    for second in range(end):
        for when, state in turns:
            parking = state if when == second else parking
        states.append(parking)
    for one in said:
        if isinstance(one, Reading):
            value = int(one.samples[0].value or 0)
            reads.append((round((one.at - T0).total_seconds()), value))
    found = {"TIME": Decimal(states.count(False)), "PARKING_TIME": Decimal(states.count(True))}
    found |= {"TIME Wh": Decimal(0), "PARKING_TIME Wh": Decimal(0)}
    seconds = [False]
    for (since, before), (until, after) in pairwise(reads):
        seconds = states[since:until] or seconds  # more at the same moment is of the same stretch
        found["TIME Wh" if False in seconds else "PARKING_TIME Wh"] += after - before
    return found


@given(told)
def test_time_and_energy_are_those_that_are_found_second_by_second(
    pieces: list[tuple[Any, float]],
) -> None:
    said, wh, minutes = _story(pieces)
    by_hand = _by_hand(said, minutes)
    for tariff_ in (None, ONE_PRICE, NIGHT_AND_DAY):
        bill = billed(tell(a_use(tariff_), *said), minutes, wh)
        found = dict.fromkeys(by_hand, Decimal(0))
        for one in bill.periods:
            kind = "PARKING_TIME" if Dimension.PARKING_TIME in one.volumes else "TIME"
            found[kind] += one.volumes[Dimension(kind)] * 3600
            found[f"{kind} Wh"] += one.volumes.get(Dimension.ENERGY, Decimal(0)) * 1000
        for name, expected in by_hand.items():
            assert abs(found[name] - expected) < Decimal("0.001"), name

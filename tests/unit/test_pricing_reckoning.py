"""A bill in the making: what a running session costs, period by period."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from gateway.domain.pricing import ChargingPeriod, Dimension, InvalidUsage, Reckoning, Usage, price
from gateway.domain.tariffs import Tariff, parse_tariff

NOON = datetime(2024, 5, 6, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def tariff(*elements: dict[str, Any]) -> Tariff:
    return parse_tariff({"id": "T", "currency": "EUR", "elements": list(elements)})


def element(kind: str, each: str, **restrictions: Any) -> dict[str, Any]:
    component = {"type": kind, "price": Decimal(each), "step_size": 1}
    return {"price_components": [component], "restrictions": restrictions or None}


EVENING = tariff(
    element("ENERGY", "0.50", min_kwh=5),
    element("ENERGY", "0.30", start_time="12:30"),
    element("ENERGY", "0.20"),
    element("PARKING_TIME", "6.00"),
    element("TIME", "3.00", reservation="RESERVATION"),
    element("FLAT", "4.00", reservation="RESERVATION_EXPIRES"),
)


STARTED = tariff(
    element("FLAT", "9.00"), element("FLAT", "4.00", reservation="RESERVATION_EXPIRES")
)


def charging(at: datetime, kwh: str = "0.1") -> ChargingPeriod:
    return ChargingPeriod(
        at, {Dimension.ENERGY: Decimal(kwh), Dimension.TIME: Decimal(1) / Decimal(60)}
    )


def minutes(count: int) -> Iterator[ChargingPeriod]:
    for number in range(count):
        yield charging(NOON + number * MINUTE)


def test_the_last_bill_of_a_running_session_is_that_of_its_cdr() -> None:
    periods = tuple(minutes(90))
    reckoning = Reckoning(EVENING, NOON)
    for period in periods[:-1]:
        reckoning.add(period, period.start + MINUTE)
    end = NOON + 90 * MINUTE
    assert reckoning.bill(end, periods[-1]) == price(EVENING, Usage(NOON, end, periods))


def test_a_look_at_the_bill_charges_nothing() -> None:
    reckoning = Reckoning(EVENING, NOON)
    looked = Reckoning(EVENING, NOON)
    for period in minutes(60):
        looked.bill(period.start + MINUTE, period)
        for each in (reckoning, looked):
            each.add(period, period.start + MINUTE)
    assert looked.bill(NOON + 60 * MINUTE) == reckoning.bill(NOON + 60 * MINUTE)


def test_a_running_period_may_grow_from_look_to_look() -> None:
    reckoning = Reckoning(EVENING, NOON)
    costs = [
        reckoning.bill(NOON + MINUTE, charging(NOON, kwh)).total_cost.before_taxes
        for kwh in ("1", "2", "3")
    ]
    assert costs == [Decimal("0.2"), Decimal("0.4"), Decimal("0.6")]


def test_a_reservation_that_runs_counts_as_expired_until_it_is_used() -> None:
    """mod_tariffs RESERVATION_EXPIRES: the driver "does not start a charging session"."""
    reckoning = Reckoning(EVENING, NOON)
    reserved = ChargingPeriod(NOON, {Dimension.RESERVATION_TIME: Decimal(1)})
    reckoning.add(reserved, NOON + 60 * MINUTE)
    expired = reckoning.bill(NOON + 60 * MINUTE)
    used = reckoning.bill(NOON + 61 * MINUTE, charging(NOON + 60 * MINUTE, "1"))
    assert expired.total_cost.before_taxes == 7
    assert used.total_cost.before_taxes == Decimal("3.3")
    assert reckoning.bill(NOON + 60 * MINUTE) == expired


def test_a_look_at_a_session_after_a_reservation_leaves_no_trace() -> None:
    """Where its durations count from is known for good only when the session has begun."""
    long = tariff(
        element("TIME", "1.00", min_duration=1800),
        element("TIME", "2.00"),
        element("TIME", "3.00", reservation="RESERVATION"),
    )
    reckoning = Reckoning(long, NOON)
    reckoning.add(reserved(1), NOON + 60 * MINUTE)
    for minute in (60, 70, 80):
        begun = NOON + minute * MINUTE
        reckoning.bill(begun + 60 * MINUTE, ChargingPeriod(begun, {Dimension.TIME: Decimal(1)}))
    begun, end = NOON + 60 * MINUTE, NOON + 180 * MINUTE
    used = ChargingPeriod(begun, {Dimension.TIME: Decimal(2)})
    bill = reckoning.bill(end, used)
    assert bill.periods == price(long, Usage(NOON, end, (reserved(1), used))).periods
    assert [(each.start - NOON) // MINUTE for each in bill.periods] == [0, 60, 90]


def reserved(hours: int) -> ChargingPeriod:
    return ChargingPeriod(NOON, {Dimension.RESERVATION_TIME: Decimal(hours)})


def test_a_cancelled_reservation_has_not_expired() -> None:
    """mod_tariffs RESERVATION_EXPIRES: "does not start a charging session before expiry_date"."""
    end = NOON + 60 * MINUTE
    reckoning = Reckoning(EVENING, NOON)
    reckoning.add(reserved(1), end)
    cancelled = reckoning.bill(end, cancelled=True)
    assert cancelled.total_cost.before_taxes == 3
    assert reckoning.bill(end).total_cost.before_taxes == 7
    assert cancelled == price(EVENING, Usage(NOON, end, (reserved(1),), cancelled=True))


def test_a_reservation_that_was_used_costs_the_same_if_called_cancelled() -> None:
    end = NOON + 61 * MINUTE
    usage = Usage(NOON, end, (reserved(1), charging(NOON + 60 * MINUTE, "1")), cancelled=True)
    assert price(EVENING, usage).total_cost.before_taxes == Decimal("3.3")


@pytest.mark.parametrize(("cancelled", "cost"), [(False, 4), (True, 0)])
def test_a_reservation_of_no_time_at_all_is_no_session(cancelled: bool, cost: int) -> None:
    """mod_tariffs FLAT of a session is not due where only "the EVSE has been reserved"."""
    bill = price(STARTED, Usage(NOON, NOON, (reserved(0),), cancelled=cancelled))
    assert bill.total_cost.before_taxes == cost
    listed_again = price(STARTED, Usage(NOON, NOON, bill.periods, cancelled=cancelled))
    assert listed_again.total_cost.before_taxes == cost


@pytest.mark.parametrize("named", [Dimension.TIME, Dimension.PARKING_TIME])
def test_a_period_that_names_time_at_the_charge_point_is_of_the_session(named: Dimension) -> None:
    begun = ChargingPeriod(NOON, {Dimension.RESERVATION_TIME: Decimal(0), named: Decimal(0)})
    assert price(STARTED, Usage(NOON, NOON, (begun,))).total_cost.before_taxes == 9


def test_a_branch_leaves_no_note_and_no_step_size_to_what_it_came_from() -> None:
    steps = [
        {"type": "ENERGY", "price": Decimal(1), "step_size": step_size} for step_size in (1000, 1)
    ]
    by = tariff(
        {"price_components": [steps[0]], "restrictions": {"max_kwh": Decimal("0.15")}},
        {"price_components": [steps[1]]},
    )
    trunk = Reckoning(by, NOON)
    trunk.add(charging(NOON), NOON + MINUTE)
    alone = trunk.bill(NOON + MINUTE)
    branch = trunk.branch()
    branch.add(charging(NOON + MINUTE), NOON + 2 * MINUTE)
    assert branch.bill(NOON + 2 * MINUTE).notes == (
        "cut at 0.15 kWh, interpolated within its period",
    )
    assert trunk.bill(NOON + MINUTE) == alone
    assert [(line.quantity, line.clause.count("interpolated")) for line in alone.lines] == [(1, 0)]


@pytest.mark.parametrize("by", [EVENING, None], ids=["tariff", "none"])
def test_a_branch_goes_its_own_way(by: Tariff | None) -> None:
    """What is added to it is not in the reckoning that it came from, nor the other way round."""
    trunk = Reckoning(by, NOON)
    first, second, third = minutes(3)
    trunk.add(first, second.start)
    branch = trunk.branch()
    branch.add(charging(second.start, "9"), third.start)
    trunk.add(second, third.start)
    other = trunk.branch()
    trunk.add(third, third.start + MINUTE)
    billed = [each.bill(NOON + 3 * MINUTE).total_energy for each in (trunk, branch, other)]
    assert billed == [Decimal("0.3"), Decimal("9.1"), Decimal("0.2")]
    assert [
        sum(each.volumes[Dimension.ENERGY] for each in one.bill(NOON).periods)
        for one in (trunk, branch, other)
    ] == billed


def test_what_overlaps_begins_where_the_one_before_has_ended() -> None:
    """security-and-faults R20: clocks may be wrong; a bill does not end before its last period."""
    reckoning = Reckoning(EVENING, NOON)
    reckoning.add(charging(NOON), NOON + 120 * MINUTE)
    parked = ChargingPeriod(NOON + 60 * MINUTE, {Dimension.PARKING_TIME: Decimal(1)})
    reckoning.add(parked, NOON + 180 * MINUTE)
    bill = reckoning.bill(NOON + 90 * MINUTE)
    assert bill.periods[-1].start == NOON + 120 * MINUTE
    assert bill.total_time == 3


def test_nothing_used_yet_is_a_bill_too() -> None:
    assert Reckoning(EVENING, NOON).bill(NOON) == price(EVENING, Usage(NOON, NOON, ()))


def test_a_new_charging_period_is_listed_only_where_another_price_counts() -> None:
    """mod_cdrs ChargingPeriod: "SHALL add a new Charging Period" there; none per meter value."""
    bill = price(EVENING, Usage(NOON, NOON + 90 * MINUTE, tuple(minutes(90))))
    listed = [
        ((each.start - NOON) // MINUTE, each.volumes[Dimension.ENERGY]) for each in bill.periods
    ]
    assert listed == [(0, 3), (30, 2), (50, 4)]
    assert sum(each.volumes[Dimension.TIME] for each in bill.periods) == Decimal("1.5")


def test_a_period_is_cut_where_the_price_changes_between_two_readings() -> None:
    """mod_cdrs ChargingPeriod: "it can be interpolated by the CPO"."""
    one = ChargingPeriod(NOON, {Dimension.ENERGY: Decimal(4), Dimension.TIME: Decimal(1)}, "T")
    first, second = price(EVENING, Usage(NOON, NOON + 60 * MINUTE, (one,))).periods
    assert (first.start, second.start) == (NOON, NOON + 30 * MINUTE)
    assert (first.tariff_id, second.tariff_id) == ("T", "T")
    assert (
        first.volumes
        == second.volumes
        == {
            Dimension.ENERGY: Decimal(2),
            Dimension.TIME: Decimal("0.5"),
        }
    )


def listed(
    by: Tariff, *hours: dict[Dimension, str], minutes: int = 60
) -> list[dict[Dimension, Decimal]]:
    """What the listed periods say beside energy and time, one period given for each hour."""
    periods = tuple(
        ChargingPeriod(
            NOON + number * minutes * MINUTE,
            {Dimension.TIME: Decimal(1)} | {name: Decimal(text) for name, text in said.items()},
        )
        for number, said in enumerate(hours)
    )
    bill = price(by, Usage(NOON, NOON + len(hours) * minutes * MINUTE, periods))
    used = (Dimension.TIME, Dimension.ENERGY)
    return [
        {name: value for name, value in each.volumes.items() if name not in used}
        for each in bill.periods
    ]


BY_TIME = tariff(element("TIME", "1.00"))
BY_POWER = tariff(element("TIME", "2.00", min_power=10), element("TIME", "1.00"))


def test_a_listed_period_keeps_the_extremes_of_current_and_power() -> None:
    """mod_cdrs CdrDimensionType MIN_POWER, MAX_POWER: reached during this ChargingPeriod."""
    said = listed(
        BY_TIME,
        {Dimension.MIN_POWER: "7", Dimension.MAX_POWER: "11", Dimension.MIN_CURRENT: "16"},
        {Dimension.MIN_POWER: "3", Dimension.MAX_POWER: "9", Dimension.MAX_CURRENT: "32"},
    )
    assert said == [
        {
            Dimension.MIN_CURRENT: 16,
            Dimension.MAX_CURRENT: 32,
            Dimension.MIN_POWER: 3,
            Dimension.MAX_POWER: 11,
        }
    ]


def test_a_listed_period_has_the_average_of_the_averages_by_time() -> None:
    """mod_cdrs CdrDimensionType CURRENT, POWER: average during this ChargingPeriod."""
    first, second = {Dimension.POWER: "4", Dimension.CURRENT: "6"}, {Dimension.POWER: "10"}
    assert listed(BY_TIME, first, second, second) == [{Dimension.POWER: 8}]
    assert listed(BY_TIME, {}, {}, second) == [{}]  # not of part of it


def test_a_look_at_the_bill_leaves_what_the_periods_say_of_current_and_power() -> None:
    hour, said = timedelta(hours=1), ("4", "10", "7", "1")
    periods = [
        ChargingPeriod(
            NOON + number * hour,
            {
                Dimension.TIME: Decimal(1),
                Dimension.POWER: Decimal(value),
                Dimension.MAX_CURRENT: Decimal(value),
                Dimension.MIN_CURRENT: Decimal(value),
            },
        )
        for number, value in enumerate(said)
    ]
    reckoning = Reckoning(BY_TIME, NOON)
    for number, period in enumerate(periods[:-1], start=1):
        running = replace(period, volumes=period.volumes | {Dimension.MAX_CURRENT: Decimal(99)})
        reckoning.bill(NOON + number * hour, running)
        reckoning.add(period, NOON + number * hour)
    [shown] = reckoning.bill(NOON + 4 * hour, periods[-1]).periods
    assert [shown] == list(price(BY_TIME, Usage(NOON, NOON + 4 * hour, tuple(periods))).periods)
    assert shown.volumes[Dimension.POWER] == Decimal("5.5")
    assert shown.volumes[Dimension.MIN_CURRENT] == 1
    assert shown.volumes[Dimension.MAX_CURRENT] == 10


def test_a_period_of_nothing_is_not_listed_where_the_same_price_goes_on() -> None:
    nothing = ChargingPeriod(NOON, {Dimension.TIME: Decimal(0)})
    parked = ChargingPeriod(NOON, {Dimension.PARKING_TIME: Decimal(1)})
    periods = price(BY_TIME, Usage(NOON, NOON + 60 * MINUTE, (nothing, parked))).periods
    assert [each.volumes for each in periods] == [parked.volumes]


def test_a_listed_period_has_the_last_state_of_charge() -> None:
    """mod_cdrs CdrDimensionType STATE_OF_CHARGE: current state of charge."""
    first, second = {Dimension.STATE_OF_CHARGE: "40"}, {Dimension.STATE_OF_CHARGE: "55"}
    assert listed(BY_TIME, first, second, {}) == [{Dimension.STATE_OF_CHARGE: 55}]


def test_of_a_period_that_is_cut_the_last_part_has_the_state_of_charge() -> None:
    """It was read at the end; current and power were so in both parts."""
    cut = tariff(element("TIME", "1.00", max_duration=1800), element("TIME", "2.00"))
    said = {Dimension.MAX_POWER: "11", Dimension.STATE_OF_CHARGE: "80"}
    assert listed(cut, said) == [
        {Dimension.MAX_POWER: 11},
        {Dimension.MAX_POWER: 11, Dimension.STATE_OF_CHARGE: 80},
    ]


def test_where_power_decides_about_the_price_what_decided_is_listed() -> None:
    """mod_cdrs: "at least all the relevant information for the change"; POWER is Session Only."""
    low = {Dimension.POWER: "6", Dimension.MIN_POWER: "0", Dimension.MAX_POWER: "22"}
    high = {Dimension.MIN_POWER: "10", Dimension.MAX_POWER: "16"}
    assert listed(BY_POWER, low, {Dimension.POWER: "8"}, high) == [
        {Dimension.MIN_POWER: 6, Dimension.MAX_POWER: 8, Dimension.POWER: 7},
        {Dimension.MIN_POWER: 13, Dimension.MAX_POWER: 13},
    ]


def test_without_a_tariff_what_was_used_still_adds_up() -> None:
    reckoning = Reckoning(None, NOON)
    for period in minutes(3):
        reckoning.add(period, period.start + MINUTE)
    bill = reckoning.bill(NOON + 3 * MINUTE)
    assert (bill.priced, bill.total_energy, bill.total_time) == (
        False,
        Decimal("0.3"),
        Decimal("0.05"),
    )


@pytest.mark.parametrize("moment", [NOON.replace(tzinfo=None), NOON.replace(year=1)], ids=str)
def test_a_moment_that_is_none_is_refused(moment: datetime) -> None:
    with pytest.raises(InvalidUsage):
        Reckoning(EVENING, moment)
    with pytest.raises(InvalidUsage):
        Reckoning(EVENING, NOON).bill(moment)
    with pytest.raises(InvalidUsage):
        Reckoning(EVENING, NOON).add(charging(NOON), moment)


def test_a_zone_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidUsage):
        Reckoning(EVENING, NOON, "Mars/Olympus")


def calls_made(work: Callable[[], object]) -> int:
    """How many functions, ours and built-in ones, `work` calls: a cost that no load changes."""
    made = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return made


def test_the_thousandth_update_costs_what_the_hundredth_did() -> None:
    reckoning, costs = Reckoning(EVENING, NOON), []
    for period in minutes(1_000):
        until = period.start + MINUTE
        costs.append(calls_made(partial(reckoning.bill, until, period)))
        costs[-1] += calls_made(partial(reckoning.add, period, until))
    assert max(costs[900:]) <= max(costs[60:160])  # an even cost has no zeros to drop

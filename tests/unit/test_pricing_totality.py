"""Pricing is total: no parsed tariff and no usage makes it raise, loop or pay the driver."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.events import ChargingState
from gateway.domain.metering.energy import EnergyMeter
from gateway.domain.metering.meter import Measurand, Reading, Sample
from gateway.domain.metering.plausibility import Ceiling
from gateway.domain.metering.use import Limits, MeteredUse
from gateway.domain.pricing import Bill, ChargingPeriod, Dimension, Money, Reckoning, Usage, price
from gateway.domain.tariffs import InvalidTariff, Tariff, parse_tariff

ZONES = st.sampled_from(
    ["UTC", "Europe/Amsterdam", "America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe"]
)
AMOUNTS = (
    st.integers(0, 100)
    | st.integers(0, 100_000).map(lambda number: Decimal(number) / 1000)
    | st.sampled_from(["1E-18", "0.0000499", "12345678901234567.123456789012345678"]).map(Decimal)
)
VOLUMES = st.decimals(-(10**14), 10**14, allow_nan=False, allow_infinity=False) | st.sampled_from(
    [Decimal("1E-999999"), Decimal("9.99E14"), Decimal(0), Decimal("0.6667"), Decimal(20)]
)


def moments(first: str, last: str) -> st.SearchStrategy[datetime]:
    read = datetime.fromisoformat
    return st.datetimes(read(first), read(last), timezones=st.just(UTC))


YEARS = moments("1900-01-01", "2999-12-31")
DAY = moments("2024-03-30", "2024-04-02")
CLOCK = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.integers(0, 59))
DATE = st.dates().map(str).filter(lambda text: text[0] in "12")

COMPONENT = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["ENERGY", "TIME", "PARKING_TIME", "FLAT"]),
        "price": AMOUNTS,
        "step_size": st.integers(0, 10**9),
    },
    optional={"vat": st.none() | st.integers(0, 10_000).map(lambda number: Decimal(number) / 100)},
)
RESTRICTIONS = st.fixed_dictionaries(
    {},
    optional={
        "start_time": CLOCK,
        "end_time": CLOCK,
        "start_date": DATE,
        "end_date": DATE,
        "min_kwh": AMOUNTS,
        "max_kwh": AMOUNTS,
        "min_current": AMOUNTS,
        "max_current": AMOUNTS,
        "min_power": AMOUNTS,
        "max_power": AMOUNTS,
        "min_duration": st.integers(0, 10**12),
        "max_duration": st.integers(0, 10**5),
        "day_of_week": st.lists(st.sampled_from(["MONDAY", "SUNDAY"]), unique=True),
        "reservation": st.sampled_from(["RESERVATION", "RESERVATION_EXPIRES"]),
    },
)
LIMIT = st.fixed_dictionaries({"before_taxes": AMOUNTS}, optional={"after_taxes": AMOUNTS})
DOCUMENT = st.fixed_dictionaries(
    {
        "id": st.just("T"),
        "currency": st.just("EUR"),
        "tax_included": st.sampled_from(["YES", "NO", "N/A"]),
        "elements": st.lists(
            st.fixed_dictionaries(
                {"price_components": st.lists(COMPONENT, min_size=1, max_size=3)},
                optional={"restrictions": RESTRICTIONS},
            ),
            min_size=1,
            max_size=4,
        ),
    },
    optional={"min_price": LIMIT, "max_price": LIMIT},
)


def parsed(document: dict[str, Any]) -> Tariff | None:
    try:
        return parse_tariff(document)
    except InvalidTariff:
        return None


def usages(times: st.SearchStrategy[datetime]) -> st.SearchStrategy[Usage]:
    volumes = st.dictionaries(st.sampled_from(Dimension), VOLUMES, max_size=5)
    periods = st.builds(ChargingPeriod, times, volumes, st.sampled_from([None, None, "T", "other"]))
    listed = st.lists(periods, max_size=4).map(tuple)
    return st.builds(Usage, times, times, listed, ZONES, st.booleans())


QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def is_sound(bill: Bill) -> bool:
    total = sum((line.amount for line in bill.lines), Money())
    parts = [line.amount for line in bill.lines if line.dimension is not None]
    return (
        total.before_taxes == bill.total_cost.before_taxes >= 0
        and total.after_taxes == bill.total_cost.after_taxes >= bill.total_cost.before_taxes
        and all(each.before_taxes >= 0 and each.total_tax >= 0 for each in parts)
        and all(each.amount >= 0 for each in bill.total_cost.taxes)
        and bill.total_time >= 0
        and sum(each.volumes.get(Dimension.ENERGY, 0) for each in bill.periods) == bill.total_energy
    )


def check(tariff: Tariff | None, usage: Usage) -> None:
    """The whole bill, and that of every step of a running session."""
    bill = price(tariff, usage)
    assert is_sound(bill)
    if not any(Dimension.RESERVATION_TIME in period.volumes for period in usage.periods):
        end = max(usage.start, usage.end)
        again = price(tariff, Usage(usage.start, end, bill.periods, usage.time_zone))
        assert (again.total_cost, again.total_energy) == (bill.total_cost, bill.total_energy)
    reckoning = Reckoning(tariff, usage.start, usage.time_zone)
    for period in usage.periods:
        assert is_sound(reckoning.bill(usage.end, period, cancelled=usage.cancelled))
        reckoning.add(period, usage.end)
        assert is_sound(reckoning.bill(usage.end, cancelled=usage.cancelled))


ANY = (DOCUMENT.map(parsed), usages(YEARS) | usages(DAY))
SETTINGS = settings(deadline=None, suppress_health_check=QUIET, derandomize=True)


@given(*ANY)
@settings(SETTINGS, max_examples=150)
def test_every_tariff_and_usage_has_bills_that_add_up_and_are_not_negative(
    tariff: Tariff | None, usage: Usage
) -> None:
    """Also where periods overlap, come out of turn or end before they begin.

    security-and-faults R32: the charging periods that a bill lists come to the same bill.
    """
    check(tariff, usage)


@pytest.mark.long
@pytest.mark.timeout(3600)
@given(*ANY)
@settings(SETTINGS, max_examples=10_000)
def test_every_tariff_and_usage_has_bills_that_add_up_in_many_cases(
    tariff: Tariff | None, usage: Usage
) -> None:
    check(tariff, usage)


# -- from what a station tells --------------------------------------------------------------------

Told = Reading | tuple[ChargingState, datetime]
VALUE = (
    st.integers(-100, 10**6).map(Decimal)
    | st.decimals(-(10**12), 10**12, allow_nan=False, allow_infinity=False)
    | st.sampled_from(["1E-18", "0", "0.001", "123456.789012345678"]).map(Decimal)
)
PHASE = st.sampled_from([None, None, "L1", "L2", "N"])
SAMPLE = st.builds(Sample, st.sampled_from(Measurand), st.none() | VALUE, phase=PHASE)
READING = st.builds(Reading, DAY, st.lists(SAMPLE, min_size=1, max_size=4).map(tuple))
SWITCH = st.tuples(st.sampled_from(ChargingState), DAY)
TOLD = st.lists(READING | READING | SWITCH, max_size=12)
GRAIN = Decimal("1E-6")  # Wh


def in_turn(told: Told) -> tuple[datetime, int]:
    return (told.at, 0) if isinstance(told, Reading) else (told[1], 1)


def is_sound_for(wh: Decimal, bill: Bill) -> bool:
    return is_sound(bill) and abs(bill.total_energy * 1000 - wh) <= GRAIN


def check_told(
    tariff: Tariff | None, told: list[Told], times: tuple[datetime, datetime], start_wh: Decimal
) -> None:
    """A bill is always for what the record says: live if it can be, else made anew, in turn."""
    start, end = times[0], max(times)
    energy = EnergyMeter().starting(start_wh, start)
    for one in told:
        energy = energy.read(one) if isinstance(one, Reading) else energy
    wh, zone = energy.delivered_wh, "Europe/Amsterdam"

    def use(said: list[Told], limits: Limits | None) -> MeteredUse:
        one_price, ceiling = tariff is None or tariff.has_one_price, Ceiling(Decimal(6), Decimal(9))
        made = MeteredUse(
            Reckoning(tariff, start, zone),
            start,
            one_price=one_price,
            start_wh=start_wh,
            ceiling=ceiling,
            limits=limits,
        )
        for one in said:
            if isinstance(one, Reading):
                made.read(one)
            else:
                made.switch(*one)
        made.is_beyond(end, wh)
        return made

    live = use(told, None).bill(end, wh)
    assert live is None or is_sound_for(wh, live)
    anew = use(sorted(told, key=in_turn), Limits(end, wh)).bill(end, wh)
    assert anew is not None
    assert is_sound_for(wh, anew)
    again = price(tariff, Usage(start, end, anew.periods, zone))
    assert (again.total_cost, again.total_energy) == (anew.total_cost, anew.total_energy)


WHATEVER = (DOCUMENT.map(parsed), TOLD, st.tuples(DAY, DAY), VALUE)


@given(*WHATEVER)
@settings(SETTINGS, max_examples=60)
def test_whatever_a_station_tells_comes_to_a_bill(
    tariff: Tariff | None, told: list[Told], times: tuple[datetime, datetime], start_wh: Decimal
) -> None:
    """security-and-faults R20, R21, R32: registers that jump, times that do, in any order."""
    check_told(tariff, told, times, start_wh)


@pytest.mark.long
@pytest.mark.timeout(3600)
@given(*WHATEVER)
@settings(SETTINGS, max_examples=5_000)
def test_whatever_a_station_tells_comes_to_a_bill_in_many_cases(
    tariff: Tariff | None, told: list[Told], times: tuple[datetime, datetime], start_wh: Decimal
) -> None:
    check_told(tariff, told, times, start_wh)


@given(DOCUMENT, usages(DAY), st.sampled_from(["-0.5", "-1", "-7"]).map(Decimal))
@settings(SETTINGS, max_examples=60)
def test_a_tariff_with_negative_prices_has_a_bill_that_adds_up(
    document: dict[str, Any], usage: Usage, negative: Decimal
) -> None:
    for element in document["elements"]:
        element["price_components"][0]["price"] = negative
    bill = price(parsed(document), usage)
    total = sum((line.amount for line in bill.lines), Money())
    assert total.before_taxes == bill.total_cost.before_taxes
    assert total.after_taxes == bill.total_cost.after_taxes


@given(
    st.lists(st.integers(1, 3599), max_size=5, unique=True).map(sorted),
    DOCUMENT.map(parsed),
    DAY,
    ZONES,
)
@settings(SETTINGS, max_examples=60)
def test_more_periods_of_the_same_use_make_the_same_bill(
    cuts: list[int], tariff: Tariff | None, start: datetime, zone: str
) -> None:
    """mod_cdrs: "allowed to add more in-between Charging Periods"."""

    def used(points: list[int]) -> Usage:
        edges = [0, *points, 3600]
        periods = tuple(
            ChargingPeriod(
                start + timedelta(seconds=low),
                {
                    Dimension.ENERGY: Decimal(high - low) / 1000,
                    Dimension.TIME: Decimal(high - low) / 3600,
                    Dimension.CURRENT: Decimal(16),
                },
            )
            for low, high in pairwise(edges)
        )
        return Usage(start, start + timedelta(hours=1), periods, zone)

    whole, split = price(tariff, used([])), price(tariff, used(cuts))
    assert split.total_cost == whole.total_cost
    assert [line.quantity for line in split.lines] == [line.quantity for line in whole.lines]

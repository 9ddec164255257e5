"""Rules of pricing that the standards' worked examples leave untouched, calculated by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.pricing import (
    Bill,
    ChargingPeriod,
    Dimension,
    InvalidUsage,
    Money,
    TaxAmount,
    Usage,
    price,
)
from gateway.domain.tariffs import parse_tariff

NOON = datetime(2024, 5, 6, 12, 0, tzinfo=UTC)  # a Monday


def component(kind: str, each: str, vat: str | None = None, step_size: int = 1) -> dict[str, Any]:
    return {
        "type": kind,
        "price": Decimal(each),
        "vat": None if vat is None else Decimal(vat),
        "step_size": step_size,
    }


def element(*components: dict[str, Any], **restrictions: Any) -> dict[str, Any]:
    return {"price_components": list(components), "restrictions": restrictions or None}


def bill(
    elements: list[dict[str, Any]],
    minutes: int,
    start: datetime = NOON,
    zone: str = "UTC",
    tariff: dict[str, Any] | None = None,
    **volumes: str,
) -> Bill:
    """Price one period of so many minutes."""
    document = {"id": "T", "currency": "EUR", "elements": elements, **(tariff or {})}
    named = {Dimension(name): Decimal(volume) for name, volume in volumes.items()}
    end = start + timedelta(minutes=minutes)
    return price(parse_tariff(document), Usage(start, end, (ChargingPeriod(start, named),), zone))


def quantities(priced: Bill) -> list[Decimal]:
    return [line.quantity for line in priced.lines]


# -- taxes ----------------------------------------------------------------------------------------


def test_vat_comes_on_top_of_prices_that_exclude_it() -> None:
    """types Price and TaxAmount: 12.345 kWh at 0.37 is 4.56765, of which 21 % is 0.9592065."""
    total = bill([element(component("ENERGY", "0.37", "21"))], 60, ENERGY="12.345").total_cost
    assert total == Money(
        Decimal("4.5677"), (TaxAmount("VAT", Decimal("0.9592"), Decimal(21), None),)
    )


def test_vat_is_taken_out_of_prices_that_include_it() -> None:
    """mod_tariffs TaxIncluded YES: 10 kWh at 0.605 is 6.05, which at 21 % is 5.00 and 1.05."""
    total = bill(
        [element(component("ENERGY", "0.605", "21"))],
        60,
        tariff={"tax_included": "YES"},
        ENERGY="10",
    ).total_cost
    assert (total.before_taxes, total.total_tax, total.after_taxes) == (
        5,
        Decimal("1.05"),
        Decimal("6.05"),
    )


def test_where_no_taxes_apply_none_are_named() -> None:
    """mod_tariffs TaxIncluded N/A."""
    total = bill(
        [element(component("ENERGY", "0.50"))], 60, tariff={"tax_included": "N/A"}, ENERGY="10"
    ).total_cost
    assert total == Money(Decimal(5))


def test_taxes_of_different_rates_stay_apart_in_the_total() -> None:
    """types Price: taxes are listed one by one."""
    total = bill(
        [element(component("FLAT", "1.00", "20"), component("ENERGY", "0.25", "10"))],
        60,
        ENERGY="20",
    ).total_cost
    assert {tax.percentage: tax.amount for tax in total.taxes} == {
        20: Decimal("0.2"),
        10: Decimal("0.5"),
    }


def test_a_minimum_before_taxes_alone_brings_its_taxes_along() -> None:
    """mod_tariffs PriceLimit: after_taxes is optional; 2.00 at the session's own 10 % is 2.20.

    ocpi-rules 21.
    """
    priced = bill(
        [element(component("ENERGY", "0.25", "10"))],
        60,
        tariff={"min_price": {"before_taxes": 2}},
        ENERGY="1",
    )
    total = priced.total_cost
    assert (total.before_taxes, total.after_taxes) == (2, Decimal("2.2"))
    line = priced.lines[-1]
    assert line.clause.startswith("mod_tariffs Tariff min_price")
    told = "min_price of the tariff: 0.25 to 2 before taxes, 0.275 to 2.2 after taxes"
    assert (line.description, line.price, line.quantity) == (told, 2, 1)


def test_a_maximum_after_taxes_that_is_reached_first_leaves_the_total_before_them() -> None:
    """mod_tariffs max_price note: "maximum cost after taxes is reached earlier"; "they both apply".

    9.90 and 20 % are 11.88. ocpi-rules 21.
    """
    total = bill(
        [element(component("ENERGY", "0.99", "20"))],
        60,
        tariff={"max_price": {"before_taxes": 10, "after_taxes": Decimal("10.5")}},
        ENERGY="10",
    ).total_cost
    assert (total.before_taxes, total.after_taxes) == (Decimal("9.9"), Decimal("10.5"))


@pytest.mark.parametrize(
    ("limit", "cost"),
    [
        ({"min_price": {"before_taxes": 4, "after_taxes": 5}}, 5),
        ({"min_price": {"before_taxes": 4}}, 4),
        ({"max_price": {"before_taxes": 1, "after_taxes": 2}}, 2),
        ({"max_price": {"before_taxes": 1}}, 1),
    ],
    ids=str,
)
def test_a_limit_after_taxes_is_about_the_one_total_where_taxes_are_in_it_unnamed(
    limit: dict[str, Any], cost: int
) -> None:
    """mod_tariffs TaxIncluded YES without vat, as in the North American example; of 3.00."""
    by = limit | {"tax_included": "YES"}
    total = bill([element(component("ENERGY", "0.30"))], 60, tariff=by, ENERGY="10").total_cost
    assert (total.before_taxes, total.after_taxes) == (cost, cost)


def test_a_minimum_before_taxes_that_is_not_reached_leaves_the_total_after_them() -> None:
    """mod_tariffs min_price note: 4.80 and 20 % are 5.76, above 5.50. ocpi-rules 21."""
    priced = bill(
        [element(component("ENERGY", "0.48", "20"))],
        60,
        tariff={"min_price": {"before_taxes": 5, "after_taxes": Decimal("5.5")}},
        ENERGY="10",
    )
    total = priced.total_cost
    assert (total.before_taxes, total.after_taxes) == (5, Decimal("5.76"))
    assert priced.lines[-1].description == "min_price of the tariff: 4.8 to 5 before taxes"


def test_limits_that_are_not_reached_make_no_line() -> None:
    limits = {"min_price": {"before_taxes": 1}, "max_price": {"before_taxes": 20}}
    priced = bill([element(component("ENERGY", "0.48", "20"))], 60, tariff=limits, ENERGY="10")
    assert [line.dimension for line in priced.lines] == ["ENERGY"]


def test_a_maximum_changes_nothing_of_what_a_driver_is_paid() -> None:
    """Prices below nought, as markets have them: 10 kWh at -1.00 and 20 % stay -10 and -12."""
    total = bill(
        [element(component("ENERGY", "-1.00", "20"))],
        60,
        tariff={"max_price": {"before_taxes": 5, "after_taxes": 6}},
        ENERGY="10",
    ).total_cost
    assert (total.before_taxes, total.after_taxes) == (-10, -12)


def test_a_minimum_before_taxes_is_a_minimum_after_them_too() -> None:
    """mod_tariffs min_price: 5.00 before taxes cannot be 4.00 after them."""
    total = bill(
        [element(component("ENERGY", "0.30", "10"))],
        60,
        tariff={"min_price": {"before_taxes": 5, "after_taxes": 4}},
        ENERGY="10",
    ).total_cost
    assert (total.before_taxes, total.after_taxes) == (5, 5)


def test_a_maximum_after_taxes_comes_before_a_minimum_before_them() -> None:
    """Limits that contradict each other: nobody pays more than the most that was promised."""
    limits = {
        "min_price": {"before_taxes": 5, "after_taxes": 4},
        "max_price": {"before_taxes": 6, "after_taxes": Decimal("4.5")},
    }
    total = bill(
        [element(component("ENERGY", "0.30", "10"))], 60, tariff=limits, ENERGY="10"
    ).total_cost
    assert (total.before_taxes, total.after_taxes) == (Decimal("4.5"), Decimal("4.5"))


def test_a_maximum_after_taxes_is_a_maximum_before_them_too() -> None:
    """mod_tariffs max_price: with 4.00 after taxes, 9.00 before them is no bill."""
    total = bill(
        [element(component("ENERGY", "0.90", "10"))],
        60,
        tariff={"max_price": {"before_taxes": 10, "after_taxes": 4}},
        ENERGY="10",
    ).total_cost
    assert (total.before_taxes, total.after_taxes) == (4, 4)


def test_a_moment_without_any_time_used_is_neither_parking_nor_a_reservation() -> None:
    """A tenth of a second less than 0.0001 h: what no dimension names was not used."""
    moments = (NOON, NOON + timedelta(milliseconds=100))
    fee = element(component("FLAT", "4.00"), reservation="RESERVATION")
    document = {"id": "T", "currency": "EUR", "elements": [fee]}
    used = ChargingPeriod(NOON, {Dimension.ENERGY: Decimal("0.001")})
    priced = price(parse_tariff(document), Usage(*moments, (used,)))
    assert (priced.lines, priced.total_parking_time) == ((), 0)


def test_many_small_taxes_are_lowered_without_one_below_nought() -> None:
    """Seven taxes of 0.0001 each, of which a maximum leaves 0.0004: whose they are is rounding."""
    elements = [
        element(component("ENERGY", "0.001", str(rate)), min_kwh=rate - 7, max_kwh=rate - 6)
        for rate in range(7, 14)
    ]
    limit = {"before_taxes": 1, "after_taxes": Decimal("0.0074")}
    bare = bill(elements, 60, ENERGY="7").total_cost
    assert [tax.amount for tax in bare.taxes] == [Decimal("0.0001")] * 7
    capped = bill(elements, 60, tariff={"max_price": limit}, ENERGY="7")
    total = capped.total_cost
    assert total.after_taxes == Decimal("0.0074")
    assert capped.lines[-1].clause.startswith("mod_tariffs Tariff max_price")
    assert capped.lines[-1].price == 1
    assert min(tax.amount for tax in total.taxes) == 0


@pytest.mark.parametrize(("after_taxes", "rate"), [("0.55", 10), ("0.6", None)])
def test_a_session_that_used_nothing_costs_the_minimum(after_taxes: str, rate: int | None) -> None:
    """mod_tariffs min_price: "will at least cost this amount"; a rate is told where one fits."""
    document = {
        "id": "T",
        "currency": "EUR",
        "elements": [element(component("ENERGY", "0.25", "10"))],
        "min_price": {"before_taxes": Decimal("0.5"), "after_taxes": Decimal(after_taxes)},
    }
    total = price(parse_tariff(document), Usage(NOON, NOON, ())).total_cost
    assert (total.before_taxes, total.after_taxes) == (Decimal("0.5"), Decimal(after_taxes))
    assert [tax.percentage for tax in total.taxes] == [rate]


def test_an_expired_reservation_is_not_a_session_with_a_minimum() -> None:
    """mod_tariffs min_price speaks of "a Charging Session"."""
    priced = bill(
        [element(component("TIME", "1.00"), reservation="RESERVATION")],
        30,
        tariff={"min_price": {"before_taxes": 5}},
        RESERVATION_TIME="0.5",
    )
    assert priced.total_cost.before_taxes == Decimal("0.5")
    assert priced.total_time == 0


@pytest.mark.parametrize(
    ("currency", "payable"),
    [("EUR", "4.57"), ("JPY", "5"), ("KWD", "4.568"), ("CLF", "4.5677"), ("XYZ", "4.57")],
)
def test_what_is_to_be_paid_is_rounded_to_what_the_currency_has(
    currency: str, payable: str
) -> None:
    """mod_tariffs NOTE: rounding follows "the currency used"; 12.345 kWh at 0.37 are 4.56765."""
    priced = bill(
        [element(component("ENERGY", "0.37"))], 60, tariff={"currency": currency}, ENERGY="12.345"
    )
    assert str(priced.payable) == payable
    assert priced.total_cost.after_taxes == Decimal("4.5677")


def test_without_a_tariff_nothing_is_to_be_paid_in_any_currency() -> None:
    assert price(None, Usage(NOON, NOON, ())).payable is None


# -- the clock ------------------------------------------------------------------------------------

NIGHT_AND_DAY = [
    element(component("TIME", "1.00"), start_time="22:00", end_time="06:00"),
    element(component("TIME", "2.00")),
]


def test_times_are_the_locations_not_utc() -> None:
    """ocpi-rules 21: 20:30 to 21:30 UTC in May is 22:30 to 23:30 in Amsterdam."""
    evening = NOON.replace(hour=20, minute=30)
    priced = bill(NIGHT_AND_DAY, 60, evening, "Europe/Amsterdam", TIME="1")
    assert priced.total_cost.before_taxes == 1


def test_a_time_that_wraps_midnight_is_cut_at_both_ends() -> None:
    """mod_tariffs: "If end_time < start_time then the period wraps around to the next day".

    ocpi-rules 21.
    """
    priced = bill(NIGHT_AND_DAY, 10 * 60, NOON.replace(hour=21), TIME="10")
    assert quantities(priced) == [2, 8]


def test_hours_that_wrap_midnight_are_those_of_the_day_itself() -> None:
    """mod_tariffs TariffRestrictions: "a logical AND"; NOON is a Monday, 00:00 to 06:00 too."""
    elements = [
        element(
            component("TIME", "1.00"), start_time="22:00", end_time="06:00", day_of_week=["MONDAY"]
        ),
        element(component("TIME", "2.00")),
    ]
    priced = bill(elements, 36 * 60, NOON.replace(hour=0), TIME="36")
    assert quantities(priced) == [8, 28]


def test_a_day_of_the_week_begins_and_ends_at_midnight_of_the_location() -> None:
    """mod_tariffs day_of_week; Monday 22:00 UTC is Tuesday in Amsterdam."""
    elements = [
        element(component("TIME", "1.00"), day_of_week=["TUESDAY"]),
        element(component("TIME", "2.00")),
    ]
    priced = bill(elements, 26 * 60, NOON.replace(hour=21), "Europe/Amsterdam", TIME="26")
    assert quantities(priced) == [2, 24]


def test_a_stay_of_days_is_cut_wherever_the_price_changes_and_nowhere_else() -> None:
    """Three days from noon: 10, 16 and 16 hours and 6 more by day, three times 8 by night."""
    priced = bill(NIGHT_AND_DAY, 3 * 24 * 60, NOON, TIME="72")
    assert quantities(priced) == [48, 24]
    starts = [(period.start - NOON) // timedelta(hours=1) for period in priced.periods]
    assert starts == [0, 10, 18, 34, 42, 58, 66]


def test_after_a_year_each_period_has_the_price_of_its_start() -> None:
    """Nobody stays so long; clocks that are wrong do, and what is priced has to have an end."""
    year, hour = timedelta(days=370), timedelta(hours=1)
    starts = (NOON, NOON + year, NOON + year + 11 * hour, NOON + year + 12 * hour)
    hours = zip(starts, (0, 1, 1, 1), strict=True)
    periods = tuple(ChargingPeriod(at, {Dimension.TIME: Decimal(used)}) for at, used in hours)
    document = {"id": "T", "currency": "EUR", "elements": NIGHT_AND_DAY}
    priced = price(parse_tariff(document), Usage(NOON, starts[-1] + hour, periods))
    assert any(note.startswith("longer than a year") for note in priced.notes)
    assert [(line.price, line.quantity) for line in priced.lines] == [(2, 1), (1, 2)]


def test_where_no_time_of_day_matters_a_year_is_nothing_to_note() -> None:
    assert bill([element(component("TIME", "1.00"))], 400 * 24 * 60, TIME="9600").notes == ()


def test_times_may_be_told_in_any_zone() -> None:
    """The night in which the clocks go forward: 01:00 to 04:00 in Amsterdam are two hours."""
    night = datetime(2024, 3, 31, 1, tzinfo=ZoneInfo("Europe/Amsterdam"))
    priced = price(None, Usage(night, night.replace(hour=4), ()))
    assert priced.total_time == 2


def test_the_hour_that_is_left_out_in_spring_ends_a_price_at_the_change() -> None:
    """In Amsterdam 02:00 to 03:00 did not happen on 31 March 2024: 02:30 was passed at 01:00Z."""
    elements = [
        element(component("TIME", "1.00"), start_time="00:00", end_time="02:30"),
        element(component("TIME", "2.00")),
    ]
    start = datetime(2024, 3, 31, 0, 30, tzinfo=UTC)
    assert quantities(bill(elements, 60, start, "Europe/Amsterdam", TIME="1")) == [
        Decimal("0.5"),
        Decimal("0.5"),
    ]


def test_the_hour_that_happens_twice_in_autumn_is_priced_twice() -> None:
    """In Amsterdam 02:00 to 03:00 happened from 00:00Z and again from 01:00Z on 27 October."""
    elements = [
        element(component("TIME", "1.00"), start_time="02:00", end_time="02:30"),
        element(component("TIME", "2.00")),
    ]
    start = datetime(2024, 10, 26, 23, 30, tzinfo=UTC)
    assert quantities(bill(elements, 180, start, "Europe/Amsterdam", TIME="3")) == [2, 1]


def test_an_end_date_is_exclusive_and_local() -> None:
    """mod_tariffs: end_date "valid until this day (exclusive)". ocpi-rules 21."""
    elements = [
        element(component("TIME", "1.00"), end_date="2024-05-07"),
        element(component("TIME", "2.00")),
    ]
    start = datetime(2024, 5, 6, 21, 0, tzinfo=UTC)
    assert quantities(bill(elements, 120, start, "Europe/Amsterdam", TIME="2")) == [1, 1]


def test_four_decimals_of_an_hour_do_not_buy_another_minute() -> None:
    """types number: 40 minutes are sent as 0.6667 h, which alone would be 2400.12 s."""
    priced = bill([element(component("TIME", "60.00", None, 60))], 40, TIME="0.6667")
    assert priced.total_cost.before_taxes == 40
    assert (priced.total_parking_time, len(priced.periods[0].volumes)) == (0, 2)


def test_a_volume_that_is_not_what_the_clock_says_counts_as_it_is() -> None:
    """mod_cdrs CdrDimensionType TIME: "Time charging in this ChargingPeriod", not all of it."""
    assert quantities(bill([element(component("TIME", "1.00"))], 60, TIME="0.5")) == [
        Decimal("0.5")
    ]


def test_where_no_time_of_day_matters_a_period_goes_through_midnight() -> None:
    late = NOON.replace(hour=23)
    priced = bill([element(component("TIME", "1.00"), min_kwh=0)], 120, late, TIME="2")
    assert [period.start for period in priced.periods] == [late]


# -- energy, power, current -----------------------------------------------------------------------


def test_a_limit_of_energy_is_met_inside_a_period_and_said_to_be_interpolated() -> None:
    """mod_cdrs ChargingPeriod: "it can be interpolated by the CPO"."""
    elements = [
        element(component("ENERGY", "0.20"), component("TIME", "6.00"), max_kwh=Decimal("2.5")),
        element(component("ENERGY", "0.40"), component("TIME", "12.00")),
    ]
    priced = bill(elements, 60, ENERGY="10", TIME="1")
    assert quantities(priced) == [Decimal("2.5"), Decimal("0.25"), Decimal("7.5"), Decimal("0.75")]
    assert priced.notes == ("cut at 2.5 kWh, interpolated within its period",)


def test_a_line_says_that_the_moment_of_an_amount_is_interpolated() -> None:
    """mod_cdrs ChargingPeriod: "it can be interpolated by the CPO"."""
    elements = [
        element(component("TIME", "6.00"), max_kwh=Decimal("2.5")),
        element(component("TIME", "12.00")),
    ]
    lines = bill(elements, 60, ENERGY="10", TIME="1").lines
    assert all(line.description.endswith("interpolated: moment of 2.5 kWh") for line in lines)
    assert all("mod_cdrs ChargingPeriod" in line.clause for line in lines)


def test_a_line_says_that_energy_at_a_time_of_day_is_interpolated() -> None:
    """mod_cdrs ChargingPeriod: the kWh until 17:00 are in the period that ends at 17:00."""
    elements = [
        element(component("ENERGY", "0.20"), component("TIME", "1.00"), end_time="12:30"),
        element(component("ENERGY", "0.30"), component("TIME", "2.00")),
    ]
    lines = bill(elements, 60, ENERGY="10", TIME="1").lines
    assert [("energy at a moment" in line.description, line.unit) for line in lines] == [
        (True, "kWh"),
        (False, "h"),  # the clock itself is exact
        (True, "kWh"),
        (False, "h"),
    ]


def test_a_line_whose_price_no_cut_changes_is_not_interpolated() -> None:
    elements = [
        element(component("TIME", "1.00"), end_time="12:30"),
        element(component("TIME", "2.00"), component("ENERGY", "0.30")),
    ]
    lines = bill(elements, 60, ENERGY="10", TIME="1").lines
    assert not any("interpolated" in line.description for line in lines)


def test_a_limit_that_changes_no_price_is_not_noted() -> None:
    """The first element is the first to match, before 5 kWh and after."""
    elements = [
        element(component("ENERGY", "0.30")),
        element(component("ENERGY", "0.20"), min_kwh=5),
    ]
    assert bill(elements, 60, ENERGY="10").notes == ()


def test_where_no_energy_flows_there_is_no_current() -> None:
    idle = element(component("PARKING_TIME", "2.00"), max_current=1)
    assert bill([idle], 60, PARKING_TIME="1").total_cost.before_taxes == 2


def test_where_a_meter_was_read_at_the_limit_nothing_is_interpolated() -> None:
    elements = [
        element(component("ENERGY", "0.20"), max_kwh=1),
        element(component("ENERGY", "0.5")),
    ]
    periods = (
        ChargingPeriod(NOON, {Dimension.ENERGY: Decimal(1)}),
        ChargingPeriod(NOON + timedelta(hours=1), {Dimension.ENERGY: Decimal(2)}),
    )
    document = {"id": "T", "currency": "EUR", "elements": elements}
    priced = price(parse_tariff(document), Usage(NOON, NOON + timedelta(hours=2), periods))
    assert quantities(priced) == [1, 2]
    assert not any("interpolated" in line.description for line in priced.lines)


def test_a_dimension_that_no_element_prices_costs_nothing() -> None:
    """mod_tariffs: "there will be no costs for that Tariff Dimension"."""
    priced = bill([element(component("TIME", "2.00"))], 60, ENERGY="10", PARKING_TIME="1")
    assert priced.total_cost.before_taxes == 0
    assert priced.total_energy == 10
    assert priced.total_parking_time == 1


def test_each_dimension_is_looked_up_on_its_own() -> None:
    """mod_tariffs: "applicable Price Components are looked up separately for each dimension".

    ocpi-rules 21.
    """
    elements = [
        element(component("ENERGY", "0.20"), max_duration=1800),
        element(component("ENERGY", "0.30"), component("TIME", "1.00")),
    ]
    assert quantities(bill(elements, 60, ENERGY="4", TIME="1")) == [2, 1, 2]


def test_a_current_that_is_not_known_matches_no_limit_and_is_noted() -> None:
    elements = [
        element(component("ENERGY", "0.20"), max_current=32),
        element(component("ENERGY", "0.30")),
    ]
    priced = bill(elements, 60, ENERGY="10")
    assert priced.total_cost.before_taxes == 3
    assert priced.notes == ("current unknown from 0 s on: not matched",)
    known = bill(elements, 60, ENERGY="10", CURRENT="16")
    assert (known.total_cost.before_taxes, known.notes) == (2, ())


def test_a_power_that_is_not_known_matches_no_limit_and_is_noted() -> None:
    """Energy in no time at all, of a clock that stood still."""
    elements = [
        element(component("ENERGY", "0.20"), min_power=0),
        element(component("ENERGY", "0.30")),
    ]
    still = bill(elements, 0, ENERGY="10")
    assert still.total_cost.before_taxes == 3
    assert still.notes == ("power unknown from 0 s on: not matched",)
    assert bill(elements, 60, ENERGY="10").notes == ()


def test_energy_fed_back_through_a_limit_is_taken_off_at_the_price_it_had() -> None:
    """8 kWh, of which 6 flow back: three at 0.50 and three of five at 0.20."""
    elements = [
        element(component("ENERGY", "0.20"), max_kwh=5),
        element(component("ENERGY", "0.50")),
    ]
    hour = timedelta(hours=1)
    periods = (
        ChargingPeriod(NOON, {Dimension.ENERGY: Decimal(8)}),
        ChargingPeriod(NOON + hour, {Dimension.ENERGY: Decimal(-6)}),
    )
    document = {"id": "T", "currency": "EUR", "elements": elements}
    priced = price(parse_tariff(document), Usage(NOON, NOON + 2 * hour, periods))
    assert quantities(priced) == [2, 0]
    assert [each.volumes[Dimension.ENERGY] for each in priced.periods] == [5, 3, -3, -3]


def test_a_price_that_would_hold_for_no_time_at_all_is_not_charged() -> None:
    """At 12:30, when the fee would begin, 1 kWh is passed on the way back, when it would end."""
    elements = [element(component("FLAT", "5.00"), start_time="12:30", min_kwh=1)]
    half = timedelta(minutes=30)
    periods = (
        ChargingPeriod(NOON - half, {Dimension.ENERGY: Decimal(2)}),
        ChargingPeriod(NOON, {Dimension.ENERGY: Decimal(-2)}),
    )
    document = {"id": "T", "currency": "EUR", "elements": elements}
    assert price(parse_tariff(document), Usage(NOON - half, NOON + 2 * half, periods)).lines == ()


def test_energy_fed_back_makes_no_credit() -> None:
    """mod_cdrs ENERGY may be negative; a bill is not."""
    priced = bill([element(component("ENERGY", "0.20"))], 60, ENERGY="-3")
    assert priced.total_cost.before_taxes == 0
    assert priced.total_energy == -3


# -- flat fees ------------------------------------------------------------------------------------


def test_a_start_fee_repeated_in_day_and_night_elements_is_charged_once() -> None:
    elements = [
        element(component("FLAT", "0.50"), component("ENERGY", "0.20"), start_time="22:00"),
        element(component("FLAT", "0.50"), component("ENERGY", "0.30")),
    ]
    priced = bill(elements, 120, NOON.replace(hour=21), ENERGY="10")
    assert priced.total_fixed_cost == Money(Decimal("0.5"))
    assert "FLAT of element 1 is not charged" in priced.notes[0]


def test_a_fee_for_long_stays_is_due_when_it_becomes_active() -> None:
    """mod_tariffs: restrictions say "when a Tariff Element becomes active ... during" a session."""
    elements = [element(component("FLAT", "5.00"), min_duration=4 * 3600)]
    assert bill(elements, 239, TIME="3.9833").total_fixed_cost is None
    assert bill(elements, 241, TIME="4.0167").total_fixed_cost == Money(Decimal(5))


def test_a_flat_fee_for_parking_is_a_parking_cost() -> None:
    """mod_cdrs total_parking_cost: "including fixed price components"."""
    elements = [
        element(component("FLAT", "2.00"), component("PARKING_TIME", "1.00"), min_duration=3600),
        element(component("FLAT", "1.00"), component("ENERGY", "0.20")),
    ]
    priced = bill(elements, 120, PARKING_TIME="2")
    assert priced.total_fixed_cost == Money(Decimal(1))
    assert priced.total_parking_cost == Money(Decimal(3))


RESERVED = [
    element(component("TIME", "5.00"), reservation="RESERVATION"),
    element(component("FLAT", "4.00"), reservation="RESERVATION_EXPIRES"),
    element(component("TIME", "1.00"), component("PARKING_TIME", "1"), component("ENERGY", "1")),
]


@pytest.mark.parametrize("used", ["TIME", "PARKING_TIME", "ENERGY"])
def test_a_period_that_begins_reserved_and_ends_in_use_costs_both(used: str) -> None:
    """mod_cdrs CdrDimensionType RESERVATION_TIME: time in this period before it was in use."""
    priced = bill(RESERVED, 60, RESERVATION_TIME="0.4", **{used: "0.6"})
    assert priced.total_reservation_cost == Money(Decimal(2))
    assert priced.total_cost == Money(Decimal("2.6"))


def test_a_reserved_period_that_names_other_time_of_which_there_was_none_has_expired() -> None:
    priced = bill(RESERVED, 24, RESERVATION_TIME="0.4", TIME="0")
    assert priced.total_reservation_cost == Money(Decimal(6))


# -- what a line says -----------------------------------------------------------------------------


def test_the_step_size_of_time_counts_where_charging_comes_after_parking() -> None:
    """mod_tariffs: "the step_size of the last time based Price Component that was active"."""
    elements = [
        element(component("TIME", "60", None, 600), component("PARKING_TIME", "6", None, 600))
    ]
    periods = (
        ChargingPeriod(NOON, {Dimension.PARKING_TIME: Decimal(7) / 60}),
        ChargingPeriod(NOON + timedelta(minutes=7), {Dimension.TIME: Decimal(21) / 60}),
    )
    document = {"id": "T", "currency": "EUR", "elements": elements}
    priced = price(parse_tariff(document), Usage(NOON, NOON + timedelta(minutes=28), periods))
    costs = (priced.total_parking_cost, priced.total_time_cost)
    assert costs == (Money(Decimal("0.7")), Money(Decimal(30)))


def test_each_line_says_what_it_counts_and_by_which_clause() -> None:
    elements = [
        element(component("FLAT", "2.00"), reservation="RESERVATION"),
        element(component("TIME", "5.00", None, 300), reservation="RESERVATION"),
        element(component("FLAT", "0.50"), component("ENERGY", "0.25", None, 100)),
        element(component("TIME", "1.00", None, 60)),
    ]
    periods = (
        ChargingPeriod(NOON, {Dimension.RESERVATION_TIME: Decimal("0.2")}),
        ChargingPeriod(
            NOON + timedelta(minutes=12),
            {Dimension.TIME: Decimal("0.3"), Dimension.ENERGY: Decimal("1.23")},
        ),
    )
    document = {"id": "T", "currency": "EUR", "elements": elements}
    used = Usage(NOON, NOON + timedelta(minutes=30), periods)
    lines = price(parse_tariff(document), used).lines
    assert [(line.description, line.clause) for line in lines] == [
        (
            "FLAT of element 1, for the reservation",
            "mod_tariffs TariffDimensionType FLAT: flat fee;"
            " mod_tariffs TariffRestrictions reservation",
        ),
        (
            "TIME of element 2, for the reservation: 720 s used,"
            " total rounded up to the next 300 s",
            "mod_tariffs TariffDimensionType TIME: time charging, in hours;"
            " mod_tariffs TariffRestrictions reservation;"
            " mod_cdrs CDR object, step_size: once per session",
        ),
        ("FLAT of element 3", "mod_tariffs TariffDimensionType FLAT: flat fee"),
        (
            "ENERGY of element 3: 1.23 kWh used, total rounded up to the next 100 Wh",
            "mod_tariffs TariffDimensionType ENERGY: defined in kWh;"
            " mod_cdrs CDR object, step_size: once per session",
        ),
        (
            "TIME of element 4: 1080 s used",
            "mod_tariffs TariffDimensionType TIME: time charging, in hours",
        ),
    ]


# -- what cannot be priced ------------------------------------------------------------------------


def test_without_a_tariff_the_bill_says_that_it_is_not_priced() -> None:
    """mod_cdrs tariffs: free of charge is a tariff, not the absence of one."""
    period = ChargingPeriod(NOON, {Dimension.ENERGY: Decimal(3)})
    priced = price(None, Usage(NOON, NOON + timedelta(hours=1), (period,)))
    assert (priced.priced, priced.currency, priced.total_cost) == (False, None, Money())
    assert (priced.total_energy, priced.total_time) == (3, 1)
    assert priced.notes == ("no tariff is known for this session",)


def test_a_period_under_another_tariff_is_left_out_and_noted() -> None:
    """mod_cdrs ChargingPeriod tariff_id."""
    volumes = {Dimension.ENERGY: Decimal(1)}
    periods = (
        ChargingPeriod(NOON, volumes, "t"),  # a CiString
        ChargingPeriod(NOON + timedelta(hours=1), volumes, "OTHER"),
    )
    elements = [element(component("ENERGY", "1.00"))]
    document = {"id": "T", "currency": "EUR", "elements": elements}
    priced = price(parse_tariff(document), Usage(NOON, NOON + timedelta(hours=2), periods))
    assert priced.total_cost.before_taxes == 1
    assert not priced.priced
    assert "OTHER" in priced.notes[0]
    assert [period.tariff_id for period in priced.periods] == ["t", "OTHER"]


@pytest.mark.parametrize("volume", ["NaN", "Infinity", "1E+999999", "-1E+15"])
def test_a_volume_that_is_no_amount_is_refused(volume: str) -> None:
    with pytest.raises(InvalidUsage):
        ChargingPeriod(NOON, {Dimension.ENERGY: Decimal(volume)})


@pytest.mark.parametrize("zone", ["", "Europe", "Mars/Olympus", "../../etc/passwd", "a\0b"])
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(InvalidUsage):
        Usage(NOON, NOON, (), zone)


@pytest.mark.parametrize("moment", [NOON.replace(tzinfo=None), NOON.replace(year=3000)], ids=str)
def test_a_time_without_zone_or_of_another_age_is_refused(moment: datetime) -> None:
    with pytest.raises(InvalidUsage):
        Usage(moment, NOON, ())
    with pytest.raises(InvalidUsage):
        Usage(NOON, moment, ())
    with pytest.raises(InvalidUsage):
        ChargingPeriod(moment, {})


def test_an_end_before_the_start_is_no_time() -> None:
    """security-and-faults R20: clocks may be wrong."""
    period = ChargingPeriod(NOON, {Dimension.ENERGY: Decimal(3)})
    priced = price(None, Usage(NOON, NOON - timedelta(days=1), (period,)))
    assert (priced.total_time, priced.total_energy) == (0, 3)


def test_periods_may_come_in_any_order() -> None:
    elements = [
        element(component("ENERGY", "0.20"), max_kwh=1),
        element(component("ENERGY", "0.50"), min_kwh=1),
    ]
    periods = (
        ChargingPeriod(NOON + timedelta(hours=1), {Dimension.ENERGY: Decimal(2)}),
        ChargingPeriod(NOON, {Dimension.ENERGY: Decimal(1)}),
    )
    document = {"id": "T", "currency": "EUR", "elements": elements}
    priced = price(parse_tariff(document), Usage(NOON, NOON + timedelta(hours=2), periods))
    assert priced.total_cost.before_taxes == Decimal("1.2")

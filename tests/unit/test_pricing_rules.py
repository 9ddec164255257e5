"""Rules of pricing that the standards' worked examples leave untouched, calculated by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

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
    total = bill(
        [element(component("ENERGY", "0.25", "10"))],
        60,
        tariff={"min_price": {"before_taxes": 2}},
        ENERGY="1",
    ).total_cost
    assert (total.before_taxes, total.after_taxes) == (2, Decimal("2.2"))


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


def test_a_minimum_before_taxes_that_is_not_reached_leaves_the_total_after_them() -> None:
    """mod_tariffs min_price note: 4.80 and 20 % are 5.76, above 5.50. ocpi-rules 21."""
    total = bill(
        [element(component("ENERGY", "0.48", "20"))],
        60,
        tariff={"min_price": {"before_taxes": 5, "after_taxes": Decimal("5.5")}},
        ENERGY="10",
    ).total_cost
    assert (total.before_taxes, total.after_taxes) == (5, Decimal("5.76"))


def test_a_minimum_before_taxes_is_a_minimum_after_them_too() -> None:
    """mod_tariffs min_price: 5.00 before taxes cannot be 4.00 after them."""
    total = bill(
        [element(component("ENERGY", "0.30", "10"))],
        60,
        tariff={"min_price": {"before_taxes": 5, "after_taxes": 4}},
        ENERGY="10",
    ).total_cost
    assert (total.before_taxes, total.after_taxes) == (5, 5)


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
    total = bill(elements, 60, tariff={"max_price": limit}, ENERGY="7").total_cost
    assert total.after_taxes == Decimal("0.0074")
    assert min(tax.amount for tax in total.taxes) == 0


def test_a_session_that_used_nothing_costs_the_minimum() -> None:
    """mod_tariffs min_price: "will at least cost this amount"."""
    document = {
        "id": "T",
        "currency": "EUR",
        "elements": [element(component("ENERGY", "0.25", "10"))],
        "min_price": {"before_taxes": Decimal("0.5"), "after_taxes": Decimal("0.55")},
    }
    total = price(parse_tariff(document), Usage(NOON, NOON, ())).total_cost
    assert (total.before_taxes, total.after_taxes) == (Decimal("0.5"), Decimal("0.55"))


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
    assert "current unknown" in priced.notes[0]


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


@pytest.mark.parametrize("volume", ["NaN", "Infinity", "1E+999999", "-1E+15"])
def test_a_volume_that_is_no_amount_is_refused(volume: str) -> None:
    with pytest.raises(InvalidUsage):
        ChargingPeriod(NOON, {Dimension.ENERGY: Decimal(volume)})


@pytest.mark.parametrize("zone", ["", "Europe", "Mars/Olympus", "../../etc/passwd", "a\0b"])
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(InvalidUsage):
        Usage(NOON, NOON, (), zone)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(InvalidUsage):
        Usage(NOON.replace(tzinfo=None), NOON, ())


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

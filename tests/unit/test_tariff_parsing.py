"""What `parse_tariff` reads, and what it refuses by name and place."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from gateway import exact_json
from gateway.domain.tariffs import (
    DayOfWeek,
    InvalidTariff,
    Moment,
    PriceLimit,
    ReservationRestriction,
    Restrictions,
    TariffDimension,
    TaxIncluded,
    UnsupportedTariff,
    parse_tariff,
)

DOCUMENT = b"""{
  "country_code": "NL", "party_id": "ABC", "id": "T1", "currency": "EUR", "type": "REGULAR",
  "tariff_alt_text": [{"language": "en", "text": "cheap"}], "tax_included": "YES",
  "min_price": {"before_taxes": 0.50, "after_taxes": 0.55}, "max_price": {"before_taxes": 10},
  "elements": [
    {"price_components": [
       {"type": "ENERGY", "price": 0.25, "vat": 10.0, "step_size": 500},
       {"type": "FLAT", "price": 1, "step_size": 0}],
     "restrictions": {
       "start_time": "22:00", "end_time": "06:30",
       "start_date": "2024-01-01", "end_date": "2025-01-01",
       "min_kwh": 1.5, "max_kwh": 50, "min_current": 6, "max_current": 32,
       "min_power": 3.7, "max_power": 22, "min_duration": 60, "max_duration": 3600,
       "day_of_week": ["MONDAY", "SUNDAY"], "reservation": "RESERVATION"}},
    {"price_components": [{"type": "TIME", "price": 2.00, "step_size": 1}], "restrictions": null}],
  "start_date_time": "2024-01-01T00:00:00Z", "last_updated": "2023-12-17T11:44:10Z"
}"""


def document(**changes: Any) -> dict[str, Any]:
    read: dict[str, Any] = exact_json.loads(DOCUMENT)
    return {**read, **changes}


def with_component(**changes: Any) -> dict[str, Any]:
    component = {"type": "ENERGY", "price": Decimal("0.25"), "step_size": 1, **changes}
    return document(elements=[{"price_components": [component]}])


def with_restrictions(**restrictions: Any) -> dict[str, Any]:
    component = {"type": "ENERGY", "price": Decimal("0.25"), "step_size": 1}
    return document(elements=[{"price_components": [component], "restrictions": restrictions}])


def test_a_tariff_is_read_digit_for_digit() -> None:
    tariff = parse_tariff(document())
    assert (tariff.id, tariff.currency, tariff.type) == ("T1", "EUR", "REGULAR")
    assert tariff.tax_included is TaxIncluded.YES
    assert tariff.min_price == PriceLimit(Decimal("0.50"), Decimal("0.55"))
    assert tariff.max_price == PriceLimit(Decimal(10), None)
    assert tariff.start_date_time == datetime(2024, 1, 1, tzinfo=UTC)
    assert tariff.end_date_time is None
    energy, flat = tariff.elements[0].price_components
    assert (energy.type, energy.price, energy.vat, energy.step_size) == (
        TariffDimension.ENERGY,
        Decimal("0.25"),
        10,
        500,
    )
    assert (flat.type, flat.price, flat.vat, flat.step_size) == (TariffDimension.FLAT, 1, None, 0)


def test_every_restriction_is_read() -> None:
    assert parse_tariff(document()).elements[0].restrictions == Restrictions(
        start_time=time(22, 0),
        end_time=time(6, 30),
        start_date=date(2024, 1, 1),
        end_date=date(2025, 1, 1),
        min_kwh=Decimal("1.5"),
        max_kwh=Decimal(50),
        min_current=Decimal(6),
        max_current=Decimal(32),
        min_power=Decimal("3.7"),
        max_power=Decimal(22),
        min_duration=Decimal(60),
        max_duration=Decimal(3600),
        day_of_week=frozenset({DayOfWeek.MONDAY, DayOfWeek.SUNDAY}),
        reservation=ReservationRestriction.RESERVATION,
    )


def test_prices_exclude_taxes_where_the_document_does_not_say() -> None:
    """Every OCPI version without tax_included has prices "excl. VAT" (2.2.1 PriceComponent)."""
    assert parse_tariff(document(tax_included=None)).tax_included is TaxIncluded.NO


@pytest.mark.parametrize(
    ("broken", "path"),
    [
        (document(id=None), "id"),
        (document(currency="euro"), "currency"),
        (document(elements=[]), "elements"),
        (document(elements=[None]), "elements[0]"),
        (document(elements=[{"price_components": []}]), "elements[0].price_components"),
        (document(min_price={"excl_vat": 1}), "min_price.before_taxes"),
        (document(min_price={"before_taxes": 11}), "min_price.before_taxes"),
        (document(max_price=5), "max_price"),
        (document(tax_included="N/A"), "tax_included"),
        (document(start_date_time="tomorrow"), "start_date_time"),
        (with_component(price=None), "elements[0].price_components[0].price"),
        (with_component(price=0.25), "elements[0].price_components[0].price"),
        (with_component(price="0.25"), "elements[0].price_components[0].price"),
        (with_component(price=True), "elements[0].price_components[0].price"),
        (with_component(price=Decimal("NaN")), "elements[0].price_components[0].price"),
        (with_component(price=Decimal("1E+999999")), "elements[0].price_components[0].price"),
        (with_component(price=Decimal("1E-999999")), "elements[0].price_components[0].price"),
        (with_component(vat=-1), "elements[0].price_components[0].vat"),
        (with_component(vat=5000), "elements[0].price_components[0].vat"),
        (with_component(step_size=Decimal("0.5")), "elements[0].price_components[0].step_size"),
        (with_component(step_size=-1), "elements[0].price_components[0].step_size"),
        (with_restrictions(start_time="7:00"), "elements[0].restrictions.start_time"),
        (with_restrictions(end_time="24:00"), "elements[0].restrictions.end_time"),
        (with_restrictions(start_date="2024-02-31"), "elements[0].restrictions.start_date"),
        (with_restrictions(day_of_week="MONDAY"), "elements[0].restrictions.day_of_week"),
    ],
)
def test_a_document_that_is_no_tariff_is_refused_where_it_is_wrong(
    broken: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidTariff) as refusal:
        parse_tariff(broken)
    assert refusal.value.path == path
    assert refusal.value.reason


def test_two_components_of_one_dimension_in_one_element_are_refused() -> None:
    """mod_tariffs: "Only one Price Component per dimension can be active at any point in time"."""
    energy = {"type": "ENERGY", "price": 1, "step_size": 1}
    with pytest.raises(InvalidTariff):
        parse_tariff(document(elements=[{"price_components": [energy, energy]}]))


@pytest.mark.parametrize(
    ("unknown", "path"),
    [
        (with_component(type="CHARGING_TIME"), "elements[0].price_components[0].type"),
        (with_restrictions(min_soc=80), "elements[0].restrictions.min_soc"),
        (with_restrictions(reservation="MAYBE"), "elements[0].restrictions.reservation"),
        (
            with_restrictions(day_of_week=["MONDAY", "HOLIDAY"]),
            "elements[0].restrictions.day_of_week[1]",
        ),
        (document(tax_included="PARTLY"), "tax_included"),
    ],
)
def test_what_cannot_be_priced_is_refused_and_not_dropped(
    unknown: dict[str, Any], path: str
) -> None:
    with pytest.raises(UnsupportedTariff) as refusal:
        parse_tariff(unknown)
    assert refusal.value.path == path


def test_restrictions_that_are_null_or_empty_restrict_nothing() -> None:
    """transport_and_format: absent fields "may be considered as null values"."""
    tariff = parse_tariff(with_restrictions(min_soc=None, day_of_week=[], start_time=None))
    assert tariff.elements[0].restrictions == Restrictions()


def moment(clock: str = "2024-05-06T12:00", **facts: int) -> Moment:
    known = {name: Decimal(value) for name, value in facts.items()}
    return Moment(
        datetime.fromisoformat(clock).replace(tzinfo=UTC),
        known.pop("duration", Decimal(0)),
        known.pop("energy", Decimal(0)),
        **known,
    )


@pytest.mark.parametrize(
    ("start", "end", "clock", "matches"),
    [
        ("09:00", "18:00", "09:00", True),
        ("09:00", "18:00", "17:59", True),
        ("09:00", "18:00", "18:00", False),
        ("22:00", "06:00", "23:00", True),
        ("22:00", "06:00", "05:59", True),
        ("22:00", "06:00", "06:00", False),
        ("20:00", "00:00", "23:59", True),
        ("20:00", "00:00", "00:00", False),
        ("00:00", "00:00", "15:00", True),
        ("09:00", None, "08:59", False),
        ("09:00", None, "23:59", True),
        (None, "09:00", "00:00", True),
        (None, "09:00", "09:00", False),
    ],
)
def test_times_of_day_include_their_start_and_exclude_their_end(
    start: str | None, end: str | None, clock: str, matches: bool
) -> None:
    """mod_tariffs TariffRestrictions start_time and end_time. ocpi-rules 21."""
    restrictions = Restrictions(
        start_time=None if start is None else time.fromisoformat(start),
        end_time=None if end is None else time.fromisoformat(end),
    )
    assert restrictions.match(moment(f"2024-05-06T{clock}")) is matches


@pytest.mark.parametrize("what", ["energy", "duration", "current", "power"])
def test_a_minimum_is_inclusive_and_a_maximum_exclusive(what: str) -> None:
    """mod_tariffs TariffRestrictions; ocpi-rules 21."""
    name = "kwh" if what == "energy" else what
    least = Restrictions(**{f"min_{name}": Decimal(10)})
    most = Restrictions(**{f"max_{name}": Decimal(10)})
    assert [least.match(moment(**{what: value})) for value in (9, 10, 11)] == [False, True, True]
    assert [most.match(moment(**{what: value})) for value in (9, 10, 11)] == [True, False, False]


def test_all_restrictions_must_match() -> None:
    """mod_tariffs: "they are to be treated as a logical AND"."""
    restrictions = Restrictions(
        day_of_week=frozenset({DayOfWeek.FRIDAY}), start_time=time(22), end_time=time(6)
    )
    assert restrictions.match(moment("2024-05-10T23:00"))  # a Friday
    assert not restrictions.match(moment("2024-05-10T12:00"))
    # to the letter: in the small hours after Friday it is Saturday
    assert not restrictions.match(moment("2024-05-11T02:00"))

"""What `tariff_faults` finds in tariffs that the standard allows, and what it leaves alone."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocpi_documents import objects

from gateway.canonical import validate_tariff
from gateway.domain.tariffs import InvalidTariff
from gateway.domain.tariffs.currency_worth import in_euros, is_known
from gateway.domain.tariffs.faults import Severity, errors, find

ROOT = Path(__file__).parents[2]
Document = dict[str, Any]


def component(kind: str = "ENERGY", price: str = "0.30", **changes: Any) -> Document:
    return {"type": kind, "price": Decimal(price), "vat": 21, "step_size": 1, **changes}


def element(*components: Document, **restrictions: Any) -> Document:
    made: Document = {"price_components": list(components or (component(),))}
    return made | ({"restrictions": restrictions} if restrictions else {})


def tariff(*elements: Document, **changes: Any) -> Document:
    read = {"id": "T1", "currency": "EUR", "tax_included": "NO", "elements": list(elements)}
    return {**read, "elements": read["elements"] or [element()], **changes}


def found(document: Document) -> list[tuple[str, str]]:
    return [(one.name, one.path) for one in find(document)]


def test_a_usual_tariff_has_no_faults() -> None:
    """mod_tariffs, the examples: energy, start fee, parking, reservation, steps of minutes."""
    usual = tariff(
        element(component("FLAT", "4", step_size=0), reservation="RESERVATION_EXPIRES"),
        element(component("TIME", "2", step_size=600), reservation="RESERVATION"),
        element(component(price="0.25"), start_time="23:00", end_time="07:00"),
        element(component(price="0.45"), max_power=Decimal("11")),
        element(component("PARKING_TIME", "6", step_size=60), min_duration=14400),
        element(component(), component("FLAT", "0.50"), component("TIME", "1.20", step_size=60)),
        min_price={"before_taxes": Decimal("0.50"), "after_taxes": Decimal("0.60")},
    )
    assert found(usual) == []


def test_a_complex_tariff_of_the_standard_has_no_faults() -> None:
    """mod_tariffs, "Complex Tariff example": a third of it is a gap that is meant."""
    week = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]
    complex_one = tariff(
        element(component("FLAT", "2.50")),
        element(component("TIME", "1", step_size=900), max_current=Decimal(32)),
        element(component("TIME", "2", step_size=600), min_current=Decimal(32), day_of_week=week),
        element(
            component("TIME", "1.25", step_size=600),
            min_current=Decimal(32),
            day_of_week=["SATURDAY", "SUNDAY"],
        ),
        element(
            component("PARKING_TIME", "5", step_size=300),
            start_time="09:00",
            end_time="18:00",
            day_of_week=week,
        ),
        element(
            component("PARKING_TIME", "6", step_size=300),
            start_time="10:00",
            end_time="17:00",
            day_of_week=["SATURDAY"],
        ),
    )
    assert found(complex_one) == []


def test_a_vat_that_is_a_fraction_is_refused() -> None:
    """The field: 0.21 for 21. No country takes less than one percent."""
    (fault,) = find(tariff(element(component(vat=Decimal("0.21")))))
    assert fault.severity is Severity.ERROR
    assert fault.path == "elements[0].price_components[0].vat"
    assert "21 percent is written 21" in fault.text
    assert "PriceComponent vat" in fault.clause
    assert errors((fault,)) == [str(fault)]


@pytest.mark.parametrize("vat", [None, 0, 1, 2, Decimal("5.2"), 27])
def test_a_vat_that_some_country_takes_is_taken(vat: Any) -> None:
    assert not errors(find(tariff(element(component(vat=vat)))))


@pytest.mark.parametrize(
    ("changes", "name", "member"),
    [
        ({"vat": Decimal("1.21")}, "vat_factor", "vat"),
        ({"vat": 210}, "vat_high", "vat"),
        ({"price": Decimal("0.0003")}, "price_per_wh", "price"),
        ({"price": 35}, "price_in_cents", "price"),
        ({"type": "TIME", "price": Decimal("0.05")}, "price_per_minute", "price"),
        ({"type": "PARKING_TIME", "price": Decimal("0.10")}, "price_per_minute", "price"),
        ({"type": "TIME", "price": 300}, "price_in_cents", "price"),
        ({"type": "FLAT", "price": 200}, "price_in_cents", "price"),
        ({"price": -1}, "price_negative", "price"),
        ({"step_size": 3600}, "step_size", "step_size"),
        ({"step_size": 300}, "step_size", "step_size"),
        ({"step_size": 1000}, "step_size", "step_size"),
        ({"step_size": 0}, "step_size", "step_size"),
        ({"type": "TIME", "price": 3, "step_size": 1000}, "step_size", "step_size"),
        ({"type": "TIME", "price": 3, "step_size": 7200}, "step_size", "step_size"),
        ({"type": "FLAT", "price": 3, "step_size": 60}, "step_size", "step_size"),
    ],
)
def test_an_odd_component_is_told(changes: Document, name: str, member: str) -> None:
    """mod_tariffs PriceComponent, TariffDimensionType: percent, kWh, hours, Wh, seconds."""
    all_ = find(tariff(element(component(**changes))))
    assert [(one.name, one.path) for one in all_] == [
        (name, f"elements[0].price_components[0].{member}")
    ]
    assert all_[0].severity is Severity.WARNING


@pytest.mark.parametrize(
    ("currency", "price", "is_odd"),
    [
        ("KRW", "350", False),
        ("KRW", "0.35", True),
        ("JPY", "60", False),
        ("SEK", "5.50", False),
        ("SEK", "0.005", True),
        ("VND", "4000", False),
        ("KWD", "0.050", False),
        ("HUF", "35000", True),
        ("TOP", "4000", False),  # a currency of which too little is known
    ],
)
def test_prices_are_held_against_what_the_currency_is_worth(
    currency: str, price: str, is_odd: bool
) -> None:
    assert bool(found(tariff(element(component(price=price)), currency=currency))) is is_odd


def test_a_currency_that_does_not_exist_is_told() -> None:
    """mod_tariffs Tariff currency: "ISO-4217 code"."""
    assert found(tariff(currency="EUA")) == [("unknown_currency", "currency")]
    assert is_known("EUR")
    assert in_euros(Decimal(1), "EUA") is None


@pytest.mark.parametrize(
    ("restrictions", "name", "member"),
    [
        ({"min_power": 11000}, "power_in_watts", "min_power"),
        ({"max_power": 22000}, "power_in_watts", "max_power"),
        ({"max_power": Decimal("0.022")}, "power_in_megawatts", "max_power"),
        ({"min_current": 11000}, "current_in_watts", "min_current"),
        ({"max_current": 22, "max_power": 22}, "current_and_power", "max_current"),
        ({"max_kwh": 20000}, "kwh_in_wh", "max_kwh"),
        ({"min_duration": 30}, "duration_unit", "min_duration"),
        ({"max_duration": 3_600_000}, "duration_unit", "max_duration"),
        ({"start_time": "08:00", "end_time": "08:00"}, "whole_day", "end_time"),
        ({"day_of_week": ["MONDAY", "FRIDAY", "MONDAY"]}, "day_twice", "day_of_week"),
        ({"end_date": "2026-01-01"}, "outside_validity", "end_date"),
        ({"start_date": "2027-06-03"}, "outside_validity", "start_date"),
    ],
)
def test_an_odd_restriction_is_told(restrictions: Document, name: str, member: str) -> None:
    """mod_tariffs TariffRestrictions: kW, A over all phases, kWh, seconds."""
    document = tariff(
        element(component(price="0.20"), **restrictions),
        element(),
        start_date_time="2026-03-01T00:00:00Z",
        end_date_time="2027-06-01T00:00:00Z",
    )
    told = [one for one in found(document) if one[0] not in ("unreachable", "energy_gap")]
    assert told == [(name, f"elements[0].restrictions.{member}")]


def test_restrictions_where_nothing_flows_are_told() -> None:
    """mod_tariffs TariffDimensionType: PARKING_TIME is "Time not charging"."""
    document = tariff(
        element(component("TIME", "2"), reservation="RESERVATION", min_kwh=Decimal(5)),
        element(component("PARKING_TIME", "2"), min_power=Decimal(5)),
    )
    assert found(document) == [
        ("reservation_restriction", "elements[0].restrictions.reservation"),
        ("parking_restriction", "elements[1].restrictions.min_power"),
    ]


def test_an_element_behind_one_without_restrictions_is_never_charged() -> None:
    """mod_tariffs Tariff: the first element that matches counts, for each dimension."""
    behind = element(component(price="0.20"), component("FLAT", "1"), start_time="22:00")
    (fault,) = find(tariff(element(), behind))
    assert (fault.name, fault.path) == ("unreachable", "elements[1].price_components[0]")
    assert "elements[0] prices ENERGY without restrictions" in fault.text


def test_a_reservation_is_behind_other_reservations_only() -> None:
    reserved = element(component("TIME", "2"), reservation="RESERVATION")
    assert found(tariff(element(component("TIME", "1")), reserved)) == []
    assert found(tariff(element(), reserved, reserved)) == [
        ("unreachable", "elements[2].price_components[0]")
    ]


def test_the_same_restrictions_twice_are_told() -> None:
    night = {"start_time": "22:00", "end_time": "06:00"}
    document = tariff(element(**night), element(component(price="0.20"), **night), element())
    (fault,) = find(document)
    assert (fault.name, fault.path) == ("same_restrictions", "elements[1].price_components[0]")


def test_what_several_elements_leave_nothing_is_never_charged() -> None:
    document = tariff(
        element(component(), start_time="06:00", end_time="22:00"),
        element(component(price="0.20"), start_time="22:00", end_time="06:00"),
        element(component(price="0.40")),
    )
    (fault,) = find(document)
    assert (fault.name, fault.path) == ("unreachable", "elements[2].price_components[0]")
    assert "elements before this one" in fault.text


@pytest.mark.parametrize(
    "restrictions",
    [
        {"max_kwh": Decimal(0)},
        {"max_duration": 0},
        {"start_date": "2026-01-05", "end_date": "2026-01-08", "day_of_week": ["SUNDAY"]},
    ],
)
def test_restrictions_that_never_hold_are_told(restrictions: Document) -> None:
    document = tariff(element(component(price="0.20"), **restrictions), element())
    assert found(document) == [("never_active", "elements[0].restrictions")]


def test_restrictions_that_overlap_are_told_and_a_special_case_is_not() -> None:
    day = element(start_time="08:00", end_time="18:00")
    evening = element(component(price="0.20"), start_time="17:00", end_time="23:00")
    assert found(tariff(day, evening, element())) == [("overlap", "elements[1].restrictions")]
    noon = element(component(price="0.20"), start_time="11:00", end_time="13:00")
    assert found(tariff(noon, day, element())) == []


@pytest.mark.parametrize(
    ("restrictions", "text"),
    [
        ({"start_time": "08:00", "end_time": "20:00"}, "no element's restrictions hold"),
        ({"max_power": Decimal(50)}, "no element's restrictions hold"),
        ({"min_power": Decimal(0)}, "no current or power"),
    ],
)
def test_energy_that_costs_nothing_in_some_situation_is_told(
    restrictions: Document, text: str
) -> None:
    """mod_tariffs Tariff: "advised to always add a "default" Price Component per dimension"."""
    (fault,) = find(tariff(element(**restrictions)))
    assert (fault.name, fault.path) == ("energy_gap", "elements")
    assert text in fault.text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tax_included": "YES", "elements": [element(component(vat=None))]}, "taxes_not_named"),
        ({"elements": [element(component(), component("FLAT", "1", vat=None))]}, "vat_missing"),
        ({"max_price": {"before_taxes": 0}}, "max_price_zero"),
        ({"max_price": {"before_taxes": 5000}}, "limit_in_cents"),
        ({"min_price": {"before_taxes": 2, "after_taxes": 1}}, "limit_taxes"),
    ],
)
def test_taxes_and_limits_that_do_not_fit_are_told(changes: Document, expected: str) -> None:
    assert [name for name, _ in found(tariff(**changes))] == [expected]


def test_a_tariff_without_any_vat_is_taken_as_it_is() -> None:
    """mod_tariffs PriceComponent vat: "If omitted, no VAT is applicable"."""
    assert found(tariff(element(component(vat=None), component("FLAT", "1", vat=None)))) == []


def test_too_many_situations_are_not_looked_up_but_what_is_plain_is_told() -> None:
    many = [
        element(
            component(),
            start_time=f"{hour:02}:00",
            min_kwh=Decimal(hour + 1),
            min_duration=60 * (hour + 1),
            min_power=Decimal(hour + 1),
            day_of_week=["MONDAY"],
        )
        for hour in range(20)
    ]
    document = tariff(*many, many[0], element(), element(min_kwh=5))
    assert found(document) == [
        ("same_restrictions", "elements[20].price_components[0]"),
        ("unreachable", "elements[22].price_components[0]"),
    ]


def test_every_finding_is_in_the_documentation() -> None:
    page = (ROOT / "docs" / "tariffs.md").read_text(encoding="utf-8")
    table = page.partition("## What is checked")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)} - {"name"}
    source = (ROOT / "gateway/domain/tariffs/faults.py").read_text(encoding="utf-8")
    made = re.findall(r"""(?:_warning|Finding)\(\s*"(\w+)"|\("((?:price)_\w+)",""", source)
    assert {"".join(names) for names in made} == told


@given(document=objects("Tariff"))
def test_no_tariff_makes_it_fail(document: Document) -> None:
    try:
        all_ = find(validate_tariff(document))
    except InvalidTariff:
        return
    for one in all_:
        assert one.name
        assert one.text
        assert one.clause.startswith("mod_tariffs")


@given(st.data())
def test_what_is_found_unreachable_can_go_without_changing_what_is_found_otherwise(
    data: st.DataObject,
) -> None:
    """An element that is never charged is no part of the tariff."""
    times = st.sampled_from(["00:00", "06:00", "12:00", "18:00"])
    elements = data.draw(
        st.lists(
            st.builds(
                lambda start, end, price: element(
                    component(price=price), start_time=start, end_time=end
                ),
                times,
                times,
                st.sampled_from(["0.20", "0.30"]),
            ),
            min_size=1,
            max_size=4,
        )
    )
    hidden = {
        int(one.path[9:].partition("]")[0])
        for one in find(tariff(*elements))
        if one.name in ("unreachable", "same_restrictions")
    }
    kept = [one for number, one in enumerate(elements) if number not in hidden]
    assert kept
    left = {one.name for one in find(tariff(*kept))}
    assert not left & {"unreachable", "same_restrictions"}

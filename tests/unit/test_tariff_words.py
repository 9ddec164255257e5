"""Tariffs in words: what is said in each language, and that nothing untrue is."""

import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from string import Formatter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocpi_documents import objects

from gateway.domain.tariffs import Tariff, parse_tariff
from gateway.domain.tariffs.reach import reach
from gateway.domain.tariffs.words import LANGUAGES, MOST_CHARACTERS, alt_text, describe
from gateway.domain.tariffs.words.phrases import Phrases

Document = dict[str, Any]


def component(kind: str = "ENERGY", price: str = "0.35", **changes: Any) -> Document:
    return {"type": kind, "price": Decimal(price), "step_size": 1, **changes}


def element(*components: Document, **restrictions: Any) -> Document:
    made: Document = {"price_components": list(components or (component(),))}
    return made | ({"restrictions": restrictions} if restrictions else {})


def tariff(*elements: Document, **changes: Any) -> Tariff:
    read = {"id": "T1", "currency": "EUR", "tax_included": "N/A", "elements": list(elements)}
    return parse_tariff(read | changes)


SIMPLE = tariff(element(component(vat=21)), tax_included="NO")
NIGHT = tariff(
    element(component(price="0.2"), start_time="22:00", end_time="06:00"),
    element(component(price="0.3")),
)
PARKING = tariff(
    element(component("TIME", "3", step_size=60)),
    element(
        component("PARKING_TIME", "6", step_size=300),
        min_duration=5400,
        day_of_week=["MONDAY", "TUESDAY", "WEDNESDAY", "FRIDAY"],
    ),
)
TAXES = tariff(
    element(component(vat=Decimal("5.5")), component("FLAT", "1", vat=20)),
    tax_included="YES",
    min_price={"before_taxes": Decimal("0.5"), "after_taxes": Decimal("0.6")},
    max_price={"before_taxes": 50},
)
RESERVED = tariff(
    element(component("FLAT", "4"), reservation="RESERVATION_EXPIRES"),
    element(component("TIME", "2"), reservation="RESERVATION"),
    element(),
)


@pytest.mark.parametrize(
    ("said", "language", "text"),
    [
        (SIMPLE, "en", "Energy: 0.35 EUR per kWh. Plus 21 % VAT."),
        (SIMPLE, "de", "Energie: 0,35 EUR je kWh. Zuzüglich 21 % MwSt."),
        (SIMPLE, "nl", "Energie: 0,35 EUR per kWh. Exclusief 21 % btw."),
        (SIMPLE, "fr", "Énergie : 0,35 EUR par kWh. Hors TVA 21 %."),
        (
            NIGHT,
            "en",
            "Energy: 0.20 EUR per kWh (from 22:00 to 06:00); otherwise 0.30 EUR per kWh."
            " No taxes apply. Local time at the charge point.",
        ),
        (
            NIGHT,
            "de",
            "Energie: 0,20 EUR je kWh (von 22:00 bis 06:00); sonst 0,30 EUR je kWh."
            " Es fallen keine Steuern an. Ortszeit am Ladepunkt.",
        ),
        (
            NIGHT,
            "nl",
            "Energie: 0,20 EUR per kWh (van 22:00 tot 06:00); anders 0,30 EUR per kWh."
            " Er zijn geen belastingen van toepassing. Plaatselijke tijd bij de laadpaal.",
        ),
        (
            NIGHT,
            "fr",
            "Énergie : 0,20 EUR par kWh (de 22:00 à 06:00) ; sinon 0,30 EUR par kWh."
            " Aucune taxe ne s'applique. Heure locale à la borne.",
        ),
        (
            PARKING,
            "en",
            "Charging time: 3.00 EUR per hour in steps of 1 min. Time connected without charging:"
            " 6.00 EUR per hour in steps of 5 min (Monday, Tuesday, Wednesday, Friday, from 90 min"
            " after the start on); otherwise nothing. Amounts are rounded up to full steps once, by"
            " the last price used. Of charging and connected time only the later is rounded up."
            " No taxes apply. Local time at the charge point.",
        ),
        (
            TAXES,
            "en",
            "Energy: 0.35 EUR per kWh incl. 5.5 % VAT. Fee, once per session: 1.00 EUR incl. 20 %"
            " VAT. Prices include taxes. A charging session costs at least 0.50 EUR before and"
            " 0.60 EUR after taxes. A charging session costs at most 50.00 EUR before taxes.",
        ),
        (
            TAXES,
            "de",
            "Energie: 0,35 EUR je kWh inkl. 5,5 % MwSt. Gebühr, einmal je Ladevorgang: 1,00 EUR"
            " inkl. 20 % MwSt. Preise einschließlich Steuern. Ein Ladevorgang kostet mindestens"
            " 0,50 EUR vor und 0,60 EUR nach Steuern. Ein Ladevorgang kostet höchstens 50,00 EUR"
            " vor Steuern.",
        ),
        (
            RESERVED,
            "en",
            "Energy: 0.35 EUR per kWh. Fee per reservation that expires unused: 4.00 EUR. Time of a"
            " reservation that expires unused: 2.00 EUR per hour. Time of a reservation that is"
            " used: 2.00 EUR per hour. No taxes apply.",
        ),
        (
            RESERVED,
            "fr",
            "Énergie : 0,35 EUR par kWh. Frais par réservation expirée sans usage : 4,00 EUR. Temps"
            " d'une réservation expirée sans usage : 2,00 EUR par heure. Temps d'une réservation"
            " utilisée : 2,00 EUR par heure. Aucune taxe ne s'applique.",
        ),
    ],
)
def test_a_tariff_is_said(said: Tariff, language: str, text: str) -> None:
    assert describe(said, language) == text


@pytest.mark.parametrize("language", LANGUAGES)
def test_free_of_charge_is_said_so(language: str) -> None:
    """mod_tariffs Tariff: one FLAT of 0.00 without restrictions."""
    free = tariff(element(component("FLAT", "0.00")))
    assert describe(free, language) == LANGUAGES[language].free_of_charge


def test_a_minimum_price_is_not_free_of_charge() -> None:
    costly = tariff(element(component("FLAT", "0")), min_price={"before_taxes": 1})
    assert describe(costly) == (
        "Fee, once per session: free. No taxes apply. A charging session costs at least 1.00 EUR."
    )


@pytest.mark.parametrize(
    ("restrictions", "said"),
    [
        ({"min_kwh": 20}, "from 20 kWh on"),
        ({"max_kwh": Decimal("7.5")}, "for the first 7.5 kWh"),
        ({"min_kwh": 20, "max_kwh": 50}, "from 20 kWh to 50 kWh"),
        ({"min_current": 16, "max_current": 32}, "from 16 A to below 32 A"),
        ({"min_power": 50}, "at 50 kW or more"),
        ({"max_power": 22}, "below 22 kW"),
        ({"max_duration": 1800}, "in the first 30 min"),
        ({"min_duration": 3600, "max_duration": 5415}, "from 1 h to 5415 s after the start"),
        ({"start_time": "18:00"}, "from 18:00 to midnight"),
        ({"end_time": "07:30"}, "from midnight to 07:30"),
        ({"start_date": "2026-12-24", "end_date": "2026-12-27"}, "from 2026-12-24, before"),
        ({"day_of_week": ["SUNDAY", "SATURDAY"]}, "Saturday, Sunday"),
        ({"day_of_week": ["FRIDAY", "THURSDAY", "SATURDAY"]}, "Thursday to Saturday"),
    ],
)
def test_a_restriction_is_said(restrictions: Document, said: str) -> None:
    """mod_tariffs TariffRestrictions: minima inclusive, maxima and end_date exclusive."""
    assert f"({said}" in describe(tariff(element(**restrictions)))


def test_a_night_of_a_weekday_is_both_ends_of_that_day() -> None:
    """mod_tariffs TariffRestrictions: "a logical AND", so the day is that of the moment."""
    said = describe(tariff(element(start_time="22:00", end_time="06:00", day_of_week=["FRIDAY"])))
    assert "(Friday, from midnight to 06:00 and from 22:00 to midnight)" in said


def test_what_is_never_charged_is_never_said() -> None:
    """mod_tariffs Tariff: the first element that matches counts, for each dimension."""
    hidden = tariff(element(), element(component(price="9.99"), min_kwh=10))
    assert "9.99" not in describe(hidden)
    whole_day = tariff(
        element(start_time="00:00", end_time="00:00"), element(component(price="9.99"))
    )
    assert describe(whole_day) == "Energy: 0.35 EUR per kWh. No taxes apply."


def test_fees_are_said_in_the_order_in_which_they_apply() -> None:
    """`gateway.domain.pricing`: FLAT once for the session and once for parking."""
    first = tariff(element(component("FLAT", "1"), max_power=22), element(component("FLAT", "2")))
    assert describe(first).startswith(
        "Fee, once per session, the first that applies: 1.00 EUR (below 22 kW); otherwise 2.00 EUR."
    )
    mixed = tariff(
        element(component("FLAT", "5"), component("PARKING_TIME", "6"), min_duration=3600),
        element(component("FLAT", "1")),
    )
    assert "5.00 EUR for parking (from 1 h after the start on); otherwise 1.00 EUR for the ses" in (
        describe(mixed)
    )


def test_currencies_have_their_own_decimals() -> None:
    assert "Energy: 60 JPY per kWh." in describe(
        tariff(element(component(price="60")), currency="JPY")
    )
    assert "0.050 KWD" in describe(tariff(element(component(price="0.05")), currency="KWD"))
    assert "0.3475 EUR" in describe(tariff(element(component(price="0.3475"))))


def test_for_whom_and_until_when_is_said() -> None:
    said = describe(
        tariff(
            element(),
            type="PROFILE_GREEN",
            start_date_time="2026-01-01T00:00:00Z",
            end_date_time="2026-06-30T23:59:59Z",
        )
    )
    assert said.endswith(
        "For sessions with the charging preference GREEN. Valid from 2026-01-01 00:00 UTC."
        " Valid until 2026-06-30 23:59:59 UTC."
    )
    assert "payment at the charge point" in describe(tariff(element(), type="AD_HOC_PAYMENT"))


def test_a_text_that_is_too_long_is_none() -> None:
    """types DisplayText: 512 characters; half a tariff would be a wrong one."""
    long = tariff(*(element(component(price=f"0.{day}"), min_kwh=day) for day in range(10, 40)))
    assert len(describe(long)) > MOST_CHARACTERS
    assert alt_text(long, "en") is None
    assert alt_text(SIMPLE, "en") == describe(SIMPLE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_fills_in_the_same(language: str) -> None:
    for one in fields(Phrases):
        if one.name in ("language", "decimal_mark", "days"):
            continue
        expected, template = (
            [
                name
                for _, name, _, _ in Formatter().parse(getattr(LANGUAGES[each], one.name))
                if name
            ]
            for each in ("en", language)
        )
        assert sorted(template) == sorted(expected), one.name
        assert getattr(LANGUAGES[language], one.name).isprintable()


NUMBER = r"\d{4}-\d\d-\d\d|\d\d:\d\d(?::\d\d)?|\d+(?:[.,]\d+)?"


def numbers_of(document: Document) -> Iterator[str | Decimal]:
    """All that a tariff says in numbers; seconds also as minutes and hours."""
    for value in document.values():
        if isinstance(value, dict):
            yield from numbers_of(value)
        elif isinstance(value, list):
            for each in value:
                if isinstance(each, dict):
                    yield from numbers_of(each)
        elif isinstance(value, int | Decimal) and not isinstance(value, bool):
            yield from (Decimal(value), Decimal(value) / 60, Decimal(value) / 3600)
        elif isinstance(value, str):
            yield from re.findall(NUMBER, value)


@given(document=objects("Tariff"), language=st.sampled_from(sorted(LANGUAGES)))
def test_every_number_that_is_said_is_in_the_tariff(document: Document, language: str) -> None:
    said = describe(parse_tariff(document), language)
    known = set(numbers_of(document))
    for name in ("start_date_time", "end_date_time"):
        if name in document:
            known.update(re.findall(NUMBER, _utc(document[name])))
    for text in re.findall(NUMBER, said):
        is_number = re.fullmatch(r"\d+(?:[.,]\d+)?", text)
        assert (Decimal(text.replace(",", ".")) if is_number else text) in known, (text, said)


def _utc(text: str) -> str:
    moment = parse_tariff(
        {"id": "T", "currency": "EUR", "elements": [element()], "start_date_time": text}
    ).start_date_time
    assert isinstance(moment, datetime)
    return f"{moment:%Y-%m-%d %H:%M} {moment:%Y-%m-%d %H:%M:%S}"


@given(document=objects("Tariff"), language=st.sampled_from(sorted(LANGUAGES)))
def test_every_price_that_can_be_charged_is_said(document: Document, language: str) -> None:
    read = parse_tariff(document)
    said = describe(read, language).replace(",", ".")
    found = reach(read, None)
    assert found is not None
    for number, element_ in enumerate(read.elements):
        for each in element_.price_components:
            if each.price and (number, each.type) in found.active:
                assert f"{each.price.normalize():f}" in said


@given(document=objects("Tariff"), language=st.sampled_from(sorted(LANGUAGES)))
def test_what_is_said_can_stand_in_a_tariff(document: Document, language: str) -> None:
    """types String: printable, on one line, and without markup."""
    said = describe(parse_tariff(document), language)
    assert said.isprintable()
    assert "{" not in said
    assert ".." not in said
    assert "  " not in said

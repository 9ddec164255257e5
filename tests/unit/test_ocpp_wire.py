"""Times and numbers as stations write them."""

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ocpp.v16 import enums as enums16
from ocpp.v201 import enums as enums201

from gateway.domain.metering.meter import Measurand
from gateway.ocpp import schemas, wire
from gateway.ocpp.dialect import Refused

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-01T12:00:00Z",
        "2024-05-01T12:00:00z",
        "2024-05-01T12:00:00",
        "2024-05-01T12:00:00.000000000Z",
        "2024-05-01T14:00:00+02:00",
        "2024-05-01T14:00:00+0200",
        "2024-05-01 12:00:00Z",
        " 2024-05-01T12:00:00Z ",
    ],
)
def test_times_are_read_with_any_zone_and_precision(text: str) -> None:
    """ocpp-rules 6"""
    assert wire.time({"timestamp": text}) == NOON


@settings(deadline=None)
@given(st.text(max_size=40))
def test_what_is_no_time_is_refused_and_nothing_else_happens(text: str) -> None:
    with suppress(Refused):
        assert wire.time({"timestamp": text}).tzinfo is UTC


def test_the_year_one_in_the_far_east_is_refused() -> None:
    with pytest.raises(Refused):
        wire.time({"timestamp": "0001-01-01T00:00:00+14:00"})


def test_an_empty_optional_time_is_an_absent_one() -> None:
    assert wire.optional_time({"timestamp": ""}) is None
    assert wire.optional_time({}) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.00", "0"),
        ("12345.6", "12345.6"),
        (" 12345.6 ", "12345.6"),
        ("12 345,6", "12345.6"),
        ("1.234,5", "1234.5"),
        ("1,234.5", "1234.5"),
        ("12,5", "12.5"),
        ("1.5e3", "1500"),
        ("1.5E+3", "1500"),
        ("-7", "-7"),
    ],
)
def test_numbers_are_read_from_text(text: str, value: str) -> None:
    """ocpp-rules 11: spaces, decimal comma, scientific notation"""
    assert wire.number(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "string", "NaN", "Infinity", "-inf", "1e999999", "sNaN", ","])
def test_what_is_no_number_of_a_meter_has_no_value(text: str) -> None:
    assert wire.number(text) is None


@settings(deadline=None)
@given(st.text(max_size=40))
def test_no_text_makes_the_number_reader_raise(text: str) -> None:
    value = wire.number(text)
    assert value is None or value.is_finite()


@pytest.mark.parametrize(
    ("value", "unit", "multiplier", "expected"),
    [
        ("1.5", "kWh", 0, "1500"),
        ("1500", "Wh", 0, "1500"),
        ("7.36", "kW", 0, "7360"),
        ("2", None, 0, "2"),
        ("15", "Wh", 2, "1500"),
        ("15", "kWh", -1, "1500"),
        ("16", "A", 0, "16"),
    ],
)
def test_values_come_into_one_unit(value: str, unit: str, multiplier: int, expected: str) -> None:
    assert wire.in_base_unit(Decimal(value), unit, multiplier) == Decimal(expected)


def test_an_absurd_multiplier_leaves_no_value() -> None:
    assert wire.in_base_unit(Decimal(1), "Wh", 999_999_999) is None


def enumeration(version: schemas.Schemas, name: str) -> set[str]:
    schema = version.request("MeterValues")
    assert schema is not None
    return set(schema.document["definitions"][name]["enum"])


@pytest.mark.parametrize("measurand", [*enums16.Measurand, *enums201.MeasurandEnumType])
def test_every_measurand_of_both_versions_has_its_place(measurand: str) -> None:
    assert str(measurand) in wire.MEASURANDS


def test_the_measurands_we_compute_with_keep_their_names() -> None:
    computed = {k: v for k, v in wire.MEASURANDS.items() if v is not Measurand.OTHER}
    assert all(name == measurand.value for name, measurand in computed.items())
    assert set(computed.values()) == set(Measurand) - {Measurand.OTHER}


@pytest.mark.parametrize("context", [*enums16.ReadingContext, *enums201.ReadingContextEnumType])
def test_every_reading_context_of_both_versions_has_its_place(context: str) -> None:
    assert str(context) in wire.CONTEXTS


def test_the_schemas_have_no_measurand_or_context_that_the_tables_lack() -> None:
    assert enumeration(schemas.v201(), "MeasurandEnumType") <= set(wire.MEASURANDS)
    assert enumeration(schemas.v201(), "ReadingContextEnumType") <= set(wire.CONTEXTS)

"""OCPI tariffs in the words of OCPP 2.1."""

from dataclasses import fields
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from gateway import exact_json
from gateway.domain.display_text import DisplayText
from gateway.domain.tariffs import (
    DayOfWeek,
    ReservationRestriction,
    Restrictions,
    TariffDimension,
    parse_tariff,
)
from gateway.domain.tariffs.station_tariffs import (
    PART_OF,
    ClearTariffs,
    GetTariffs,
    Part,
    SetDefaultTariff,
    Translated,
    for_station,
)
from gateway.ocpp import v16, v21, v201
from gateway.ocpp.v21.tariffs import (
    CONDITIONS,
    DAYS,
    PRICE_MEMBERS,
    SET_OUTCOMES,
    station_cost,
    tariff_type,
)

REQUEST = v21.DIALECT.schemas.request("SetDefaultTariff")
assert REQUEST is not None
DEFINITIONS = REQUEST.document["definitions"]


def translated(*elements: dict[str, Any], **more: Any) -> Translated:
    document = {"id": "T", "currency": "EUR", "elements": list(elements), **more}
    return for_station(parse_tariff(document), "T~1")


def said(*elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    """TariffType, sound by its schema."""
    found = translated(*elements, **more)
    assert found.faults == ()
    return checked(tariff_type(found.tariff))


def checked(tariff: dict[str, Any]) -> dict[str, Any]:
    assert REQUEST is not None
    assert REQUEST.faults({"evseId": 1, "tariff": tariff}) == []
    return tariff


def of(kind: str, price: str, vat: int | None = None, **more: Any) -> dict[str, Any]:
    return {"type": kind, "price": Decimal(price), "vat": vat, **more}


def element(*components: dict[str, Any], **restrictions: Any) -> dict[str, Any]:
    return {"price_components": list(components), "restrictions": restrictions or None}


# --- the tables ---


def test_every_dimension_has_its_part_with_and_without_reservation() -> None:
    kinds = (None, *ReservationRestriction)
    assert set(PART_OF) == {(each, kind) for each in TariffDimension for kind in kinds}
    assert set(PART_OF.values()) - {None} == set(Part)


def test_every_part_is_a_member_of_tariff_type_with_the_price_it_wants() -> None:
    members = DEFINITIONS["TariffType"]["properties"]
    for part in Part:
        kind = members[part.value]["$ref"].rpartition("/")[2]
        price = DEFINITIONS[kind]["properties"]["prices"]["items"]["$ref"].rpartition("/")[2]
        assert PRICE_MEMBERS[part] in DEFINITIONS[price]["required"]


def test_every_restriction_has_its_condition() -> None:
    assert set(CONDITIONS) == {one.name for one in fields(Restrictions)} - {"reservation"}
    known = DEFINITIONS["TariffConditionsType"]["properties"]
    assert {theirs for theirs, _ in CONDITIONS.values()} <= set(known)


def test_every_day_has_its_word() -> None:
    assert [DAYS[day] for day in DayOfWeek] == DEFINITIONS["DayOfWeekEnumType"]["enum"]


def test_every_status_of_an_answer_has_its_outcome() -> None:
    response = v21.DIALECT.schemas.response("SetDefaultTariff")
    assert response is not None
    words = response.document["definitions"]["TariffSetStatusEnumType"]["enum"]
    assert set(SET_OUTCOMES) == set(words)


# --- what is said ---


def test_prices_are_without_taxes_per_kwh_and_per_minute() -> None:
    tariff = said(
        element(of("FLAT", "0.50", 21), of("ENERGY", "0.25", 21), of("PARKING_TIME", "2.40", 9)),
        element(of("TIME", "1.00")),
    )
    vat = [{"type": "VAT", "tax": 21}]
    assert tariff["fixedFee"] == {"prices": [{"priceFixed": Decimal("0.5")}], "taxRates": vat}
    assert tariff["energy"] == {"prices": [{"priceKwh": Decimal("0.25")}], "taxRates": vat}
    assert tariff["idleTime"]["prices"] == [{"priceMinute": Decimal("0.04")}]
    assert tariff["idleTime"]["taxRates"] == [{"type": "VAT", "tax": 9}]
    assert tariff["chargingTime"] == {"prices": [{"priceMinute": Decimal("0.01666667")}]}


def test_prices_that_include_taxes_are_said_without_them() -> None:
    tariff = said(element(of("ENERGY", "0.242", 21)), tax_included="YES")
    assert tariff["energy"]["prices"] == [{"priceKwh": Decimal("0.2")}]


def test_every_condition_is_said_in_the_stations_units() -> None:
    every = {
        "start_time": "08:00", "end_time": "18:30", "start_date": "2024-01-01",
        "end_date": "2025-01-01", "min_kwh": Decimal("0.5"), "max_kwh": 20, "min_current": 6,
        "max_current": 32, "min_power": Decimal("3.7"), "max_power": 50, "min_duration": 1800,
        "max_duration": 3600, "day_of_week": ["SATURDAY", "MONDAY"],
    }  # fmt: skip
    (price,) = said(element(of("ENERGY", "0.1"), **every))["energy"]["prices"]
    assert price["conditions"] == {
        "startTimeOfDay": "08:00", "endTimeOfDay": "18:30", "validFromDate": "2024-01-01",
        "validToDate": "2025-01-01", "dayOfWeek": ["Monday", "Saturday"], "minEnergy": 500,
        "maxEnergy": 20_000, "minCurrent": 6, "maxCurrent": 32, "minPower": 3_700,
        "maxPower": 50_000, "minTime": 1_800, "maxTime": 3_600,
    }  # fmt: skip


def test_prices_keep_the_order_of_the_elements() -> None:
    """The first that matches counts, here and there."""
    night = element(of("ENERGY", "0.1"), start_time="22:00", end_time="06:00")
    prices = said(night, element(of("ENERGY", "0.3")))["energy"]["prices"]
    assert [price["priceKwh"] for price in prices] == [Decimal("0.1"), Decimal("0.3")]


def test_a_reservation_has_its_own_parts_and_an_expired_one_is_left_out() -> None:
    tariff = said(
        element(of("TIME", "6"), of("FLAT", "2"), reservation="RESERVATION"),
        element(of("FLAT", "4"), reservation="RESERVATION_EXPIRES"),
        element(of("ENERGY", "0.3")),
    )
    assert tariff["reservationTime"] == {"prices": [{"priceMinute": Decimal("0.1")}]}
    assert tariff["reservationFixed"] == {"prices": [{"priceFixed": 2}]}
    assert "fixedFee" not in tariff


def test_limits_are_said_with_and_without_taxes() -> None:
    tariff = said(
        element(of("ENERGY", "0.3")),
        min_price={"before_taxes": Decimal("0.5"), "after_taxes": Decimal("0.6")},
        max_price={"before_taxes": 10},
    )
    assert tariff["minCost"] == {"exclTax": Decimal("0.5"), "inclTax": Decimal("0.6")}
    assert tariff["maxCost"] == {"exclTax": 10}


def test_texts_are_the_description() -> None:
    tariff = parse_tariff({"id": "T", "currency": "EUR", "elements": [element(of("FLAT", "1"))]})
    found = for_station(tariff, "T~1", (DisplayText("nl", "een euro"),))
    description = checked(tariff_type(found.tariff))["description"]
    assert description == [{"format": "UTF8", "language": "nl", "content": "een euro"}]


# --- what is not ---


@pytest.mark.parametrize(
    ("elements", "fault"),
    [
        ([element(of("FLAT", "1"), min_kwh=5)], "fixedFee: min_kwh is no condition"),
        ([element(of("FLAT", "1"), max_duration=5)], "fixedFee: max_duration is no condition"),
        ([element(of("FLAT", "1"), of("PARKING_TIME", "1"))], "fixedFee: a fee for parking"),
        (
            [element(of("ENERGY", "1", 9), max_kwh=5), element(of("ENERGY", "1", 21))],
            "energy: all prices of one part have the same VAT",
        ),
    ],
)
def test_a_tariff_that_a_station_would_reckon_otherwise_is_a_fault(
    elements: list[dict[str, Any]], fault: str
) -> None:
    (found,) = translated(*elements).faults
    assert found.startswith(fault)


def test_a_step_size_is_noted() -> None:
    assert translated(element(of("TIME", "1", step_size=300))).notes == (
        "TIME: step_size 300 is not said",
    )


def test_taxes_that_are_included_and_not_known_are_noted() -> None:
    found = translated(element(of("TIME", "2.10")), tax_included="YES")
    assert found.notes == ("TIME: its taxes are not known; said as a price without any",)
    assert tariff_type(found.tariff)["chargingTime"] == {
        "prices": [{"priceMinute": Decimal("0.035")}]
    }


# --- the printed examples of OCPI 2.3.0, mod_tariffs ---

EXAMPLES = {
    "simple time": [element(of("TIME", "2.00", 10, step_size=60))],
    "start fee, kWh, parking": [
        element(of("FLAT", "0.50", 20), of("ENERGY", "0.25", 10)),
        element(of("PARKING_TIME", "2.00", 20, step_size=900)),
    ],
    "complex": [
        element(of("FLAT", "2.50", 15)),
        element(of("TIME", "1.00", 20, step_size=900), max_current=32),
        element(
            of("TIME", "2.00", 20, step_size=600),
            min_current=32,
            day_of_week=["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"],
        ),
        element(
            of("TIME", "1.25", 20, step_size=600),
            min_current=32,
            day_of_week=["SATURDAY", "SUNDAY"],
        ),
        element(
            of("PARKING_TIME", "5.00", 10, step_size=300),
            start_time="09:00",
            end_time="18:00",
            day_of_week=["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"],
        ),
        element(
            of("PARKING_TIME", "6.00", 10, step_size=300),
            start_time="10:00",
            end_time="17:00",
            day_of_week=["SATURDAY"],
        ),
    ],
    "free of charge": [element(of("FLAT", "0.00"))],
    "reservation": [
        element(of("TIME", "5.00", 20, step_size=60), reservation="RESERVATION"),
        element(of("FLAT", "0.50", 20), of("ENERGY", "0.25", 10)),
    ],
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_printed_examples_can_be_said(name: str) -> None:
    tariff = said(*EXAMPLES[name])
    stated = sum(
        len(one["prices"]) for one in tariff.values() if isinstance(one, dict) and "prices" in one
    )
    assert stated == sum(len(one["price_components"]) for one in EXAMPLES[name])


# --- the commands ---


def test_a_command_with_a_tariff_travels_to_another_node() -> None:
    command = SetDefaultTariff(1, translated(*EXAMPLES["complex"]).tariff)
    over = exact_json.loads(exact_json.dumps(msgspec.to_builtins(command)))
    assert msgspec.convert(over, SetDefaultTariff) == command


def test_only_2_1_knows_tariffs() -> None:
    for command in (SetDefaultTariff, GetTariffs, ClearTariffs):
        assert command in v21.DIALECT.asks
        assert command not in v201.DIALECT.asks
        assert command not in v16.DIALECT.asks


def test_no_tariff_is_an_answer_and_driver_tariffs_are_not_default_ones() -> None:
    asked = v21.DIALECT.asks[GetTariffs](GetTariffs())
    assert asked is not None
    none = asked.read({"status": "NoTariff"})
    assert (none.accepted, none.data) == (True, {"default": {}})
    some = asked.read(
        {
            "status": "Accepted",
            "tariffAssignments": [
                {"tariffId": "A", "tariffKind": "DefaultTariff", "evseIds": [1, 2]},
                {"tariffId": "B", "tariffKind": "DriverTariff", "evseIds": [1]},
            ],
        }
    )
    assert some.data == {"default": {"1": ["A"], "2": ["A"]}}
    assert not asked.read({"status": "Rejected"}).accepted


def test_clearing_is_refused_if_one_tariff_is() -> None:
    asked = v21.DIALECT.asks[ClearTariffs](ClearTariffs(("A", "B"), 1))
    assert asked is not None
    assert asked.payload == {"tariffIds": ["A", "B"], "evseId": 1}
    answer = {"clearTariffsResult": [{"status": "NoTariff"}, {"status": "Accepted"}]}
    assert asked.read(answer).accepted
    assert not asked.read({"clearTariffsResult": [{"status": "Rejected"}]}).accepted


def test_a_stations_cost_without_its_taxes_or_that_failed_is_not_compared() -> None:
    total = {"currency": "EUR", "typeOfCost": "NormalCost", "total": {"exclTax": Decimal(1)}}
    assert station_cost("tx", {"totalCost": total}).total is None
    assert station_cost("tx", {"totalCost": total, "failureToCalculate": True}).failed

"""A partner prices a CDR by its own reading of the standard, and says where it is another's.

The sessions are those of the standard's own examples, or reckoned by hand in the test.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from simulators.partner.repriced import price_rules
from simulators.partner.version import V2_1_1, V2_2_1, V2_3_0, Version

UTRECHT = "Europe/Amsterdam"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday, 10:00 in Utrecht


def tariff(*elements: Any, **fields: Any) -> dict[str, Any]:
    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "T1",
        "currency": "EUR",
        "elements": [
            {"price_components": components, **({"restrictions": limits} if limits else {})}
            for components, limits in elements
        ],
        "last_updated": "2026-01-01T00:00:00Z",
        **fields,
    }


def component(kind: str, price: str, step: int = 1, vat: int | None = None) -> dict[str, Any]:
    taxed = {} if vat is None else {"vat": vat}
    return {"type": kind, "price": Decimal(price), "step_size": step, **taxed}


def cdr(
    tariffs: list[dict[str, Any]],
    total: Any,
    *periods: tuple[float, dict[str, Any]],
    start: datetime = START,
    minutes: float = 60,
    **fields: Any,
) -> dict[str, Any]:
    """`periods` begin after so many minutes."""

    def at(after: float) -> str:
        moment = start + timedelta(minutes=after)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "C1",
        "start_date_time": at(0),
        "end_date_time": at(minutes),
        "session_id": "S1",
        "cdr_token": {
            "country_code": "DE",
            "party_id": "EMS",
            "uid": "TAG1",
            "type": "RFID",
            "contract_id": "C1",
        },
        "auth_method": "WHITELIST",
        "cdr_location": {
            "id": "LOC1",
            "address": "Street 1",
            "city": "Town",
            "country": "NLD",
            "coordinates": {"latitude": "52.12345", "longitude": "4.12345"},
            "evse_uid": "E1",
            "evse_id": "NL*ABC*E1",
            "connector_id": "1",
            "connector_standard": "IEC_62196_T2",
            "connector_format": "SOCKET",
            "connector_power_type": "AC_3_PHASE",
        },
        "currency": "EUR",
        "tariffs": tariffs,
        "charging_periods": [
            {
                "start_date_time": at(after),
                "dimensions": [
                    {"type": kind, "volume": Decimal(volume)} for kind, volume in said.items()
                ],
            }
            for after, said in periods
        ],
        "total_cost": total,
        "total_energy": sum(Decimal(said.get("ENERGY", 0)) for _, said in periods),
        "total_time": round(Decimal(minutes) / 60, 4),
        "last_updated": at(minutes),
        **fields,
    }


def excl(amount: str) -> dict[str, Decimal]:
    return {"excl_vat": Decimal(amount)}


def hours(minutes: int) -> str:
    return f"{Decimal(minutes) / 60:.4f}"


def found(document: dict[str, Any], version: Version = V2_2_1, zone: str | None = UTRECHT) -> Any:
    read, problems = version.check("CDR", document)
    assert read is not None, problems
    end = getattr(read, "end_date_time", None) or read.stop_date_time
    return [(one.where, one.evidence) for one in price_rules(read, end, zone)]


ENERGY_BY_HOUR = tariff(
    ([component("ENERGY", "0.20", 500)], {"end_time": "17:00", "start_time": "00:00"}),
    ([component("ENERGY", "0.27", 500)], None),
)
TIME_BY_HOUR = tariff(
    ([component("TIME", "5", 600)], {"end_time": "17:00", "start_time": "00:00"}),
    ([component("TIME", "7", 600)], None),
)
CHARGE_AND_PARK = tariff(([component("TIME", "1", 600), component("PARKING_TIME", "2", 600)], None))
SWITCHING = tariff(  # mod_tariffs, example tariff 14
    ([component("TIME", "1.20", 1800)], {"start_time": "00:00", "end_time": "17:00"}),
    ([component("TIME", "2.40", 900)], {"start_time": "17:00", "end_time": "20:00"}),
    ([component("PARKING_TIME", "1.00", 900)], {"start_time": "00:00", "end_time": "20:00"}),
)
BY_POWER = tariff(  # mod_tariffs, example: Tariff with max_power
    ([component("ENERGY", "0.20")], {"max_power": 16}),
    ([component("ENERGY", "0.35")], {"max_power": 32}),
    ([component("ENERGY", "0.50")], None),
)
RESERVATION = tariff(
    ([component("FLAT", "2"), component("TIME", "5", 300)], {"reservation": "RESERVATION"}),
    ([component("FLAT", "1"), component("ENERGY", "0.25")], None),
)
BEFORE_FIVE = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)  # 16:30 in Utrecht

EXAMPLES = {
    "mod_cdrs: 4.3 and 1.1 kWh are 5.5": (
        ENERGY_BY_HOUR,
        "1.184",  # 4.3 x 0.20 + 1.2 x 0.27
        BEFORE_FIVE,
        [(0, {"ENERGY": "4.3"}), (30, {"ENERGY": "1.1"})],
    ),
    "mod_cdrs: 6 and 22 minutes are 30": (
        TIME_BY_HOUR,
        "3.30",  # 6 min x 5 + 24 min x 7
        BEFORE_FIVE + timedelta(minutes=24),
        [(0, {"TIME": hours(6)}), (6, {"TIME": hours(22)})],
    ),
    "mod_cdrs: 21 minutes of charging, 16 of parking are 20": (
        CHARGE_AND_PARK,
        "1.0167",  # 21 min x 1 + 20 min x 2
        START,
        [(0, {"TIME": hours(21)}), (21, {"PARKING_TIME": hours(16)})],
    ),
    "mod_tariffs: switching element 1": (
        SWITCHING,
        "0.55",
        BEFORE_FIVE + timedelta(minutes=25),
        [
            (0, {"TIME": hours(5)}),
            (5, {"TIME": hours(5)}),
            (10, {"PARKING_TIME": hours(2)}),
        ],
    ),
    "mod_tariffs: switching element 2": (
        SWITCHING,
        "1.30",
        BEFORE_FIVE + timedelta(minutes=5),
        [(0, {"TIME": hours(25)}), (25, {"TIME": hours(10)})],
    ),
    "mod_tariffs: free of charge after 20:00": (
        SWITCHING,
        "0.73",
        BEFORE_FIVE + timedelta(hours=3, minutes=10),
        [
            (0, {"TIME": hours(12)}),
            (12, {"PARKING_TIME": hours(8)}),
            (20, {"PARKING_TIME": hours(12)}),
        ],
    ),
    "mod_tariffs: max_power": (
        BY_POWER,
        "20.30",
        START,
        [
            (0, {"ENERGY": "1", "MIN_POWER": 6, "MAX_POWER": 6}),
            (10, {"ENERGY": "40", "MIN_POWER": 48, "MAX_POWER": 48}),
            (50, {"ENERGY": "0.5", "MIN_POWER": 4, "MAX_POWER": 4}),
        ],
    ),
    "a reservation of 13 minutes is 15, and has a fee of its own": (
        RESERVATION,
        "6.75",  # 2 + 15 min x 5 + 1 + 10 x 0.25
        START,
        [(0, {"RESERVATION_TIME": hours(13)}), (13, {"ENERGY": "10", "TIME": hours(20)})],
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_standards_own_examples_are_found_right(name: str) -> None:
    priced, total, start, periods = EXAMPLES[name]
    minutes = 33 if "reservation" in name else 60
    assert found(cdr([priced], excl(total), *periods, start=start, minutes=minutes)) == []


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("off", ["-0.01", "0.01"])
def test_a_cent_off_is_found(name: str, off: str) -> None:
    priced, total, start, periods = EXAMPLES[name]
    wrong = excl(str(Decimal(total) + Decimal(off)))
    minutes = 33 if "reservation" in name else 60
    said = found(cdr([priced], wrong, *periods, start=start, minutes=minutes))
    assert [where for where, _ in said] == ["total_cost.excl_vat"]


@pytest.mark.parametrize(("total", "severity"), [("3.86", "advice"), ("3.85", "violation")])
def test_whole_cents_are_told_and_no_breach(total: str, severity: str) -> None:
    """11.04 kWh x 0.35 are 3.864."""
    simple = tariff(([component("ENERGY", "0.35")], None))
    read, _ = V2_2_1.check("CDR", cdr([simple], excl(total), (0, {"ENERGY": "11.04"})))
    [contested] = price_rules(read, read.end_date_time, UTRECHT)
    assert (contested.severity, contested.refuses) == (severity, False)


def test_the_time_of_day_is_that_of_the_location() -> None:
    """ocpi-rules 21: 16:30 UTC is 17:30 in Utrecht."""
    start = datetime(2026, 3, 2, 16, 30, tzinfo=UTC)
    periods = [(0, {"ENERGY": "10"})]
    assert found(cdr([ENERGY_BY_HOUR], excl("2.70"), *periods, start=start)) == []
    [(where, evidence)] = found(cdr([ENERGY_BY_HOUR], excl("2.00"), *periods, start=start))
    assert (where, evidence) == ("total_cost.excl_vat", "2.00, not 2.7000 to 2.8350")


def test_a_price_of_whole_kilowatt_hours_is_found() -> None:
    """As some bill: floor(kWh x price)."""
    simple = tariff(([component("ENERGY", "0.35", vat=21)], None))
    total = {"excl_vat": Decimal(3), "incl_vat": Decimal("3.63")}
    said = found(cdr([simple], total, (0, {"ENERGY": "11.04"})))
    assert dict(said) == {
        "total_cost.excl_vat": "3, not 3.8640 to 3.8644",
        "total_cost.incl_vat": "3.63, not 4.6754 to 4.6759",
    }


def test_a_sales_tax_that_no_tariff_tells_is_not_judged() -> None:
    """2.3.0 mod_tariffs, North American taxes: they are in the CDR alone."""
    plain = tariff(([component("ENERGY", "0.40")], None), tax_included="NO")
    sales_tax = [{"name": "Sales tax", "amount": Decimal("0.33")}]
    total = {"before_taxes": Decimal("4.00"), "taxes": sales_tax}
    assert found(cdr([plain], total, (0, {"ENERGY": "10"})), V2_3_0) == []


def test_each_cost_is_held_against_its_own_components() -> None:
    mixed = tariff(([component("ENERGY", "0.25"), component("TIME", "2")], None))
    document = cdr(
        [mixed],
        excl("4.5"),
        (0, {"ENERGY": "10", "TIME": "1"}),
        total_energy_cost=excl("2.0"),
        total_time_cost=excl("2.5"),
    )
    assert dict(found(document)) == {
        "total_energy_cost.excl_vat": "2.0, not 2.5000 to 2.5002",
        "total_time_cost.excl_vat": "2.5, not 2.0000 to 2.0006",
    }


def test_energy_and_duration_limits_hold_from_the_start_of_the_session() -> None:
    """0.30 for the first 5 kWh, 0.40 beyond; parking is dear after half an hour."""
    stepped = tariff(
        ([component("ENERGY", "0.30")], {"max_kwh": 5}),
        ([component("ENERGY", "0.40")], {"min_kwh": 5}),
        ([component("PARKING_TIME", "6")], {"min_duration": 1800}),
    )
    document = cdr(
        [stepped],
        excl("5.30"),  # 5 x 0.30 + 2 x 0.40 + 0.5 h x 6
        (0, {"ENERGY": "5", "TIME": "0.2"}),
        (12, {"ENERGY": "2", "TIME": "0.2"}),
        (24, {"PARKING_TIME": "0.1"}),
        (30, {"PARKING_TIME": "0.5"}),
    )
    assert found(document) == []


@pytest.mark.parametrize(
    ("included", "before", "taxes"),
    [("NO", "4.00", "0.80"), ("YES", "3.3333", "0.6667"), ("N/A", "4.00", "0")],
)
def test_taxes_are_in_the_price_or_added(included: str, before: str, taxes: str) -> None:
    """2.3.0 mod_tariffs, tax_included: 10 kWh at 0.40, 20 % VAT."""
    vat = None if included == "N/A" else 20
    priced = tariff(([component("ENERGY", "0.40", vat=vat)], None), tax_included=included)
    total = {
        "before_taxes": Decimal(before),
        "taxes": [{"name": "VAT", "amount": Decimal(taxes)}],
    }
    assert found(cdr([priced], total, (0, {"ENERGY": "10"})), V2_3_0) == []
    total["before_taxes"] += Decimal("0.02")
    [(where, _)] = found(cdr([priced], total, (0, {"ENERGY": "10"})), V2_3_0)
    assert where == "total_cost.before_taxes"


@pytest.mark.parametrize(
    ("kwh", "total", "incl"),
    [("1", "2.00", "2.42"), ("10", "4.00", "4.84"), ("100", "20.00", "24.20")],
)
def test_a_total_is_brought_within_its_limits(kwh: str, total: str, incl: str) -> None:
    """0.40 per kWh, from 2 to 20 before taxes, 21 % VAT."""
    limits = {
        "min_price": {"excl_vat": Decimal("2"), "incl_vat": Decimal("2.42")},
        "max_price": {"excl_vat": Decimal("20"), "incl_vat": Decimal("24.20")},
    }
    limited = tariff(([component("ENERGY", "0.40", vat=21)], None), **limits)
    said = {"excl_vat": Decimal(total), "incl_vat": Decimal(incl)}
    assert found(cdr([limited], said, (0, {"ENERGY": kwh}))) == []
    said["incl_vat"] += Decimal("0.01")
    [(where, _)] = found(cdr([limited], said, (0, {"ENERGY": kwh})))
    assert where == "total_cost.incl_vat"


def test_a_local_time_without_a_time_zone_is_not_judged() -> None:
    document = cdr([ENERGY_BY_HOUR], excl("99"), (0, {"ENERGY": "10"}))
    assert found(document, zone=None) == []
    assert found(document) != []


def test_a_reservation_and_nothing_else_is_not_judged() -> None:
    document = cdr([RESERVATION], excl("99"), (0, {"RESERVATION_TIME": "1"}))
    assert found(document) == []


def test_without_its_tariff_a_cdr_is_not_judged() -> None:
    assert found(cdr([], excl("99"), (0, {"ENERGY": "10"}))) == []


@pytest.mark.parametrize("kwh", ["7.1234", "7.12345"])
def test_what_four_decimals_cannot_show_is_left_open(kwh: str) -> None:
    """7.12345 kWh are 7.1234 or 7.1235 on the wire, and 7,124 Wh in steps of one."""
    simple = tariff(([component("ENERGY", "0.35")], None))
    wire = str(Decimal(kwh).quantize(Decimal("0.0001")))
    assert found(cdr([simple], excl("2.4934"), (0, {"ENERGY": wire}))) == []


def v2_1_1(total: str, *periods: tuple[float, dict[str, Any]]) -> dict[str, Any]:
    document = cdr([], None, *periods)
    plain = {
        name: document[name]
        for name in (
            "id",
            "start_date_time",
            "auth_method",
            "currency",
            "charging_periods",
            "total_energy",
            "total_time",
            "last_updated",
        )
    }
    connector = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "voltage": 230,
        "amperage": 16,
        "last_updated": "2026-01-01T00:00:00Z",
    }
    evse = {
        "uid": "E1",
        "evse_id": "NL*ABC*E1",
        "status": "AVAILABLE",
        "connectors": [connector],
        "last_updated": "2026-01-01T00:00:00Z",
    }
    simple = {
        "id": "T1",
        "currency": "EUR",
        "elements": [{"price_components": [component("ENERGY", "0.25")]}],
        "last_updated": "2026-01-01T00:00:00Z",
    }
    return plain | {
        "stop_date_time": document["end_date_time"],
        "auth_id": "C1",
        "location": {
            "id": "LOC1",
            "type": "ON_STREET",
            "address": "Street 1",
            "city": "Town",
            "postal_code": "1234 AB",
            "country": "NLD",
            "coordinates": {"latitude": "52.123450", "longitude": "4.123450"},
            "evses": [evse],
            "last_updated": "2026-01-01T00:00:00Z",
        },
        "tariffs": [simple],
        "total_cost": Decimal(total),
    }


def test_a_cdr_of_2_1_1_has_one_number_for_its_cost() -> None:
    assert found(v2_1_1("2.50", (0, {"ENERGY": "10"})), V2_1_1) == []
    [(where, evidence)] = found(v2_1_1("2.55", (0, {"ENERGY": "10"})), V2_1_1)
    assert (where, evidence) == ("total_cost.excl_vat", "2.55, not 2.5000 to 2.5002")


def test_times_of_the_periods_add_up_to_the_whole() -> None:
    simple = tariff(([component("ENERGY", "0.25")], None))
    periods = [(0, {"ENERGY": "10", "TIME": "0.5"}), (30, {"PARKING_TIME": "0.4"})]
    document = cdr([simple], excl("2.5"), *periods, total_parking_time=Decimal("0.3"))
    _, problems = V2_2_1.check("CDR", document)
    wrong = [one.evidence for one in problems if one.where == "charging_periods"]
    assert wrong == ["0.9 != 1.0000", "0.4 != 0.3000"]

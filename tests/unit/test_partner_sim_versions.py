"""The partner's reading of OCPI 2.1.1 and 2.3.0 objects: what differs from 2.2.1.

The standards' own examples pass, corrected where they are known to be wrong; broken ones name the
clause of their version.
"""

import copy
from decimal import Decimal
from typing import Any

import pytest

from simulators.partner.exact_json import loads
from simulators.partner.finding import Finding
from simulators.partner.v2_1_1.tokens import write_token
from simulators.partner.version import VERSIONS, named

# 2.1.1 mod_locations 3.1, as printed
LOCATION_211 = loads(
    """{
  "id": "LOC1", "type": "ON_STREET", "name": "Gent Zuid", "address": "F.Rooseveltlaan 3A",
  "city": "Gent", "postal_code": "9000", "country": "BEL",
  "coordinates": {"latitude": "51.047599", "longitude": "3.729944"},
  "evses": [{"uid": "3256", "evse_id": "BE-BEC-E041503001", "status": "AVAILABLE",
    "status_schedule": [], "capabilities": ["RESERVABLE"],
    "connectors": [
      {"id": "1", "standard": "IEC_62196_T2", "format": "CABLE", "power_type": "AC_3_PHASE",
       "voltage": 220, "amperage": 16, "tariff_id": "11", "last_updated": "2015-03-16T10:10:02Z"}],
    "physical_reference": "1", "floor_level": "-1", "last_updated": "2015-06-28T08:12:01Z"}],
  "operator": {"name": "BeCharged"}, "last_updated": "2015-06-29T20:39:09Z"
}"""
)
# 2.1.1 mod_sessions 3.1, with an alpha-3 country and kWh
SESSION_211 = {
    "id": "101",
    "start_datetime": "2015-06-29T22:39:09Z",
    "end_datetime": "2015-06-29T23:50:16Z",
    "kwh": Decimal("41.12"),
    "auth_id": "DE8ACC12E46L89",
    "auth_method": "WHITELIST",
    "location": LOCATION_211,
    "currency": "EUR",
    "charging_periods": [
        {
            "start_date_time": "2015-06-29T22:39:09Z",
            "dimensions": [
                {"type": "ENERGY", "volume": Decimal("41.12")},
                {"type": "MAX_CURRENT", "volume": 30},
            ],
        },
        {
            "start_date_time": "2015-06-29T23:07:09Z",
            "dimensions": [{"type": "PARKING_TIME", "volume": Decimal("0.718")}],
        },
    ],
    "total_cost": Decimal("8.50"),
    "status": "COMPLETED",
    "last_updated": "2015-06-29T23:50:16Z",
}
TARIFF_211 = loads(
    """{"id": "12", "currency": "EUR", "elements": [
  {"price_components": [{"type": "TIME", "price": 2.00, "step_size": 300}],
   "restrictions": {"min_power": 32.00, "day_of_week": ["SATURDAY", "SUNDAY"]}}],
  "last_updated": "2015-06-29T20:39:09Z"}"""
)
# 2.1.1 mod_cdrs 3.1, with an alpha-3 country and a price that is a number
CDR_211 = {
    "id": "12345",
    "start_date_time": "2015-06-29T21:39:09Z",
    "stop_date_time": "2015-06-29T23:37:32Z",
    "auth_id": "DE8ACC12E46L89",
    "auth_method": "WHITELIST",
    "location": LOCATION_211,
    "currency": "EUR",
    "tariffs": [TARIFF_211],
    "charging_periods": [
        {
            "start_date_time": "2015-06-29T21:39:09Z",
            "dimensions": [{"type": "TIME", "volume": Decimal("1.973")}],
        }
    ],
    "total_cost": Decimal("4.00"),
    "total_energy": Decimal("15.342"),
    "total_time": Decimal("1.973"),
    "last_updated": "2015-06-29T22:01:13Z",
}
TOKEN_211 = loads(
    """{"uid": "012345678", "type": "RFID", "auth_id": "DE8ACC12E46L89",
  "visual_number": "DF000-2001-8999", "issuer": "TheNewMotion", "valid": true,
  "whitelist": "ALLOWED", "last_updated": "2015-06-29T22:39:09Z"}"""
)
CREDENTIALS_211 = loads(
    """{"url": "https://example.com/ocpi/cpo/versions/",
  "token": "ebf3b399-779f-4497-9b9d-ac6ad3cc44d2", "party_id": "EXA", "country_code": "NL",
  "business_details": {"name": "Example Operator", "website": "http://example.com"}}"""
)
DETAILS_211 = loads(
    """{"version": "2.1.1", "endpoints": [
  {"identifier": "credentials", "url": "https://example.com/ocpi/cpo/2.1.1/credentials/"}]}"""
)
# 2.3.0 mod_locations, location_example.json, shortened
LOCATION_230 = loads(
    """{
  "country_code": "BE", "party_id": "BEC", "id": "LOC1", "publish": true, "name": "Gent Zuid",
  "address": "F.Rooseveltlaan 3A", "city": "Gent", "postal_code": "9000", "country": "BEL",
  "coordinates": {"latitude": "51.047599", "longitude": "3.729944"},
  "parking_type": "PARKING_GARAGE",
  "evses": [{"uid": "3256", "evse_id": "BE*BEC*E041503001", "status": "AVAILABLE",
    "capabilities": ["RESERVABLE"],
    "connectors": [
      {"id": "1", "standard": "MCS", "format": "CABLE", "power_type": "DC", "max_voltage": 1250,
       "max_amperage": 3000, "tariff_ids": ["11"], "capabilities": ["ISO_15118_20_PLUG_AND_CHARGE"],
       "last_updated": "2015-03-16T10:10:02Z"}],
    "parking": [{"parking_id": "1", "evse_position": "LEFT"}],
    "physical_reference": "1", "floor_level": "-1", "last_updated": "2015-06-28T08:12:01Z"}],
  "parking_places": [
    {"id": "1", "physical_reference": "B1", "vehicle_types": ["PERSONAL_VEHICLE"],
     "reservation_required": false, "restricted_to_type": true}],
  "operator": {"name": "BeCharged"}, "help_phone": "+32 1 234", "time_zone": "Europe/Brussels",
  "last_updated": "2015-06-29T20:39:09Z"
}"""
)
TARIFF_230 = loads(
    """{"country_code": "CA", "party_id": "ALL", "id": "19", "currency": "CAD",
  "tax_included": "NO", "max_price": {"before_taxes": 10.00, "after_taxes": 11.00},
  "elements": [{"price_components": [{"type": "TIME", "price": 2.00, "step_size": 60}]}],
  "last_updated": "2015-06-29T20:39:09Z"}"""
)
# 2.3.0 mod_cdrs, cdr_example.json, with tax_included
CDR_230 = loads(
    """{
  "country_code": "BE", "party_id": "BEC", "id": "12345",
  "start_date_time": "2024-12-05T17:39:09Z", "end_date_time": "2024-12-05T19:37:32Z",
  "cdr_token": {"country_code": "DE", "party_id": "TNM", "uid": "012345678", "type": "EMAID",
    "contract_id": "DE8ACC12E46L89"},
  "auth_method": "WHITELIST",
  "cdr_location": {"id": "LOC1", "name": "Gent Zuid", "address": "F.Rooseveltlaan 3A",
    "city": "Gent", "postal_code": "9000", "country": "BEL",
    "coordinates": {"latitude": "3.729944", "longitude": "51.047599"},
    "evse_uid": "3256", "evse_id": "BE*BEC*E041503003", "connector_id": "1",
    "connector_standard": "IEC_62196_T2", "connector_format": "SOCKET",
    "connector_power_type": "AC_1_PHASE"},
  "currency": "EUR",
  "tariffs": [{"country_code": "BE", "party_id": "BEC", "id": "12", "currency": "EUR",
    "tax_included": "NO", "elements": [{"price_components": [
      {"type": "TIME", "price": 2.00, "vat": 10.0, "step_size": 300}]}],
    "last_updated": "2024-05-02T14:15:01Z"}],
  "charging_periods": [{"start_date_time": "2024-12-05T17:39:09Z",
    "dimensions": [{"type": "TIME", "volume": 1.973}], "tariff_id": "12"}],
  "total_cost": {"before_taxes": 4.00, "taxes": [{"name": "VAT", "amount": 0.40}]},
  "total_energy": 15.342, "total_time": 1.973,
  "total_time_cost": {"before_taxes": 4.00, "taxes": [{"name": "VAT", "amount": 0.40}]},
  "last_updated": "2024-12-05T20:02:13Z"
}"""
)
CREDENTIALS_230 = {
    "token": "ebf3b399-779f-4497-9b9d-ac6ad3cc44d2",
    "url": "https://example.com/ocpi/versions",
    "hub_party_id": "NLHUB",
    "roles": [
        {
            "role": "EMSP",
            "party_id": "EXA",
            "country_code": "NL",
            "business_details": {"name": "Example"},
        }
    ],
}
TERMINAL = loads(
    """{"terminal_id": "452cf8a1-79aa-4a0e-9aee-dc788586053c", "reference": "Term-SerialNumber",
  "location_ids": ["df37373d-1669-4127-a6ac-d86750095119"], "invoice_creator": "CPO",
  "last_updated": "2019-12-10T17:16:15Z"}"""
)
# mod_payments' own example still has the Price of 2.2.1
CONFIRMATION = loads(
    """{"id": "452cf8a1-79aa-4a0e-9aee-dc788586053c",
  "authorization_reference": "pp-100100-1948213567",
  "total_costs": {"before_taxes": 4.00, "taxes": [{"name": "VAT", "amount": 0.40}]},
  "currency": "EUR", "eft_data": ["Mastercard", "AID: 1234", "Nr: **** **** **** 1234"],
  "capture_status_code": "SUCCESS", "capture_status_message": "Capture successfull at PSP",
  "last_updated": "2018-12-10T17:16:15Z"}"""
)
RECORD = {
    "country_code": "NL",
    "party_id": "ABC",
    "id": "R1",
    "invoice_id": "2026-04",
    "cdrs": ["CDR1"],
    "last_updated": "2026-05-01T00:00:00Z",
}
ACTIVE_PROFILE = {
    "start_date_time": "2026-01-01T10:00:00Z",
    "charging_profile": {
        "charging_rate_unit": "A",
        "charging_profile_period": [{"start_period": 0, "limit": Decimal("8.1")}],
    },
}
CLIENT = {
    "country_code": "NL",
    "party_id": "ALL",
    "role": "CPO",
    "status": "PLANNED",
    "last_updated": "2026-01-01T10:00:00Z",
}

GOOD: dict[tuple[str, str], Any] = {
    ("2.1.1", "Location"): LOCATION_211,
    ("2.1.1", "Session"): SESSION_211,
    ("2.1.1", "CDR"): CDR_211,
    ("2.1.1", "Tariff"): TARIFF_211,
    ("2.1.1", "Token"): TOKEN_211,
    ("2.1.1", "Credentials"): CREDENTIALS_211,
    ("2.1.1", "VersionDetails"): DETAILS_211,
    ("2.1.1", "CommandResult"): {"result": "TIMEOUT"},
    ("2.3.0", "Location"): LOCATION_230,
    ("2.3.0", "Tariff"): TARIFF_230,
    ("2.3.0", "CDR"): CDR_230,
    ("2.3.0", "Credentials"): CREDENTIALS_230,
    ("2.3.0", "Terminal"): TERMINAL,
    ("2.3.0", "FinancialAdviceConfirmation"): CONFIRMATION,
    ("2.3.0", "InvoiceReconciliationRecord"): RECORD,
    ("2.3.0", "ActiveChargingProfile"): ACTIVE_PROFILE,
    ("2.2.1", "ClientInfo"): CLIENT,
}


def findings(number: str, kind: str, data: Any) -> list[Finding]:
    return named(number).check(kind, data)[1]


def changed(number: str, kind: str, path: str, value: Any = None) -> Any:
    """A good object with something else at `path`; without a value, with nothing there."""
    data = copy.deepcopy(GOOD[number, kind])
    *steps, last = path.split(".")
    inside = data
    for step in steps:
        inside = inside[int(step) if step.isdigit() else step]
    if value is None:
        del inside[last]
    else:
        inside[last] = value
    return data


@pytest.mark.parametrize(("number", "kind"), GOOD)
def test_the_standards_examples_pass(number: str, kind: str) -> None:
    assert findings(number, kind, GOOD[number, kind]) == []


@pytest.mark.parametrize(
    ("number", "kind", "path", "value"),
    [
        # 2.1.1: required fields that later versions do without
        ("2.1.1", "Location", "type", None),
        ("2.1.1", "Location", "postal_code", None),
        ("2.1.1", "Location", "evses.0.connectors.0.voltage", None),
        ("2.1.1", "Session", "auth_id", None),
        ("2.1.1", "Session", "start_datetime", None),
        ("2.1.1", "CDR", "stop_date_time", None),
        ("2.1.1", "Token", "auth_id", None),
        ("2.1.1", "Credentials", "business_details", None),
        # 2.1.1: values of later versions
        ("2.1.1", "Location", "evses.0.capabilities", ["CHIP_CARD_SUPPORT"]),
        ("2.1.1", "Location", "evses.0.connectors.0.standard", "NEMA_5_20"),
        ("2.1.1", "Location", "evses.0.connectors.0.power_type", "AC_2_PHASE"),
        ("2.1.1", "Location", "facilities", ["TRAM_STOP"]),
        ("2.1.1", "Location", "type", "ALONG_MOTORWAY"),
        ("2.1.1", "Session", "status", "RESERVATION"),
        ("2.1.1", "Session", "auth_method", "COMMAND"),
        ("2.1.1", "Session", "total_cost", {"excl_vat": Decimal("8.50")}),
        ("2.1.1", "CDR", "charging_periods.0.dimensions.0.type", "RESERVATION_TIME"),
        ("2.1.1", "Token", "type", "APP_USER"),
        ("2.1.1", "CommandResult", "result", "EVSE_OCCUPIED"),
        # 2.1.1: forms and lengths
        ("2.1.1", "Location", "address", "x" * 46),
        ("2.1.1", "Location", "name", "Genève"),
        ("2.1.1", "Location", "coordinates.latitude", "51.04759"),
        ("2.1.1", "Location", "last_updated", "2015-06-29T20:39:09.123Z"),
        ("2.1.1", "Location", "id", "x" * 40),
        ("2.1.1", "CDR", "tariffs.0.elements.0.price_components.0.price", "2.00"),
        # 2.3.0: what is new and required, and what is no longer there
        ("2.3.0", "Tariff", "tax_included", None),
        ("2.3.0", "Tariff", "tax_included", "MAYBE"),
        ("2.3.0", "Tariff", "max_price.before_taxes", None),
        ("2.3.0", "CDR", "total_cost", {"excl_vat": 4}),
        ("2.3.0", "CDR", "total_cost.taxes.0.name", None),
        ("2.3.0", "Location", "parking_places.0.restricted_to_type", None),
        ("2.3.0", "Location", "parking_places.0.vehicle_types", []),
        ("2.3.0", "Location", "evses.0.parking.0.evse_position", "BEHIND"),
        ("2.3.0", "Location", "help_phone", "x" * 26),
        ("2.3.0", "Credentials", "hub_party_id", "NL*HUB"),
        ("2.3.0", "Credentials", "roles.0.role", "HUB"),
        ("2.3.0", "FinancialAdviceConfirmation", "eft_data", []),
        ("2.3.0", "FinancialAdviceConfirmation", "capture_status_code", "OK"),
        ("2.3.0", "InvoiceReconciliationRecord", "cdrs", []),
        ("2.3.0", "ActiveChargingProfile", "charging_profile.charging_rate_unit", "kW"),
        ("2.2.1", "ClientInfo", "status", "AWAY"),
    ],
)
def test_what_the_version_does_not_allow_is_a_violation_of_its_clause(
    number: str, kind: str, path: str, value: Any
) -> None:
    found = findings(number, kind, changed(number, kind, path, value))

    assert any(one.refuses and one.where.startswith(path) for one in found), found
    assert all(one.clause.startswith(f"{number} ") for one in found)


@pytest.mark.parametrize(
    ("number", "kind", "path", "value", "clause"),
    [
        (
            "2.1.1",
            "Location",
            "evses.0.connectors.0.last_updated",
            "2016-01-01T00:00:00Z",
            "2.1.1 mod_locations, GET List",
        ),
        ("2.1.1", "Location", "time_zone", "CET+1", "2.1.1 mod_locations, Location object"),
        ("2.1.1", "Session", "location.evses", [], "2.1.1 mod_sessions, Session object"),
        ("2.1.1", "Session", "kwh", Decimal(41), "2.1.1 mod_cdrs, CdrDimensionType"),
        ("2.1.1", "CDR", "total_time", Decimal("118.3833"), "2.1.1 mod_cdrs, CDR object"),
        ("2.1.1", "CDR", "total_cost", Decimal("-4.00"), "2.1.1 mod_cdrs, CDR object"),
        ("2.3.0", "Location", "evses.0.parking.0.parking_id", "9", "2.3.0 mod_locations, EVSEPark"),
        ("2.3.0", "Tariff", "max_price.after_taxes", Decimal(9), "2.3.0 mod_tariffs, PriceLimit"),
        ("2.3.0", "CDR", "total_cost.taxes.0.amount", Decimal(4), "2.3.0 mod_cdrs, CDR object"),
        ("2.3.0", "CDR", "total_cost.before_taxes", Decimal("-4"), "2.3.0 mod_cdrs, Credit CDRs"),
    ],
)
def test_a_broken_rule_between_fields_names_the_clause_of_the_version(
    number: str, kind: str, path: str, value: Any, clause: str
) -> None:
    found = findings(number, kind, changed(number, kind, path, value))

    assert any(one.refuses and one.clause.startswith(clause) for one in found), found


def test_open_enumerations_of_2_3_0_take_new_values() -> None:
    """ocpi-rules: unknown enum values (2.3.0 types, OpenEnum)."""
    capable = changed("2.3.0", "Location", "evses.0.capabilities", ["MIND_READER"])
    plugged = changed("2.3.0", "Location", "evses.0.connectors.0.standard", "PLUG_OF_2030")

    assert findings("2.3.0", "Location", capable) == []
    assert findings("2.3.0", "Location", plugged) == []


def test_one_evse_and_one_connector_are_inside_a_session_of_2_1_1() -> None:
    """2.1.1 mod_sessions 3.1: "including only the relevant EVSE and connector"."""
    evse = LOCATION_211["evses"][0]
    both = [evse, {**evse, "uid": "3257"}]

    found = findings("2.1.1", "Session", changed("2.1.1", "Session", "location.evses", both))

    assert [one.where for one in found if one.refuses] == ["location.evses"]


def test_a_token_in_the_words_of_2_1_1() -> None:
    """2.1.1 mod_tokens 3.2: auth_id, no owner, no group, and no fraction of a second."""
    token = {
        "country_code": "DE",
        "party_id": "EMS",
        "uid": "1",
        "type": "APP_USER",
        "contract_id": "DE-EMS-C1",
        "issuer": "EMS",
        "group_id": "G",
        "valid": True,
        "whitelist": "ALWAYS",
        "last_updated": "2026-01-01T00:00:00.123Z",
    }

    written = write_token(token)

    assert findings("2.1.1", "Token", written) == []
    assert (written["auth_id"], written["type"]) == ("DE-EMS-C1", "OTHER")
    assert written["last_updated"] == "2026-01-01T00:00:00Z"


def test_2_1_1_has_four_commands_and_a_number_for_a_reservation() -> None:
    """ocpi-rules 16 (2.1.1 mod_commands 3.2, 4.2)."""
    version = VERSIONS["2.1.1"]
    reserve = {
        "response_url": "https://example.com/1",
        "token": TOKEN_211,
        "expiry_date": "2026-01-01T00:00:00Z",
        "reservation_id": 4711,
        "location_id": "LOC1",
    }

    assert sorted(version.commands) == [
        "RESERVE_NOW",
        "START_SESSION",
        "STOP_SESSION",
        "UNLOCK_CONNECTOR",
    ]
    model = version.commands["RESERVE_NOW"]
    assert version.read_as(model, reserve)[1] == []
    assert version.read_as(model, {**reserve, "reservation_id": "4711"})[0] is None

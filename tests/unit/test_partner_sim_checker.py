"""The partner's reading of OCPI 2.2.1 objects: the standard's own examples pass, broken ones name
the clause they break."""

import copy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.partner.checker import check
from simulators.partner.exact_json import InvalidJSON, dumps, loads
from simulators.partner.finding import Finding
from simulators.partner.version import V2_2_1

# the standard's examples, as printed (the known wrong ones are in the tests that refuse them)
CDR = loads(
    """{
  "country_code": "BE", "party_id": "BEC", "id": "12345",
  "start_date_time": "2015-06-29T21:39:09Z", "end_date_time": "2015-06-29T23:37:32Z",
  "cdr_token": {"country_code": "DE", "party_id": "TNM", "uid": "012345678", "type": "RFID",
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
    "elements": [{"price_components": [
      {"type": "TIME", "price": 2.00, "vat": 10.0, "step_size": 300}]}],
    "last_updated": "2015-02-02T14:15:01Z"}],
  "charging_periods": [{"start_date_time": "2015-06-29T21:39:09Z",
    "dimensions": [{"type": "TIME", "volume": 1.973}], "tariff_id": "12"}],
  "total_cost": {"excl_vat": 4.00, "incl_vat": 4.40},
  "total_energy": 15.342, "total_time": 1.973,
  "total_time_cost": {"excl_vat": 4.00, "incl_vat": 4.40},
  "last_updated": "2015-06-29T22:01:13Z"
}"""
)
SESSION = loads(
    """{
  "country_code": "NL", "party_id": "STK", "id": "101",
  "start_date_time": "2020-03-09T10:17:09Z", "kwh": 0.0,
  "cdr_token": {"country_code": "NL", "party_id": "TST", "uid": "123abc", "type": "RFID",
                "contract_id": "NL-TST-C12345678-S"},
  "auth_method": "WHITELIST", "location_id": "LOC1", "evse_uid": "3256", "connector_id": "1",
  "currency": "EUR", "total_cost": {"excl_vat": 2.5}, "status": "PENDING",
  "last_updated": "2020-03-09T10:17:09Z"
}"""
)
# its ENERGY volumes are in Wh
SESSION_IN_WH = loads(
    """{
  "country_code": "BE", "party_id": "BEC", "id": "101",
  "start_date_time": "2015-06-29T22:39:09Z", "end_date_time": "2015-06-29T23:50:16Z",
  "kwh": 41.12,
  "cdr_token": {"country_code": "NL", "party_id": "TST", "uid": "123abc", "type": "RFID",
                "contract_id": "NL-TST-C12345678-S"},
  "auth_method": "WHITELIST", "location_id": "LOC1", "evse_uid": "3256", "connector_id": "1",
  "currency": "EUR",
  "charging_periods": [
    {"start_date_time": "2015-06-29T22:39:09Z",
     "dimensions": [{"type": "ENERGY", "volume": 120}, {"type": "MAX_CURRENT", "volume": 30}]},
    {"start_date_time": "2015-06-29T22:40:54Z",
     "dimensions": [{"type": "ENERGY", "volume": 41000}, {"type": "MIN_CURRENT", "volume": 34}]},
    {"start_date_time": "2015-06-29T23:07:09Z",
     "dimensions": [{"type": "PARKING_TIME", "volume": 0.718}], "tariff_id": "12"}],
  "total_cost": {"excl_vat": 8.50, "incl_vat": 9.35},
  "status": "COMPLETED", "last_updated": "2015-06-29T23:50:17Z"
}"""
)
LOCATION = loads(
    """{
  "country_code": "BE", "party_id": "BEC", "id": "LOC1", "publish": true, "name": "Gent Zuid",
  "address": "F.Rooseveltlaan 3A", "city": "Gent", "postal_code": "9000", "country": "BEL",
  "coordinates": {"latitude": "51.047599", "longitude": "3.729944"},
  "parking_type": "ON_STREET",
  "evses": [{"uid": "3256", "evse_id": "BE*BEC*E041503001", "status": "AVAILABLE",
    "capabilities": ["RESERVABLE"],
    "connectors": [
      {"id": "1", "standard": "IEC_62196_T2", "format": "CABLE", "power_type": "AC_3_PHASE",
       "max_voltage": 220, "max_amperage": 16, "tariff_ids": ["11"],
       "last_updated": "2015-03-16T10:10:02Z"},
      {"id": "2", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE",
       "max_voltage": 220, "max_amperage": 16, "tariff_ids": ["13"],
       "last_updated": "2015-03-18T08:12:01Z"}],
    "physical_reference": "1", "floor_level": "-1", "last_updated": "2015-06-28T08:12:01Z"},
   {"uid": "3257", "evse_id": "BE*BEC*E041503002", "status": "RESERVED",
    "capabilities": ["RESERVABLE"],
    "connectors": [
      {"id": "1", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE",
       "max_voltage": 220, "max_amperage": 16, "tariff_ids": ["12"],
       "last_updated": "2015-06-29T20:39:09Z"}],
    "physical_reference": "2", "floor_level": "-2", "last_updated": "2015-06-29T20:39:09Z"}],
  "operator": {"name": "BeCharged"}, "time_zone": "Europe/Brussels",
  "last_updated": "2015-06-29T20:39:09Z"
}"""
)
# location_put_example_add_evse: connectors without their required fields, a number for a string
EVSE_INCOMPLETE = loads(
    """{
  "uid": "3256", "evse_id": "BE*BEC*E041503003", "status": "AVAILABLE",
  "capabilities": ["RESERVABLE"],
  "connectors": [{"id": "1", "standard": "IEC_62196_T2", "format": "SOCKET",
                  "tariff_ids": ["14"]}],
  "floor": -1, "physical_reference": 3, "last_updated": "2019-06-24T12:39:09Z"
}"""
)
TARIFF = loads(
    """{
  "country_code": "DE", "party_id": "ALL", "id": "14", "currency": "EUR", "type": "REGULAR",
  "tariff_alt_url": "https://company.com/tariffs/14",
  "elements": [
    {"price_components": [{"type": "FLAT", "price": 2.50, "vat": 15.0, "step_size": 1}]},
    {"price_components": [{"type": "TIME", "price": 1.00, "vat": 20.0, "step_size": 900}],
     "restrictions": {"max_current": 32.00}},
    {"price_components": [{"type": "TIME", "price": 2.00, "vat": 20.0, "step_size": 600}],
     "restrictions": {"min_current": 32.00,
       "day_of_week": ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]}},
    {"price_components": [{"type": "PARKING_TIME", "price": 6.00, "vat": 10.0,
                           "step_size": 300}],
     "restrictions": {"start_time": "10:00", "end_time": "17:00", "day_of_week": ["SATURDAY"]}}],
  "last_updated": "2015-06-29T20:39:09Z"
}"""
)
# tariff_put_example
TARIFF_WITHOUT_LAST_UPDATED = loads(
    """{
  "country_code": "DE", "party_id": "ALL", "id": "12", "currency": "EUR",
  "elements": [{"price_components": [
    {"type": "TIME", "price": 2.00, "vat": 10.0, "step_size": 300}]}]
}"""
)
APP_USER = loads(
    """{
  "country_code": "DE", "party_id": "TNM", "uid": "bdf21bce-fc97-11e8-8eb2-f2801f1b9fd1",
  "type": "APP_USER", "contract_id": "DE8ACC12E46L89", "issuer": "TheNewMotion",
  "valid": true, "whitelist": "ALLOWED", "last_updated": "2018-12-10T17:16:15Z"
}"""
)
FULL_RFID = loads(
    """{
  "country_code": "DE", "party_id": "TNM", "uid": "12345678905880", "type": "RFID",
  "contract_id": "DE8ACC12E46L89", "visual_number": "DF000-2001-8999-1",
  "issuer": "TheNewMotion", "group_id": "DF000-2001-8999", "valid": true,
  "whitelist": "ALLOWED", "language": "it", "default_profile_type": "GREEN",
  "energy_contract": {"supplier_name": "Greenpeace Energy eG", "contract_id": "0123456789"},
  "last_updated": "2018-12-10T17:25:10Z"
}"""
)
CREDENTIALS = loads(
    """{
  "token": "ebf3b399-779f-4497-9b9d-ac6ad3cc44d2", "url": "https://example.com/ocpi/versions",
  "roles": [{"role": "CPO", "party_id": "EXA", "country_code": "NL",
             "business_details": {"name": "Example Operator"}}]
}"""
)
GOOD = {
    "CDR": CDR,
    "Session": SESSION,
    "Location": LOCATION,
    "Tariff": TARIFF,
    "Token": FULL_RFID,
    "Credentials": CREDENTIALS,
}


def findings(kind: str, data: Any) -> list[Finding]:
    return check(V2_2_1.kinds[kind], data)[1]


def changed(good: Any, path: str, value: Any) -> Any:
    """A copy of `good` with `value` at the dotted path; `...` removes what is there."""
    data = copy.deepcopy(good)
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
    inner = data
    for step in steps:
        inner = inner[step]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return data


@pytest.mark.parametrize(("kind", "data"), [*GOOD.items(), ("Token", APP_USER)])
def test_the_standards_examples_pass(kind: str, data: Any) -> None:
    assert findings(kind, data) == []


@pytest.mark.parametrize(
    ("kind", "data", "where"),
    [
        ("Tariff", TARIFF_WITHOUT_LAST_UPDATED, "last_updated"),
        ("EVSE", EVSE_INCOMPLETE, "connectors.0.power_type"),
        ("EVSE", EVSE_INCOMPLETE, "physical_reference"),
        ("Session", SESSION_IN_WH, "charging_periods"),
    ],
)
def test_the_standards_known_wrong_examples_are_refused(kind: str, data: Any, where: str) -> None:
    """ocpi-rules, "Known wrong spec examples". ocpi-rules: wrong examples."""
    assert where in [found.where for found in findings(kind, data) if found.refuses]


def required(kind: str) -> list[tuple[str, str]]:
    fields = V2_2_1.kinds[kind].model.model_fields
    return [(kind, name) for name, field in fields.items() if field.is_required()]


@pytest.mark.parametrize(("kind", "name"), [pair for kind in GOOD for pair in required(kind)])
def test_every_required_field_is_missed(kind: str, name: str) -> None:
    found = findings(kind, changed(GOOD[kind], name, ...))
    assert [(one.where, one.what) for one in found if one.refuses] == [(name, "Field required")]


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        # types: a string for a number, a number for a string, booleans in both directions
        ("CDR", "total_energy", "15.342"),
        ("CDR", "total_energy", True),
        ("CDR", "id", 12345),
        ("Location", "publish", "true"),
        ("Location", "publish", 1),
        ("Location", "evses.0.connectors.0.max_voltage", Decimal("220.5")),
        ("Location", "evses.0.connectors.0.max_voltage", "220"),
        ("Location", "evses", {}),
        # lengths (types, CiString and string)
        ("Session", "id", "x" * 37),
        ("CDR", "id", "x" * 40),
        ("CDR", "cdr_location.address", "x" * 46),
        ("Location", "address", "x" * 256),
        ("Location", "party_id", "BE"),
        ("Location", "country_code", "BEL"),
        ("Location", "country", "BE"),
        ("Session", "currency", "eur"),
        # CiString: printable ASCII only
        ("Session", "id", "ä1"),
        ("Session", "id", "a\n1"),
        ("Session", "id", ""),
        # DateTime (ocpi-rules 22)
        ("Session", "last_updated", "2020-03-09T10:17:09+00:00"),
        ("Session", "last_updated", "2020-03-09T10:17:09.1234Z"),
        ("Session", "last_updated", "2020-03-09 10:17:09Z"),
        ("Session", "last_updated", "2020-13-09T10:17:09Z"),
        ("Session", "last_updated", "2020-03-09"),
        ("Session", "last_updated", 1583749029),
        # enumerations, in their exact case
        ("Session", "status", "RESERVED"),
        ("Session", "status", "active"),
        ("Session", "auth_method", "AUTHREQUEST"),
        ("Location", "evses.0.status", "OCCUPIED"),
        ("Location", "evses.0.connectors.0.standard", "TYPE2"),
        ("Location", "evses.0.capabilities", ["RFID"]),
        # numbers: up to four decimals
        ("Session", "kwh", Decimal("1.23456")),
        ("Session", "kwh", Decimal("1.000000000000000000000000000000000001")),
        ("Session", "kwh", Decimal("1e999")),
        ("CDR", "charging_periods.0.dimensions.0.volume", Decimal("1.97300001")),
        # coordinates are strings with five to seven decimals (ocpi-rules 24)
        ("Location", "coordinates.latitude", "51.04"),
        ("Location", "coordinates.latitude", Decimal("51.047599")),
        # cardinality +
        ("Location", "evses.0.connectors", []),
        ("CDR", "charging_periods", []),
        ("CDR", "charging_periods.0.dimensions", []),
        ("Tariff", "elements", []),
        ("Credentials", "roles", []),
        # URL, token, tariff details
        ("Credentials", "url", "example.com/ocpi/versions"),
        ("Credentials", "token", "with space"),
        ("Tariff", "elements.3.restrictions.start_time", "24:00"),
        ("Tariff", "elements.3.restrictions.day_of_week", ["SAT"]),
        ("Tariff", "elements.0.price_components.0.step_size", Decimal("1.5")),
        ("Tariff", "tariff_alt_text", [{"language": "en", "text": "<b>cheap</b>"}]),
    ],
)
def test_a_wrong_type_length_form_or_value_is_a_violation(kind: str, path: str, value: Any) -> None:
    found = findings(kind, changed(GOOD[kind], path, value))
    assert any(one.refuses and one.where.startswith(path) for one in found), found
    assert all(one.clause.startswith("2.2.1 ") for one in found)


@pytest.mark.parametrize(
    "text",
    [
        "2015-06-29T20:39:09Z",
        "2015-06-29T20:39:09",
        "2016-12-29T17:45:09.2Z",
        "2016-12-29T17:45:09.2",
        "2018-01-01T01:08:01.123Z",
        "2018-01-01T01:08:01.123",
    ],
)
def test_every_datetime_form_of_the_standard_is_read(text: str) -> None:
    """ocpi-rules 22."""
    data = changed(LOCATION, "evses", [])
    assert findings("Location", changed(data, "last_updated", text)) == []


@pytest.mark.parametrize(
    ("kind", "changes", "clause"),
    [
        # last_updated is lifted Connector -> EVSE -> Location (ocpi-rules 8)
        (
            "Location",
            {"evses.0.connectors.0.last_updated": "2015-06-28T08:12:02Z"},
            "2.2.1 mod_locations, GET List",
        ),
        (
            "Location",
            {"evses.0.last_updated": "2015-06-29T20:39:10Z"},
            "2.2.1 mod_locations, GET List",
        ),
        ("Location", {"evses.1.uid": "3256"}, "2.2.1 mod_locations, Location object"),
        ("Location", {"evses.0.evse_id": "CP1-1"}, "2.2.1 mod_locations, EVSE object"),
        ("Location", {"time_zone": "CET+1"}, "2.2.1 mod_locations, Location object"),
        (
            "Location",
            {"publish_allowed_to": [{"group_id": "G"}]},
            "2.2.1 mod_locations, Location object",
        ),
        (
            "Location",
            {"publish": False, "publish_allowed_to": [{"uid": "1"}]},
            "2.2.1 mod_locations, PublishTokenType",
        ),
        (
            "Location",
            {"opening_times": {"twentyfourseven": False}},
            "2.2.1 mod_locations, Hours",
        ),
        (
            "Tariff",
            {"elements.3.restrictions": {"reservation": "RESERVATION"}},
            "2.2.1 mod_tariffs, TariffRestrictions",
        ),
        ("Session", {"kwh": Decimal(41120)}, "2.2.1 mod_sessions, Session object"),
        (
            "Session",
            {"status": "ACTIVE", "evse_uid": "#NA"},
            "2.2.1 mod_sessions, Session object",
        ),
        ("Session", {"end_date_time": "2020-03-09T10:17:08Z"}, "2.2.1 mod_sessions, Session"),
        ("CDR", {"total_time": Decimal("118.3833")}, "2.2.1 mod_cdrs, CDR object"),
        ("CDR", {"total_parking_time": Decimal(2)}, "2.2.1 mod_cdrs, CDR object"),
        ("CDR", {"total_cost": {"excl_vat": Decimal(5)}}, "2.2.1 mod_cdrs, CDR object"),
        ("CDR", {"charging_periods.0.tariff_id": "13"}, "2.2.1 mod_cdrs, CDR object"),
        (
            "CDR",
            {"charging_periods.0.dimensions.0": {"type": "POWER", "volume": 7}},
            "2.2.1 mod_cdrs, CdrDimensionType",
        ),
        (
            "CDR",
            {"charging_periods.0.dimensions.0": {"type": "ENERGY", "volume": 15342}},
            "2.2.1 mod_cdrs, CdrDimensionType ENERGY (kWh)",
        ),
        (
            "CDR",
            {"charging_periods.0.start_date_time": "2015-06-29T21:39:08Z"},
            "2.2.1 mod_cdrs, ChargingPeriod",
        ),
        # Credit CDRs (ocpi-rules 19)
        ("CDR", {"id": "x" * 37}, "2.2.1 mod_cdrs, CDR object"),
        ("CDR", {"credit": True}, "2.2.1 mod_cdrs, Credit CDRs"),
        ("CDR", {"credit_reference_id": "12344"}, "2.2.1 mod_cdrs, Credit CDRs"),
        ("CDR", {"total_cost": {"excl_vat": Decimal("-4.00")}}, "2.2.1 mod_cdrs, Credit CDRs"),
    ],
)
def test_a_broken_rule_between_fields_names_its_clause(
    kind: str, changes: dict[str, Any], clause: str
) -> None:
    data = GOOD[kind]
    for path, value in changes.items():
        data = changed(data, path, value)
    assert any(one.refuses and one.clause.startswith(clause) for one in findings(kind, data))


@pytest.mark.parametrize(("total_time", "refused"), [("1.973", False), ("2.223", True)])
def test_the_time_of_a_reservation_is_no_time_of_the_session(
    total_time: str, refused: bool
) -> None:
    """mod_cdrs: total_time is the "duration of the charging session (including the duration of
    charging and not charging)", the CDR begins with "the start of the reservation".
    """
    reserved = {
        "start_date_time": "2015-06-29T21:24:09Z",
        "dimensions": [{"type": "RESERVATION_TIME", "volume": Decimal("0.25")}],
        "tariff_id": "12",
    }
    data = changed(GOOD["CDR"], "start_date_time", "2015-06-29T21:24:09Z")
    data = changed(data, "charging_periods", [reserved, *GOOD["CDR"]["charging_periods"]])
    data = changed(data, "total_time", Decimal(total_time))
    assert any(one.where == "total_time" for one in findings("CDR", data)) == refused


def test_an_unknown_field_is_advice_and_refuses_nothing() -> None:
    """ocpi-rules, "Unknown fields/enum values must be tolerated". ocpi-rules: unknown fields."""
    found = findings("Location", changed(LOCATION, "evses.0.charge_point", {"identity": "CP1"}))
    assert [(one.severity, one.where) for one in found] == [("advice", "evses.0.charge_point")]


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(["#NA", "2026-01-01T10:00:00Z", "RFID", "COMPLETED", "-1", "EUR"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "uid", "type", "evses", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def paths(data: Any, path: str = "") -> list[str]:
    """Every dotted path in a JSON document."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    found: list[str] = []
    for name, value in items:
        found.append(f"{path}{name}")
        if isinstance(value, dict | list):
            found += paths(value, f"{path}{name}.")
    return found


@pytest.mark.parametrize("kind", sorted(GOOD))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_junk_in_any_place_is_more_than_findings(kind: str, data: st.DataObject) -> None:
    broken = GOOD[kind]
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.sampled_from(paths(broken)))
        broken = changed(broken, place, data.draw(JUNK))
    for found in findings(kind, broken):
        dumps(found.as_json())


@pytest.mark.parametrize("junk", [None, [], "text", 1, True, Decimal("1.5")])
@pytest.mark.parametrize("kind", sorted(V2_2_1.kinds))
def test_what_is_no_object_is_refused(kind: str, junk: Any) -> None:
    assert [found.refuses for found in findings(kind, junk)] == [True]


def test_a_whole_number_is_a_number() -> None:
    assert findings("Session", changed(SESSION, "kwh", 1)) == []


def test_numbers_keep_their_digits_through_json() -> None:
    assert dumps(loads('{"kwh":15.00,"cost":0.1,"n":3}')) == b'{"kwh":15.00,"cost":0.1,"n":3}'


@pytest.mark.parametrize("text", ["", "{", "[NaN]", '{"a": 1', "[" * 100_000])
def test_what_is_no_json_is_no_json(text: str) -> None:
    with pytest.raises(InvalidJSON):
        loads(text)

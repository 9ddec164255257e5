"""The oracle itself: it lets good objects pass and finds each fault put into one."""

import copy
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from ocpi_documents import SCHEMA

from gateway.ocpi.conformance.standard import VERSIONS, errors, kinds, response_errors

Body = dict[str, Any]
AT = "2026-03-01T10:00:00Z"
LATER = "2026-03-01T11:00:00Z"
# values that a type alone does not give
GIVEN: Body = {
    "country_code": "NL",
    "party_id": "TNM",
    "hub_party_id": "NLHUB",
    "country": "NLD",
    "currency": "EUR",
    "language": "en",
    "evse_id": "NL*TNM*E0001",
    "latitude": "52.370216",
    "longitude": "4.895168",
    "time_zone": "Europe/Amsterdam",
    "weekday": 1,
    "period_begin": AT,
    "period_end": LATER,
    "start_date_time": AT,
    "start_datetime": AT,
    "end_date_time": LATER,
    "end_datetime": LATER,
    "stop_date_time": LATER,
    "total_time": 1,
    "percentage": 100,
    "start_time": "08:00",
    "end_time": "20:00",
    "start_date": "2026-01-01",
    "end_date": "2027-01-01",
    "publish": False,
    "status_code": 1000,
    "identifier": "credentials",
    "result": "ACCEPTED",
    "twentyfourseven": False,
    "credit": False,
    "type": None,
}


def sample(version: str, kind: str, *, full: bool) -> Any:
    """A good object of this kind, with all its fields or with the required ones."""
    fields: dict[str, str] = SCHEMA[version]["objects"][kind]["fields"]
    body: Body = {}
    for name, type_ in fields.items():
        base, card = (type_[:-1], type_[-1]) if type_[-1] in "?*+" else (type_, "1")
        if card in "?*" and not full:
            continue
        item = _value(version, name, base, full=full)
        body[name] = [item] if card in "*+" else item
    return _settled(version, kind, body)


def _value(version: str, name: str, base: str, *, full: bool) -> Any:
    tables = SCHEMA[version]
    if base in tables["objects"]:
        return sample(version, base, full=full)
    if GIVEN.get(name) is not None:
        return GIVEN[name]
    if base in tables["enums"]:
        return version if name == "version" else tables["enums"][base]["values"][0]
    plain = base.partition("(")[0]
    if plain == "string" and name.startswith("physical"):
        return "A1"
    return {
        "number": 1,
        "int": 1,
        "boolean": True,
        "DateTime": AT,
        "URL": "https://example.com/x",
        "any": {},
    }.get(plain, "a1")


def _settled(version: str, kind: str, body: Body) -> Body:
    if kind == "RegularHours":
        body.update(period_begin="08:00", period_end="20:00")
    if kind == "CDR":
        body.pop("credit_reference_id", None)
        for period in body["charging_periods"]:
            period["dimensions"] = [{"type": "ENERGY", "volume": 1}]
            if "tariff_id" in period:
                period["tariff_id"] = body["tariffs"][0]["id"]
    if kind == "TariffRestrictions":
        body |= {name: 2 for name in body if name.startswith("max_")}
    if kind == "Hours" and "regular_hours" not in body:
        body["regular_hours"] = [sample(version, "RegularHours", full=False)]
    if kind == "ActiveChargingProfileResult":
        body["profile"] = sample(version, "ActiveChargingProfile", full=False)
    if kind in ("CDR", "Session") and version == "2.1.1":
        body["location"]["evses"] = [sample(version, "EVSE", full=False)]
    return body


PATCHED = ("Location", "EVSE", "Connector", "Session", "Token", "Tariff", "Terminal")
EVERY = [(version, kind) for version in VERSIONS for kind in kinds(version)]


@pytest.mark.parametrize(("version", "kind"), EVERY)
@pytest.mark.parametrize("full", [True, False])
def test_a_good_object_passes(version: str, kind: str, full: bool) -> None:
    body = sample(version, kind, full=full)
    assert errors(version, kind, body) == []
    assert errors(version, f"{kind}[]", [body]) == []


@pytest.mark.parametrize(("version", "kind"), EVERY)
def test_each_field_is_looked_at(version: str, kind: str) -> None:
    body = sample(version, kind, full=True)
    for name, type_ in SCHEMA[version]["objects"][kind]["fields"].items():
        if type_ == "any?":
            continue
        wrong = copy.deepcopy(body)
        wrong[name] = {"no": "such"} if type_[-1] in "*+" else [[]]
        assert any(f"$.{name}" in found for found in errors(version, kind, wrong)), name
        wrong.pop(name)
        missing = f"$.{name}: missing" in errors(version, kind, wrong)
        assert missing is (type_[-1] not in "?*"), name
        if kind in PATCHED:
            assert f"$.{name}: missing" not in errors(version, kind, wrong, partial=True)
    assert errors(version, kind, body | {"x_y": 1}) == ["$: unknown field x_y"]
    assert errors(version, kind, body | {"x_y": 1}, extra=True) == []
    assert errors(version, kind, [body])
    assert errors(version, f"{kind}[]", body)


def _at(body: Any, path: str) -> tuple[Any, Any]:
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in way:
        body = body[step]
    return body, last


FAULTS = [
    ("*", "Location", "last_updated", "2026-03-01T10:00:00+00:00", "no DateTime"),
    ("*", "Location", "last_updated", "2026-02-29T10:00:00Z", "calendar"),
    ("2.1.1", "Location", "last_updated", "2026-03-01T10:00:00.5Z", "fractions"),
    ("*", "Location", "last_updated", "2026-02-01T10:00:00Z", "later last_updated"),
    ("*", "Location", "evses.0.connectors.0.last_updated", LATER, "later last_updated"),
    ("*", "Location", "coordinates.latitude", "52.37", "form"),
    ("2.1.1", "Location", "coordinates.latitude", "52.37021", "form"),
    ("*", "Location", "coordinates.longitude", "181.000000", "earth"),
    ("*", "Location", "coordinates.latitude", 52.370216, "string is due"),
    ("*", "Location", "country", "NL", "not a country"),
    ("*", "Location", "id", "x" * 40, "characters"),
    ("*", "Location", "id", "", "empty"),
    ("*", "Location", "time_zone", "CET+1", "IANA"),
    ("2.2.1", "Location", "publish", True, "publish_allowed_to"),
    ("2.3.0", "Location", "publish", True, "publish_allowed_to"),
    ("*", "Location", "facilities.0", "POOL", None),
    ("*", "Location", "evses.0.status", "FREE", "no Status"),
    ("*", "Location", "energy_mix.energy_sources.0.percentage", 99, "100"),
    ("*", "Location", "opening_times.twentyfourseven", True, "24/7"),
    ("*", "Location", "opening_times.regular_hours.0.weekday", 8, "1 to 7"),
    ("*", "Location", "opening_times.regular_hours.0.period_end", "24:00", "time of day"),
    ("*", "Location", "opening_times.exceptional_closings.0.period_end", AT, "before"),
    ("*", "Location", "images.0.width", 100000, "digits"),
    ("*", "Location", "images.0.url", "/x.png", "URL"),
    ("*", "Location", "evses.0.evse_id", "0001", "evse_id"),
    ("*", "Location", "evses.0.connectors", [], "empty"),
    ("2.1.1", "Location", "name", "Zürich", "ASCII"),
    ("2.2.1", "Location", "name", "Z\trich", "printable"),
    ("2.3.0", "Location", "evses.0.parking.0.parking_id", "p9", "not there"),
    ("2.3.0", "Connector", "standard", "iec_62196_t2", "misspelt"),
    ("2.2.1", "Connector", "standard", "MCS", "no ConnectorType"),
    ("2.2.1", "Credentials", "roles.0.role", "CSO", "no Role"),
    ("2.3.0", "Credentials", "roles.0.role", "HUB", "no Role"),
    ("2.1.1", "Connector", "voltage", 230.5, "int is due"),
    ("2.2.1", "Connector", "max_voltage", True, "int is due"),
    ("*", "CDR", "total_energy", 1.23456, "decimals"),
    ("*", "CDR", "total_energy", Decimal("1.23456"), "decimals"),
    ("*", "CDR", "total_energy", 2, "the periods hold 1"),
    ("*", "CDR", "total_time", 1.5, "longer than the session"),
    ("*", "CDR", "total_parking_time", 1.5, "longer than total_time"),
    ("*", "CDR", "start_date_time", "2026-03-01T12:00:00Z", "later than"),
    ("*", "CDR", "charging_periods.0.start_date_time", "2026-03-01T09:00:00Z", "before"),
    ("*", "CDR", "charging_periods", [], "empty"),
    ("2.1.1", "CDR", "total_cost", {"excl_vat": 1}, "number is due"),
    ("2.2.1", "CDR", "total_cost", 1, "Price is due"),
    ("2.3.0", "CDR", "total_cost", {"excl_vat": 1}, "before_taxes: missing"),
    ("2.2.1", "CDR", "charging_periods.0.tariff_id", "t9", "not in tariffs"),
    ("2.2.1", "CDR", "charging_periods.0.dimensions.0.type", "POWER", "Sessions only"),
    ("2.1.1", "CDR", "charging_periods.0.dimensions.0.type", "POWER", "no CdrDimensionType"),
    ("2.2.1", "CDR", "credit", True, "without credit_reference_id"),
    ("2.2.1", "CDR", "id", "x" * 37, "Credit CDR may be longer"),
    ("2.1.1", "CDR", "location.evses", [], "just the one EVSE"),
    ("2.1.1", "CDR", "auth_method", "COMMAND", "no AuthMethod"),
    ("2.3.0", "CDR", "tariffs.0.tax_included", None, "missing"),
    ("*", "Session", "currency", "EURO", "characters"),
    ("2.2.1", "Session", "end_date_time", "2026-03-01T09:00:00Z", "later than"),
    ("2.1.1", "Session", "status", "RESERVATION", "no SessionStatus"),
    ("*", "Tariff", "elements.0.restrictions.start_time", "8:00", "time of day"),
    ("*", "Tariff", "elements.0.restrictions.end_date", "2026-01-01", "exclusive"),
    ("*", "Tariff", "elements.0.restrictions.max_kwh", 1, "exclusive"),
    ("*", "Tariff", "elements.0.price_components.0.step_size", -1, "negative"),
    ("2.2.1", "Tariff", "min_price", {"excl_vat": 3}, "above max_price"),
    ("2.3.0", "Tariff", "min_price", {"before_taxes": 3}, "above max_price"),
    ("2.2.1", "Token", "whitelist", "SOMETIMES", "no WhitelistType"),
    ("2.2.1", "ClientInfo", "status", "ONLINE", "no ConnectionStatus"),
    ("2.2.1", "CommandResponse", "timeout", -1, "negative"),
    ("2.2.1", "CommandResult", "result", "UNKNOWN_SESSION", "no CommandResultType"),
    ("2.2.1", "ActiveChargingProfileResult", "result", "REJECTED", "with a profile"),
    (
        "2.2.1",
        "ActiveChargingProfile",
        "charging_profile.charging_profile_period.0.limit",
        1.25,
        "one decimal",
    ),
    ("2.3.0", "FinancialAdviceConfirmation", "eft_data", [], "empty"),
    ("2.3.0", "Terminal", "invoice_creator", "EMSP", "no InvoiceCreator"),
    ("*", "VersionDetails", "endpoints.0.identifier", "cdrs", "no endpoint of the credentials"),
    ("*", "Response", "status_code", 200, "four digits"),
]


@pytest.mark.parametrize(("versions", "kind", "path", "value", "found"), FAULTS)
def test_a_fault_is_found(
    versions: str, kind: str, path: str, value: object, found: str | None
) -> None:
    for version in VERSIONS if versions == "*" else (versions,):
        body = sample(version, kind, full=True)
        part, last = _at(body, path)
        part[last] = value
        said = errors(version, kind, body)
        if found is None:  # a new value: closed enum before 2.3.0, open since
            assert bool(said) is (version != "2.3.0")
        else:
            assert any(found in line for line in said), (version, said)


def _double_evse(body: Body) -> None:
    body["evses"].append(body["evses"][0] | {"uid": "A1"})


def _double_connector(body: Body) -> None:
    body["evses"][0]["connectors"] *= 2


def _double_place(body: Body) -> None:
    body["parking_places"] *= 2


@pytest.mark.parametrize(
    ("version", "fault"),
    [
        ("2.1.1", _double_evse),
        ("2.2.1", _double_evse),
        ("2.3.0", _double_connector),
        ("2.3.0", _double_place),
    ],
)
def test_ids_are_unique_without_regard_to_case(version: str, fault: Callable[[Body], None]) -> None:
    body = sample(version, "Location", full=True)
    fault(body)
    assert any("occurs twice" in line for line in errors(version, "Location", body))


def test_a_credit_cdr() -> None:
    body = sample("2.2.1", "CDR", full=True)
    body |= {"credit": True, "credit_reference_id": "c1", "total_cost": {"excl_vat": -1}}
    assert errors("2.2.1", "CDR", body) == []
    body["total_cost"] = {"excl_vat": 1, "incl_vat": None}
    assert errors("2.2.1", "CDR", body) == ["$: the total_cost of a Credit CDR is above zero"]


def test_periods_follow_each_other() -> None:
    body = sample("2.2.1", "Session", full=True)
    body["charging_periods"] *= 2
    assert errors("2.2.1", "Session", body) == []  # a period may have ended at once
    body["charging_periods"][0] = body["charging_periods"][0] | {"start_date_time": LATER}
    assert errors("2.2.1", "Session", body) == ["$: the charging_periods do not follow each other"]


def test_null_stands_for_an_optional_field_left_out() -> None:
    body = sample("2.2.1", "Location", full=False)
    nulls: Body = {"name": None, "evses": None, "opening_times": None}
    assert errors("2.2.1", "Location", body | nulls) == []


def test_a_patch() -> None:
    assert errors("2.2.1", "EVSE", {"status": "CHARGING"}, partial=True) == [
        "$: a PATCH carries last_updated"
    ]
    assert errors("2.1.1", "EVSE", {"status": "CHARGING"}, partial=True) == []
    assert errors("2.2.1", "EVSE", {"status": 1, "last_updated": AT}, partial=True)
    assert (
        errors("2.2.1", "Session", {"status": "COMPLETED", "last_updated": AT}, partial=True) == []
    )


def test_a_response() -> None:
    tariffs = [sample("2.2.1", "Tariff", full=False)]
    body: Body = {"status_code": 1000, "timestamp": AT, "data": tariffs}
    assert response_errors("2.2.1", "Tariff[]", body) == []
    assert response_errors("2.2.1", "Tariff", body) == ["data: list where a Tariff is due"]
    assert response_errors("2.2.1", None, body) == ["$.data: not due"]
    assert response_errors("2.2.1", "Tariff", {"status_code": 2001, "timestamp": AT}) == []
    assert response_errors("2.2.1", None, {"status_code": 1000}) == ["$.timestamp: missing"]


def test_what_is_a_kind() -> None:
    assert errors("2.2.1", "ChargingPreferencesResponse", "ACCEPTED") == []
    assert errors("2.2.1", "ChargingPreferencesResponse", "YES")
    with pytest.raises(ValueError, match="no PATCH"):
        errors("2.2.1", "Hours", {}, partial=True)
    with pytest.raises(KeyError):
        errors("2.1.1", "ChargingPreferencesResponse", "ACCEPTED")

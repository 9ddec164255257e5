"""The schemas of the `ocpp` package, and what may be mended in a received payload."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.quirks import LONG_TEXTS, LOOSE_TYPES, QUIRKS, UNKNOWN_WORDS
from gateway.ocpp import schemas, v16, v201
from gateway.ocpp.mending import mend
from gateway.ocpp.schemas import MessageSchema, Rule, Schemas

ALL = [schemas.v16(), schemas.v201()]
BOOT_16 = {"chargePointVendor": "v", "chargePointModel": "m"}


def request(version: Schemas, action: str) -> MessageSchema:
    schema = version.request(action)
    assert schema is not None
    return schema


@pytest.mark.parametrize("version", ALL)
def test_every_action_has_a_request_and_a_response_that_compile(version: Schemas) -> None:
    assert len(version.actions) > 35
    for action in version.actions:
        assert version.request(action) is not None
        assert version.response(action) is not None


@pytest.mark.parametrize("action", ["Nonsense", "", "../v201/schemas/Reset", "ResetResponse"])
def test_an_unknown_action_has_no_schema(action: str) -> None:
    assert schemas.v16().request(action) is None
    assert schemas.v16().response(action) is None


def test_a_schema_is_compiled_once() -> None:
    assert schemas.v16().request("Heartbeat") is schemas.v16().request("Heartbeat")


def limits(limit: Decimal) -> dict[str, Any]:
    """A smart-charging limit has one decimal at most (ocpp-rules 18)."""
    return {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
            },
        },
    }


def test_a_decimal_is_a_number_and_multiples_of_a_tenth_are_exact() -> None:
    schema = request(schemas.v16(), "SetChargingProfile")
    assert not schema.faults(limits(Decimal("16.1")))
    assert not schema.faults(limits(Decimal("0.3")))
    assert [fault.keyword for fault in schema.faults(limits(Decimal("16.15")))] == ["multipleOf"]


def test_a_number_with_a_zero_fraction_is_an_integer() -> None:
    start = {
        "connectorId": Decimal("1.0"),
        "idTag": "a",
        "meterStart": 1,
        "timestamp": "2024-01-01T00:00:00Z",
    }
    assert request(schemas.v16(), "StartTransaction").valid(start)


def first_rule(version: Schemas, action: str, payload: Any) -> Rule:
    return request(version, action).violations(payload)[0].rule


@pytest.mark.parametrize(
    ("payload", "rule"),
    [
        ([], Rule.FORMAT),
        ({"chargePointVendor": "v"}, Rule.OCCURRENCE),
        (BOOT_16 | {"iccid": "x" * 21}, Rule.PROPERTY),
        (BOOT_16 | {"iccid": 1}, Rule.TYPE),
        (BOOT_16 | {"unknown": 1}, Rule.FORMAT),
    ],
)
def test_a_violation_belongs_to_one_class_of_errors(payload: Any, rule: Rule) -> None:
    assert first_rule(schemas.v16(), "BootNotification", payload) is rule


def test_a_word_outside_an_enumeration_is_a_property_violation() -> None:
    payload = {"connectorId": 1, "errorCode": "NoError", "status": "Sleeping"}
    assert first_rule(schemas.v16(), "StatusNotification", payload) is Rule.PROPERTY


def test_the_error_codes_are_spelled_as_each_version_prints_them() -> None:
    """ocpp-rules 4"""
    assert set(v16.DIALECT.codes.values()) == {
        "FormationViolation",
        "OccurenceConstraintViolation",
        "PropertyConstraintViolation",
        "TypeConstraintViolation",
    }
    assert set(v201.DIALECT.codes.values()) == {
        "FormatViolation",
        "OccurrenceConstraintViolation",
        "PropertyConstraintViolation",
        "TypeConstraintViolation",
    }


def test_what_is_said_of_a_value_does_not_repeat_it() -> None:
    """security-and-faults 7"""
    schema = request(schemas.v16(), "DataTransfer")
    payload = {"vendorId": "v", "data": {"password": "c4n4ry"}, "c4n4ry": 1}
    told = [str(violation) for violation in schema.violations(payload) + schema.faults(payload)]
    assert [text for text in told if "c4n4ry" in text and "data" in text] == []
    assert 'data: this is not of type "string"' in told


def test_members_are_put_into_the_order_of_the_schema_at_every_depth() -> None:
    payload = {
        "idToken": {"type": "Central", "idToken": "a"},
        "remoteStartId": 1,
        "evseId": 1,
        "customData": {"vendorId": "v", "more": 1},
    }
    ordered = request(schemas.v201(), "RequestStartTransaction").ordered(payload)
    assert list(ordered) == ["customData", "evseId", "idToken", "remoteStartId"]
    assert list(ordered["idToken"]) == ["idToken", "type"]
    assert ordered == payload


def test_what_we_send_needs_real_times() -> None:
    reserve = {"connectorId": 1, "expiryDate": "tomorrow", "idTag": "a", "reservationId": 1}
    schema = request(schemas.v16(), "ReserveNow")
    assert [fault.keyword for fault in schema.faults(reserve)] == ["format"]


def test_times_that_stations_send_are_not_the_schemas_business() -> None:
    """ocpp-rules 6"""
    payload = BOOT_16 | {}
    assert request(schemas.v16(), "BootNotification").valid(payload)
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
    assert request(schemas.v16(), "StatusNotification").valid(
        status | {"timestamp": "2024-01-01T00:00:00"}
    )


def test_nulls_empty_lists_and_unknown_members_are_mended_for_everyone() -> None:
    """ocpp-rules 6: unknown fields, nulls for absent fields"""
    payload: dict[str, Any] = {
        "requestId": 1,
        "generatedAt": "2024-01-01T00:00:00Z",
        "seqNo": 0,
        "tbc": None,
        "reportData": [],
        "firmwareOwn": {"x": 1},
    }
    assert mend(request(schemas.v201(), "NotifyReport"), payload, frozenset()) == []
    assert payload == {"requestId": 1, "generatedAt": "2024-01-01T00:00:00Z", "seqNo": 0}


def test_a_null_in_place_of_a_required_member_stays_a_violation() -> None:
    schema = request(schemas.v16(), "BootNotification")
    violations = mend(schema, {"chargePointVendor": None, "chargePointModel": "m"}, frozenset())
    assert [str(violation) for violation in violations] == [
        'chargePointVendor: this is not of type "string"'
    ]


def test_numbers_as_text_are_refused_without_the_quirk_and_read_with_it() -> None:
    """ocpp-rules 6: numbers may come as strings and strings as numbers"""
    schema = request(schemas.v16(), "StartTransaction")

    def start() -> dict[str, Any]:
        return {
            "connectorId": "1",
            "idTag": 12345,
            "meterStart": "7",
            "timestamp": "2024-01-01T00:00:00Z",
        }

    assert {violation.rule for violation in mend(schema, start(), ())} == {Rule.TYPE}
    payload = start()
    assert mend(schema, payload, {LOOSE_TYPES}) == []
    assert (payload["connectorId"], payload["idTag"], payload["meterStart"]) == (1, "12345", 7)


def test_what_is_no_number_stays_a_violation_in_spite_of_the_quirk() -> None:
    schema = request(schemas.v16(), "StartTransaction")
    start = {"connectorId": "one", "idTag": "a", "meterStart": 7, "timestamp": "x"}
    assert [v.rule for v in mend(schema, start, {LOOSE_TYPES})] == [Rule.TYPE]


def test_long_texts_are_cut_and_unknown_words_left_out_by_quirk() -> None:
    schema = request(schemas.v16(), "StopTransaction")
    stop = {
        "transactionId": 1,
        "meterStop": 5,
        "timestamp": "x",
        "idTag": "x" * 30,
        "reason": "Boredom",
    }
    assert {v.rule for v in mend(schema, dict(stop), ())} == {Rule.PROPERTY}
    assert mend(schema, stop, {LONG_TEXTS, UNKNOWN_WORDS}) == []
    assert stop["idTag"] == "x" * 20
    assert "reason" not in stop


def test_a_sampled_value_of_an_unknown_measurand_never_becomes_the_energy_register() -> None:
    schema = request(schemas.v16(), "MeterValues")
    values = [
        {"value": "1", "measurand": "Energy.Own", "unit": "Own"},
        {"value": "2", "measurand": "Power.Own"},
        {"value": "3"},
    ]
    payload = {"connectorId": 1, "meterValue": [{"timestamp": "x", "sampledValue": values}]}
    assert mend(schema, payload, {UNKNOWN_WORDS}) == []
    assert values == [{"value": "3"}]


WORDS = ["connectorId", "meterValue", "timestamp", "sampledValue", "value", "measurand", "unit"]
nonsense = st.recursive(
    st.none() | st.integers(-5, 5) | st.sampled_from(["1", "Wh", "kWh", "SoC", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5)
    ),
    max_leaves=25,
)


@settings(deadline=None)
@given(nonsense)
def test_mending_never_raises_and_what_it_lets_through_is_valid(payload: Any) -> None:
    schema = request(schemas.v16(), "MeterValues")
    assert bool(mend(schema, payload, QUIRKS)) != schema.valid(payload)

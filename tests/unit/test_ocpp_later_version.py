"""What a 2.0.1 station may take from 2.1 (ocpp-rules 32)."""

from typing import Any

import pytest

from gateway.ocpp import schemas
from gateway.ocpp.later_version import is_of_later_version

EVENT: dict[str, Any] = {
    "eventType": "Updated",
    "timestamp": "2026-03-02T10:00:00Z",
    "triggerReason": "MeterValuePeriodic",
    "seqNo": 1,
    "transactionInfo": {"transactionId": "T1"},
}
SIGNED = {"signedMeterData": "AA", "encodingMethod": "OCMF"}  # without key and method


def is_taken(difference: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    schema = schemas.v201().request("TransactionEvent")
    later = schemas.v21().request("TransactionEvent")
    assert schema is not None
    assert later is not None
    payload = {**EVENT, **difference}
    assert not schema.valid(payload)
    return is_of_later_version(schema, later, payload), payload


@pytest.mark.parametrize(
    "difference",
    [
        {"triggerReason": "LimitSet"},
        {"evseSleep": True},
        {"idToken": {"idToken": "V1", "type": "VIN"}},
        {
            "meterValue": [
                {
                    "timestamp": EVENT["timestamp"],
                    "sampledValue": [{"value": 1, "signedMeterValue": SIGNED}],
                }
            ]
        },
    ],
)
def test_words_members_and_gaps_of_2_1_are_taken_as_they_are(difference: dict[str, Any]) -> None:
    assert is_taken(difference) == (True, {**EVENT, **difference})


def test_members_that_no_version_knows_go_and_those_of_2_1_stay() -> None:
    taken, payload = is_taken({"evseSleep": True, "vendorSays": 1})
    assert taken
    assert payload == {**EVENT, "evseSleep": True}


@pytest.mark.parametrize(
    "difference",
    [
        {"vendorSays": 1},
        {"seqNo": "1", "evseSleep": True},
        {"triggerReason": "Because", "evseSleep": True},
        {"transactionInfo": {"transactionId": "x" * 37}},
        {"transactionInfo": {}},
        {"idToken": {"idToken": "V1", "type": "Anything"}},
        {"idToken": {"idToken": "x" * 37, "type": "Central"}},
        {"offline": None},
    ],
)
def test_everything_else_is_left_alone(difference: dict[str, Any]) -> None:
    assert is_taken(difference) == (False, {**EVENT, **difference})


@pytest.mark.parametrize("payload", [None, [], "x", 7])
def test_what_is_no_object_is_of_no_version(payload: Any) -> None:
    schema, later = (v.request("TransactionEvent") for v in (schemas.v201(), schemas.v21()))
    assert schema is not None
    assert later is not None
    assert not is_of_later_version(schema, later, payload)

"""OCPP 2.0.1 wire <-> domain: every word of every enumeration, and what may be absent."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from ocpp.v201 import enums

from gateway.domain.events import ChargingState, TransactionPhase
from gateway.domain.metering.meter import Measurand
from gateway.domain.remote_control import RemoteStart, RemoteStop
from gateway.domain.tokens import Authorization, AuthorizationStatus, TokenRef, TokenType
from gateway.ocpp import schemas
from gateway.ocpp.v201 import DIALECT, remote_control, translate

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
NOON_TEXT = "2024-05-01T12:00:00Z"


@pytest.mark.parametrize("status", list(enums.ConnectorStatusEnumType))
def test_every_connector_status_has_a_domain_state_of_the_same_word(status: str) -> None:
    """ocpp-rules 21"""
    assert translate.CONNECTOR_STATES[status].value == status


@pytest.mark.parametrize("state", list(enums.ChargingStateEnumType))
def test_every_charging_state_has_one_of_the_same_word(state: str) -> None:
    """ocpp-rules 21"""
    assert translate.CHARGING_STATES[state].value == state


@pytest.mark.parametrize("phase", list(enums.TransactionEventEnumType))
def test_every_event_type_has_a_phase(phase: str) -> None:
    assert translate.PHASES[phase].value == phase


@pytest.mark.parametrize("kind", list(enums.IdTokenEnumType))
def test_every_type_of_token_is_known(kind: str) -> None:
    """ocpp-rules 25"""
    assert kind in translate.TOKEN_TYPES or kind == translate.NO_AUTHORIZATION


@pytest.mark.parametrize("kind", list(TokenType))
def test_every_type_of_token_can_be_started_with(kind: TokenType) -> None:
    assert translate.ID_TOKEN_TYPES[kind] in set(enums.IdTokenEnumType)


@pytest.mark.parametrize("status", list(AuthorizationStatus))
def test_every_decision_has_a_word_that_2_0_1_knows(status: AuthorizationStatus) -> None:
    assert translate.ID_TOKEN_STATUSES[status] in set(enums.AuthorizationStatusEnumType)


@pytest.mark.parametrize("status", list(enums.RequestStartStopStatusEnumType))
def test_every_answer_to_a_request_has_an_outcome(status: str) -> None:
    assert status in translate.REQUEST_OUTCOMES


def event(**more: Any) -> dict[str, Any]:
    return {
        "eventType": "Updated",
        "timestamp": NOON_TEXT,
        "triggerReason": "MeterValuePeriodic",
        "seqNo": 3,
        "transactionInfo": {"transactionId": "T1"},
    } | more


def test_an_event_with_only_what_is_required_has_nothing_else() -> None:
    """ocpp-rules 22"""
    reported = translate.transaction(event())
    assert (reported.phase, reported.transaction_id) == (TransactionPhase.UPDATED, "T1")
    assert (reported.seq_no, reported.at, reported.offline) == (3, NOON, False)
    assert (reported.evse_id, reported.token, reported.charging_state) == (None, None, None)


def test_an_event_with_everything_has_everything() -> None:
    """ocpp-rules 22, 23, 26"""
    reported = translate.transaction(
        event(
            eventType="Started",
            offline=True,
            reservationId=5,
            evse={"id": 2, "connectorId": 1},
            idToken={"idToken": "04A1", "type": "ISO14443"},
            transactionInfo={
                "transactionId": "T1",
                "chargingState": "Charging",
                "remoteStartId": 9,
                "stoppedReason": "Local",
            },
            meterValue=[{"timestamp": NOON_TEXT, "sampledValue": [{"value": 1}]}],
        )
    )
    assert (reported.evse_id, reported.connector_id, reported.reservation_id) == (2, 1, 5)
    assert (reported.remote_start_id, reported.stopped_reason) == (9, "Local")
    assert reported.charging_state is ChargingState.CHARGING
    assert reported.offline
    assert reported.token == TokenRef("04A1", (TokenType.RFID,))
    assert reported.readings[0].samples[0].value == 1


def test_evse_zero_is_the_station_itself() -> None:
    """ocpp-rules 30"""
    status = {"timestamp": NOON_TEXT, "connectorStatus": "Faulted", "evseId": 0, "connectorId": 0}
    assert translate.status(status).evse_id == 0


def test_no_authorization_is_the_absence_of_a_token() -> None:
    """ocpp-rules 25"""
    payload = event(idToken={"idToken": "", "type": "NoAuthorization"})
    assert translate.transaction(payload).token is None
    assert translate.needs_no_authorization(payload)
    assert not translate.needs_no_authorization(event())


def test_a_value_is_multiplied_by_its_power_of_ten() -> None:
    """ocpp-rules 24"""
    sampled = {"value": Decimal("1.5"), "unitOfMeasure": {"unit": "kWh", "multiplier": 1}}
    assert translate.sample(sampled).value == Decimal(15_000)


def test_the_default_unit_is_wh_of_the_import_register() -> None:
    """ocpp-rules 24"""
    translated = translate.sample({"value": 7})
    assert (translated.measurand, translated.value) == (
        Measurand.ENERGY_IMPORT_REGISTER,
        Decimal(7),
    )


def test_a_number_that_no_meter_shows_has_no_value() -> None:
    """security-and-faults S18"""
    assert translate.sample({"value": Decimal("1e400")}).value is None


def test_a_signed_value_is_kept_with_its_key_and_method() -> None:
    """ocpp-rules 24"""
    signed = {
        "signedMeterData": "AAEC",
        "signingMethod": "",
        "encodingMethod": "OCMF",
        "publicKey": "k",
    }
    translated = translate.sample({"value": 7, "signedMeterValue": signed})
    assert translated.value == 7
    assert json.loads(translated.signed or "") == signed


def test_id_token_info_has_expiry_and_group_only_when_known() -> None:
    accepted = AuthorizationStatus.ACCEPTED
    assert translate.id_token_info(Authorization(accepted)) == {"status": "Accepted"}
    full = translate.id_token_info(Authorization(accepted, group_id="G", expires_at=NOON))
    assert list(full) == ["status", "cacheExpiryDateTime", "groupIdToken"]
    schema = schemas.v201().response("Authorize")
    assert schema is not None
    assert not schema.faults({"idTokenInfo": full})
    assert list(schema.ordered({"idTokenInfo": full})["idTokenInfo"]) == list(full)


def asked(command: RemoteStart | RemoteStop) -> tuple[str, dict[str, Any]] | None:
    found = DIALECT.asks[type(command)](command)
    return (found.action, found.payload) if found else None


def test_a_request_to_start_carries_the_id_that_the_started_event_will_name() -> None:
    """ocpp-rules 26"""
    assert asked(RemoteStart(77, "04A1", TokenType.RFID, evse_id=1)) == (
        "RequestStartTransaction",
        {"remoteStartId": 77, "idToken": {"idToken": "04A1", "type": "ISO14443"}, "evseId": 1},
    )


def test_a_token_of_more_than_36_characters_cannot_be_started_with() -> None:
    assert asked(RemoteStart(1, "x" * 37, TokenType.RFID)) is None


def test_a_request_to_stop_names_the_transaction() -> None:
    assert asked(RemoteStop("T-1")) == ("RequestStopTransaction", {"transactionId": "T-1"})


@pytest.mark.parametrize(
    ("action", "payload", "allowed"),
    [
        ("GetBaseReport", {}, "NotifyReport"),
        ("TriggerMessage", {"requestedMessage": "StatusNotification"}, "StatusNotification"),
        ("TriggerMessage", {"requestedMessage": "SignV2GCertificate"}, "SignCertificate"),
    ],
)
def test_what_we_asked_for_may_come_while_the_boot_is_pending(
    action: str, payload: dict[str, Any], allowed: str
) -> None:
    """ocpp-rules 29"""
    assert remote_control.triggers(action, payload) == {allowed}

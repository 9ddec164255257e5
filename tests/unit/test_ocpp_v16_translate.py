"""OCPP 1.6 wire <-> domain: every word of every enumeration, and the defaults."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from ocpp.v16 import enums

from gateway.domain.events import ConnectorState
from gateway.domain.metering.meter import Measurand, ReadingContext, Sample
from gateway.domain.remote_control import RemoteStart, RemoteStop
from gateway.domain.tokens import Authorization, AuthorizationStatus, TokenType
from gateway.ocpp.dialect import Refused
from gateway.ocpp.v16 import DIALECT, translate

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
NOON_TEXT = "2024-05-01T12:00:00Z"


@pytest.mark.parametrize("status", list(enums.ChargePointStatus))
def test_every_connector_status_has_a_domain_state_of_the_same_word(status: str) -> None:
    """ocpp-rules 14"""
    assert translate.CONNECTOR_STATES[status].value == status


@pytest.mark.parametrize("status", list(AuthorizationStatus))
def test_every_decision_has_a_word_that_1_6_knows(status: AuthorizationStatus) -> None:
    assert translate.ID_TAG_STATUSES[status] in set(enums.AuthorizationStatus)


@pytest.mark.parametrize("status", list(enums.RemoteStartStopStatus))
def test_every_answer_to_a_remote_command_has_an_outcome(status: str) -> None:
    assert status in translate.REMOTE_OUTCOMES


def test_a_sampled_value_without_anything_is_the_import_register_in_wh() -> None:
    """ocpp-rules 11"""
    assert translate.sample({"value": "1234"}) == Sample(
        Measurand.ENERGY_IMPORT_REGISTER, Decimal(1234), ReadingContext.PERIODIC, None, "Outlet"
    )


def test_kilowatt_hours_become_watt_hours() -> None:
    """ocpp-rules 11"""
    assert translate.sample({"value": "1,5", "unit": "kWh"}).value == Decimal(1500)


def test_a_phase_is_kept_with_its_value() -> None:
    """ocpp-rules 11"""
    sampled = {"value": "16.0", "measurand": "Current.Import", "phase": "L1", "unit": "A"}
    translated = translate.sample(sampled)
    assert (translated.phase, translated.value) == ("L1", Decimal("16.0"))


def test_signed_data_is_kept_as_text_and_never_read_as_a_number() -> None:
    """ocpp-rules 11"""
    translated = translate.sample({"value": "0123456789", "format": "SignedData"})
    assert (translated.value, translated.signed) == (None, "0123456789")


def test_a_value_that_is_no_number_has_none() -> None:
    assert translate.sample({"value": "string"}).value is None


def test_connector_zero_is_the_station_itself() -> None:
    """ocpp-rules 8"""
    event = translate.status({"connectorId": 0, "errorCode": "NoError", "status": "Available"})
    assert (event.evse_id, event.state, event.at) == (0, ConnectorState.AVAILABLE, None)


def test_a_negative_connector_is_refused() -> None:
    with pytest.raises(Refused):
        translate.status({"connectorId": -1, "errorCode": "NoError", "status": "Available"})


def stop(**more: Any) -> dict[str, Any]:
    return {"transactionId": 7, "meterStop": 1000, "timestamp": NOON_TEXT} | more


def test_a_stop_without_token_and_reason_has_neither() -> None:
    """ocpp-rules 10"""
    event = translate.stopped(stop())
    assert (event.transaction_id, event.token, event.reason) == ("7", None, None)
    assert (event.meter_stop_wh, event.at) == (Decimal(1000), NOON)


def test_an_empty_id_tag_in_a_stop_is_an_absent_one() -> None:
    """ocpp-rules 6, 10"""
    assert translate.stopped(stop(idTag="")).token is None


@pytest.mark.parametrize("transaction_id", [0, -1])
def test_a_stop_of_an_impossible_transaction_is_passed_on(transaction_id: int) -> None:
    """ocpp-rules 10"""
    event = translate.stopped(stop(transactionId=transaction_id))
    assert event.transaction_id == str(transaction_id)


def test_a_stop_carries_its_meter_history() -> None:
    """ocpp-rules 10"""
    history = [{"timestamp": NOON_TEXT, "sampledValue": [{"value": "1"}, {"value": "2"}]}]
    readings = translate.stopped(stop(transactionData=history)).readings
    assert [sample.value for sample in readings[0].samples] == [1, 2]


def test_meter_values_without_transaction_name_none() -> None:
    """ocpp-rules 12"""
    values = [{"timestamp": NOON_TEXT, "sampledValue": [{"value": "1"}]}]
    assert translate.metered({"connectorId": 0, "meterValue": values}).transaction_id is None


def test_a_number_beyond_64_bits_is_refused() -> None:
    """security-and-faults S18"""
    start = {"connectorId": 1, "idTag": "a", "meterStart": 10**30, "timestamp": NOON_TEXT}
    with pytest.raises(Refused):
        translate.started(start)


def test_an_id_tag_may_be_any_kind_of_token() -> None:
    """ocpp-rules 16"""
    assert TokenType.RFID in translate.token("04A1").types
    assert TokenType.APP_USER in translate.token("04A1").types


def test_id_tag_info_has_expiry_and_parent_only_when_known() -> None:
    """ocpp-rules 16"""
    accepted = AuthorizationStatus.ACCEPTED
    assert translate.id_tag_info(Authorization(accepted)) == {"status": "Accepted"}
    full = translate.id_tag_info(Authorization(accepted, group_id="G", expires_at=NOON))
    assert list(full.items()) == [
        ("expiryDate", "2024-05-01T12:00:00.000Z"),
        ("parentIdTag", "G"),
        ("status", "Accepted"),
    ]


def test_a_longer_group_is_fitted_alike_in_every_answer() -> None:
    """ocpp-rules 16: stations compare parentIdTag, nothing else."""
    decision = Authorization(AuthorizationStatus.ACCEPTED, group_id="x" * 21)
    other = Authorization(AuthorizationStatus.ACCEPTED, group_id="X" * 21)
    another = Authorization(AuthorizationStatus.ACCEPTED, group_id="y" * 21)
    told = [translate.id_tag_info(one)["parentIdTag"] for one in (decision, other, another)]
    assert len(told[0]) == 20
    assert told[0] == told[1] != told[2]


def asked(command: RemoteStart | RemoteStop) -> tuple[str, dict[str, Any]] | None:
    found = DIALECT.asks[type(command)](command)
    return (found.action, found.payload) if found else None


def test_a_remote_start_names_the_connector_only_when_one_is_wanted() -> None:
    """ocpp-rules 15"""
    command = RemoteStart(1, "04A1", TokenType.RFID)
    assert asked(command) == ("RemoteStartTransaction", {"idTag": "04A1"})
    command = RemoteStart(1, "04A1", TokenType.RFID, evse_id=2)
    assert asked(command) == ("RemoteStartTransaction", {"idTag": "04A1", "connectorId": 2})


def test_a_token_of_more_than_20_characters_cannot_be_started_with() -> None:
    assert asked(RemoteStart(1, "x" * 21, TokenType.RFID)) is None


def test_a_remote_stop_names_the_transaction() -> None:
    assert asked(RemoteStop("7")) == ("RemoteStopTransaction", {"transactionId": 7})
    assert asked(RemoteStop("a-b")) is None

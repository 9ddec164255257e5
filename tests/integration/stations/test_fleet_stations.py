"""Simulated charge points against a tiny CSMS built on the `ocpp` package, over real sockets."""

import asyncio
import base64
import json
import random
import signal
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.server import ServerConnection, serve

from simulators.charge_point import (
    BackOff,
    Event,
    NotAuthorizedError,
    SimulatedChargePoint,
    Transaction,
    VirtualClock,
)

VERSIONS = ["1.6", "2.0.1"]


def started(csms: Any) -> list[dict[str, Any]]:
    return csms.told("StartTransaction") + csms.events("Started")


def stopped(csms: Any) -> list[dict[str, Any]]:
    return csms.told("StopTransaction") + csms.events("Ended")


def timestamps(csms: Any) -> list[str]:
    return [payload["timestamp"] for _, payload in csms.requests if "timestamp" in payload]


async def test_a_station_boots_and_reports_itself_and_every_connector_in_1_6(
    station_at: Any, csms: Any
) -> None:
    async with station_at(csms, "1.6", connectors=2):
        await csms.until(lambda: len(csms.told("StatusNotification")) == 3)
    assert csms.requests[0][0] == "BootNotification"
    reported = [(s["connectorId"], s["status"]) for s in csms.told("StatusNotification")]
    assert reported == [(0, "Available"), (1, "Available"), (2, "Available")]
    assert csms.paths == ["/ocpp/SIM%201"]


async def test_a_station_boots_and_reports_every_connector_in_2_0_1(
    station_at: Any, csms: Any
) -> None:
    async with station_at(csms, "2.0.1", connectors=2):
        await csms.until(lambda: len(csms.told("StatusNotification")) == 2)
    assert csms.requests[0][0] == "BootNotification"
    reported = [(s["evseId"], s["connectorStatus"]) for s in csms.told("StatusNotification")]
    assert reported == [(1, "Available"), (2, "Available")]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_station_sends_its_password_as_http_basic(
    station_at: Any, csms: Any, version: str
) -> None:
    async with station_at(csms, version, password=b"k\x00:\xff"):
        pass
    expected = base64.b64encode(b"SIM 1:k\x00:\xff").decode()
    assert csms.headers == [f"Basic {expected}"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_station_boots_again_until_it_is_accepted(
    station_at: Any, csms: Any, version: str
) -> None:
    csms.boot_answers = [("Pending", 1), ("Accepted", 300)]
    async with station_at(csms, version):
        assert len(csms.told("BootNotification")) == 2
        assert [action for action, _ in csms.requests[:2]] == ["BootNotification"] * 2


async def test_a_whole_1_6_session_is_told_with_exact_meter_values(
    station_at: Any, csms: Any
) -> None:
    async with station_at(csms, "1.6") as station:
        transaction = await station.charge(1, "04A1B2", energy_wh=5_000)
        await station.until_acknowledged(transaction)
        await station.until_status(1, "Available")
        await csms.until(lambda: csms.told("StatusNotification")[-1]["status"] == "Available")
    assert csms.told("Authorize") == [{"idTag": "04A1B2"}]
    (start,), (stop,) = csms.told("StartTransaction"), csms.told("StopTransaction")
    assert stop["meterStop"] - start["meterStart"] == 5_000 == transaction.energy_wh
    assert stop["transactionId"] == 70_001
    assert transaction.transaction_id == "70001"
    assert stop["reason"] == "Local"
    contexts = [d["sampledValue"][0]["context"] for d in stop["transactionData"]]
    assert contexts == ["Transaction.Begin", "Transaction.End"]
    statuses = [s["status"] for s in csms.told("StatusNotification") if s["connectorId"] == 1]
    assert statuses == [
        "Available", "Preparing", "Charging", "SuspendedEV", "Finishing", "Available",
    ]  # fmt: skip


async def test_periodic_samples_of_1_6_carry_the_transaction_and_rise(
    station_at: Any, csms: Any
) -> None:
    async with station_at(csms, "1.6") as station:
        transaction = await station.charge(1, "04A1B2", duration=1_800)
        await station.until_acknowledged(transaction)
    values = csms.told("MeterValues")
    assert values
    assert {value["transactionId"] for value in values} == {70_001}
    registers = [int(v["meterValue"][0]["sampledValue"][0]["value"]) for v in values]
    assert transaction.meter_stop_wh is not None
    bounds = [transaction.meter_start_wh, *registers, transaction.meter_stop_wh]
    assert all(before <= after for before, after in pairwise(bounds))


async def test_a_whole_2_0_1_session_is_told_as_transaction_events(
    station_at: Any, csms: Any
) -> None:
    """ocpp-rules 21 to 23: Started, Updated, Ended with rising seqNo and charging states."""
    async with station_at(csms, "2.0.1") as station:
        transaction = await station.charge(2, "04A1B2", energy_wh=5_000)
        await station.until_acknowledged(transaction)
    events = csms.told("TransactionEvent")
    assert [event["seqNo"] for event in events] == list(range(len(events)))
    assert {event["transactionInfo"]["transactionId"] for event in events} == {
        transaction.transaction_id
    }
    first, last = events[0], events[-1]
    assert (first["eventType"], first["triggerReason"]) == ("Started", "Authorized")
    assert first["idToken"] == {"idToken": "04A1B2", "type": "ISO14443"}
    assert first["evse"] == {"id": 2, "connectorId": 1}
    assert (last["eventType"], last["triggerReason"]) == ("Ended", "StopAuthorized")
    assert last["transactionInfo"]["stoppedReason"] == "Local"
    states = [
        event["transactionInfo"]["chargingState"]
        for event in events
        if event["triggerReason"] == "ChargingStateChanged"
    ]
    assert states == ["Charging", "SuspendedEV"]
    begin, end = (event["meterValue"][0]["sampledValue"][0] for event in (first, last))
    assert (begin["context"], end["context"]) == ("Transaction.Begin", "Transaction.End")
    assert end["value"] - begin["value"] == 5_000 == transaction.energy_wh


@pytest.mark.parametrize("version", VERSIONS)
async def test_timestamps_rise_strictly_and_never_lie_in_the_future(
    station_at: Any, csms: Any, version: str
) -> None:
    async with station_at(csms, version) as station:
        transaction = await station.charge(1, "04A1B2", energy_wh=2_000)
        await station.until_acknowledged(transaction)
    sent = [t for t in timestamps(csms) if t]
    transactional = [
        payload["timestamp"]
        for action, payload in csms.requests
        if action in {"StartTransaction", "StopTransaction", "TransactionEvent"}
    ]
    assert len(set(sent)) == len(sent)
    assert transactional == sorted(transactional)
    assert all(t.endswith("Z") and datetime.fromisoformat(t) <= datetime.now(UTC) for t in sent)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_refused_token_starts_nothing(station_at: Any, csms: Any, version: str) -> None:
    csms.token_status = "Blocked"
    async with station_at(csms, version) as station:
        with pytest.raises(NotAuthorizedError) as refusal:
            await station.charge(1, "04A1B2", energy_wh=1_000)
    assert refusal.value.status == "Blocked"
    assert started(csms) == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_transaction_whose_token_is_refused_at_its_start_ends_deauthorized(
    station_at: Any, csms: Any, version: str
) -> None:
    async with station_at(csms, version) as station:
        csms.token_status = "Invalid"
        await station.plug_in(1)
        transaction = station.start_transaction(1, "04A1B2")
        await station.until_acknowledged(transaction)
    assert transaction.stop_reason == "DeAuthorized"


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_start_whose_answer_was_lost_is_sent_again_with_the_same_payload(
    station_at: Any, csms: Any, version: str
) -> None:
    """fault R2: a new message id, the same content; what follows waits for the answer."""
    first_of_kind = {"1.6": "StartTransaction", "2.0.1": "TransactionEvent"}[version]
    async with station_at(csms, version) as station:
        csms.mute = lambda action, _payload: action == first_of_kind
        await station.plug_in(1)
        transaction = station.start_transaction(1, "04A1B2")
        await csms.until(lambda: len(started(csms)) == 1)
        station.drop_connection()
        await station.until_disconnected()
        csms.mute = lambda _action, _payload: False
        station.stop_transaction(1)
        await station.until_acknowledged(transaction)
    once, again = started(csms)[:2]
    assert once == again
    assert len(started(csms)) == 2
    assert len(set(csms.message_ids)) == len(csms.message_ids)
    assert len(stopped(csms)) == 1
    order = [action for action, _ in csms.requests if action.endswith("Transaction")]
    assert version == "2.0.1" or order == ["StartTransaction"] * 2 + ["StopTransaction"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_transaction_goes_on_offline_and_is_told_in_order_afterwards(
    station_at: Any, csms: Any, version: str
) -> None:
    async with station_at(csms, version) as station:
        await station.plug_in(1)
        await station.present_token("04A1B2", 1)
        running = await station.until_transaction(1)
        station.go_offline()
        await station.until_disconnected()
        samples = len(running.readings)
        await station.until(lambda: len(running.readings) >= samples + 3)
        station.stop_transaction(1, "Local")
        offline = await station.charge(2, "04A1B2", energy_wh=1_000)
        assert not running.acknowledged
        station.go_online()
        await station.until_acknowledged(offline)
    assert running.acknowledged
    assert len(csms.told("BootNotification")) == 1
    told = [(p["timestamp"]) for p in started(csms) + stopped(csms)]
    assert len(told) == 4
    if version == "2.0.1":
        late = [e for e in csms.told("TransactionEvent") if e.get("offline")]
        assert {e["eventType"] for e in late} == {"Started", "Updated", "Ended"}
        assert [e["timestamp"] for e in csms.told("TransactionEvent")] == sorted(
            e["timestamp"] for e in csms.told("TransactionEvent")
        )


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_message_that_is_always_refused_is_given_up_after_the_attempts(
    station_at: Any, csms: Any, version: str
) -> None:
    stop_action = {"1.6": "StopTransaction", "2.0.1": "TransactionEvent"}[version]
    async with station_at(csms, version) as station:
        await station.plug_in(1)
        transaction = station.start_transaction(1, "04A1B2")
        await station.until(lambda: len(station.outbox) == 0)
        csms.refuse = lambda action: action == stop_action
        station.stop_transaction(1)
        await station.until(lambda: len(station.outbox) == 0)
    assert len(stopped(csms)) == 3
    assert transaction.discarded > 0
    assert not transaction.acknowledged


async def test_a_remote_start_and_stop_of_1_6_really_start_and_stop(
    station_at: Any, csms: Any
) -> None:
    async with station_at(csms, "1.6") as station:
        answer = await csms.call("RemoteStartTransaction", {"idTag": "APP1", "connectorId": 1})
        assert answer == {"status": "Accepted"}
        transaction = await station.until_transaction(1)
        assert transaction.token.uid == "APP1"
        stop = {"transactionId": int(transaction.transaction_id or 0)}
        assert await csms.call("RemoteStopTransaction", stop) == {"status": "Accepted"}
        await station.until_acknowledged(transaction)
        await station.until_status(1, "Available")
    assert csms.told("StopTransaction")[0]["reason"] == "Remote"
    assert csms.told("Authorize") == []


async def test_a_remote_start_and_stop_of_2_0_1_really_start_and_stop(
    station_at: Any, csms: Any
) -> None:
    """ocpp-rules 26: the Started event carries the remoteStartId."""
    token = {"idToken": "APP1", "type": "Central"}
    async with station_at(csms, "2.0.1") as station:
        answer = await csms.call(
            "RequestStartTransaction", {"idToken": token, "remoteStartId": 42, "evseId": 2}
        )
        assert answer == {"status": "Accepted"}
        transaction = await station.until_transaction(2)
        stop = {"transactionId": transaction.transaction_id}
        assert await csms.call("RequestStopTransaction", stop) == {"status": "Accepted"}
        await station.until_acknowledged(transaction)
    (start,), (end,) = csms.events("Started"), csms.events("Ended")
    assert start["transactionInfo"]["remoteStartId"] == 42
    assert (start["triggerReason"], start["idToken"]) == ("RemoteStart", token)
    assert end["triggerReason"] == "RemoteStop"


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_remote_start_on_a_busy_connector_is_rejected(
    station_at: Any, csms: Any, version: str
) -> None:
    token = {"idToken": "APP1", "type": "Central"}
    calls = {
        "1.6": ("RemoteStartTransaction", {"idTag": "APP1", "connectorId": 1}),
        "2.0.1": (
            "RequestStartTransaction",
            {"idToken": token, "remoteStartId": 1, "evseId": 1},
        ),
    }
    async with station_at(csms, version) as station:
        await station.plug_in(1)
        station.start_transaction(1, "04A1B2")
        assert await csms.call(*calls[version]) == {"status": "Rejected"}


async def test_a_soft_reset_ends_transactions_then_boots_again(station_at: Any, csms: Any) -> None:
    async with station_at(csms, "1.6") as station:
        await station.plug_in(1)
        transaction = station.start_transaction(1, "04A1B2")
        assert await csms.call("Reset", {"type": "Soft"}) == {"status": "Accepted"}
        await csms.until(lambda: len(csms.told("BootNotification")) == 2)
        assert transaction.acknowledged
    assert csms.told("StopTransaction")[0]["reason"] == "SoftReset"


async def test_an_immediate_reset_of_2_0_1_ends_transactions_then_boots_again(
    station_at: Any, csms: Any
) -> None:
    async with station_at(csms, "2.0.1") as station:
        await station.plug_in(1)
        transaction = station.start_transaction(1, "04A1B2")
        assert await csms.call("Reset", {"type": "Immediate"}) == {"status": "Accepted"}
        await csms.until(lambda: len(csms.told("BootNotification")) == 2)
        assert transaction.acknowledged
    (end,) = csms.events("Ended")
    assert end["transactionInfo"]["stoppedReason"] == "ImmediateReset"
    assert csms.told("BootNotification")[1]["reason"] == "RemoteReset"


@pytest.mark.parametrize("version", VERSIONS)
async def test_unknown_actions_are_not_implemented_and_unoffered_ones_not_supported(
    station_at: Any, csms: Any, version: str
) -> None:
    async with station_at(csms, version):
        answers = [
            await csms.call(action, {}, correct=False)
            for action in ("MakeCoffee", "StatusNotification")
        ]
    assert answers == [{"error": "NotImplemented"}, {"error": "NotSupported"}]


async def test_1_6_configuration_is_read_and_changed(station_at: Any, csms: Any) -> None:
    async with station_at(csms, "1.6") as station:
        changed = {"key": "MeterValueSampleInterval", "value": "15"}
        assert await csms.call("ChangeConfiguration", changed) == {"status": "Accepted"}
        asked = await csms.call("GetConfiguration", {"key": ["MeterValueSampleInterval", "X"]})
        assert asked["configurationKey"][0]["value"] == "15"
        assert asked["unknownKey"] == ["X"]
        assert station.settings.sample_interval == 15
        fixed = {"key": "NumberOfConnectors", "value": "9"}
        assert await csms.call("ChangeConfiguration", fixed) == {"status": "Rejected"}
        unknown = {"key": "X", "value": "9"}
        assert await csms.call("ChangeConfiguration", unknown) == {"status": "NotSupported"}
        assert len((await csms.call("GetConfiguration", {}))["configurationKey"]) > 10


async def test_2_0_1_variables_are_read_and_changed(station_at: Any, csms: Any) -> None:
    interval = {
        "component": {"name": "SampledDataCtrlr"},
        "variable": {"name": "TxUpdatedInterval"},
    }
    nothing = {"component": {"name": "Nothing"}, "variable": {"name": "X"}}
    async with station_at(csms, "2.0.1") as station:
        answer = await csms.call(
            "SetVariables", {"setVariableData": [{**interval, "attributeValue": "15"}]}
        )
        assert answer["setVariableResult"][0]["attributeStatus"] == "Accepted"
        answer = await csms.call("GetVariables", {"getVariableData": [interval, nothing]})
        known, unknown = answer["getVariableResult"]
        assert (known["attributeValue"], unknown["attributeStatus"]) == ("15", "UnknownComponent")
        assert station.settings.sample_interval == 15


async def test_a_base_report_comes_in_parts(station_at: Any, csms: Any) -> None:
    """ocpp-rules 27."""
    async with station_at(csms, "2.0.1"):
        asked = {"requestId": 5, "reportBase": "FullInventory"}
        assert await csms.call("GetBaseReport", asked) == {"status": "Accepted"}
        await csms.until(
            lambda: bool(csms.told("NotifyReport")) and not csms.told("NotifyReport")[-1]["tbc"]
        )
    reports = csms.told("NotifyReport")
    assert [report["seqNo"] for report in reports] == list(range(len(reports)))
    assert len(reports) > 1


async def test_a_new_authorization_key_counts_from_the_next_connection(
    station_at: Any, csms: Any
) -> None:
    async with station_at(csms, "1.6", password="old password here") as station:
        key = {"key": "AuthorizationKey", "value": "00ff3a" + "41" * 15}
        assert await csms.call("ChangeConfiguration", key) == {"status": "Accepted"}
        await station.until(lambda: len(csms.headers) == 2)
        await station.until_connected()
    sent = base64.b64decode(str(csms.headers[1]).removeprefix("Basic "))
    assert sent == b"SIM 1:" + bytes.fromhex("00ff3a" + "41" * 15)


@pytest.mark.parametrize("version", VERSIONS)
async def test_availability_changes_now_when_idle_and_later_when_charging(
    station_at: Any, csms: Any, version: str
) -> None:
    """ocpp-rules 17."""
    out_of_service = {
        "1.6": {"connectorId": 1, "type": "Inoperative"},
        "2.0.1": {"operationalStatus": "Inoperative", "evse": {"id": 1}},
    }[version]
    async with station_at(csms, version) as station:
        await station.plug_in(1)
        station.start_transaction(1, "04A1B2")
        assert await csms.call("ChangeAvailability", out_of_service) == {"status": "Scheduled"}
        assert station.connectors[1].operative
        station.stop_transaction(1)
        await station.until_status(1, "Unavailable")
        assert await csms.call("ChangeAvailability", out_of_service) == {"status": "Accepted"}


async def test_a_reservation_keeps_others_out_and_is_used_by_its_token(
    station_at: Any, csms: Any
) -> None:
    expiry = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    reserve = {"connectorId": 1, "expiryDate": expiry, "idTag": "MINE", "reservationId": 9}
    other = {"idTag": "OTHER", "connectorId": 1}
    async with station_at(csms, "1.6") as station:
        assert await csms.call("ReserveNow", reserve) == {"status": "Accepted"}
        await station.until_status(1, "Reserved")
        assert await csms.call("RemoteStartTransaction", other) == {"status": "Rejected"}
        transaction = await station.charge(1, "MINE", energy_wh=500)
        await station.until_acknowledged(transaction)
    assert csms.told("StartTransaction")[0]["reservationId"] == 9


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_reservation_expires_and_can_be_cancelled(
    station_at: Any, csms: Any, version: str
) -> None:
    def reserve(number: int, seconds: float) -> dict[str, Any]:
        expiry = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
        if version == "1.6":
            return {
                "connectorId": number, "expiryDate": expiry, "idTag": "M", "reservationId": number,
            }  # fmt: skip
        token = {"idToken": "M", "type": "Central"}
        return {"id": number, "expiryDateTime": expiry, "idToken": token, "evseId": number}

    async with station_at(csms, version) as station:
        assert await csms.call("ReserveNow", reserve(1, 0.5)) == {"status": "Accepted"}
        assert await csms.call("ReserveNow", reserve(2, 60)) == {"status": "Accepted"}
        await station.until_status(2, "Reserved")
        assert await csms.call("CancelReservation", {"reservationId": 2}) == {"status": "Accepted"}
        assert await csms.call("CancelReservation", {"reservationId": 3}) == {"status": "Rejected"}
        await station.until_status(2, "Available")
        await station.until_status(1, "Available")
        if version == "2.0.1":
            await csms.until(lambda: bool(csms.told("ReservationStatusUpdate")))


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_charging_profile_bounds_the_power(
    station_at: Any, csms: Any, version: str
) -> None:
    schedule = {
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0}],
    }
    profile = {
        "stackLevel": 1,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
    }
    call = {
        "1.6": {
            "connectorId": 1,
            "csChargingProfiles": {
                **profile, "chargingProfileId": 3, "chargingSchedule": schedule,
            },
        },
        "2.0.1": {
            "evseId": 1,
            "chargingProfile": {**profile, "id": 3, "chargingSchedule": [{**schedule, "id": 1}]},
        },
    }[version]  # fmt: skip
    composite = {"1.6": {"connectorId": 1}, "2.0.1": {"evseId": 1}}[version]
    async with station_at(csms, version) as station:
        await station.plug_in(1)
        station.start_transaction(1, "04A1B2")
        assert await csms.call("SetChargingProfile", call) == {"status": "Accepted"}
        await station.until(lambda: station.connectors[1].status == "SuspendedEVSE")
        answer = await csms.call("GetCompositeSchedule", {**composite, "duration": 600})
        plan = answer.get("chargingSchedule") or answer["schedule"]
        assert plan["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 0}]
        assert await csms.call("ClearChargingProfile", {}) == {"status": "Accepted"}
        await station.until(lambda: station.connectors[1].status == "Charging")


@pytest.mark.parametrize("version", VERSIONS)
async def test_unlocking_answers_in_the_versions_words(
    station_at: Any, csms: Any, version: str
) -> None:
    """ocpp-rules 17."""
    if version == "1.6":
        known, unknown, word = {"connectorId": 1}, {"connectorId": 9}, "NotSupported"
    else:
        known = {"evseId": 1, "connectorId": 1}
        unknown, word = {"evseId": 9, "connectorId": 1}, "UnknownConnector"
    async with station_at(csms, version):
        assert await csms.call("UnlockConnector", known) == {"status": "Unlocked"}
        assert await csms.call("UnlockConnector", unknown) == {"status": word}


@pytest.mark.parametrize("version", VERSIONS)
async def test_triggered_messages_come(station_at: Any, csms: Any, version: str) -> None:
    async with station_at(csms, version):
        for message in ("Heartbeat", "MeterValues", "BootNotification"):
            answer = await csms.call("TriggerMessage", {"requestedMessage": message})
            assert answer == {"status": "Accepted"}
        await csms.until(lambda: len(csms.told("BootNotification")) == 2)
        await csms.until(lambda: len(csms.told("MeterValues")) == 2)
        await csms.until(lambda: bool(csms.told("Heartbeat")))
        answer = await csms.call(
            "TriggerMessage", {"requestedMessage": "FirmwareStatusNotification"}
        )
        assert answer == {"status": "Accepted"}
        await csms.until(lambda: csms.told("FirmwareStatusNotification") == [{"status": "Idle"}])


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_local_list_is_kept_and_decides_offline(
    station_at: Any, csms: Any, version: str
) -> None:
    if version == "1.6":
        entry = {"idTag": "BAD", "idTagInfo": {"status": "Blocked"}}
        update = {"listVersion": 4, "updateType": "Full", "localAuthorizationList": [entry]}
        known = {"listVersion": 4}
    else:
        token = {"idToken": "BAD", "type": "Central"}
        entry = {"idToken": token, "idTokenInfo": {"status": "Blocked"}}
        update = {"versionNumber": 4, "updateType": "Full", "localAuthorizationList": [entry]}
        known = {"versionNumber": 4}
    async with station_at(csms, version) as station:
        assert await csms.call("SendLocalList", update) == {"status": "Accepted"}
        assert await csms.call("GetLocalListVersion", {}) == known
        station.go_offline()
        await station.until_disconnected()
        assert await station.present_token("BAD", 1) == "Blocked"
        assert await station.present_token("ANY", 1) == "Accepted"


async def test_data_transfer_of_an_unknown_vendor_is_said_so(station_at: Any, csms: Any) -> None:
    async with station_at(csms, "1.6"):
        answer = await csms.call("DataTransfer", {"vendorId": "nobody"})
        assert answer == {"status": "UnknownVendorId"}


async def test_a_fault_is_reported_with_its_error_code(station_at: Any, csms: Any) -> None:
    async with station_at(csms, "1.6") as station:
        station.set_fault(1, "GroundFailure")
        await csms.until(
            lambda: "Faulted" in [s["status"] for s in csms.told("StatusNotification")]
        )
    assert csms.told("StatusNotification")[-1]["errorCode"] == "GroundFailure"


async def test_a_raw_frame_goes_out_as_it_is(station_at: Any, csms: Any) -> None:
    async with station_at(csms, "1.6") as station:
        await station.send_raw('[2,"raw-1","Heartbeat",{}]')
        await csms.until(lambda: "raw-1" in csms.message_ids)
        await station.until_connected()


async def test_the_end_of_a_station_is_a_stop_that_the_csms_hears(
    station_at: Any, csms: Any
) -> None:
    transaction: Transaction
    async with station_at(csms, "2.0.1") as station:
        await station.plug_in(1)
        transaction = station.start_transaction(1, "04A1B2")
    assert transaction.acknowledged


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_boot_in_mid_transaction_ends_nothing(
    station_at: Any, csms: Any, version: str
) -> None:
    """ocpp-rules 20."""
    async with station_at(csms, version) as station:
        await station.plug_in(1)
        transaction = station.start_transaction(1, "04A1B2")
        await station.until_transaction(1)
        station.drop_connection(reboots=True)
        await csms.until(lambda: len(csms.told("BootNotification")) == 2)
        await station.until_connected()
        assert transaction.running
        station.stop_transaction(1)
        await station.until_acknowledged(transaction)
    assert (len(started(csms)), len(stopped(csms))) == (1, 1)


async def test_a_remote_start_does_not_take_a_connector_from_a_driver_at_the_reader(
    station_at: Any,
    csms: Any,
) -> None:
    async with station_at(csms, "1.6") as station:
        csms.mute = lambda action, _payload: action == "Authorize"
        await station.plug_in(1)
        presenting = asyncio.create_task(station.present_token("04A1B2", 1))
        await csms.until(lambda: bool(csms.told("Authorize")))
        answer = await csms.call("RemoteStartTransaction", {"idTag": "APP1", "connectorId": 1})
        assert answer == {"status": "Rejected"}
        station.drop_connection()
        assert await presenting == "Accepted"
        transaction = await station.until_transaction(1)
        assert transaction.token.uid == "04A1B2"


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_visit_ends_when_the_csms_stops_it(
    station_at: Any, csms: Any, version: str
) -> None:
    async with station_at(csms, version) as station:
        visit = asyncio.create_task(station.charge(1, "04A1B2", duration=10_000_000))
        transaction = await station.until_transaction(1)
        if version == "1.6":
            stop = {"transactionId": int(transaction.transaction_id or 0)}
            await csms.call("RemoteStopTransaction", stop)
        else:
            stop_event = {"transactionId": transaction.transaction_id}
            await csms.call("RequestStopTransaction", stop_event)
        assert await visit is transaction
        assert transaction.stop_reason == "Remote"
        await station.until_status(1, "Available")


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_reader_survives_malformed_frames(
    station_at: Any, csms: Any, version: str
) -> None:
    async with station_at(csms, version):
        for frame in ("no json", "{}", "[]", "[2]", "[9]", '[2,"a",{},{}]', '[3,"b",{}]', "null"):
            await csms._sockets[-1].send(frame)
        answer = await csms.call("TriggerMessage", {"requestedMessage": "Heartbeat"})
        assert answer == {"status": "Accepted"}
        await csms.until(lambda: bool(csms.told("Heartbeat")))


async def test_a_wrong_payload_is_refused_in_the_words_of_1_6(station_at: Any, csms: Any) -> None:
    """ocpp-rules 4."""
    async with station_at(csms, "1.6"):
        answer = await csms.call("Reset", {"type": "Soft", "x": 1}, correct=False)
    assert answer == {"error": "FormationViolation"}


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_transaction_survives_the_death_of_the_csms(
    running_csms: Any, version: str
) -> None:
    """fault R1, seen from the station: the same transaction goes on with the restarted CSMS."""
    async with running_csms() as first:
        station = SimulatedChargePoint(
            first.url,
            "CP1",
            version,  # type: ignore[arg-type]  # parametrised
            clock=VirtualClock(3600, timedelta(days=30)),
            back_off=BackOff(first=0.02, most=0.1),
        )
        station.start()
        await station.until_connected()
        await station.plug_in(1)
        transaction = station.start_transaction(1, "04A1B2")
        await station.until_transaction(1)
        for socket in first._sockets:
            socket.transport.abort()
        port = urlsplit(first.url).port
    await station.until_disconnected()
    assert transaction.running
    async with running_csms(port or 0) as second:
        await station.until_connected()
        station.stop_transaction(1)
        await station.until_acknowledged(transaction)
        await station.stop()
    assert started(second) == []
    (stop,) = stopped(second)
    assert transaction.transaction_id in (
        str(stop.get("transactionId")),
        stop.get("transactionInfo", {}).get("transactionId"),
    )


async def test_a_station_without_a_common_subprotocol_does_not_speak() -> None:
    heard: list[str | bytes] = []

    async def listen(socket: ServerConnection) -> None:
        heard.extend([frame async for frame in socket])

    seen = asyncio.Event()
    reasons: list[str] = []

    def note(event: Event) -> None:
        if event.name == "connection_refused":
            reasons.append(event.fields["reason"])
            seen.set()

    async with serve(listen, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        station = SimulatedChargePoint(f"ws://127.0.0.1:{port}/ocpp", "CP1", on_event=note)
        station.start()
        async with asyncio.timeout(5):
            await seen.wait()
        await station.stop()
    assert reasons[0] == "no common subprotocol"
    assert heard == []


async def test_ledgers_and_csms_agree_after_random_losses(csms: Any) -> None:
    """fault R1 and R2 from the stations' side: nothing lost, nothing invented."""
    chance = random.Random(11)
    csms.mute = lambda action, _payload: action != "BootNotification" and chance.random() < 0.1

    async def lose_sockets() -> None:
        while True:
            await asyncio.sleep(0.05)
            for socket in tuple(csms._sockets):
                if chance.random() < 0.2:
                    socket.transport.abort()

    stations = [
        SimulatedChargePoint(
            csms.url, f"CP{number}", version,  # type: ignore[arg-type]  # both are versions
            clock=VirtualClock(3600, timedelta(days=30)),
            back_off=BackOff(first=0.02, most=0.1),
            answer_timeout=0.3,
            seed=number,
        )
        for number, version in enumerate(VERSIONS * 3)
    ]  # fmt: skip
    for station in stations:
        station.start()
    losing = asyncio.create_task(lose_sockets())
    visits = [
        station.charge(connector, f"T{connector}", energy_wh=1_500)
        for station in stations
        for connector in (1, 2)
    ]
    await asyncio.gather(*visits)
    losing.cancel()
    await asyncio.gather(losing, return_exceptions=True)
    csms.mute = lambda _action, _payload: False
    entries = [entry for station in stations for entry in station.ledger]
    for station in stations:
        await station.until(lambda s=station: not s.ledger.unacknowledged())  # type: ignore[misc]  # bound early
        await station.stop()
    told_starts = {json.dumps(payload, sort_keys=True) for payload in started(csms)}
    told_stops = {json.dumps(payload, sort_keys=True) for payload in stopped(csms)}
    assert len(entries) == len(told_starts) == len(told_stops) == 12
    told_ids = {
        str(stop.get("transactionId") or stop["transactionInfo"]["transactionId"])
        for stop in stopped(csms)
    }
    assert {entry.transaction_id for entry in entries} == told_ids
    assert {entry.energy_wh for entry in entries} == {1_500}


async def run_simulators(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulators", *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


def of_kind(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == kind]


async def test_the_fleet_command_prints_its_sessions_as_json_lines(
    csms: Any, tmp_path: Path
) -> None:
    passwords = tmp_path / "passwords.json"
    passwords.write_text(json.dumps({"SIM-0001": "first", "SIM-0002": "second"}))
    process = await run_simulators(
        "fleet", "--url", csms.url, "--count", "2", "--tokens", "AA,BB", "--seed", "7",
        "--time-scale", "3600", "--sessions", "2", "--password-file", str(passwords), "--json",
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 50)
    assert (process.returncode, err) == (0, b"")
    events = [json.loads(line) for line in out.splitlines()]
    stations = {(event["station"], event["version"]) for event in events}
    assert stations == {("SIM-0001", "1.6"), ("SIM-0002", "2.0.1")}
    ended = of_kind(events, "transaction_stopped")
    assert len(ended) == 4
    for event in ended:
        assert isinstance(event["transaction_id"], str)
        meter_start, meter_stop = int(event["meter_start_wh"]), int(event["meter_stop_wh"])
        assert int(event["energy_wh"]) == meter_stop - meter_start > 0
    assert of_kind(events, "call_failed") == []
    credentials = {base64.b64decode(str(header).split()[1]) for header in csms.headers}
    assert credentials == {b"SIM-0001:first", b"SIM-0002:second"}


async def test_a_terminated_fleet_ends_its_transactions_and_exits_0(csms: Any) -> None:
    process = await run_simulators(
        "fleet", "--url", csms.url, "--v16", "1", "--v201", "1", "--tokens", "AA",
        "--time-scale", "100", "--json",
    )  # fmt: skip
    async with asyncio.timeout(40):
        while len(started(csms)) < 2:
            await csms.until(lambda: bool(csms.requests))
            await asyncio.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert len(stopped(csms)) == len(started(csms))
    events = [json.loads(line) for line in out.splitlines()]
    assert len(of_kind(events, "transaction_stopped")) == len(stopped(csms))
    assert of_kind(events, "transaction_unacknowledged") == []


async def test_the_charge_point_command_runs_one_station(csms: Any) -> None:
    process = await run_simulators(
        "charge-point", "--url", csms.url, "--identity", "ONE", "--version", "2.0.1",
        "--tokens", "AA", "--time-scale", "3600", "--sessions", "1",
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 50)
    assert (process.returncode, err) == (0, b"")
    assert csms.paths == ["/ocpp/ONE"]
    assert b"transaction stopped" in out

"""OCPP 2.0.1 part 6, test cases for a CSMS: block F, Remote Control."""

from typing import Any

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "F-VALID"
NOON = "2026-01-01T12:00:00Z"
TRIGGERED = {
    "timestamp": NOON,
    "sampledValue": [{"value": 1200.0, "context": "Trigger"}],
}


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def valid_token(csms: Any) -> None:
    await csms.token(TOKEN)


async def remote_start(
    csms: Any, station: Any, identity: str, answer: dict[str, Any], number: int
) -> None:
    token = {"idToken": TOKEN, "type": "ISO14443"}
    payload = {"evseId": 1, "remoteStartId": number, "idToken": token}
    asked = csms.operator_calls(identity, "RequestStartTransaction", payload)
    heard = await station.expect_and_answer("RequestStartTransaction", answer)
    assert heard["idToken"] == token
    assert (await asked)["payload"] == answer


async def test_a_remote_start_with_the_cable_in(csms: Any, make_transaction: Any) -> None:
    """TC_F_01_CSMS"""
    async with csms.station("F01") as station:
        transaction = make_transaction()
        await station.event("Started", "CablePluggedIn", transaction, state="EVConnected")
        accepted = {"status": "Accepted", "transactionId": transaction.id}
        await remote_start(csms, station, "F01", accepted, 11)
        answer = await station.event(
            "Updated", "RemoteStart", transaction, token=TOKEN, info={"remoteStartId": 11}
        )
        assert answer["idTokenInfo"]["status"] == "Accepted"
        await station.event("Updated", "ChargingStateChanged", transaction, state="Charging")
    (transaction,) = await csms.done("GET", "charge-points/F01/transactions")
    assert transaction["token"]["uid"] == TOKEN


@pytest.mark.parametrize("authorizes", [True, False])
async def test_a_remote_start_before_the_cable(
    csms: Any, make_transaction: Any, authorizes: bool
) -> None:
    """TC_F_02_CSMS (AuthorizeRemoteStart true), TC_F_03_CSMS (false)"""
    identity = f"F02-{authorizes}"
    async with csms.station(identity) as station:
        await remote_start(csms, station, identity, {"status": "Accepted"}, 12)
        if authorizes:
            token = {"idToken": {"idToken": TOKEN, "type": "ISO14443"}}
            answer = await station.call("Authorize", token)
            assert answer["idTokenInfo"]["status"] == "Accepted"
        transaction = make_transaction()
        answer = await station.event(
            "Started", "RemoteStart", transaction, token=TOKEN, info={"remoteStartId": 12}
        )
        assert answer["idTokenInfo"]["status"] == "Accepted"
        await station.event("Updated", "CablePluggedIn", transaction, state="EVConnected")
        await station.event("Updated", "ChargingStateChanged", transaction, state="Charging")
    (transaction,) = await csms.done("GET", f"charge-points/{identity}/transactions")
    assert transaction["token"]["uid"] == TOKEN


async def test_a_remote_start_without_a_cable_times_out(csms: Any, make_transaction: Any) -> None:
    """TC_F_04_CSMS"""
    async with csms.station("F04") as station:
        await remote_start(csms, station, "F04", {"status": "Accepted"}, 14)
        transaction = make_transaction()
        await station.event(
            "Started", "RemoteStart", transaction, token=TOKEN, info={"remoteStartId": 14}
        )
        await station.event("Updated", "EVConnectTimeout", transaction)


async def test_the_operator_unlocks_a_connector(csms: Any) -> None:
    """TC_F_06_CSMS"""
    async with csms.station("F06") as station:
        payload = {"evseId": 1, "connectorId": 1}
        asked = csms.operator_calls("F06", "UnlockConnector", payload)
        heard = await station.expect_and_answer("UnlockConnector", {"status": "Unlocked"})
        assert heard == payload
        assert (await asked)["payload"] == {"status": "Unlocked"}


async def trigger(
    csms: Any, station: Any, identity: str, payload: dict[str, Any], status: str = "Accepted"
) -> None:
    asked = csms.operator_calls(identity, "TriggerMessage", payload)
    assert await station.expect_and_answer("TriggerMessage", {"status": status}) == payload
    assert (await asked)["payload"] == {"status": status}


@pytest.mark.parametrize("evse", [{"evse": {"id": 1}}, {}])
async def test_meter_values_are_triggered(csms: Any, evse: dict[str, Any]) -> None:
    """TC_F_11_CSMS, TC_F_12_CSMS"""
    identity = f"F11-{len(evse)}"
    async with csms.station(identity) as station:
        await trigger(csms, station, identity, {"requestedMessage": "MeterValues"} | evse)
        await station.call("MeterValues", {"evseId": 1, "meterValue": [TRIGGERED]})


@pytest.mark.parametrize("evse", [{"evse": {"id": 1}}, {}])
async def test_a_transaction_event_is_triggered(
    csms: Any, make_transaction: Any, evse: dict[str, Any]
) -> None:
    """TC_F_13_CSMS, TC_F_14_CSMS"""
    identity = f"F13-{len(evse)}"
    async with csms.station(identity) as station:
        transaction = make_transaction()
        await station.event("Started", "Authorized", transaction, token=TOKEN)
        await trigger(csms, station, identity, {"requestedMessage": "TransactionEvent"} | evse)
        await station.event(
            "Updated", "Trigger", transaction, state="Charging", meterValue=[TRIGGERED]
        )


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        ("LogStatusNotification", {"status": "Idle"}),
        ("FirmwareStatusNotification", {"status": "Idle"}),
        ("Heartbeat", {}),
    ],
)
async def test_a_notification_is_triggered(csms: Any, message: str, sent: dict[str, Any]) -> None:
    """TC_F_15_CSMS, TC_F_18_CSMS, TC_F_20_CSMS"""
    identity = f"F15-{message}"
    async with csms.station(identity) as station:
        await trigger(csms, station, identity, {"requestedMessage": message})
        await station.call(message, sent)


@pytest.mark.parametrize("status", ["Available", "Occupied"])
async def test_a_status_is_triggered(csms: Any, status: str) -> None:
    """TC_F_23_CSMS, TC_F_24_CSMS"""
    identity = f"F23-{status}"
    async with csms.station(identity) as station:
        await station.status(status)
        evse = {"id": 1, "connectorId": 1}
        payload = {"requestedMessage": "StatusNotification", "evse": evse}
        await trigger(csms, station, identity, payload)
        await station.status(status)
    described = await csms.done("GET", f"charge-points/{identity}")
    assert [one["state"] for one in described["connectors"]] == [status]


async def test_a_station_may_not_implement_a_trigger(csms: Any) -> None:
    """TC_F_27_CSMS"""
    async with csms.station("F27") as station:
        payload = {"requestedMessage": "SignChargingStationCertificate"}
        await trigger(csms, station, "F27", payload, "NotImplemented")

"""OCPP 2.0.1 part 6, test cases for a CSMS: block E, Transactions.

What the document calls a reusable state is a function here, and does what its steps say.
"""

from typing import Any

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "E-VALID"
READING = {
    "timestamp": "2026-01-01T00:00:00Z",
    "sampledValue": [{"value": 1200.0, "context": "Sample.Periodic"}],
}


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def valid_token(csms: Any) -> None:
    await csms.token(TOKEN)


async def authorize(station: Any) -> None:
    payload = {"idToken": {"idToken": TOKEN, "type": "ISO14443"}}
    answer = await station.call("Authorize", payload)
    assert answer["idTokenInfo"]["status"] == "Accepted"


async def started(station: Any, transaction: Any, trigger: str, **more: Any) -> None:
    """A Started event with the valid token, which must be accepted."""
    answer = await station.event("Started", trigger, transaction, token=TOKEN, **more)
    assert answer["idTokenInfo"]["status"] == "Accepted"


async def ev_connected_pre_session(station: Any, transaction: Any, kind: str = "Started") -> None:
    await station.status("Occupied")
    await station.event(kind, "CablePluggedIn", transaction, state="EVConnected")


async def energy_transfer_started(station: Any, transaction: Any) -> None:
    await authorize(station)
    await ev_connected_pre_session(station, transaction)
    answer = await station.event("Updated", "Authorized", transaction, token=TOKEN)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    await station.event("Updated", "ChargingStateChanged", transaction, state="Charging")


async def energy_transfer_suspended(station: Any, transaction: Any) -> None:
    await energy_transfer_started(station, transaction)
    await station.event("Updated", "ChargingStateChanged", transaction, state="SuspendedEV")


async def stop_authorized(station: Any, transaction: Any) -> None:
    await authorize(station)
    await station.event("Updated", "StopAuthorized", transaction, token=TOKEN)


async def ev_connected_post_session(station: Any, transaction: Any) -> None:
    await stop_authorized(station, transaction)
    await station.event("Updated", "ChargingStateChanged", transaction, state="EVConnected")


async def ev_disconnected(station: Any, transaction: Any) -> None:
    await station.event(
        "Ended",
        "EVCommunicationLost",
        transaction,
        state="Idle",
        info={"stoppedReason": "EVDisconnected"},
    )
    await station.status("Available")


async def the_only_transaction(csms: Any, identity: str) -> dict[str, Any]:
    (transaction,) = await csms.done("GET", f"charge-points/{identity}/transactions")
    found: dict[str, Any] = transaction
    return found


# Start options: what begins a transaction differs by the station's TxStartPoint.


@pytest.mark.parametrize("first_state", ["SuspendedEVSE", "Charging"])
async def test_power_or_energy_starts_a_transaction(
    csms: Any, make_transaction: Any, first_state: str
) -> None:
    """TC_E_01_CSMS (PowerPathClosed), TC_E_02_CSMS (EnergyTransfer)"""
    identity = f"E01-{first_state}"
    async with csms.station(identity) as station:
        transaction = make_transaction()
        await authorize(station)
        await station.status("Occupied")
        await started(station, transaction, "ChargingStateChanged", state=first_state)
        await station.event("Updated", "ChargingStateChanged", transaction, state="Charging")
        assert (await the_only_transaction(csms, identity))["token"]["uid"] == TOKEN


async def test_the_cable_comes_first(csms: Any, make_transaction: Any) -> None:
    """TC_E_03_CSMS, TC_E_09_CSMS (EVConnected)"""
    async with csms.station("E03") as station:
        await energy_transfer_started(station, make_transaction())
        transaction = await the_only_transaction(csms, "E03")
        assert (transaction["state"], transaction["token"]["uid"]) == ("ACTIVE", TOKEN)


async def test_the_authorization_comes_first(csms: Any, make_transaction: Any) -> None:
    """TC_E_04_CSMS, TC_E_10_CSMS (Authorized)"""
    async with csms.station("E04") as station:
        transaction = make_transaction()
        await authorize(station)
        await started(station, transaction, "Authorized")
        await ev_connected_pre_session(station, transaction, "Updated")
        await station.event("Updated", "ChargingStateChanged", transaction, state="Charging")
        assert (await the_only_transaction(csms, "E04"))["token"]["uid"] == TOKEN


async def test_signed_data_starts_a_transaction(csms: Any, make_transaction: Any) -> None:
    """TC_E_11_CSMS (DataSigned)"""
    signed = {
        "signedMeterData": "T0NNRnx7fQ==",
        "signingMethod": "ECDSA-secp256r1-SHA256",
        "encodingMethod": "OCMF",
        "publicKey": "MFkw",
    }
    sample = {"value": 0.0, "context": "Transaction.Begin", "signedMeterValue": signed}
    reading = {"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [sample]}
    async with csms.station("E11") as station:
        transaction = make_transaction()
        await authorize(station)
        await station.status("Occupied")
        await started(station, transaction, "SignedDataReceived", meterValue=[reading])
        await station.event("Updated", "ChargingStateChanged", transaction, state="Charging")
        assert (await the_only_transaction(csms, "E11"))["state"] == "ACTIVE"


async def test_a_car_in_the_bay_starts_a_transaction(csms: Any, make_transaction: Any) -> None:
    """TC_E_12_CSMS (ParkingBayOccupied)"""
    async with csms.station("E12") as station:
        await station.event("Started", "EVDetected", make_transaction())
        transaction = await the_only_transaction(csms, "E12")
        assert (transaction["state"], transaction["token"]) == ("ACTIVE", None)


async def test_a_car_that_is_not_ready_suspends(csms: Any, make_transaction: Any) -> None:
    """TC_E_38_CSMS"""
    async with csms.station("E38") as station:
        transaction = make_transaction()
        await authorize(station)
        await started(station, transaction, "Authorized")
        await ev_connected_pre_session(station, transaction, "Updated")
        await station.event("Updated", "ChargingStateChanged", transaction, state="SuspendedEV")
        assert (await the_only_transaction(csms, "E38"))["state"] == "ACTIVE"


async def test_every_transaction_may_count_from_zero(csms: Any, make_transaction: Any) -> None:
    """TC_E_53_CSMS"""
    async with csms.station("E53") as station:
        for _ in range(2):
            transaction = make_transaction()
            await energy_transfer_started(station, transaction)
            await ev_disconnected(station, transaction)
    both = await csms.done("GET", "charge-points/E53/transactions")
    assert [one["state"] for one in both] == ["ENDED", "ENDED"]


# Stop options: what ends a transaction differs by the station's TxStopPoint.


@pytest.mark.parametrize(
    ("before", "trigger", "state", "reason"),
    [
        (energy_transfer_started, "StopAuthorized", None, "Local"),
        (stop_authorized, "ChargingStateChanged", "EVConnected", "Local"),
        (energy_transfer_started, "ChargingStateChanged", "SuspendedEV", "StoppedByEV"),
        (energy_transfer_suspended, "EVCommunicationLost", "Idle", "EVDisconnected"),
        (ev_connected_post_session, "EVCommunicationLost", "Idle", "EVDisconnected"),
        (ev_connected_post_session, "EVDeparted", None, "Local"),
    ],
)
async def test_a_transaction_ends_for_its_reason(
    csms: Any,
    make_transaction: Any,
    before: Any,
    trigger: str,
    state: str | None,
    reason: str,
) -> None:
    """TC_E_07_CSMS, TC_E_08_CSMS, TC_E_14_CSMS, TC_E_15_CSMS, TC_E_17_CSMS, TC_E_19_CSMS,
    TC_E_20_CSMS, TC_E_22_CSMS
    """
    identity = f"E07-{before.__name__[:24]}-{trigger}"
    async with csms.station(identity) as station:
        transaction = make_transaction()
        if before in (stop_authorized, ev_connected_post_session):
            await energy_transfer_started(station, transaction)
        await before(station, transaction)
        await station.event(
            "Ended", trigger, transaction, state=state, info={"stoppedReason": reason}
        )
    ended = await the_only_transaction(csms, identity)
    assert (ended["state"], ended["stop_reason"]) == ("ENDED", reason)


async def test_an_invalid_token_is_told_so_and_its_end_is_taken(
    csms: Any, make_transaction: Any
) -> None:
    """TC_E_16_CSMS"""
    async with csms.station("E16") as station:
        transaction = make_transaction()
        answer = await station.event("Started", "Authorized", transaction, token="E16-NOBODYS")
        assert answer["idTokenInfo"]["status"] in ("Invalid", "Unknown")
        info = {"stoppedReason": "DeAuthorized"}
        await station.event("Ended", "Deauthorized", transaction, info=info)
    assert (await the_only_transaction(csms, "E16"))["stop_reason"] == "DeAuthorized"


async def test_a_cable_that_never_came_ends_the_transaction(
    csms: Any, make_transaction: Any
) -> None:
    """TC_E_39_CSMS"""
    async with csms.station("E39") as station:
        transaction = make_transaction()
        await authorize(station)
        await started(station, transaction, "Authorized")
        info = {"stoppedReason": "Timeout"}
        await station.event("Ended", "EVConnectTimeout", transaction, info=info)
    assert (await the_only_transaction(csms, "E39"))["stop_reason"] == "Timeout"


async def test_the_operator_stops_a_transaction(csms: Any, make_transaction: Any) -> None:
    """TC_E_21_CSMS"""
    async with csms.station("E21") as station:
        transaction = make_transaction()
        await energy_transfer_started(station, transaction)
        payload = {"transactionId": transaction.id}
        asked = csms.operator_calls("E21", "RequestStopTransaction", payload)
        await station.expect_and_answer("RequestStopTransaction", {"status": "Accepted"})
        assert (await asked)["payload"]["status"] == "Accepted"
        info = {"stoppedReason": "Remote"}
        await station.event("Ended", "RemoteStop", transaction, info=info)
    assert (await the_only_transaction(csms, "E21"))["stop_reason"] == "Remote"


async def test_a_cable_pulled_at_the_car_may_come_back(csms: Any, make_transaction: Any) -> None:
    """TC_E_26_CSMS"""
    async with csms.station("E26") as station:
        transaction = make_transaction()
        await energy_transfer_suspended(station, transaction)
        await station.event("Updated", "EVCommunicationLost", transaction, state="Idle")
        await station.status("Available")
        await station.event("Updated", "CablePluggedIn", transaction, state="EVConnected")
        await station.event("Updated", "ChargingStateChanged", transaction, state="Charging")
        assert (await the_only_transaction(csms, "E26"))["state"] == "ACTIVE"


# Whether a station still holds messages back.


async def asks_status(csms: Any, station: Any, identity: str, payload: Any, answer: Any) -> None:
    asked = csms.operator_calls(identity, "GetTransactionStatus", payload)
    assert await station.expect_and_answer("GetTransactionStatus", answer) == payload
    assert (await asked)["payload"] == answer


async def test_the_status_of_a_running_transaction_is_asked(
    csms: Any, make_transaction: Any
) -> None:
    """TC_E_29_CSMS, TC_E_30_CSMS, TC_E_33_CSMS, TC_E_34_CSMS"""
    transaction = make_transaction()
    async with csms.station("E29") as station:
        await energy_transfer_started(station, transaction)
        named = {"transactionId": transaction.id}
        answer = {"ongoingIndicator": True, "messagesInQueue": False}
        await asks_status(csms, station, "E29", named, answer)
        await asks_status(csms, station, "E29", {}, {"messagesInQueue": False})
    async with csms.connected("E29") as station:
        await station.call("Heartbeat", {})
        answer = {"ongoingIndicator": True, "messagesInQueue": True}
        await asks_status(csms, station, "E29", named, answer)
        await asks_status(csms, station, "E29", {}, {"messagesInQueue": True})
        late = {"offline": True, "meterValue": [READING]}
        await station.event("Updated", "MeterValuePeriodic", transaction, **late)
    assert (await the_only_transaction(csms, "E29"))["state"] == "ACTIVE"


async def test_events_that_come_after_the_end_are_taken(csms: Any, make_transaction: Any) -> None:
    """TC_E_31_CSMS: the end skips two numbers, which come later."""
    transaction = make_transaction()
    async with csms.station("E31") as station:
        await energy_transfer_started(station, transaction)
    skipped = [transaction.next_seq_no(), transaction.next_seq_no()]
    async with csms.connected("E31") as station:
        await station.call("Heartbeat", {})
        ended = {"stoppedReason": "EVDisconnected"}
        await station.event(
            "Ended", "EVCommunicationLost", transaction, state="Idle", offline=True, info=ended
        )
        named = {"transactionId": transaction.id}
        answer = {"ongoingIndicator": False, "messagesInQueue": True}
        await asks_status(csms, station, "E31", named, answer)
        late = [("StopAuthorized", None), ("ChargingStateChanged", "EVConnected")]
        for seq_no, (trigger, state) in zip(skipped, late, strict=True):
            await station.event(
                "Updated", trigger, transaction, state=state, seqNo=seq_no, offline=True
            )
    assert (await the_only_transaction(csms, "E31"))["state"] == "ENDED"

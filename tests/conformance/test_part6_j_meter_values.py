"""OCPP 2.0.1 part 6, test cases for a CSMS: blocks J, Meter Values, and P, Data Transfer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "J-VALID"
SIGNED = {
    "signedMeterData": "T0NNRnx7fQ==",
    "signingMethod": "ECDSA-secp256r1-SHA256",
    "encodingMethod": "OCMF",
    "publicKey": "MFkw",
}


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def valid_token(csms: Any) -> None:
    await csms.token(TOKEN)


def reading(value: float, context: str, seconds: int = 0, *, signed: bool = False) -> Any:
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    sample: dict[str, Any] = {"value": value, "context": context}
    if signed:
        sample["signedMeterValue"] = SIGNED
    return {"timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "sampledValue": [sample]}


async def energy_transfer_started(station: Any, transaction: Any) -> None:
    await station.status("Occupied")
    begin = reading(1000, "Transaction.Begin", -60)
    await station.event(
        "Started", "Authorized", transaction, token=TOKEN, state="Charging", meterValue=[begin]
    )


async def clock_aligned(station: Any, evse_id: int, value: float) -> None:
    """The values of one moment, as MeterValues and as an event of the fiscal meter."""
    values = [reading(value, "Sample.Clock")]
    await station.call("MeterValues", {"evseId": evse_id, "meterValue": values})
    event = {
        "eventId": 1,
        "timestamp": values[0]["timestamp"],
        "trigger": "Periodic",
        "actualValue": str(value),
        "eventNotificationType": "HardWiredMonitor",
        "component": {"name": "FiscalMetering"},
        "variable": {"name": "EnergyImport"},
    }
    await station.call(
        "NotifyEvent",
        {"generatedAt": values[0]["timestamp"], "seqNo": 0, "eventData": [event]},
    )


async def transaction_of(csms: Any, identity: str) -> dict[str, Any]:
    (transaction,) = await csms.done("GET", f"charge-points/{identity}/transactions")
    found: dict[str, Any] = transaction
    return found


async def test_clock_aligned_values_need_no_transaction(csms: Any) -> None:
    """TC_J_01_CSMS"""
    async with csms.station("J01") as station:
        for value in (1000, 1001, 1002):
            for evse_id in (0, 1):
                await clock_aligned(station, evse_id, value)
    assert await csms.done("GET", "charge-points/J01/transactions") == []


async def test_clock_aligned_values_of_a_transaction(csms: Any, make_transaction: Any) -> None:
    """TC_J_02_CSMS: those of the idle EVSE 0 are never attached to it."""
    async with csms.station("J02") as station:
        transaction = make_transaction()
        await energy_transfer_started(station, transaction)
        for value in (1100, 1200):
            await clock_aligned(station, 0, 999_999)
            values = [reading(value, "Sample.Clock")]
            await station.event("Updated", "MeterValueClock", transaction, meterValue=values)
        end = [reading(1300, "Transaction.End")]
        await station.event("Ended", "StopAuthorized", transaction, meterValue=end)
    ended = await transaction_of(csms, "J02")
    assert (ended["meter_start_wh"], ended["meter_stop_wh"]) == (1000, 1300)


@pytest.mark.parametrize("context", ["Sample.Clock", "Sample.Periodic"])
@pytest.mark.parametrize("signed", [False, True])
async def test_the_end_brings_the_whole_history(
    csms: Any, make_transaction: Any, context: str, signed: bool
) -> None:
    """TC_J_03_CSMS, TC_J_04_CSMS (signed), TC_J_10_CSMS, TC_J_11_CSMS (signed)"""
    identity = f"J03-{context}-{signed}"
    async with csms.station(identity) as station:
        transaction = make_transaction()
        await energy_transfer_started(station, transaction)
        history = [
            reading(1100, context, -40, signed=signed),
            reading(1200, context, -20, signed=signed),
            reading(1500, "Transaction.End", signed=signed),
        ]
        await station.event(
            "Ended",
            "EVCommunicationLost",
            transaction,
            state="Idle",
            meterValue=history,
            info={"stoppedReason": "EVDisconnected"},
        )
    ended = await transaction_of(csms, identity)
    assert (ended["meter_start_wh"], ended["meter_stop_wh"]) == (1000, 1500)


async def test_a_start_with_meter_values(csms: Any, make_transaction: Any) -> None:
    """TC_J_07_CSMS"""
    async with csms.station("J07") as station:
        begin = [reading(1000, "Transaction.Begin")]
        await station.event(
            "Started", "CablePluggedIn", make_transaction(), state="EVConnected", meterValue=begin
        )
        assert (await transaction_of(csms, "J07"))["meter_start_wh"] == 1000


async def test_the_begin_may_come_with_the_cable_after_the_start(
    csms: Any, make_transaction: Any
) -> None:
    """TC_J_08_CSMS: the EVSE is not known when the transaction starts."""
    async with csms.station("J08") as station:
        transaction = make_transaction()
        started = {
            "eventType": "Started",
            "timestamp": reading(0, "Sample.Clock")["timestamp"],
            "triggerReason": "Authorized",
            "seqNo": transaction.next_seq_no(),
            "transactionInfo": {"transactionId": transaction.id},
            "idToken": {"idToken": TOKEN, "type": "ISO14443"},
        }
        await station.call("TransactionEvent", started)
        begin = [reading(1000, "Transaction.Begin")]
        await station.event(
            "Updated", "CablePluggedIn", transaction, state="EVConnected", meterValue=begin
        )
        shown = await transaction_of(csms, "J08")
        assert (shown["meter_start_wh"], shown["evse_id"]) == (1000, 1)


async def test_periodic_values_of_a_transaction(csms: Any, make_transaction: Any) -> None:
    """TC_J_09_CSMS"""
    async with csms.station("J09") as station:
        transaction = make_transaction()
        await energy_transfer_started(station, transaction)
        for value in (1100, 1200, 1300):
            values = [reading(value, "Sample.Periodic")]
            await station.event("Updated", "MeterValuePeriodic", transaction, meterValue=values)
        await station.event("Ended", "StopAuthorized", transaction)
    assert (await transaction_of(csms, "J09"))["meter_stop_wh"] == 1300


async def test_a_vendor_that_nobody_knows_is_not_accepted(csms: Any) -> None:
    """TC_P_02_CSMS"""
    async with csms.station("P02") as station:
        payload = {"vendorId": "org.example.nobody", "messageId": "Hello"}
        answer = await station.call("DataTransfer", payload)
        assert answer["status"] in ("UnknownVendorId", "UnknownMessageId", "Rejected")


async def test_custom_data_is_no_fault(csms: Any, make_transaction: Any) -> None:
    """TC_P_03_CSMS"""
    custom = {"vendorId": "org.example", "anything": {"at": ["all"]}}
    async with csms.station("P03") as station:
        status = {
            "timestamp": reading(0, "Sample.Clock")["timestamp"],
            "connectorStatus": "Occupied",
            "evseId": 1,
            "connectorId": 1,
            "customData": custom,
        }
        await station.call("StatusNotification", status)
        transaction = make_transaction()
        await station.event(
            "Started",
            "Authorized",
            transaction,
            token=TOKEN,
            customData=custom,
            info={"customData": custom},
        )
    assert (await transaction_of(csms, "P03"))["token"]["uid"] == TOKEN

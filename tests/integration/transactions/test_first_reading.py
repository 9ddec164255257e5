"""A 2.x transaction whose Started has no reading: whether its first one comes in time.

The events are those of a public 2.0.1 client at an interval of 30 seconds. It never tells that
charging begins: a periodic reading is the first to say so, after 30 seconds of it.
"""

from decimal import Decimal
from typing import Any

from gateway.domain import flags
from gateway.ocpp.v201 import translate as v201

ENERGY = "Energy.Active.Import.Register"
START = "2026-11-22T18:23:05.538Z"


async def say(
    house: Any, state: Any, number: int, phase: str, at: str, trigger: str, **more: Any
) -> None:
    wh, charging = more.get("wh"), more.get("charging")
    info = {"transactionId": "tx"} | ({"chargingState": charging} if charging else {})
    payload: dict[str, Any] = {
        "eventType": phase,
        "timestamp": at,
        "triggerReason": trigger,
        "seqNo": number,
        "transactionInfo": info,
        "evse": {"id": 1, "connectorId": 1},
        "idToken": {"idToken": "DEADBEEF", "type": "ISO14443"},
    }
    if wh is not None:
        sampled = {"value": Decimal(wh), "measurand": ENERGY}
        payload["meterValue"] = [{"timestamp": at, "sampledValue": [sampled]}]
    await house.transactions.reported(state, v201.transaction(payload))


async def charge(house: Any, *first: tuple[str, str, dict[str, Any]]) -> Any:
    """Started and the events that follow it, a last reading, Ended; the record."""
    state = await house.station("ocpp2.0.1")
    await say(house, state, 0, "Started", START, "Authorized", charging="EVConnected")
    for number, (at, trigger, more) in enumerate(first, 1):
        await say(house, state, number, "Updated", at, trigger, **more)
    last, end = len(first) + 1, "2026-11-22T18:24:05.588Z"
    await say(house, state, last, "Updated", end, "MeterValuePeriodic", wh=1100)
    await say(house, state, last + 1, "Ended", "2026-11-22T18:24:20.598Z", "StopAuthorized")
    return await house.record(state.identity, "tx")


async def test_charging_that_only_a_reading_tells_of_may_have_begun_before(house: Any) -> None:
    """275 Wh were read, and in the 30 seconds before that 92 more had flowed."""
    record = await charge(
        house,
        ("2026-11-22T18:23:35.572Z", "MeterValuePeriodic", {"charging": "Charging", "wh": 825}),
    )

    assert record["flags"] == [flags.START_UNREAD]


async def test_a_first_reading_soon_after_the_event_before_is_in_time(house: Any) -> None:
    """The same client at an interval of 5 seconds."""
    record = await charge(
        house,
        ("2026-11-22T18:23:10.540Z", "MeterValuePeriodic", {"charging": "Charging", "wh": 748}),
    )

    assert record["flags"] == []


async def test_one_that_tells_when_charging_begins_is_taken_at_its_word(house: Any) -> None:
    record = await charge(
        house,
        ("2026-11-22T18:23:34.000Z", "ChargingStateChanged", {"charging": "Charging"}),
        ("2026-11-22T18:23:35.572Z", "MeterValuePeriodic", {"charging": "Charging", "wh": 825}),
    )

    assert record["flags"] == []

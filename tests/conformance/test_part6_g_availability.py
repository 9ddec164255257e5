"""OCPP 2.0.1 part 6, test cases for a CSMS: block G, Availability."""

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCOPES: dict[str, dict[str, Any]] = {
    "evse": {"evse": {"id": 1}},
    "station": {},
    "connector": {"evse": {"id": 1, "connectorId": 1}},
}


async def change(
    csms: Any, station: Any, identity: str, payload: dict[str, Any], status: str
) -> None:
    asked = csms.operator_calls(identity, "ChangeAvailability", payload)
    assert await station.expect_and_answer("ChangeAvailability", {"status": status}) == payload
    assert (await asked)["payload"] == {"status": status}


async def shown(csms: Any, identity: str) -> list[str]:
    described = await csms.done("GET", f"charge-points/{identity}")
    return [one["state"] for one in described["connectors"]]


@pytest.mark.parametrize("scope", SCOPES)
async def test_availability_is_taken_and_given_back(csms: Any, scope: str) -> None:
    """TC_G_03_CSMS, TC_G_04_CSMS, TC_G_05_CSMS, TC_G_06_CSMS, TC_G_07_CSMS, TC_G_08_CSMS"""
    identity = f"G03-{scope}"
    async with csms.station(identity) as station:
        for operational, status in (("Inoperative", "Unavailable"), ("Operative", "Available")):
            payload = {"operationalStatus": operational} | SCOPES[scope]
            await change(csms, station, identity, payload, "Accepted")
            await station.status(status)
            assert await shown(csms, identity) == [status]


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_change_waits_for_the_running_transaction(
    csms: Any, make_transaction: Any, scope: str
) -> None:
    """TC_G_11_CSMS, TC_G_14_CSMS, TC_G_17_CSMS"""
    identity = f"G11-{scope}"
    await csms.token("G-VALID")
    async with csms.station(identity) as station:
        transaction = make_transaction()
        await station.status("Occupied")
        await station.event("Started", "Authorized", transaction, token="G-VALID")
        payload = {"operationalStatus": "Inoperative"} | SCOPES[scope]
        await change(csms, station, identity, payload, "Scheduled")
        assert await shown(csms, identity) == ["Occupied"]
        info = {"stoppedReason": "Local"}
        await station.event("Ended", "StopAuthorized", transaction, info=info)
        await station.status("Unavailable")
        assert await shown(csms, identity) == ["Unavailable"]


async def test_a_lock_that_fails_is_kept_for_the_operator(csms: Any) -> None:
    """TC_G_20_CSMS"""
    async with csms.station("G20") as station:
        event = {
            "eventId": 1,
            "timestamp": "2026-01-01T12:00:00Z",
            "trigger": "Delta",
            "actualValue": "true",
            "eventNotificationType": "HardWiredNotification",
            "component": {"name": "ConnectorPlugRetentionLock", "evse": {"id": 1}},
            "variable": {"name": "Problem"},
        }
        payload = {"generatedAt": "2026-01-01T12:00:00Z", "seqNo": 0, "eventData": [event]}
        await station.call("NotifyEvent", payload)
    kept = await csms.done("GET", "charge-points/G20/kept/NotifyEvent")
    names = [one["payload"]["eventData"][0]["component"]["name"] for one in kept]
    assert "ConnectorPlugRetentionLock" in names


async def test_an_event_alone_reports_a_connectors_state(csms: Any) -> None:
    """A station may send NotifyEvents instead of StatusNotifications (part 6, 3.18)."""
    async with csms.station("G-EVENT") as station:
        await station.availability_event("Faulted")
        assert await shown(csms, "G-EVENT") == ["Faulted"]
        await station.availability_event("Available")
        assert await shown(csms, "G-EVENT") == ["Available"]

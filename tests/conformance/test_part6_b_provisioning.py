"""OCPP 2.0.1 part 6, test cases for a CSMS: block B, resets and network profiles."""

from typing import Any

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "B-VALID"


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def valid_token(csms: Any) -> None:
    await csms.token(TOKEN)


async def reset(
    csms: Any, station: Any, identity: str, payload: dict[str, Any], status: str
) -> None:
    asked = csms.operator_calls(identity, "Reset", payload)
    assert await station.expect_and_answer("Reset", {"status": status}) == payload
    assert (await asked)["payload"] == {"status": status}


async def charging(station: Any, transaction: Any) -> None:
    await station.status("Occupied")
    await station.event("Started", "CablePluggedIn", transaction, state="EVConnected")
    await station.event("Updated", "Authorized", transaction, token=TOKEN, state="Charging")


async def boots_again(station: Any, reason: str) -> None:
    assert (await station.boot(reason))["status"] == "Accepted"
    await station.status("Available")


async def the_only_transaction(csms: Any, identity: str) -> dict[str, Any]:
    (transaction,) = await csms.done("GET", f"charge-points/{identity}/transactions")
    found: dict[str, Any] = transaction
    return found


async def test_an_idle_station_is_reset(csms: Any) -> None:
    """TC_B_20_CSMS"""
    async with csms.station("B20") as station:
        await reset(csms, station, "B20", {"type": "OnIdle"}, "Accepted")
        await boots_again(station, "RemoteReset")


@pytest.mark.parametrize("evse", [{}, {"evseId": 1}])
async def test_a_reset_waits_for_the_transaction(
    csms: Any, make_transaction: Any, evse: dict[str, int]
) -> None:
    """TC_B_21_CSMS, TC_B_26_CSMS"""
    identity = f"B21-{len(evse)}"
    async with csms.station(identity) as station:
        transaction = make_transaction()
        await charging(station, transaction)
        await reset(csms, station, identity, {"type": "OnIdle"} | evse, "Scheduled")
        await station.event(
            "Updated", "StopAuthorized", transaction, token=TOKEN, state="EVConnected"
        )
        info = {"stoppedReason": "EVDisconnected"}
        await station.event("Ended", "EVCommunicationLost", transaction, state="Idle", info=info)
        if not evse:
            await boots_again(station, "ScheduledReset")
    assert (await the_only_transaction(csms, identity))["stop_reason"] == "EVDisconnected"


@pytest.mark.parametrize("evse", [{}, {"evseId": 1}])
async def test_a_reset_at_once_ends_the_transaction(
    csms: Any, make_transaction: Any, evse: dict[str, int]
) -> None:
    """TC_B_22_CSMS, TC_B_27_CSMS"""
    identity = f"B22-{len(evse)}"
    async with csms.station(identity) as station:
        transaction = make_transaction()
        await charging(station, transaction)
        await reset(csms, station, identity, {"type": "Immediate"} | evse, "Accepted")
        info = {"stoppedReason": "ImmediateReset"}
        await station.event("Ended", "ResetCommand", transaction, state="EVConnected", info=info)
        if not evse:
            await boots_again(station, "RemoteReset")
    ended = await the_only_transaction(csms, identity)
    assert (ended["state"], ended["stop_reason"]) == ("ENDED", "ImmediateReset")


async def test_an_idle_evse_is_reset(csms: Any) -> None:
    """TC_B_25_CSMS"""
    async with csms.station("B25") as station:
        await reset(csms, station, "B25", {"type": "OnIdle", "evseId": 1}, "Accepted")


@pytest.mark.parametrize("status", ["Accepted", "Failed"])
async def test_a_network_profile_is_offered(csms: Any, status: str) -> None:
    """TC_B_42_CSMS, TC_B_44_CSMS"""
    identity = f"B42-{status}"
    data = {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": "wss://csms.example.com/ocpp",
        "messageTimeout": 30,
        "securityProfile": 2,
        "ocppInterface": "Wired0",
    }
    payload = {"configurationSlot": 1, "connectionData": data}
    async with csms.station(identity) as station:
        asked = csms.operator_calls(identity, "SetNetworkProfile", payload)
        heard = await station.expect_and_answer("SetNetworkProfile", {"status": status})
        assert heard == payload
        assert (await asked)["payload"] == {"status": status}

"""OCPP 2.0.1 part 6, test cases for a CSMS: block C, Authorization."""

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


def info(answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = answer["idTokenInfo"]
    return found


def rfid(uid: str) -> dict[str, Any]:
    return {"idToken": {"idToken": uid, "type": "ISO14443"}}


async def test_an_unknown_token_is_not_valid(csms: Any) -> None:
    """TC_C_02_CSMS"""
    async with csms.station("C02") as station:
        answer = await station.call("Authorize", rfid("NOBODYS"))
        assert info(answer)["status"] in ("Invalid", "Unknown")


async def test_a_blocked_token_is_blocked(csms: Any) -> None:
    """TC_C_06_CSMS"""
    await csms.token("C06BLOCKED", status="Blocked")
    async with csms.station("C06") as station:
        answer = await station.call("Authorize", rfid("C06BLOCKED"))
        assert info(answer)["status"] in ("Blocked", "Invalid")


async def test_an_expired_token_is_expired(csms: Any) -> None:
    """TC_C_07_CSMS"""
    await csms.token("C07EXPIRED", expires_at="2020-01-01T00:00:00Z")
    async with csms.station("C07") as station:
        answer = await station.call("Authorize", rfid("C07EXPIRED"))
        assert info(answer)["status"] in ("Expired", "Invalid")


@pytest.mark.parametrize(
    ("token", "statuses"),
    [("C08CACHED", {"Accepted"}), ("C20UNKNOWN", {"Invalid", "Unknown"})],
)
async def test_a_start_from_the_stations_cache_is_decided_again(
    csms: Any, make_transaction: Any, token: str, statuses: set[str]
) -> None:
    """TC_C_08_CSMS, TC_C_20_CSMS"""
    await csms.token("C08CACHED")
    async with csms.station(f"C-{token}") as station:
        transaction = make_transaction()
        await station.event("Started", "CablePluggedIn", transaction, state="EVConnected")
        answer = await station.event("Updated", "Authorized", transaction, token=token)
        assert info(answer)["status"] in statuses


@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
async def test_the_operator_clears_a_stations_cache(csms: Any, status: str) -> None:
    """TC_C_37_CSMS, TC_C_38_CSMS"""
    identity = f"C37-{status}"
    async with csms.station(identity) as station:
        asked = csms.operator_calls(identity, "ClearCache", {})
        await station.expect_and_answer("ClearCache", {"status": status})
        assert (await asked)["payload"] == {"status": status}


async def test_a_token_of_the_group_stops_what_another_began(
    csms: Any, make_transaction: Any
) -> None:
    """TC_C_39_CSMS"""
    for uid in ("C39FIRST", "C39SECOND"):
        await csms.token(uid, group_id="C39GROUP")
    async with csms.station("C39") as station:
        transaction = make_transaction()
        await station.event("Started", "CablePluggedIn", transaction, state="EVConnected")
        answers = [
            await station.call("Authorize", rfid("C39SECOND")),
            await station.event("Updated", "Authorized", transaction, token="C39FIRST"),
        ]
        await station.event("Updated", "ChargingStateChanged", transaction, state="Charging")
        answers.append(await station.call("Authorize", rfid("C39SECOND")))
        answers.append(
            await station.event(
                "Updated", "StopAuthorized", transaction, token="C39SECOND", state="EVConnected"
            )
        )
        for answer in answers:
            assert info(answer)["status"] == "Accepted"
            assert info(answer)["groupIdToken"]["idToken"] == "C39GROUP"
        await station.event(
            "Ended",
            "EVCommunicationLost",
            transaction,
            state="Idle",
            info={"stoppedReason": "Local"},
        )
    (ended,) = await csms.done("GET", "charge-points/C39/transactions")
    assert (ended["token"]["uid"], ended["state"]) == ("C39FIRST", "ENDED")


async def charging(station: Any, transaction: Any, token: str) -> None:
    await station.event("Started", "Authorized", transaction, token=token, state="Charging")


@pytest.mark.parametrize("stopped_by", ["C47MASTER", "C47FIRST"])
async def test_a_master_pass_stops_transactions(
    csms: Any, make_transaction: Any, stopped_by: str
) -> None:
    """TC_C_47_CSMS, TC_C_48_CSMS, TC_C_49_CSMS (without a display, the end names the own token)"""
    await csms.token("C47MASTER", group_id="MASTERS")
    tokens = ("C47FIRST", "C47SECOND")
    identity = f"C47-{stopped_by}"
    async with csms.station(identity) as station:
        running = []
        for evse_id, token in enumerate(tokens, 1):
            await csms.token(token)
            running.append(make_transaction(evse_id))
            await charging(station, running[-1], token)
        answer = info(await station.call("Authorize", rfid("C47MASTER")))
        assert answer["status"] == "Accepted"
        assert answer["groupIdToken"]["idToken"] == "MASTERS"
        for transaction, token in zip(running, tokens, strict=True):
            ended = await station.event(
                "Ended",
                "StopAuthorized",
                transaction,
                token="C47MASTER" if stopped_by == "C47MASTER" else token,
                info={"stoppedReason": "MasterPass"},
            )
            assert info(ended)["status"] == "Accepted"
            group = info(ended).get("groupIdToken", {}).get("idToken")
            assert group == ("MASTERS" if stopped_by == "C47MASTER" else None)
    both = await csms.done("GET", f"charge-points/{identity}/transactions")
    assert {one["token"]["uid"] for one in both} == set(tokens)
    assert {one["stop_reason"] for one in both} == {"MasterPass"}

"""The same thing told twice is one thing (design section 4: idempotent by natural key)."""

import asyncio
import json

import pytest

AT = "2026-03-02T10:00:00.000Z"
LATER = "2026-03-02T11:00:00.000Z"
START = {"connectorId": 1, "idTag": "TAG1", "meterStart": 1000, "timestamp": AT}
TRANSACTION = "0b0e6a4e-3d2f-4f0f-9d0c-4f6b5a7c1d11"


def stop(transaction_id):
    return {
        "transactionId": transaction_id,
        "idTag": "TAG1",
        "meterStop": 12_040,
        "timestamp": LATER,
        "reason": "Local",
    }


def event(kind, seq_no, at, register):
    value = {"value": register, "context": "Other", "measurand": "Energy.Active.Import.Register"}
    return {
        "eventType": kind,
        "timestamp": at,
        "triggerReason": {"Started": "Authorized", "Ended": "StopAuthorized"}[kind],
        "seqNo": seq_no,
        "transactionInfo": {"transactionId": TRANSACTION},
        "evse": {"id": 1, "connectorId": 1},
        "idToken": {"idToken": "TAG1", "type": "ISO14443"},
        "meterValue": [{"timestamp": at, "sampledValue": [value]}],
    }


async def start_and_read_id(wire, message_id=None):
    answer = await wire.call("StartTransaction", START, message_id)
    assert answer[0] == 3, answer
    assert answer[2]["idTagInfo"]["status"] == "Accepted"
    return answer[2]["transactionId"]


@pytest.fixture
async def billed(scene):
    """Waits until all is delivered, and says how many sessions and CDRs there are, everywhere."""
    await scene.register_charger("CP1")
    partner = await scene.add_partner()

    async def count():
        await partner.until(lambda: len(partner.cdrs) >= 1)
        [shown] = await scene.get("partners")
        await scene.until(lambda: _nothing_owed(scene, shown["id"]))
        return {
            "transactions": len(await scene.get("charge-points/CP1/transactions")),
            "sessions": len(await scene.get("sessions")),
            "cdrs": len(await scene.get("cdrs")),
            "sessions at the partner": len(partner.sessions),
            "cdrs at the partner": len(partner.cdrs),
        }

    return count


async def _nothing_owed(scene, partner_id):
    deliveries = await scene.get(f"partners/{partner_id}/deliveries")
    assert deliveries["refusals"] == []
    return deliveries["owed"] == 0


ONE_OF_EACH = {
    "transactions": 1,
    "sessions": 1,
    "cdrs": 1,
    "sessions at the partner": 1,
    "cdrs at the partner": 1,
}


@pytest.mark.parametrize("second_id", ["m-1", "m-2"])
async def test_a_start_sent_twice_on_one_socket_has_one_id_and_one_session(
    scene, billed, second_id
):
    async with scene.wire("CP1", "1.6") as wire:
        first = await start_and_read_id(wire, "m-1")
        second = await start_and_read_id(wire, second_id)
        await wire.call("StopTransaction", stop(first))

    assert first == second
    assert await billed() == ONE_OF_EACH


async def test_a_start_sent_again_on_another_socket_has_one_id_and_one_session(scene, billed):
    async with scene.wire("CP1", "1.6") as wire:
        first = await start_and_read_id(wire)
    async with scene.wire("CP1", "1.6") as wire:
        second = await start_and_read_id(wire)
        await wire.call("StopTransaction", stop(second))

    assert first == second
    assert await billed() == ONE_OF_EACH


async def test_a_start_sent_again_while_the_old_socket_hangs_has_one_id_and_one_session(
    scene, billed
):
    async with scene.wire("CP1", "1.6") as old, scene.wire("CP1", "1.6", boot=False) as new:
        second = await start_and_read_id(new)
        assert await old.until_closed() == 1000
        await new.call("StopTransaction", stop(second))

    assert await billed() == ONE_OF_EACH


async def test_a_start_whose_answer_was_lost_and_that_comes_after_the_stop_is_the_same(
    scene, billed
):
    async with scene.wire("CP1", "1.6") as wire:
        first = await start_and_read_id(wire)
        await wire.call("StopTransaction", stop(first))
        second = await start_and_read_id(wire)

    assert first == second
    assert await billed() == ONE_OF_EACH


async def test_a_start_sent_again_after_a_kill_has_one_id_and_one_session(scene_to_kill):
    scene = scene_to_kill
    await scene.register_charger("CP1")
    partner = await scene.add_partner()
    async with scene.wire("CP1", "1.6") as wire:
        first = await start_and_read_id(wire)
        await scene.gateway.kill()
    await scene.gateway.start()
    async with scene.wire("CP1", "1.6") as wire:
        second = await start_and_read_id(wire)
        await wire.call("StopTransaction", stop(second))
        await wire.call("StopTransaction", stop(second))
    await partner.until(lambda: len(partner.cdrs) == 1)

    assert first == second
    assert len(await scene.get("sessions")) == len(await scene.get("cdrs")) == 1
    assert len(partner.sessions) == 1


async def test_a_stop_sent_twice_makes_one_cdr(scene, billed):
    async with scene.wire("CP1", "1.6") as wire:
        transaction_id = await start_and_read_id(wire)
        first = await wire.call("StopTransaction", stop(transaction_id), "s-1")
        second = await wire.call("StopTransaction", stop(transaction_id), "s-1")
        third = await wire.call("StopTransaction", stop(transaction_id), "s-2")

    assert first[0] == second[0] == third[0] == 3
    assert first[2] == second[2] == third[2]
    assert await billed() == ONE_OF_EACH


async def test_two_stops_at_once_on_two_sockets_make_one_cdr(scene, billed):
    async with scene.wire("CP1", "1.6") as old:
        transaction_id = await start_and_read_id(old)
        async with scene.wire("CP1", "1.6", boot=False) as new:
            await old.send(f'[2, "x", "StopTransaction", {json.dumps(stop(transaction_id))}]')
            answer, _ = await asyncio.gather(
                new.call("StopTransaction", stop(transaction_id)), old.until_closed()
            )

    assert answer[0] == 3
    assert await billed() == ONE_OF_EACH


async def test_events_of_201_sent_twice_are_one_session_and_one_cdr(scene, billed):
    async with scene.wire("CP1", "2.0.1") as wire:
        for message_id in ("a", "a", "b"):
            started = event("Started", 0, AT, 1000)
            answer = await wire.call("TransactionEvent", started, message_id)
            assert answer[2]["idTokenInfo"]["status"] == "Accepted"
        for message_id in ("c", "c", "d"):
            answer = await wire.call(
                "TransactionEvent", event("Ended", 1, LATER, 12_040), message_id
            )
            assert answer[0] == 3

    assert await billed() == ONE_OF_EACH


async def test_events_of_201_sent_again_on_another_socket_are_one_session(scene, billed):
    async with scene.wire("CP1", "2.0.1") as wire:
        await wire.call("TransactionEvent", event("Started", 0, AT, 1000))
    async with scene.wire("CP1", "2.0.1") as wire:
        await wire.call("TransactionEvent", event("Started", 0, AT, 1000))
        await wire.call("TransactionEvent", event("Ended", 1, LATER, 12_040))
        await wire.call("TransactionEvent", event("Started", 0, AT, 1000))

    assert await billed() == ONE_OF_EACH


async def test_another_start_on_the_connector_is_another_transaction(scene, billed):
    """The same driver again: only what was told twice is the same."""
    async with scene.wire("CP1", "1.6") as wire:
        first = await start_and_read_id(wire)
        await wire.call("StopTransaction", stop(first))
        again = START | {"timestamp": LATER, "meterStart": 12_040}
        second = (await wire.call("StartTransaction", again))[2]["transactionId"]

    assert first != second
    assert (await billed())["transactions"] == 2


async def test_a_stop_of_another_stations_transaction_stops_nothing(scene, billed):
    """security-and-faults: transaction ids belong to their charge point."""
    await scene.register_charger("CP2")
    async with scene.wire("CP1", "1.6") as mine, scene.wire("CP2", "1.6") as foreign:
        transaction_id = await start_and_read_id(mine)
        answer = await foreign.call("StopTransaction", stop(transaction_id))
        assert answer[0] == 3
        [shown] = await scene.get("charge-points/CP1/transactions")
        assert shown["stopped_at"] is None
        await mine.call("StopTransaction", stop(transaction_id))

    assert await billed() == ONE_OF_EACH

"""The store goes away while cars charge (design section 4: answer means durable)."""

import asyncio
import contextlib
import json
import os
import signal
from decimal import Decimal

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from simulators.charge_point.vehicle import Vehicle

START = {
    "1.6": (
        "StartTransaction",
        {
            "connectorId": 1,
            "idTag": "TAG1",
            "meterStart": 1,
            "timestamp": "2026-03-02T10:00:00.000Z",
        },
    ),
    "2.0.1": (
        "TransactionEvent",
        {
            "eventType": "Started",
            "timestamp": "2026-03-02T10:00:00.000Z",
            "triggerReason": "Authorized",
            "seqNo": 0,
            "transactionInfo": {"transactionId": "t-1"},
            "evse": {"id": 1, "connectorId": 1},
            "idToken": {"idToken": "TAG1", "type": "ISO14443"},
        },
    ),
}


@contextlib.contextmanager
def frozen(pid):
    """A store server that hangs."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_what_could_not_be_stored_is_not_answered(scene_with_store, version):
    """No answer and no CALLERROR, which would make some stations discard the message."""
    scene = scene_with_store
    await scene.register_charger("CP1")
    await scene.add_partner()
    async with scene.wire("CP1", version) as wire:
        action, payload = START[version]
        with frozen(scene.gateway.store_pid):
            await wire.send(json.dumps([2, "x", action, payload]))
            with pytest.raises(ConnectionClosed) as closed:
                async with asyncio.timeout(30):
                    await wire.socket.recv()

    assert closed.value.rcvd.code in (1011, 1012)


async def test_a_charge_outlives_a_store_that_hangs(scene_with_store, version, clock):
    scene = scene_with_store
    charger = await scene.add_charger("CP1", version, clock=clock)
    partner = await scene.add_partner()
    await charger.plug_in(1, Vehicle.of(200_000, 10, ac_w=11_040, dc_w=50_000))
    clock.move(minutes=1)
    await charger.present_token("TAG1", 1)
    transaction = await charger.until_transaction(1)

    with frozen(scene.gateway.store_pid):
        clock.move(minutes=30)
        charger.transactions.sample(transaction, "Sample.Periodic")
        await charger.until_disconnected()
        clock.move(minutes=30)
        charger.stop_transaction(1)
    await charger.until_acknowledged(transaction)

    await assert_billed_once(scene, partner, charger, transaction)


async def test_a_charge_outlives_a_store_that_is_killed(scene_with_store, version, clock):
    """The gateway starts it again on the same files, by itself."""
    scene = scene_with_store
    charger = await scene.add_charger("CP1", version, clock=clock)
    partner = await scene.add_partner()
    await charger.plug_in(1, Vehicle.of(200_000, 10, ac_w=11_040, dc_w=50_000))
    clock.move(minutes=1)
    await charger.present_token("TAG1", 1)
    transaction = await charger.until_transaction(1)

    os.kill(scene.gateway.store_pid, signal.SIGKILL)
    clock.move(minutes=30)
    charger.transactions.sample(transaction, "Sample.Periodic")
    clock.move(minutes=30)
    charger.stop_transaction(1)
    await charger.until_acknowledged(transaction)

    await assert_billed_once(scene, partner, charger, transaction)


async def assert_billed_once(scene, partner, charger, transaction):
    await partner.until(
        lambda: len(partner.cdrs) == 1 and [s["status"] for s in partner.sessions] == ["COMPLETED"],
        20,
    )
    assert transaction.discarded == 0
    assert Decimal(partner.cdrs[0]["total_energy"]) == transaction.energy_wh / 1000
    refusals = [f.text for f in charger.frames if f.direction == "received" and f.text[:2] == "[4"]
    assert refusals == []
    assert len(await scene.get("sessions")) == len(await scene.get("cdrs")) == 1


async def test_without_a_store_nobody_is_let_in_and_readiness_says_so(scene_with_store):
    scene = scene_with_store
    await scene.register_charger("CP1")
    ready = scene.gateway.addresses.operator + "ready"
    with frozen(scene.gateway.store_pid):
        with pytest.raises((InvalidStatus, ConnectionClosed)) as turned_away:
            async with scene.wire("CP1", "1.6"):
                pass
        async with scene.api.get(ready) as answer:
            assert answer.status == 503
    async with scene.api.get(scene.gateway.addresses.operator + "health") as answer:
        assert answer.status == 200

    if isinstance(turned_away.value, InvalidStatus):
        assert turned_away.value.response.status_code == 503
    else:
        assert turned_away.value.rcvd.code in (1011, 1012, 1013)

"""The gateway dies while cars charge: nothing is lost, nothing is billed twice (issue 2, Show)."""

import asyncio
import random
from decimal import Decimal

import pytest

from simulators.charge_point.vehicle import Vehicle

POINTS = ("start sent", "start answered", "between samples", "stop sent", "stop answered")


async def plug_and_start(charger, clock):
    await charger.plug_in(1, Vehicle.of(200_000, 10, ac_w=11_040, dc_w=50_000))
    clock.move(minutes=1)
    await charger.present_token("TAG1", 1)
    return charger.connectors[1].transaction


async def until_billed(partner):
    await partner.until(
        lambda: len(partner.cdrs) == 1 and partner.sessions[0]["status"] == "COMPLETED", 10
    )


async def assert_billed_once(scene, partner, transaction):
    """One session and one CDR, in the partner's books and in ours, with the meter's energy."""
    await until_billed(partner)
    [session], [cdr] = partner.sessions, partner.cdrs
    assert cdr["session_id"] == session["id"]
    assert Decimal(cdr["total_energy"]) == Decimal(session["kwh"]) == transaction.energy_wh / 1000
    assert len(await scene.get("sessions")) == 1
    assert len(await scene.get("cdrs")) == 1
    [shown] = await scene.get("charge-points/CP1/transactions")
    assert shown["id"] == transaction.transaction_id


async def test_a_charge_that_outlives_a_killed_gateway_is_billed_once(
    scene_to_kill, version, clock
):
    scene = scene_to_kill
    charger = await scene.add_charger("CP1", version, clock=clock)
    partner = await scene.add_partner()
    transaction = await plug_and_start(charger, clock)
    await charger.until_transaction(1)
    clock.move(minutes=20)
    charger.transactions.sample(transaction, "Sample.Periodic")

    await scene.gateway.kill()
    clock.move(minutes=20)
    charger.transactions.sample(transaction, "Sample.Periodic")
    await scene.gateway.start()
    await charger.until_connected()
    clock.move(minutes=20)
    charger.stop_transaction(1)
    await charger.until_acknowledged(transaction)

    assert transaction.energy_wh == 11_040
    await assert_billed_once(scene, partner, transaction)


async def test_a_charge_that_ends_while_the_gateway_is_dead_is_billed_once(
    scene_to_kill, version, clock
):
    scene = scene_to_kill
    charger = await scene.add_charger("CP1", version, clock=clock)
    partner = await scene.add_partner()
    transaction = await plug_and_start(charger, clock)
    await charger.until_transaction(1)

    await scene.gateway.kill()
    clock.move(minutes=60)
    charger.stop_transaction(1)
    await scene.gateway.start()
    await charger.until_acknowledged(transaction)

    await assert_billed_once(scene, partner, transaction)


async def kill_and_restart(scene, chance):
    await asyncio.sleep(chance.uniform(0, 0.02))
    await scene.gateway.kill()
    await scene.gateway.start()


async def run_with_a_kill_at(scene, charger, clock, point, chance):
    transaction = await plug_and_start(charger, clock)
    if point == "start sent":
        await kill_and_restart(scene, chance)
    await charger.until_transaction(1)
    if point == "start answered":
        await kill_and_restart(scene, chance)
    clock.move(minutes=20)
    charger.transactions.sample(transaction, "Sample.Periodic")
    if point == "between samples":
        await kill_and_restart(scene, chance)
    clock.move(minutes=20)
    charger.transactions.sample(transaction, "Sample.Periodic")
    clock.move(minutes=20)
    charger.stop_transaction(1)
    if point == "stop sent":
        await kill_and_restart(scene, chance)
    await charger.until_acknowledged(transaction)
    if point == "stop answered":
        await kill_and_restart(scene, chance)
    return transaction


@pytest.mark.parametrize("point", ["start sent", "between samples", "stop sent"])
async def test_a_kill_at_any_point_of_a_charge_loses_and_doubles_nothing(
    scene_to_kill, version, clock, point
):
    scene = scene_to_kill
    charger = await scene.add_charger("CP1", version, clock=clock)
    partner = await scene.add_partner()

    chance = random.Random(f"{version}/{point}")
    transaction = await run_with_a_kill_at(scene, charger, clock, point, chance)

    await assert_billed_once(scene, partner, transaction)


@pytest.mark.long
@pytest.mark.timeout(120)
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("seed", range(10))
async def test_kills_at_many_moments_lose_and_double_nothing(
    scene_to_kill, version, clock, point, seed
):
    scene = scene_to_kill
    charger = await scene.add_charger("CP1", version, clock=clock)
    partner = await scene.add_partner()

    chance = random.Random(f"{version}/{point}/{seed}")
    transaction = await run_with_a_kill_at(scene, charger, clock, point, chance)

    await assert_billed_once(scene, partner, transaction)


async def test_a_gateway_that_is_told_to_end_says_goodbye_and_ends_well(scene_to_kill, version):
    scene = scene_to_kill
    await scene.register_charger("CP1")
    async with scene.wire("CP1", version) as wire:
        status, code = await asyncio.gather(scene.gateway.terminate(), wire.until_closed())

    assert code in (1001, 1012)
    assert status == 0


async def test_a_charge_outlives_an_orderly_restart(scene_to_kill, version, clock):
    scene = scene_to_kill
    charger = await scene.add_charger("CP1", version, clock=clock)
    partner = await scene.add_partner()
    transaction = await plug_and_start(charger, clock)
    await charger.until_transaction(1)
    clock.move(minutes=30)
    charger.transactions.sample(transaction, "Sample.Periodic")

    assert await scene.gateway.terminate() == 0
    await charger.until_disconnected()
    clock.move(minutes=30)
    await scene.gateway.start()
    await charger.until_connected()
    charger.stop_transaction(1)
    await charger.until_acknowledged(transaction)

    await assert_billed_once(scene, partner, transaction)

"""What deliveries know of a partner outlives the process, and moves with the lease."""

import asyncio
from dataclasses import replace

from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from gateway.domain.delivery import ObjectRef
from gateway.domain.partners import PartnerState
from gateway.domain.party import Party
from gateway.store import Store
from tests.integration.deliveries.world import LOC1, PARTY, World, failing, until


async def test_what_was_owed_before_a_restart_is_delivered_after_it(world: World) -> None:
    emsp = await world.emsp()
    await emsp.stop()
    await world.put_location("E1")
    await world.rest()
    await emsp.start()
    await world.restart()
    await world.pass_time(20)
    assert emsp.methods() == [f"PUT {LOC1}"]


async def test_a_restart_is_no_reason_to_try_a_partner_that_is_down(world: World) -> None:
    """R11: the back-off is kept, else every restart would call upon every partner at once."""
    emsp = await world.emsp()
    emsp.answers(failing(500))
    await world.put_location("E1")
    await world.pass_time(600)
    tried = len(emsp.requests)
    before = await world.status(emsp)

    for _ in range(5):
        await world.restart()

    after = await world.status(emsp)
    assert len(emsp.requests) == tried
    assert after["failures"] == before["failures"] > 5
    assert after["next_attempt"] == before["next_attempt"]
    await world.pass_time(300)
    assert len(emsp.requests) > tried


async def test_the_operator_still_reads_what_went_wrong_before_the_restart(world: World) -> None:
    emsp = await world.emsp()
    await world.put_location("E1")
    await world.delivered(emsp)
    emsp.answers(failing(503))
    await world.set_status("E1", "CHARGING")
    await until(lambda: len(emsp.requests) == 2)
    await world.rest()
    before = await world.status(emsp)

    await world.restart()

    after = await world.status(emsp)
    assert "503" in after["last_error"]
    assert after["last_success"] == before["last_success"] is not None
    assert after["last_error_at"] == before["last_error_at"] is not None


async def test_retry_after_holds_across_a_restart(world: World) -> None:
    """R12: a 429 with Retry-After; even if the partner calls us meanwhile."""
    emsp = await world.emsp()
    emsp.answers(failing(429, Retry_After="600"))
    await world.put_location("E1")
    await until(lambda: len(emsp.requests) == 1)
    await world.rest()
    emsp.interfere = None

    await world.restart()
    world.deliveries.wake(emsp.id)
    await world.pass_time(590)
    assert len(emsp.requests) == 1
    await world.pass_time(20)
    assert LOC1 in emsp.held


async def test_a_clock_that_was_wrong_before_the_restart_silences_nobody(world: World) -> None:
    """R20, of our own clock: a stored pause is believed for as long as we ever wait."""
    emsp = await world.emsp()
    await emsp.stop()
    await world.put_location("E1")
    await world.rest()
    await world.deliveries.close()
    standing = await world.store.deliveries.standing("emsp")
    assert standing is not None
    far = {"not_before": "2099-01-01T00:00:00.000Z"}
    await world.store.deliveries.put_standing("emsp", standing | far)

    await emsp.start()
    world.deliveries = world.node(world.store)
    await world.deliveries.start()
    await world.pass_time(310)

    assert LOC1 in emsp.held


async def test_401_alerts_once_also_after_a_restart(world: World) -> None:
    """R12: 401 suspends with one alert."""
    emsp = await world.emsp()
    emsp.answers(failing(401))
    with capture_logs() as logs:
        await world.put_location("E1")
        await until(lambda: world.directory.get("emsp").state is PartnerState.SUSPENDED)  # type: ignore[union-attr]
        await world.restart()
        await world.pass_time(120)
        assert len(emsp.requests) == 1
        world.deliveries.wake("emsp")
        await until(lambda: len(emsp.requests) == 2)
        await world.pass_time(120)
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == [
        "partner suspended, it does not accept our token"
    ]


async def test_new_credentials_end_a_back_off_from_before_the_restart(world: World) -> None:
    emsp = await world.emsp()
    emsp.answers(failing(429, Retry_After="3600"))
    await world.put_location("E1")
    await until(lambda: len(emsp.requests) == 1)
    await world.rest()
    emsp.interfere = None
    await world.deliveries.close()
    await world.directory.save(replace(emsp.record(), outbound_token="token-d"))
    world.deliveries = world.node(world.store)
    await world.deliveries.start()
    await until(lambda: LOC1 in emsp.held)


async def test_the_node_that_takes_over_keeps_the_back_off(world: World, redis_url: str) -> None:
    emsp = await world.emsp()
    emsp.answers(failing(429, Retry_After="3000"))
    await world.put_location("E1")
    await until(lambda: len(emsp.requests) == 1)
    await world.rest()
    other_store = await Store.open(redis_url, secret_key=bytes(range(32)), node_id="node-2")
    other = world.node(other_store)
    await other.start()
    await world.deliveries.close()
    async with asyncio.timeout(10):
        while not (status := await other.status("emsp")) or not status["delivers_here"]:
            world.clock.advance(10)
            await asyncio.sleep(0.02)
    assert status["failures"] == 1
    assert len(emsp.requests) == 1
    await other.close()
    await other_store.close()


async def test_the_success_rate_is_of_the_last_day_and_outlives_restarts(world: World) -> None:
    """Delivered of all pushes that were tried; what nobody wants is not tried."""
    emsp = await world.emsp()
    await world.put_location("E1")
    await world.delivered(emsp)
    emsp.answers(failing(500))
    await world.set_status("E1", "CHARGING")
    await until(lambda: len(emsp.requests) == 2)
    await world.rest()
    emsp.interfere = None
    await world.pass_time(20)
    await world.restart()

    status = await world.status(emsp)
    assert status["success_rate"] == round(2 / 3, 4)
    assert (status["attempted_last_day"], status["delivered_last_day"]) == (3, 2)

    await world.pass_time(25 * 3600, step=3600)
    assert (await world.status(emsp))["success_rate"] is None


async def test_what_is_owed_is_counted_by_kind_and_since_when(world: World) -> None:
    emsp = await world.emsp()
    owed = world.store.party(PARTY).owed
    assert (await world.status(emsp))["owed_since"] is None
    await emsp.stop()
    await world.put_location("E1", "E2")
    await world.rest()
    since = await owed.since("emsp")
    await world.put_session("1")
    await world.set_status("E1", "CHARGING")
    await world.put_location("E1", "E2")

    by_kind = {kind: count for kind, count in (await owed.by_kind("emsp")).items() if count}
    assert by_kind == {"location": 1, "evse": 1, "session": 1}
    assert since is not None
    assert await owed.since("emsp") == since, "however often it changed meanwhile"
    assert (await world.status(emsp))["owed_since"] is not None

    await emsp.start()
    await world.pass_time(30)
    assert await owed.since("emsp") is None


async def test_an_error_is_current_until_something_is_delivered(world: World) -> None:
    """What went wrong last stays readable with its time, and is no trouble of today."""
    emsp = await world.emsp()
    emsp.answers(failing(503))
    await world.put_location("E1")
    await until(lambda: len(emsp.requests) == 1)
    await world.rest()
    failed = await world.status(emsp)
    emsp.interfere = None

    await world.pass_time(60)

    recovered = await world.status(emsp)
    assert recovered["owed"] == 0
    assert "503" in failed["current_error"]
    assert recovered["current_error"] is None
    assert (recovered["last_error"], recovered["last_error_at"]) == (
        failed["last_error"],
        failed["last_error_at"],
    )


async def test_what_is_put_aside_is_counted_beside_what_is_owed(world: World) -> None:
    """ocpi-rules 15: it is not owed while its party is away, and not forgotten either."""
    emsp = await world.emsp()
    parked = world.store.party(PARTY).parked
    await parked.put(emsp.id, ObjectRef.parse("cdr/C1"), Party("DE", "EMS"))
    await world.pass_time(60)

    status = await world.status(emsp)
    metric = REGISTRY.get_sample_value("gateway_delivery_waiting_objects", {"partner": emsp.id})
    assert (status["owed"], status["waiting"], metric) == (0, 1, 1)

"""A running session is told to a partner at most once per interval of that partner's own."""

from dataclasses import replace

import pytest

from gateway.domain.delivery import ObjectKind
from tests.integration.deliveries.world import S1, Emsp, World, envelope, session, until

UPDATES = 18  # one every ten seconds, so three minutes


async def every(world: World, emsp: Emsp, seconds: float | None) -> None:
    """The operator has set this interval."""
    await world.directory.change(emsp.id, lambda one: replace(one, session_interval=seconds))


async def meter_values(world: World, updates: int = UPDATES) -> None:
    for kwh in range(1, updates + 1):
        await world.put_session(str(kwh))
        await world.pass_time(10)


@pytest.mark.parametrize(("seconds", "pushes"), [(None, 18), (60, 4), (90, 3), (0, 18)])
async def test_meter_values_are_told_once_per_interval(
    world: World, seconds: float | None, pushes: int
) -> None:
    """Those of 0, 10, ... 170 s: the first at once, then one at the end of each interval."""
    emsp = await world.emsp()
    await every(world, emsp, seconds)
    await meter_values(world)
    await until(lambda: emsp.held[S1]["kwh"] == UPDATES)
    assert len(emsp.requests) == pushes
    assert [seen.method for seen in emsp.requests[1:]] == ["PATCH"] * (len(emsp.requests) - 1)


async def test_each_partner_has_an_interval_of_its_own(world: World) -> None:
    quick, slow = await world.emsp(), await world.emsp("slow")
    await every(world, slow, 300)

    for kwh in range(1, 13):
        document = session(str(kwh), status="ACTIVE", id_="S1", at=world.clock.now())
        await world.put(ObjectKind.SESSION, document, quick.id, slow.id)
        await world.pass_time(10)
    assert len(quick.requests) > 10
    assert len(slow.requests) == 1


async def test_an_end_does_not_wait_for_the_interval(world: World) -> None:
    emsp = await world.emsp()
    await every(world, emsp, 3600)
    await meter_values(world, 3)
    await world.put_session("3", status="COMPLETED")
    await until(lambda: emsp.held[S1]["status"] == "COMPLETED")
    assert emsp.held[S1]["kwh"] == 3
    assert len(emsp.requests) == 2


async def test_a_shorter_interval_counts_for_what_waits_already(world: World) -> None:
    emsp = await world.emsp()
    await every(world, emsp, 3600)
    await meter_values(world, 3)
    assert len(emsp.requests) == 1
    await every(world, emsp, 20)
    await world.pass_time(10)
    assert len(emsp.requests) == 2
    assert emsp.held[S1]["kwh"] == 3


async def test_who_refuses_the_updates_is_not_sent_more_of_them(world: World) -> None:
    emsp = await world.emsp()
    await every(world, emsp, 300)
    emsp.answers(lambda: envelope(2001))
    await meter_values(world, 20)
    assert len(emsp.requests) == 1

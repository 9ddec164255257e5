"""A station that connects while somebody acts on it as on one that is away."""

import asyncio
import contextlib
from typing import Any

import pytest

from gateway.store import Fenced

pytestmark = pytest.mark.usefixtures("house")


@pytest.mark.parametrize("turns", range(0, 60, 3))
async def test_a_station_that_connects_wins_over_whoever_has_it_in_hand(
    house: Any, turns: int
) -> None:
    """S2: only a newer connection ends one; after a restart what is due is seen to at once."""
    state = await house.station("ocpp2.0.1")
    identity = state.identity
    await house.charge_points.disconnect(state)
    record = await house.charge_points.get(identity)

    async def act() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        with contextlib.suppress(Fenced):
            async with house.charge_points.in_hand(record):
                await asyncio.sleep(0)

    back, _ = await asyncio.gather(house.connect(identity, "ocpp2.0.1"), act())
    local = house.router.local(identity)
    assert local is not None
    assert local[0] is back

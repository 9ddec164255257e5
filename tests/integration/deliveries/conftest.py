"""The world in which deliveries are tested."""

from collections.abc import AsyncIterator

import pytest

from gateway.ocpi.outgoing.safe_http import SafeHttp
from gateway.store import Store
from tests.integration.deliveries.world import World


@pytest.fixture
async def world(store: Store) -> AsyncIterator[World]:
    http = SafeHttp(allow_private_hosts=True)
    world = World(store, http)
    await world.directory.load()
    await world.deliveries.start()
    yield world
    await world.deliveries.close()
    await world.directory.close()
    await http.close()
    for emsp in world.emsps:
        await emsp.stop()

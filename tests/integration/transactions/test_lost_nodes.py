"""Charge points of a node that is gone, or only slow: who lets go of them, and who must not."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from gateway.domain.events import ConnectorState, ConnectorStatusReported
from gateway.services.stations.charge_points import ChargePoints
from gateway.services.stations.evse_publisher import EvsePublisher
from gateway.services.stations.initiative import Initiative
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.store import Fenced, Store
from tests.integration.transactions.conftest import ACCEPTED, PARTY, T0, House, Socket


@dataclass
class Closing(Socket):
    """A socket that tells when it is closed."""

    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def close(self, reason: str) -> None:
        self.closed.set()


@pytest.fixture
async def other_node(house: House, redis_url: str) -> AsyncIterator[ChargePoints]:
    """The charge points of "node-2", with a store of its own."""
    store = await Store.open(redis_url, secret_key=bytes(range(32)), node_id="node-2")
    router = StationRouter(store, "node-2")
    publisher = EvsePublisher(store, house.partners, house.clock)
    charge_points = ChargePoints(
        store,
        router,
        publisher,
        house.billing,
        Initiative(router),
        node_id="node-2",
        offline_after=0,
        now=house.clock,
    )
    yield charge_points
    await charge_points.close()
    await store.close()


async def connected(house: House, node: ChargePoints, socket: Socket | None = None) -> StationState:
    """A charge point whose EVSE partners see as AVAILABLE."""
    first = await house.station("ocpp1.6")
    state = await node.connect(
        first.record, protocol="ocpp1.6", remote="-", station=socket or Closing(ACCEPTED)
    )
    await said_available(house, state)
    house.router.detach(first)
    return state


async def said_available(house: House, state: StationState) -> None:
    report = ConnectorStatusReported(1, 1, ConnectorState.AVAILABLE, T0)
    await house.status.reported(state, report)


async def status(house: House, state: StationState) -> str:
    binding = state.bindings[1]
    [live] = await house.store.party(PARTY).evses.get_many(
        [(binding.location_id, binding.evse_uid)]
    )
    assert live is not None
    return live.status


async def beat_of(house: House, node_id: str) -> int:
    return (await house.store.party(PARTY).stations.beats())[node_id]


async def test_a_lost_nodes_charge_point_is_let_go_and_its_connection_fenced_off(
    house: House, other_node: ChargePoints
) -> None:
    """security-and-faults R23; design: fencing."""
    socket = Closing(ACCEPTED)
    state = await connected(house, other_node, socket)

    [left] = await house.charge_points.left_by(PARTY, "node-2", await beat_of(house, "node-2"))

    assert await house.store.party(PARTY).stations.route(state.identity) is None
    assert await status(house, state) == "AVAILABLE"  # it still has its time to come back
    await house.charge_points.offline(left)
    assert await status(house, state) == "UNKNOWN"
    await asyncio.wait_for(socket.closed.wait(), 5)  # should its node live after all
    change = house.store.party(PARTY).change(state.fence)
    house.store.party(PARTY).stations.put(change, state.identity, "boot", {})
    with pytest.raises(Fenced):
        await house.store.commit(change)


async def test_a_node_that_was_only_slow_keeps_its_charge_points(
    house: House, other_node: ChargePoints
) -> None:
    stations = house.store.party(PARTY).stations
    state = await connected(house, other_node)
    seen = await beat_of(house, "node-2")
    await stations.beat("node-2")

    assert await house.charge_points.left_by(PARTY, "node-2", seen) == []
    await stations.forget_node("node-2", seen)

    route = await stations.route(state.identity)
    assert route is not None
    assert route.epoch == state.fence.epoch
    assert await beat_of(house, "node-2") == seen + 1


async def test_a_charge_point_that_has_come_back_elsewhere_meanwhile_stays(
    house: House, other_node: ChargePoints
) -> None:
    state = await connected(house, other_node)
    [left] = await house.charge_points.left_by(PARTY, "node-2", await beat_of(house, "node-2"))
    back = await house.connect(state.identity, "ocpp1.6")
    await said_available(house, back)

    await house.charge_points.offline(left)

    assert await status(house, back) == "AVAILABLE"


async def test_one_that_its_node_was_still_waiting_for_is_taken_over(
    house: House, other_node: ChargePoints
) -> None:
    """The node died while a charge point had its time to come back."""
    state = await connected(house, other_node)
    assert await house.store.party(PARTY).stations.disconnect(state.fence, T0)

    [left] = await house.charge_points.left_by(PARTY, "node-2", await beat_of(house, "node-2"))
    await house.charge_points.offline(left)

    assert await status(house, state) == "UNKNOWN"


async def test_a_connection_whose_epoch_is_over_is_closed_when_its_node_looks(
    house: House, other_node: ChargePoints
) -> None:
    """What told it so was lost with its subscription."""
    socket = Closing(ACCEPTED)
    state = await connected(house, other_node, socket)
    await other_node.close_superseded()
    assert not socket.closed.is_set()

    stations = house.store.party(PARTY).stations
    route = await stations.route(state.identity)
    assert route is not None
    assert await stations.abandon(state.identity, route, await beat_of(house, "node-2"))
    await other_node.close_superseded()

    assert socket.closed.is_set()


async def test_a_node_that_starts_clears_the_routes_of_its_last_life_at_once(
    house: House,
) -> None:
    state = await house.station("ocpp1.6")
    house.router.detach(state)  # the process died
    house.clock.pass_by(10)
    publisher = EvsePublisher(house.store, house.partners, house.clock)
    router = StationRouter(house.store, "node-1")
    again = ChargePoints(
        house.store,
        router,
        publisher,
        house.billing,
        Initiative(router),
        node_id="node-1",
        offline_after=60,
        now=house.clock,
    )
    back = await house.station("ocpp1.6")  # has connected before the sweep began
    again.sweep()

    stations = house.store.party(PARTY).stations
    async with asyncio.timeout(5):
        while await stations.route(state.identity) is not None:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)
    await again.close()
    assert await stations.route(back.identity) is not None

"""When a station hears from us unasked: not before its boot is answered, not all at once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.domain.boot import BootPolicy
from gateway.domain.charge_points import ChargePointRecord, SecurityProfile
from gateway.domain.events import Booted
from gateway.domain.party import Party
from gateway.services.stations.initiative import Initiative, Occasion
from gateway.services.stations.provisioning import BootIntervals, Provisioning
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.store import Fence, Store

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
PARTY = Party("NL", "GWY")
LONG = 3_600.0  # seconds: a grace that never ends by itself


class Silent:
    """A socket that nothing is to be told."""

    protocol = "ocpp1.6"


@dataclass
class Scene:
    """Charge points that have come back, and the occasions on which they heard from us."""

    store: Store
    router: StationRouter
    initiative: Initiative
    heard: list[tuple[str, Occasion]] = field(default_factory=list)
    at_once: int = 0
    most: int = 0
    go: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.initiative.add(self._routine, early=True)

    async def _routine(self, state: StationState, _station: Any, occasion: Occasion) -> None:
        self.heard.append((state.identity, occasion))
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await self.go.wait()
        self.at_once -= 1

    async def back(self, identity: str, boot: BootPolicy = BootPolicy.ACCEPT) -> StationState:
        record = ChargePointRecord(identity, PARTY, SecurityProfile.BASIC_AUTH, boot=boot)
        stations = self.store.party(PARTY).stations
        epoch, _ = await stations.connect(
            identity, node_id="node", protocol="ocpp1.6", remote="", at=NOW
        )
        state = StationState(record, Fence(identity, epoch), "ocpp1.6", NOW, NOW)
        await self.store.charge_points.put(record)
        station: Any = Silent()
        self.router.attach(state, station)
        self.initiative.begin(state, Occasion.CONNECTED)
        return state

    async def boot(self, state: StationState) -> str:
        intervals = BootIntervals(heartbeat=300, retry=60)
        provisioning = Provisioning(
            self.store, self.initiative, self.router, intervals, lambda: NOW
        )
        decision = await provisioning.booted(state, Booted("ACME", "X"))
        return decision.status

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not reached():  # noqa: ASYNC110 - what runs is in the background
                await asyncio.sleep(0.005)


@pytest.fixture
async def scene(store: Store, request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    router = StationRouter(store, "node")
    options = getattr(request, "param", {"grace": LONG})
    initiative = Initiative(router, **options)
    yield Scene(store, router, initiative)
    await initiative.close()


async def test_a_station_to_be_prepared_is_prepared_when_it_boots_right_after_connecting(
    scene: Scene,
) -> None:
    """ocpp-rules 29: its last boot was accepted, so routines wait for it when it connects."""
    state = await scene.back("CP1", BootPolicy.PREPARE)
    assert await scene.boot(state) == "Pending"
    await scene.until(lambda: bool(scene.heard))
    assert scene.heard == [("CP1", Occasion.PENDING)]


@pytest.mark.parametrize("scene", [{"grace": 0}], indirect=True)
async def test_a_preparation_takes_the_place_of_what_a_connection_began(scene: Scene) -> None:
    state = await scene.back("CP1", BootPolicy.PREPARE)
    await scene.until(lambda: bool(scene.heard))
    assert await scene.boot(state) == "Pending"
    await scene.until(lambda: len(scene.heard) == 2)
    assert scene.heard[1] == ("CP1", Occasion.PENDING)


async def test_a_preparation_that_runs_is_not_begun_anew_by_an_early_boot(scene: Scene) -> None:
    state = await scene.back("CP1", BootPolicy.PREPARE)
    await scene.boot(state)
    await scene.until(lambda: bool(scene.heard))
    await scene.boot(state)
    await asyncio.sleep(0)
    assert scene.heard == [("CP1", Occasion.PENDING)]


async def test_a_station_that_has_just_connected_hears_nothing_before_it_boots(
    scene: Scene,
) -> None:
    state = await scene.back("CP1")
    for _ in range(10):
        await asyncio.sleep(0)
    assert scene.heard == []
    assert await scene.boot(state) == "Accepted"
    await scene.until(lambda: bool(scene.heard))
    assert scene.heard == [("CP1", Occasion.BOOTED)]


@pytest.mark.parametrize("scene", [{"grace": 0.01}], indirect=True)
async def test_a_station_that_does_not_boot_hears_from_us_after_its_grace(scene: Scene) -> None:
    await scene.back("CP1")
    await scene.until(lambda: bool(scene.heard))
    assert scene.heard == [("CP1", Occasion.CONNECTED)]


@pytest.mark.parametrize("scene", [{"grace": 0, "at_once": 3}], indirect=True)
async def test_after_a_power_cut_only_so_many_stations_are_busy_at_a_time(scene: Scene) -> None:
    for number in range(10):
        await scene.back(f"CP{number}")
    await scene.until(lambda: len(scene.heard) == 3)
    for _ in range(10):
        await asyncio.sleep(0)
    assert scene.at_once == 3
    scene.go.set()
    await scene.until(lambda: len(scene.heard) == 10)
    assert scene.most == 3

"""Operations in a real store: news from several sides at once, bounds, what a neighbour sees."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.domain.availability import TriggerMessage
from gateway.domain.charge_points import ChargePointRecord, SecurityProfile
from gateway.domain.commands import Command, CommandOutcome, CommandReply
from gateway.domain.device_operations import TRIGGER
from gateway.domain.firmware import UpdateFirmware
from gateway.domain.happenings import Happening
from gateway.domain.operations import (
    FIRMWARE_UPDATE,
    LOG_UPLOAD,
    News,
    Operation,
    OperationState,
)
from gateway.domain.party import Party
from gateway.services.stations.operations import KEPT, Operations, Order
from gateway.services.stations.station_state import StationState
from gateway.store import Fence, Fenced, Store

T0 = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
CP1 = ChargePointRecord("CP1", Party("NL", "GWY"), SecurityProfile.BASIC_AUTH)
CP2 = ChargePointRecord("CP2", Party("NL", "GWY"), SecurityProfile.BASIC_AUTH)


class Router:
    """Answers every command alike; the real one has its own tests."""

    def __init__(self) -> None:
        self.reply = CommandReply(CommandOutcome.ACCEPTED, "Accepted")
        self.asked: list[Command] = []
        self.here: dict[str, tuple[StationState, None]] = {}

    async def execute(self, identity: str, command: Command, timeout: float) -> CommandReply:
        self.asked.append(command)
        return self.reply

    def local(self, identity: str) -> tuple[StationState, None] | None:
        return self.here.get(identity)


class Scene:
    def __init__(self, store: Store) -> None:
        self.store, self.router, self.now = store, Router(), T0
        self.operations = Operations(store, self.router, lambda: self.now)  # type: ignore[arg-type]

    async def connect(self, record: ChargePointRecord = CP1) -> StationState:
        stations = self.store.party(record.party).stations
        epoch, _ = await stations.connect(
            record.identity, node_id="n", protocol="ocpp1.6", remote="", at=T0
        )
        return StationState(record, Fence(record.identity, epoch), "ocpp1.6", T0, T0)

    async def start(self, record: ChargePointRecord = CP1, kind: Any = FIRMWARE_UPDATE) -> str:
        """An operation that the station has answered; the next one begins later."""

        def command(request_id: int) -> Command:
            return UpdateFirmware(request_id, "https://maker.example/fw", T0)

        operation = await self.operations.start(record, Order(kind, command, {}))
        async with asyncio.timeout(5):
            while (await self.get(operation.id, record)).state is OperationState.REQUESTED:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        self.now += timedelta(seconds=1)
        return operation.id

    async def get(self, id: str, record: ChargePointRecord = CP1) -> Operation:
        found = await self.operations.get(record, id)
        assert found is not None
        return found


@pytest.fixture
async def scene(store: Store) -> Any:
    made = Scene(store)
    yield made
    await made.operations.close()


def words(operation: Operation) -> list[str]:
    return [entry.word for entry in operation.history]


async def test_news_from_several_sides_at_once_are_all_kept(scene: Scene) -> None:
    """The node with the socket and those that take files write the same record."""
    state, id_ = await scene.connect(), await scene.start(kind=LOG_UPLOAD)
    request_id = (await scene.get(id_)).request_id
    file = {"bytes": 1, "sha256": "00", "id": "f"}
    await asyncio.gather(
        scene.operations.heard(state, (LOG_UPLOAD,), News("Uploading", request_id)),
        scene.operations.file_came(CP1, id_, file),
        scene.operations.file_came(CP1, id_, file | {"id": "g"}),
    )
    assert sorted(words(await scene.get(id_))) == ["Accepted", "Uploading", "received", "received"]


async def test_a_connection_that_is_over_tells_no_news(scene: Scene) -> None:
    """Fencing: what an older socket still has to say counts no more."""
    old, id_ = await scene.connect(), await scene.start()
    await scene.connect()
    with pytest.raises(Fenced):
        await scene.operations.heard(old, (FIRMWARE_UPDATE,), News("Installed"))
    assert (await scene.get(id_)).state is OperationState.RUNNING


async def test_a_station_speaks_of_its_own_operations_only(scene: Scene) -> None:
    """S5 for operations: request ids of another charge point lead nowhere."""
    id_ = await scene.start(CP1)
    request_id = (await scene.get(id_)).request_id
    stranger = await scene.connect(CP2)
    news = News("Installed", request_id)
    assert await scene.operations.heard(stranger, (FIRMWARE_UPDATE,), news) is None
    assert (await scene.get(id_)).state is OperationState.RUNNING


async def test_news_of_no_operation_is_no_error(scene: Scene) -> None:
    state = await scene.connect()
    for news in (News("Idle"), News("Installed", 4711)):
        assert await scene.operations.heard(state, (FIRMWARE_UPDATE,), news) is None


async def test_a_log_is_not_told_of_by_a_firmware_status(scene: Scene) -> None:
    state, id_ = await scene.connect(), await scene.start(kind=LOG_UPLOAD)
    assert await scene.operations.heard(state, (FIRMWARE_UPDATE,), News("Downloading")) is None
    assert words(await scene.get(id_)) == ["Accepted"]


async def test_silence_is_true_whenever_it_is_looked_at(scene: Scene) -> None:
    state, id_ = await scene.connect(), await scene.start()
    scene.now += timedelta(hours=25)
    assert (await scene.get(id_)).state is OperationState.NO_NEWS
    [listed] = await scene.operations.of(CP1)
    assert listed.state is OperationState.NO_NEWS
    await scene.operations.heard(state, (FIRMWARE_UPDATE,), News("Installed"))
    assert (await scene.get(id_)).state is OperationState.DONE


async def test_news_without_a_request_goes_to_the_newest_that_still_runs(scene: Scene) -> None:
    """1.6: an update that fell silent long ago does not take the news of the next."""
    state, old = await scene.connect(), await scene.start()
    scene.now += timedelta(days=3)
    new = await scene.start()
    await scene.operations.heard(state, (FIRMWARE_UPDATE,), News("Installed"))
    assert (await scene.get(new)).state is OperationState.DONE
    assert (await scene.get(old)).state is OperationState.NO_NEWS


async def test_a_removed_charge_point_takes_its_operations_along(scene: Scene) -> None:
    await scene.start()
    change = scene.store.party(CP1.party).change()
    await scene.store.party(CP1.party).stations.forget(change, "CP1")
    await scene.store.commit(change)
    assert await scene.operations.of(CP1) == []


async def test_a_charge_point_keeps_its_last_fifty_operations(scene: Scene) -> None:
    ids = []
    for _ in range(KEPT + 2):
        order = Order(LOG_UPLOAD, lambda _: UpdateFirmware(1, "", T0), {})
        ids.append((await scene.operations.start(CP1, order)).id)
        scene.now += timedelta(seconds=1)
    assert [one.id for one in await scene.operations.of(CP1)] == ids[:1:-1]


HEARTBEAT = Happening("Heartbeat")


def watching(state: StationState) -> set[str] | None:
    """The messages that are waited for; None: the next one is."""
    return state.watching


async def triggered(scene: Scene) -> str:
    order = Order(TRIGGER, lambda _: TriggerMessage("Heartbeat"), {"message": "Heartbeat"})
    id_ = (await scene.operations.start(CP1, order)).id
    async with asyncio.timeout(5):
        while (await scene.get(id_)).state is OperationState.REQUESTED:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return id_


async def test_a_station_is_watched_only_while_something_waits(scene: Scene) -> None:
    """The hot path: a message that nothing waits for costs no read."""
    state = await scene.connect()
    scene.router.here["CP1"] = (state, None)
    await scene.operations.happened(state, HEARTBEAT)
    assert watching(state) == set()
    id_ = await triggered(scene)
    assert watching(state) is None  # it is looked up with the next message
    await scene.operations.happened(state, Happening("MeterValues"))
    assert state.watching == {"Heartbeat"}
    await scene.operations.happened(state, HEARTBEAT)
    assert state.watching == set()
    assert (await scene.get(id_)).state is OperationState.DONE


async def test_a_new_connection_finds_what_is_waited_for(scene: Scene) -> None:
    await triggered(scene)
    state = await scene.connect()
    await scene.operations.happened(state, Happening("BootNotification"))
    assert state.watching == {"Heartbeat"}


async def test_nobody_waits_any_more_for_what_was_given_up(scene: Scene) -> None:
    id_, state = await triggered(scene), await scene.connect()
    scene.now += timedelta(hours=1)
    await scene.operations.happened(state, HEARTBEAT)
    assert state.watching == set()
    assert (await scene.get(id_)).state is OperationState.NO_NEWS


async def test_a_lost_fight_for_the_connection_leaves_nothing_unwatched(scene: Scene) -> None:
    """The newer connection notices; the older one must not believe that nothing waits."""
    id_ = await triggered(scene)
    old = await scene.connect()
    await scene.connect()
    with pytest.raises(Fenced):
        await scene.operations.happened(old, HEARTBEAT)
    assert old.watching is None
    assert (await scene.get(id_)).state is OperationState.RUNNING


async def test_the_node_with_the_socket_hears_of_what_begins_elsewhere(
    scene: Scene, store: Store
) -> None:
    state, other = await scene.connect(), Router()
    other.here["CP1"] = (state, None)
    there = Operations(store, other, lambda: scene.now)  # type: ignore[arg-type]
    state.watching = set()
    await triggered(scene)
    async with asyncio.timeout(5):
        while watching(state) is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    await there.close()

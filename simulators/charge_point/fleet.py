"""Many stations in one process, each with a driver who comes, charges and leaves again.

Everything that is random follows from the seed and the identity, so that a station behaves the
same in a fleet of any size.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from simulators.charge_point.clock import VirtualClock
from simulators.charge_point.connector import ConnectorBusyError
from simulators.charge_point.credentials import ClientCertificate
from simulators.charge_point.dialect import Version
from simulators.charge_point.events import EventSink
from simulators.charge_point.firmware import FirmwarePlan
from simulators.charge_point.ledger import Token
from simulators.charge_point.outlet import Rating
from simulators.charge_point.settings import StationSettings
from simulators.charge_point.station import NotAuthorizedError, SimulatedChargePoint

# All in virtual seconds.
FIRST_VISIT = (5.0, 180.0)
BETWEEN_VISITS = (120.0, 900.0)
STAY = (900.0, 2_700.0)
KEPT_FRAMES = 20
"""per station: hundreds of them share a process"""
# Real seconds.
SETTLE_PATIENCE = 60.0
STOP_PATIENCE = 5.0


@dataclass(frozen=True)
class Fleet:
    """What to run: the 1.6 stations, the 2.0.1 and then the 2.1 ones, numbered from 1."""

    url: str
    v16: int
    v201: int
    v21: int = 0
    prefix: str = "SIM"
    connectors: int = 2
    rating: Rating | None = None
    """of every connector; None: the seed decides for each station"""
    seed: int = 0
    tokens: Sequence[Token] = ()
    """the drivers' cards; without any, stations only serve remote starts"""
    sessions: int | None = None
    """visits per station, then the fleet ends; None: endless, 0: only remote starts"""
    ramp: float | None = None
    """stations started per real second; None: all at once"""
    clock: VirtualClock = field(default_factory=VirtualClock)
    settings: StationSettings = field(default_factory=StationSettings)
    password: Callable[[str], str | None] = lambda _identity: None
    roots: bytes | None = None
    """PEM; whom a wss URL is checked against"""
    client_certificate: ClientCertificate | None = None
    firmware: FirmwarePlan = field(default_factory=FirmwarePlan)
    log_by_post: bool = False

    def identities(self) -> list[tuple[str, Version]]:
        older: list[Version] = ["1.6"] * self.v16
        newer: list[Version] = ["2.0.1"] * self.v201
        newest: list[Version] = ["2.1"] * self.v21
        return [
            (f"{self.prefix}-{number:04d}", version)
            for number, version in enumerate(older + newer + newest, start=1)
        ]


def build_station(
    fleet: Fleet, identity: str, version: Version, on_event: EventSink
) -> SimulatedChargePoint:
    return SimulatedChargePoint(
        fleet.url,
        identity,
        version,
        password=fleet.password(identity),
        connectors=fleet.connectors,
        rating=fleet.rating,
        seed=fleet.seed,
        clock=fleet.clock,
        settings=replace(fleet.settings),
        remote_stay=STAY,
        roots=fleet.roots,
        client_certificate=fleet.client_certificate,
        firmware=fleet.firmware,
        log_by_post=fleet.log_by_post,
        on_event=on_event,
        kept_frames=KEPT_FRAMES,
    )


async def run_fleet(
    fleet: Fleet,
    identities: Sequence[tuple[str, Version]],
    on_event: EventSink,
    over: asyncio.Event,
) -> list[SimulatedChargePoint]:
    """Runs until `over` is set or every driver has had the asked number of sessions.

    Ends what still charges, tells the CSMS, and returns the stations with their ledgers.
    """
    stations = [build_station(fleet, *named, on_event) for named in identities]
    ending = asyncio.create_task(over.wait())
    working = asyncio.create_task(_start_and_drive(fleet, stations))
    try:
        await asyncio.wait({ending, working}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ending.cancel()
        working.cancel()
        outcome = (await asyncio.gather(working, ending, return_exceptions=True))[0]
        await _stop(stations)
    if isinstance(outcome, Exception):
        raise outcome
    return stations


class Driver:
    """Comes to one station again and again."""

    def __init__(self, station: SimulatedChargePoint, fleet: Fleet) -> None:
        self._station = station
        self._clock = fleet.clock
        self._tokens = fleet.tokens
        self._sessions = fleet.sessions
        self._chance = random.Random(f"{fleet.seed}/{station.identity}/driver")

    async def run(self) -> None:
        station = self._station
        await station.until(lambda: station.connected, timeout=None)
        await self._idle(FIRST_VISIT)
        visits = 0
        while self._sessions is None or visits < self._sessions:
            visits += await self._visit()
            if visits != self._sessions:
                await self._idle(BETWEEN_VISITS)
        await self._settle()

    async def _visit(self) -> int:
        """One attempt to charge; 0 when no connector was free."""
        free = [c.number for c in self._station.connectors.values() if c.status == "Available"]
        if not free:
            return 0
        connector = self._chance.choice(free)
        token = self._chance.choice(list(self._tokens))
        stay = self._chance.uniform(*STAY)
        try:
            await self._station.charge(connector, token, duration=stay)
        except NotAuthorizedError as refusal:
            self._station.emit(
                "not_authorized", connector=connector, token=token.uid, status=refusal.status
            )
        except ConnectorBusyError:
            return 0
        return 1

    async def _idle(self, between: tuple[float, float]) -> None:
        await self._clock.sleep(self._chance.uniform(*between))

    async def _settle(self) -> None:
        """Lets the last answers come in; what is missing then shows in the ledger."""
        station = self._station
        try:
            await station.until(lambda: len(station.outbox) == 0, SETTLE_PATIENCE)
        except TimeoutError:
            station.emit("transactions_pending", messages=len(station.outbox))


async def _start_and_drive(fleet: Fleet, stations: Sequence[SimulatedChargePoint]) -> None:
    """Returns when every driver is through; raises what broke in a station or a driver."""
    watching: list[asyncio.Task[None]] = []
    driving: list[asyncio.Task[None]] = []
    try:
        for station in stations:
            station.start()
            watching.append(asyncio.create_task(station.until_ended()))
            if fleet.tokens and fleet.sessions != 0:
                driving.append(asyncio.create_task(Driver(station, fleet).run()))
            if fleet.ramp:
                await asyncio.sleep(1 / fleet.ramp)
        if driving:
            watching.append(asyncio.create_task(_all_through(driving)))
        done, _ = await asyncio.wait(watching, return_when=asyncio.FIRST_COMPLETED)
        for ended in done:
            ended.result()
    finally:
        for task in (*watching, *driving):
            task.cancel()
        await asyncio.gather(*watching, *driving, return_exceptions=True)


async def _all_through(driving: Sequence[asyncio.Task[None]]) -> None:
    await asyncio.gather(*driving)


async def _stop(stations: Sequence[SimulatedChargePoint]) -> None:
    await asyncio.gather(*(station.stop(patience=STOP_PATIENCE) for station in stations))

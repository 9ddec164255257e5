"""What is left of a charge point that the operator has removed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.domain.availability import TriggerMessage
from gateway.domain.charge_points import ChargePointRecord
from gateway.domain.commands import CommandOutcome
from gateway.domain.events import ConnectorStatusReported
from gateway.domain.evse_status import ConnectorState
from gateway.domain.party import Party
from gateway.services.access.authorization import AuthorizationService
from gateway.services.billing.billing import Billing
from gateway.services.roaming.locations import LocationCatalogue
from gateway.services.roaming.partners import PartnerDirectory
from gateway.services.stations.charge_points import ChargePoints
from gateway.services.stations.evse_publisher import EvsePublisher
from gateway.services.stations.initiative import Initiative
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.services.stations.status import StatusService
from gateway.services.transactions.service import TransactionService
from gateway.store import BusRefused, Fenced, Store, StoreError, StoreUnavailable

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
PARTY = Party("NL", "GWY")
LOCATION = {
    "id": "LOC1",
    "publish": True,
    "address": "Street 1",
    "city": "Utrecht",
    "country": "NLD",
    "coordinates": {"latitude": "52.09000", "longitude": "5.12000"},
    "time_zone": "Europe/Amsterdam",
    "evses": [
        {
            "uid": "EVSE1",
            "evse_id": "NL*GWY*E1",
            "charge_point": {"identity": "CP1", "evse_id": 1},
            "connectors": [
                {
                    "id": "1",
                    "standard": "IEC_62196_T2",
                    "format": "SOCKET",
                    "power_type": "AC_3_PHASE",
                    "max_voltage": 230,
                    "max_amperage": 16,
                }
            ],
        }
    ],
}


def now() -> datetime:
    return NOW


@dataclass
class Station:
    """A socket that notes why it was closed."""

    protocol: str = "ocpp1.6"
    closed: list[str] = field(default_factory=list)

    async def close(self, reason: str) -> None:
        self.closed.append(reason)


@dataclass
class Scene:
    """One charge point with a location and a past."""

    store: Store
    router: StationRouter
    charge_points: ChargePoints
    catalogue: LocationCatalogue
    reports: StatusService

    async def register(self) -> ChargePointRecord:
        return await self.charge_points.put("CP1", security_profile=0, password=None, party=PARTY)

    async def connect(self) -> StationState:
        station: Any = Station()
        return await self.charge_points.connect(
            await self.register(), protocol="ocpp1.6", remote="127.0.0.1", station=station
        )

    async def used(self) -> StationState:
        state = await self.connect()
        party = self.store.party(PARTY)
        change = party.change(state.fence)
        for name in ("boot", "signing", "local_list", "baseline:own"):
            party.stations.put(change, "CP1", name, {"status": "Accepted"})
        party.stations.keep(change, "CP1", "NotifyCustomerInformation", {"data": "Jane"}, cap=9)
        party.transactions.put(change, "CP1", "t:1", {"of": "CP1"}, is_open=False, started=NOW)
        await self.store.commit(change)
        return state

    async def fields(self) -> dict[str, Any]:
        return await self.store.party(PARTY).stations.load("CP1")

    async def status(self) -> str:
        location = await self.catalogue.get(PARTY, "LOC1")
        assert location is not None
        return str(location["evses"][0]["status"])


@pytest.fixture
async def scene(store: Store) -> AsyncIterator[Scene]:
    partners = PartnerDirectory(store, now)
    await partners.load()
    catalogue = LocationCatalogue(store, partners, now)
    router, billing = StationRouter(store, "node-1"), Billing(store, "EUR", now)
    publisher = EvsePublisher(store, partners, now)
    nobody: Any = None
    authorization = AuthorizationService(store, partners, nobody, now)
    transactions = TransactionService(
        store, authorization, billing, publisher, now=now, completion_wait=300
    )
    charge_points = ChargePoints(
        store,
        router,
        publisher,
        billing,
        Initiative(router),
        node_id="node-1",
        offline_after=0,
        now=now,
    )
    await catalogue.put(PARTY, LOCATION)
    reports = StatusService(store, publisher, transactions, now)
    yield Scene(store, router, charge_points, catalogue, reports)
    await charge_points.close()
    await partners.close()


async def test_a_charge_point_that_is_registered_anew_inherits_nothing(scene: Scene) -> None:
    before = await scene.used()
    assert await scene.charge_points.delete("CP1")

    stations = scene.store.party(PARTY).stations
    assert set(await scene.fields()) == {"binding:1"}
    assert await stations.kept_counts("CP1") == {}
    assert await stations.kept("CP1", "NotifyCustomerInformation", 9) == []
    after = await scene.connect()
    assert not after.boot_accepted
    assert after.boot_answer is None
    assert after.fence.epoch > before.fence.epoch
    assert set(after.bindings) == {1}


async def test_its_transactions_stay(scene: Scene) -> None:
    await scene.used()
    await scene.charge_points.delete("CP1")
    assert await scene.store.party(PARTY).transactions.get("CP1", "t:1") is not None


async def test_partners_are_told_that_its_evses_are_unknown(scene: Scene) -> None:
    state = await scene.used()
    report = ConnectorStatusReported(1, 1, ConnectorState.AVAILABLE, NOW)
    await scene.reports.reported(state, report)
    assert await scene.status() == "AVAILABLE"
    await scene.charge_points.delete("CP1")
    assert await scene.status() == "UNKNOWN"


async def test_its_last_connection_can_write_nothing_any_more(scene: Scene) -> None:
    state = await scene.used()
    await scene.charge_points.delete("CP1")
    party = scene.store.party(PARTY)
    change = party.change(state.fence)
    party.stations.put(change, "CP1", "boot", {"status": "Accepted"})
    with pytest.raises(Fenced):
        await scene.store.commit(change)


async def test_it_is_forgotten_once_a_store_that_failed_is_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.used()
    stations = type(scene.store.party(PARTY).stations)
    forget, failures = stations.forget, [StoreUnavailable("gone")]

    async def failing(*of: Any) -> None:
        if failures:
            raise failures.pop()
        await forget(*of)

    monkeypatch.setattr(stations, "forget", failing)
    assert await scene.charge_points.delete("CP1")
    for task in list(scene.charge_points._tasks):
        await task
    assert set(await scene.fields()) == {"binding:1"}


@pytest.mark.parametrize("error", [StoreUnavailable("gone"), BusRefused("its handler failed")])
async def test_a_command_that_the_store_does_not_carry_has_failed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, error: StoreError
) -> None:
    """A command's reply is an outcome, whatever happens."""

    async def failing(*_: Any) -> None:
        raise error

    monkeypatch.setattr(scene.router, "_elsewhere", failing)
    reply = await scene.router.execute("CP1", TriggerMessage("BootNotification"), 1)
    assert reply.outcome is CommandOutcome.FAILED

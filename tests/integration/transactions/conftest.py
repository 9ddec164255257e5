"""The services of transactions on a real store, with as many stations as a test wants."""

import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from gateway.domain.commands import Command, CommandOutcome, CommandReply
from gateway.domain.partners import Endpoint, Partner, PartnerRole, PartnerState
from gateway.domain.party import Party
from gateway.services.access.authorization import AuthorizationService
from gateway.services.billing.billing import Billing
from gateway.services.billing.tariffs import TariffBook
from gateway.services.charging.commands import CommandService
from gateway.services.charging.in_flight import InFlight
from gateway.services.charging.targets import Targets
from gateway.services.reservations.service import Reservations
from gateway.services.roaming.locations import LocationCatalogue
from gateway.services.roaming.partners import PartnerDirectory
from gateway.services.stations.charge_points import ChargePoints
from gateway.services.stations.evse_publisher import EvsePublisher
from gateway.services.stations.initiative import Initiative
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.services.stations.status import StatusService
from gateway.services.transactions.completion import Completion
from gateway.services.transactions.service import TransactionService
from gateway.services.transactions.stale import StaleTransactions
from gateway.store import PageQuery, Store

PARTY = Party("NL", "GWY")
T0 = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
WAIT = 300.0  # seconds, GATEWAY_COMPLETION_WAIT

TARIFF = {
    "id": "T1",
    "currency": "EUR",
    "tax_included": "NO",
    "elements": [
        {
            "price_components": [
                {"type": "ENERGY", "price": Decimal("0.30"), "vat": Decimal(21), "step_size": 1},
                {"type": "TIME", "price": Decimal(1), "vat": Decimal(21), "step_size": 1},
                {"type": "PARKING_TIME", "price": Decimal(2), "vat": Decimal(21), "step_size": 1},
            ]
        }
    ],
}
CONNECTOR = {
    "id": "1",
    "standard": "IEC_62196_T2",
    "format": "SOCKET",
    "power_type": "AC_3_PHASE",
    "max_voltage": 230,
    "max_amperage": 16,
    "tariff_ids": ["T1"],
}
PARTNER = Partner(
    id="ems",
    name="EMS",
    state=PartnerState.REGISTERED,
    created_at=T0,
    inbound_token_hash="00",
    outbound_token="secret",
    version="2.2.1",
    roles=(PartnerRole("EMSP", Party("DE", "EMS"), "EMS"),),
    endpoints=(Endpoint("sessions", "RECEIVER", "https://partner.example/sessions"),),
)


def token(uid: str, *, valid: bool = True, group: str | None = None) -> dict[str, Any]:
    return {
        "country_code": "DE",
        "party_id": "EMS",
        "uid": uid,
        "type": "RFID",
        "contract_id": f"DE-EMS-{uid}",
        "issuer": "EMS",
        "valid": valid,
        "whitelist": "ALWAYS",
        "last_updated": "2026-03-01T09:00:00Z",
    } | ({"group_id": group} if group else {})


ACCEPTED = CommandReply(CommandOutcome.ACCEPTED)


class Clock:
    """Our own time, moved by the tests. While it `follows` it is never behind the stations'."""

    def __init__(self) -> None:
        self.moment = T0
        self.follows = True

    def __call__(self) -> datetime:
        return self.moment

    def pass_by(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)

    def reach(self, *moments: datetime) -> None:
        if self.follows:
            self.moment = max(self.moment, *moments)


@dataclass
class Socket:
    """A socket that notes what it is told, and answers as it should."""

    reply: CommandReply

    async def call(self, action: str, payload: dict[str, Any], timeout: float) -> Any:
        raise NotImplementedError

    async def execute(self, command: Command, timeout: float) -> CommandReply:
        return self.reply

    async def close(self, reason: str) -> None:
        """Nothing is open."""


class Nobody:
    """No owner answers in real time, and no result is waited for."""

    async def authorize(self, *question: Any) -> None:
        return None

    async def send(self, *result: Any) -> bool:
        return True

    async def cancelled(self, *result: Any) -> bool:
        return True


@dataclass
class House:
    """The services, and new stations each with a location of its own."""

    partner: ClassVar[Partner] = PARTNER

    store: Store
    clock: Clock
    charge_points: ChargePoints
    catalogue: LocationCatalogue
    status: StatusService
    transactions: TransactionService
    commands: CommandService
    completion: Completion
    numbers: Callable[[], int]
    router: StationRouter
    billing: Billing
    partners: PartnerDirectory
    stale: StaleTransactions

    async def station(self, protocol: str, reply: CommandReply = ACCEPTED) -> StationState:
        """A charge point that was never seen before, connected; how it answers commands."""
        number = self.numbers()
        evse = {
            "uid": f"EVSE-{number}",
            "evse_id": "NL*GWY*E1",
            "charge_point": {"identity": f"CP-{number}", "evse_id": 1},
            "connectors": [CONNECTOR, {**CONNECTOR, "id": "2", "format": "CABLE"}],
        }
        await self.charge_points.put(f"CP-{number}", security_profile=0, password=None, party=PARTY)
        await self.catalogue.put(PARTY, {**LOCATION, "id": f"LOC-{number}", "evses": [evse]})
        return await self.connect(f"CP-{number}", protocol, reply)

    async def connect(
        self, identity: str, protocol: str, reply: CommandReply = ACCEPTED
    ) -> StationState:
        record = await self.charge_points.get(identity)
        assert record is not None
        return await self.charge_points.connect(
            record, protocol=protocol, remote="127.0.0.1", station=Socket(reply)
        )

    async def record(self, identity: str, transaction_id: str) -> dict[str, Any]:
        found = await self.store.party(PARTY).transactions.get(identity, transaction_id)
        assert found is not None
        return found

    async def records(self, identity: str) -> list[dict[str, Any]]:
        return await self.store.party(PARTY).transactions.list(identity)

    async def session(self, identity: str, transaction_id: str) -> dict[str, Any] | None:
        record = await self.record(identity, transaction_id)
        return await self.store.party(PARTY).sessions.get(record["session_id"])

    async def cdr(self, identity: str, transaction_id: str) -> dict[str, Any] | None:
        record = await self.record(identity, transaction_id)
        return await self.store.party(PARTY).cdrs.get(record["cdr_id"])

    async def cdrs(self) -> list[dict[str, Any]]:
        return (await self.store.party(PARTY).cdrs.page(PageQuery())).items

    async def kept(self, identity: str, stream: str) -> list[Any]:
        return await self.store.party(PARTY).stations.kept(identity, stream, 100)

    async def wait_is_over(self) -> int:
        self.clock.pass_by(WAIT + 1)
        return await self.completion.look()


LOCATION = {
    "publish": True,
    "address": "Street 1",
    "city": "Utrecht",
    "country": "NLD",
    "coordinates": {"latitude": "52.09000", "longitude": "5.12000"},
    "time_zone": "Europe/Amsterdam",
}


@pytest.fixture
async def house(store: Store, told_now: type[TransactionService]) -> AsyncIterator[House]:
    clock = Clock()
    partners = PartnerDirectory(store, clock)
    await partners.load()
    await partners.save(PARTNER)
    catalogue = LocationCatalogue(store, partners, clock)
    publisher = EvsePublisher(store, partners, clock)
    billing = Billing(store, "EUR", clock, partner=partners.get)
    authorization = AuthorizationService(store, partners, Nobody(), clock)
    transactions = told_now(
        store, authorization, billing, publisher, now=clock, completion_wait=WAIT
    )
    router = StationRouter(store, "node-1")
    charge_points = ChargePoints(
        store,
        router,
        publisher,
        billing,
        Initiative(router),
        node_id="node-1",
        offline_after=0,
        now=clock,
    )
    commands = CommandService(
        store,
        Targets(store, catalogue),
        router,
        Nobody(),
        partners=partners,
        reservations=Reservations(store, router, clock, billing.sites),
        currency="EUR",
        in_flight=InFlight(),
        now=clock,
    )
    stale = StaleTransactions(store, charge_points, router, transactions, "node-1")
    await TariffBook(store, partners, clock).put(PARTY, TARIFF)
    for document in (
        token("DEADBEEF", group="FAMILY"),
        token("CAFE", group="FAMILY"),
        token("F00D"),
        token("BAD", valid=False),
    ):
        await store.tokens.put("ems", document)
    yield House(
        store,
        clock,
        charge_points,
        catalogue,
        StatusService(store, publisher, transactions, clock),
        transactions,
        commands,
        Completion(store, stale, lambda: [PARTY], clock),
        itertools.count(1).__next__,
        router,
        billing,
        partners,
        stale,
    )
    await commands.close()
    await charge_points.close()
    await partners.close()

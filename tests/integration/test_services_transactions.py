"""Transactions from the first word to the CDR, on a real store, without the edges."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.domain.commands import Command, CommandOutcome, CommandReply
from gateway.domain.events import (
    ChargingState,
    ConnectorState,
    ConnectorStatusReported,
    MeterReported,
    TransactionPhase,
    TransactionReported,
    TransactionStarted,
    TransactionStopped,
)
from gateway.domain.flags import SUPERSEDED
from gateway.domain.metering.meter import Measurand, Reading, Sample
from gateway.domain.partners import Endpoint, Partner, PartnerRole, PartnerState
from gateway.domain.party import Party
from gateway.domain.tokens import AuthMethod, Authorization, AuthorizationStatus, TokenRef
from gateway.services.access.authorization import AuthorizationService
from gateway.services.billing.billing import Billing
from gateway.services.billing.tariffs import TariffBook
from gateway.services.charging.commands import CommandService, StartSession
from gateway.services.charging.in_flight import InFlight
from gateway.services.charging.targets import ConnectorRequired, Targets
from gateway.services.ports import ReplyTo
from gateway.services.reservations.service import Reservations
from gateway.services.roaming.locations import LocationCatalogue, UnknownLocation
from gateway.services.roaming.partners import PartnerDirectory
from gateway.services.stations.charge_points import ChargePoints
from gateway.services.stations.evse_publisher import EvsePublisher
from gateway.services.stations.initiative import Initiative
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.services.stations.status import StatusService
from gateway.services.transactions.service import TransactionService
from gateway.store import Fenced, PageQuery, Store

PARTY = Party("NL", "GWY")
T0 = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
TOKEN = TokenRef("DEADBEEF")


class Clock:
    """Our own time, moved by the tests. While it `follows` it is never behind the stations'."""

    def __init__(self) -> None:
        self.moment = T0
        self.follows = True

    def __call__(self) -> datetime:
        return self.moment

    def reach(self, *moments: datetime) -> None:
        if self.follows:
            self.moment = max(self.moment, *moments)


@dataclass
class FakeStation:
    """A socket that notes what it is told; the edge has its own tests."""

    protocol: str = "ocpp1.6"
    outcome: CommandOutcome = CommandOutcome.ACCEPTED
    executed: list[Command] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    async def call(self, action: str, payload: dict[str, Any], timeout: float) -> Any:
        raise NotImplementedError

    async def execute(self, command: Command, timeout: float) -> CommandReply:
        self.executed.append(command)
        return CommandReply(self.outcome)

    async def close(self, reason: str) -> None:
        self.closed.append(reason)


@dataclass
class Owner:
    """The token owner's real-time authorization."""

    answer: Authorization | None = None
    asked: list[tuple[str, Any]] = field(default_factory=list)
    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def authorize(
        self,
        partner: Partner,
        party: Party,
        uid: str,
        type: Any,
        location: Any,
        owner: Any = None,
    ) -> Authorization | None:
        self.asked.append((uid, location))
        if self.meanwhile is not None:
            await self.meanwhile()
        return self.answer


@dataclass
class Results:
    """Where CommandResults arrive."""

    sent: list[tuple[str, CommandOutcome]] = field(default_factory=list)

    async def send(self, to: ReplyTo, outcome: CommandOutcome) -> bool:
        self.sent.append((to.url, outcome))
        return True

    async def cancelled(self, to: ReplyTo) -> bool:
        raise AssertionError(to)


@dataclass
class House:
    """The services, wired as the composition root wires them."""

    store: Store
    clock: Clock
    partners: PartnerDirectory
    catalogue: LocationCatalogue
    tariffs: TariffBook
    charge_points: ChargePoints
    status: StatusService
    transactions: TransactionService
    authorization: AuthorizationService
    commands: CommandService
    router: StationRouter
    owner: Owner
    results: Results

    async def connect(self, station: FakeStation | None = None) -> StationState:
        record = await self.charge_points.get("CP1")
        assert record is not None
        return await self.charge_points.connect(
            record, protocol="ocpp1.6", remote="127.0.0.1", station=station or FakeStation()
        )

    async def cdrs(self) -> list[dict[str, Any]]:
        return (await self.store.party(PARTY).cdrs.page(PageQuery())).items

    async def sessions(self) -> list[dict[str, Any]]:
        return (await self.store.party(PARTY).sessions.page(PageQuery())).items

    async def evse_status(self) -> str:
        location = await self.catalogue.get(PARTY, "LOC1")
        assert location is not None
        return str(location["evses"][0]["status"])


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
                    "tariff_ids": ["T1"],
                }
            ],
        }
    ],
}
TARIFF = {
    "id": "T1",
    "currency": "EUR",
    "tax_included": "NO",
    "elements": [
        {
            "price_components": [
                {"type": "ENERGY", "price": Decimal("0.30"), "vat": Decimal(21), "step_size": 1},
                {"type": "PARKING_TIME", "price": Decimal(2), "vat": Decimal(21), "step_size": 1},
            ]
        }
    ],
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
    endpoints=(
        Endpoint("locations", "RECEIVER", "https://partner.example/locations"),
        Endpoint("sessions", "RECEIVER", "https://partner.example/sessions"),
    ),
)

TO = ReplyTo(PARTNER, PARTY, "https://partner.example/r", Party("DE", "EMS"))


def token(whitelist: str = "ALWAYS", *, valid: bool = True) -> dict[str, Any]:
    return {
        "country_code": "DE",
        "party_id": "EMS",
        "uid": "DEADBEEF",
        "type": "RFID",
        "contract_id": "DE-EMS-C0001",
        "issuer": "EMS",
        "valid": valid,
        "whitelist": whitelist,
        "last_updated": "2026-03-01T09:00:00Z",
    }


async def until(look: Callable[[], Awaitable[str]], expected: str) -> None:
    """Wait, within bounds, until `look` sees what is expected."""
    async with asyncio.timeout(5):
        while await look() != expected:  # noqa: ASYNC110 - what it waits for is in the store
            await asyncio.sleep(0.01)


@pytest.fixture
async def house(store: Store, told_now: type[TransactionService]) -> AsyncIterator[House]:
    clock, owner, results = Clock(), Owner(), Results()
    partners = PartnerDirectory(store, clock)
    await partners.load()
    await partners.save(PARTNER)
    catalogue = LocationCatalogue(store, partners, clock)
    tariffs = TariffBook(store, partners, clock)
    publisher = EvsePublisher(store, partners, clock)
    billing = Billing(store, "EUR", clock)
    authorization = AuthorizationService(store, partners, owner, clock)
    transactions = told_now(
        store, authorization, billing, publisher, now=clock, completion_wait=300
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
        results,
        partners=partners,
        reservations=Reservations(store, router, clock, billing.sites),
        currency="EUR",
        in_flight=InFlight(),
        now=clock,
    )
    status = StatusService(store, publisher, transactions, clock)
    await charge_points.put("CP1", security_profile=0, password=None, party=PARTY)
    await tariffs.put(PARTY, TARIFF)
    await catalogue.put(PARTY, LOCATION)
    await store.tokens.put("ems", token())
    yield House(
        store,
        clock,
        partners,
        catalogue,
        tariffs,
        charge_points,
        status,
        transactions,
        authorization,
        commands,
        router,
        owner,
        results,
    )
    await commands.close()
    await charge_points.close()
    await partners.close()


def start(at: datetime = T0, meter: int = 1000, uid: TokenRef = TOKEN) -> TransactionStarted:
    return TransactionStarted(1, uid, at, Decimal(meter))


def stop(id_: str, minutes: int, meter: int, **more: Any) -> TransactionStopped:
    return TransactionStopped(id_, T0 + timedelta(minutes=minutes), Decimal(meter), **more)


def register(minutes: int, wh: int) -> Reading:
    sample = Sample(Measurand.ENERGY_IMPORT_REGISTER, Decimal(wh))
    return Reading(T0 + timedelta(minutes=minutes), (sample,))


def reported(state: ConnectorState, minutes: int = 0) -> ConnectorStatusReported:
    return ConnectorStatusReported(1, 1, state, T0 + timedelta(minutes=minutes))


async def test_a_charge_becomes_one_session_and_one_cdr_with_the_right_energy_and_price(
    house: House,
) -> None:
    state = await house.connect()
    answer = await house.transactions.started(state, start())
    assert answer.authorization.accepted
    await house.transactions.metered(
        state, MeterReported(1, (register(30, 6000),), answer.transaction_id)
    )
    [running] = await house.sessions()
    assert (running["status"], running["kwh"]) == ("ACTIVE", Decimal(5))
    await house.transactions.stopped(state, stop(answer.transaction_id, 60, 11_500))
    [session], [cdr] = await house.sessions(), await house.cdrs()
    assert (session["status"], session["kwh"]) == ("COMPLETED", Decimal("10.5"))
    assert cdr["total_energy"] == Decimal("10.5")
    # by hand: 10.5 kWh x 0.30 = 3.15, plus 21 % = 0.6615
    assert cdr["total_cost"]["before_taxes"] == Decimal("3.15")
    assert cdr["total_cost"]["taxes"][0]["amount"] == Decimal("0.6615")
    assert cdr["session_id"] == session["id"]
    assert cdr["total_time"] == Decimal(1)


async def test_a_running_session_is_priced_by_the_stations_clock(house: House) -> None:
    """security-and-faults R20: our clock may be a day off the station's."""
    house.clock.moment = T0 + timedelta(days=1)
    state = await house.connect()
    await house.tariffs.put(
        PARTY,
        {
            **TARIFF,
            "elements": [
                {
                    "price_components": [
                        {"type": "TIME", "price": Decimal(2), "vat": Decimal(21), "step_size": 1}
                    ]
                }
            ],
        },
    )
    answer = await house.transactions.started(state, start())
    await house.transactions.metered(
        state, MeterReported(1, (register(30, 2000),), answer.transaction_id)
    )
    [session] = await house.sessions()
    assert session["total_cost"]["before_taxes"] == Decimal(1)


async def test_parking_after_the_car_is_full_is_billed_as_parking(house: House) -> None:
    state = await house.connect()
    answer = await house.transactions.started(state, start())
    await house.status.reported(state, reported(ConnectorState.CHARGING))
    await house.transactions.metered(
        state, MeterReported(1, (register(30, 2000),), answer.transaction_id)
    )
    await house.status.reported(state, reported(ConnectorState.SUSPENDED_EV, 30))
    await house.transactions.stopped(state, stop(answer.transaction_id, 60, 2000))
    [cdr] = await house.cdrs()
    assert cdr["total_parking_time"] == Decimal("0.5")
    assert cdr["total_parking_cost"]["before_taxes"] == Decimal(1)
    assert [period["dimensions"][0]["type"] for period in cdr["charging_periods"]] == [
        "TIME",
        "PARKING_TIME",
    ]


async def test_the_same_start_again_is_the_same_transaction_on_any_socket(house: House) -> None:
    """ocpp-rules: a retried start comes with a new id; security-and-faults R16."""
    state = await house.connect()
    first = await house.transactions.started(state, start())
    again = await house.transactions.started(state, start())
    elsewhere = await house.transactions.started(await house.connect(), start())
    assert first.transaction_id == again.transaction_id == elsewhere.transaction_id
    assert len(await house.sessions()) == 1


async def test_a_stop_again_makes_no_second_cdr(house: House) -> None:
    state = await house.connect()
    answer = await house.transactions.started(state, start())
    for _ in range(3):
        await house.transactions.stopped(state, stop(answer.transaction_id, 60, 2000))
    assert len(await house.cdrs()) == 1


async def test_a_transaction_survives_a_new_connection(house: House) -> None:
    state = await house.connect()
    answer = await house.transactions.started(state, start())
    await house.transactions.metered(
        state, MeterReported(1, (register(10, 1500),), answer.transaction_id)
    )
    newer = await house.connect()
    await house.transactions.stopped(newer, stop(answer.transaction_id, 60, 3000))
    [cdr] = await house.cdrs()
    assert cdr["total_energy"] == Decimal(2)
    assert cdr["tariffs"][0]["id"] == "T1"


async def test_a_stale_epoch_writes_nothing(house: House) -> None:
    state = await house.connect()
    answer = await house.transactions.started(state, start())
    await house.connect()
    with pytest.raises(Fenced):
        await house.transactions.stopped(state, stop(answer.transaction_id, 60, 3000))
    assert await house.cdrs() == []


async def test_another_charge_points_transaction_cannot_be_stopped(house: House) -> None:
    """security-and-faults S5."""
    answer = await house.transactions.started(await house.connect(), start())
    other = await house.charge_points.put("CP2", security_profile=0, password=None, party=PARTY)
    state = await house.charge_points.connect(
        other, protocol="ocpp1.6", remote="127.0.0.1", station=FakeStation()
    )
    await house.transactions.stopped(state, stop(answer.transaction_id, 60, 999_999))
    assert await house.cdrs() == []
    [session] = await house.sessions()
    assert session["status"] == "ACTIVE"


@pytest.mark.parametrize("unknown", ["0", "-1", "77"])
async def test_a_stop_of_nothing_is_answered_and_kept(house: House, unknown: str) -> None:
    """ocpp-rules 10; security-and-faults R17."""
    state = await house.connect()
    authorization = await house.transactions.stopped(state, stop(unknown, 5, 100, token=TOKEN))
    assert authorization is not None
    assert await house.cdrs() == []
    assert len(await house.store.party(PARTY).stations.kept("CP1", "orphans", 10)) == 1


@pytest.mark.parametrize("unanswered", ["0", "-1"])
async def test_a_stop_of_an_unanswered_start_finds_it_by_its_token(
    house: House, unanswered: str
) -> None:
    state = await house.connect()
    await house.transactions.started(state, start())
    await house.transactions.stopped(state, stop(unanswered, 30, 4000, token=TOKEN))
    [cdr] = await house.cdrs()
    assert cdr["total_energy"] == Decimal(3)


async def test_the_tariff_at_the_start_counts(house: House) -> None:
    state = await house.connect()
    answer = await house.transactions.started(state, start())
    dearer = {
        **TARIFF,
        "elements": [
            {
                "price_components": [
                    {"type": "ENERGY", "price": Decimal(9), "vat": Decimal(21), "step_size": 1}
                ]
            }
        ],
    }
    await house.tariffs.put(PARTY, dearer)
    await house.transactions.stopped(await house.connect(), stop(answer.transaction_id, 60, 2000))
    [cdr] = await house.cdrs()
    assert cdr["total_cost"]["before_taxes"] == Decimal("0.3")


async def test_an_unknown_token_gets_a_transaction_but_no_session(house: House) -> None:
    """ocpp-rules 9: the transaction exists; only idTagInfo differs."""
    state = await house.connect()
    answer = await house.transactions.started(state, start(uid=TokenRef("NOBODY")))
    assert answer.authorization.status is AuthorizationStatus.INVALID
    assert int(answer.transaction_id) > 0
    await house.transactions.stopped(state, stop(answer.transaction_id, 60, 2000))
    assert await house.sessions() == []
    assert await house.cdrs() == []


@pytest.mark.parametrize(
    ("begin", "minutes"),
    [
        (datetime(1970, 1, 1, 0, 1, tzinfo=UTC), 5),
        (datetime(1970, 1, 1, 0, 1, tzinfo=UTC), 60 * 24 * 365 * 56),
        (T0, -5),
        (T0, 60 * 24 * 32),
    ],
)
async def test_times_that_cannot_be_right_hold_the_cdr(
    house: House, begin: datetime, minutes: int
) -> None:
    """security-and-faults R20: a clock at 1970 must not become 56 years of TIME."""
    state = await house.connect()
    answer = await house.transactions.started(state, start(at=begin))
    end = begin + timedelta(minutes=minutes)
    stopped = TransactionStopped(answer.transaction_id, end, Decimal(2000))
    await house.transactions.stopped(state, stopped)
    assert await house.cdrs() == []
    transaction = await house.store.party(PARTY).transactions.get("CP1", answer.transaction_id)
    assert transaction is not None
    assert transaction["state"] == "ENDED"
    assert "start or end cannot be right" in transaction["flags"]


async def test_a_stop_below_the_start_holds_the_cdr(house: House) -> None:
    """security-and-faults R21: held and flagged, never negative."""
    state = await house.connect()
    answer = await house.transactions.started(state, start(meter=5000))
    await house.transactions.stopped(state, stop(answer.transaction_id, 60, 100))
    assert await house.cdrs() == []
    transaction = await house.store.party(PARTY).transactions.get("CP1", answer.transaction_id)
    assert transaction is not None
    assert "meter register went back" in transaction["flags"]


async def test_a_remote_start_is_attributed_to_its_token_and_reference(house: House) -> None:
    """design: the transaction that follows belongs to that token and authorization_reference."""
    station = FakeStation()
    state = await house.connect(station)
    request = StartSession(
        token(),
        "LOC1",
        "EVSE1",
        authorization_reference="REF-7",
    )
    answer = await house.commands.start_session(TO, request)
    assert answer.result == "ACCEPTED"
    await house.commands.close()
    assert house.results.sent == [("https://partner.example/r", CommandOutcome.ACCEPTED)]
    [command] = station.executed
    started = await house.transactions.started(
        state,
        start(uid=TokenRef(command.id_token)),  # type: ignore[union-attr]
    )
    await house.transactions.stopped(state, stop(started.transaction_id, 60, 2000))
    [cdr] = await house.cdrs()
    assert cdr["auth_method"] == AuthMethod.COMMAND
    assert cdr["authorization_reference"] == "REF-7"
    assert await house.store.party(PARTY).remote_starts.list("CP1") == []


async def test_a_token_that_came_in_a_command_is_never_asked_about(house: House) -> None:
    """mod_commands 13.2.3, ocpi-rules 17: not when the start is told twice, not at the stop."""
    await house.store.tokens.put("ems", token("NEVER"))
    station = FakeStation()
    state = await house.connect(station)
    request = StartSession(token("NEVER"), "LOC1", "EVSE1")
    await house.commands.start_session(TO, request)
    await house.commands.close()
    first = await house.transactions.started(state, start())
    again = await house.transactions.started(state, start())
    stopped = await house.transactions.stopped(
        state, stop(first.transaction_id, 60, 2000, token=TOKEN)
    )
    assert again == first
    assert stopped is not None
    assert stopped.accepted
    assert house.owner.asked == []


async def test_a_start_event_with_only_its_remote_start_id_finds_its_token(house: House) -> None:
    """Seen on the wire: no idToken in any event of a remotely started transaction (2.0.1)."""
    station = FakeStation("ocpp2.0.1")
    state = await house.connect(station)
    request = StartSession(token(), "LOC1", "EVSE1")
    await house.commands.start_session(TO, request)
    await house.commands.close()
    [command] = station.executed
    answer = await house.transactions.reported(
        state,
        event(
            TransactionPhase.STARTED,
            0,
            0,
            1000,
            evse_id=1,
            remote_start_id=command.remote_start_id,  # type: ignore[union-attr]
        ),
    )
    assert answer.authorization is None  # ocpp-rules 22: only where a token was asked about
    await house.transactions.reported(state, event(TransactionPhase.ENDED, 1, 60, 3000))
    [cdr] = await house.cdrs()
    assert (cdr["cdr_token"]["uid"], cdr["total_energy"]) == ("DEADBEEF", Decimal(2))
    assert await house.store.party(PARTY).remote_starts.list("CP1") == []


async def test_a_long_token_uid_fits_into_ocpp_16(house: House) -> None:
    station = FakeStation()
    state = await house.connect(station)
    uid = "0b1d6a2c-6f0e-4c5a-9d7e-1a2b3c4d5e6f"
    request = StartSession(token() | {"uid": uid, "type": "APP_USER"}, "LOC1", "EVSE1")
    await house.commands.start_session(TO, request)
    await house.commands.close()
    [command] = station.executed
    assert len(command.id_token) <= 20  # type: ignore[union-attr]
    started = await house.transactions.started(
        state,
        start(uid=TokenRef(command.id_token)),  # type: ignore[union-attr]
    )
    await house.transactions.stopped(state, stop(started.transaction_id, 60, 2000))
    [cdr] = await house.cdrs()
    assert cdr["cdr_token"]["uid"] == uid


async def test_a_refused_remote_start_leaves_no_promise(house: House) -> None:
    await house.connect(FakeStation(outcome=CommandOutcome.REJECTED))
    request = StartSession(token(), "LOC1", "EVSE1")
    await house.commands.start_session(TO, request)
    await house.commands.close()
    assert house.results.sent == [("https://partner.example/r", CommandOutcome.REJECTED)]
    assert await house.store.party(PARTY).remote_starts.list("CP1") == []


@pytest.mark.parametrize(("location", "evse"), [("NOWHERE", "EVSE1"), ("LOC1", "EVSE9")])
async def test_a_command_for_an_unknown_place_is_refused(
    house: House, location: str, evse: str
) -> None:
    await house.connect()
    request = StartSession(token(), location, evse)
    with pytest.raises(UnknownLocation):
        await house.commands.start_session(TO, request)


async def test_a_partner_stops_only_its_own_sessions(house: House) -> None:
    station = FakeStation()
    state = await house.connect(station)
    await house.transactions.started(state, start())
    [session] = await house.sessions()
    stranger = Partner("other", "Other", PartnerState.REGISTERED, T0)
    refused = await house.commands.stop_session(ReplyTo(stranger, PARTY, TO.url), session["id"])
    accepted = await house.commands.stop_session(TO, session["id"])
    assert (refused.result, accepted.result) == ("UNKNOWN_SESSION", "ACCEPTED")
    await house.commands.close()
    assert len(station.executed) == 1


@pytest.mark.parametrize(
    ("whitelist", "valid", "answer", "expected"),
    [
        ("ALWAYS", True, None, AuthorizationStatus.ACCEPTED),
        ("ALWAYS", False, None, AuthorizationStatus.BLOCKED),
        ("ALLOWED", True, None, AuthorizationStatus.ACCEPTED),
        ("ALLOWED_OFFLINE", True, None, AuthorizationStatus.ACCEPTED),
        ("ALLOWED_OFFLINE", True, AuthorizationStatus.BLOCKED, AuthorizationStatus.BLOCKED),
        ("NEVER", True, None, AuthorizationStatus.INVALID),
        ("NEVER", False, AuthorizationStatus.ACCEPTED, AuthorizationStatus.ACCEPTED),
    ],
)
async def test_the_whitelist_type_says_who_decides(
    house: House,
    whitelist: str,
    valid: bool,
    answer: AuthorizationStatus | None,
    expected: AuthorizationStatus,
) -> None:
    """ocpi-rules 18."""
    await house.store.tokens.put("ems", token(whitelist, valid=valid))
    house.owner.answer = answer and Authorization(answer, method=AuthMethod.AUTH_REQUEST)
    decision = await house.authorization.authorize(await house.connect(), TOKEN, 1)
    assert decision.status is expected
    assert bool(house.owner.asked) is (whitelist in ("ALLOWED_OFFLINE", "NEVER"))
    if house.owner.asked:
        assert house.owner.asked == [("DEADBEEF", ("LOC1", "EVSE1"))]


async def test_one_plug_in_asks_the_owner_once(house: House) -> None:
    await house.store.tokens.put("ems", token("NEVER"))
    house.owner.answer = Authorization(
        AuthorizationStatus.ACCEPTED, method=AuthMethod.AUTH_REQUEST, reference="AUTH-1"
    )
    state = await house.connect()
    await house.authorization.authorize(state, TOKEN)
    await house.transactions.started(state, start())
    assert len(house.owner.asked) == 1
    [session] = await house.sessions()
    assert session["authorization_reference"] == "AUTH-1"
    assert session["auth_method"] == AuthMethod.AUTH_REQUEST


async def test_status_follows_connector_and_transaction(house: House) -> None:
    state = await house.connect()
    await house.status.reported(state, reported(ConnectorState.AVAILABLE, 0))
    assert await house.evse_status() == "AVAILABLE"
    await house.status.reported(state, reported(ConnectorState.PREPARING, 1))
    assert await house.evse_status() == "BLOCKED"
    answer = await house.transactions.started(state, start())
    assert await house.evse_status() == "CHARGING"
    await house.transactions.stopped(state, stop(answer.transaction_id, 10, 2000))
    assert await house.evse_status() == "BLOCKED"
    await house.status.reported(state, reported(ConnectorState.AVAILABLE, 11))
    assert await house.evse_status() == "AVAILABLE"


async def test_an_old_status_never_overwrites_a_newer_one(house: House) -> None:
    state = await house.connect()
    await house.status.reported(state, reported(ConnectorState.FAULTED, 10))
    await house.status.reported(state, reported(ConnectorState.AVAILABLE, 5))
    assert await house.evse_status() == "OUTOFORDER"


async def test_the_stations_own_fault_covers_every_connector(house: House) -> None:
    """ocpp-rules 8."""
    state = await house.connect()
    await house.status.reported(state, reported(ConnectorState.AVAILABLE))
    await house.status.reported(
        state, ConnectorStatusReported(0, 1, ConnectorState.FAULTED, T0, "GroundFailure")
    )
    assert await house.evse_status() == "OUTOFORDER"


async def test_an_unchanged_status_owes_nobody_anything(house: House) -> None:
    state = await house.connect()
    await house.status.reported(state, reported(ConnectorState.AVAILABLE, 0))
    owed = house.store.party(PARTY).owed
    for ref, version in await owed.due("ems", 100):
        await owed.settle("ems", ref, version)
    await house.status.reported(state, reported(ConnectorState.AVAILABLE, 1))
    assert await owed.count("ems") == 0


async def test_a_status_lifts_last_updated_to_the_location(house: House) -> None:
    """ocpi-rules 8."""
    state = await house.connect()
    house.clock.moment = T0 + timedelta(hours=1)
    await house.status.reported(state, reported(ConnectorState.AVAILABLE, 0))
    location = await house.catalogue.get(PARTY, "LOC1")
    assert location is not None
    assert location["last_updated"] == location["evses"][0]["last_updated"]
    assert location["last_updated"] == "2026-03-01T11:00:00.000Z"
    page = await house.catalogue.page(PARTY, PageQuery(date_from=T0 + timedelta(minutes=30)))
    assert page.total == 1


async def test_partners_never_see_an_ocpp_identity(house: House) -> None:
    """security-and-faults S7."""
    state = await house.connect()
    answer = await house.transactions.started(state, start())
    await house.transactions.stopped(state, stop(answer.transaction_id, 60, 2000))
    seen = [await house.catalogue.get(PARTY, "LOC1"), *await house.sessions(), *await house.cdrs()]
    assert "CP1" not in repr(seen)
    assert "charge_point" not in repr(seen)


async def test_a_left_out_evse_is_removed_not_deleted(house: House) -> None:
    """ocpi-rules 13."""
    await house.catalogue.put(PARTY, {**LOCATION, "evses": []})
    assert await house.evse_status() == "REMOVED"


async def test_an_unpublished_location_is_not_counted_for_partners(house: House) -> None:
    await house.catalogue.put(PARTY, {**LOCATION, "publish": False})
    assert await house.catalogue.get(PARTY, "LOC1") is None
    page = await house.catalogue.page(PARTY, PageQuery())
    assert (page.items, page.total) == ([], 0)


# --- OCPP 2.x -----------------------------------------------------------------------------


def event(
    phase: TransactionPhase, seq: int, minutes: int, wh: int | None = None, **more: Any
) -> TransactionReported:
    readings = () if wh is None else (register(minutes, wh),)
    return TransactionReported(
        phase, "tx-1", seq, T0 + timedelta(minutes=minutes), "Trigger", readings=readings, **more
    )


async def test_a_transaction_event_story_becomes_one_cdr(house: House) -> None:
    state = await house.connect()
    reported_ = house.transactions.reported
    first = await reported_(
        state, event(TransactionPhase.STARTED, 0, 0, 1000, evse_id=1, connector_id=1)
    )
    assert first.authorization is None
    assert await house.sessions() == []  # cable first: nobody to bill yet
    second = await reported_(
        state,
        event(TransactionPhase.UPDATED, 1, 1, token=TOKEN, charging_state=ChargingState.CHARGING),
    )
    assert second.authorization is not None
    assert second.authorization.accepted
    await reported_(state, event(TransactionPhase.UPDATED, 2, 30, 3500))
    await reported_(
        state,
        event(TransactionPhase.UPDATED, 3, 40, 4000, charging_state=ChargingState.SUSPENDED_EV),
    )
    last = await reported_(
        state, event(TransactionPhase.ENDED, 4, 70, 4000, stopped_reason="Local")
    )
    [cdr] = await house.cdrs()
    assert cdr["total_energy"] == Decimal(3)
    assert cdr["total_parking_time"] == Decimal("0.5")
    assert last.total_cost == Decimal("2.299")  # (3 x 0.30 + 0.5 x 2.00) x 1.21
    [session] = await house.sessions()
    assert session["status"] == "COMPLETED"


async def test_the_first_reading_may_come_with_the_last_event(house: House) -> None:
    """Seen on the wire: no reading in Started, the one of the start in Ended (2.0.1)."""
    state = await house.connect()
    await house.transactions.reported(
        state, event(TransactionPhase.STARTED, 0, 0, evse_id=1, token=TOKEN)
    )
    await house.transactions.reported(state, event(TransactionPhase.UPDATED, 1, 10, 2500))
    ended = TransactionReported(
        TransactionPhase.ENDED,
        "tx-1",
        2,
        T0 + timedelta(minutes=60),
        "StopAuthorized",
        readings=(register(0, 1000), register(60, 6000)),
    )
    await house.transactions.reported(state, ended)
    [cdr] = await house.cdrs()
    assert cdr["total_energy"] == Decimal(5)


async def test_a_start_without_any_reading_is_flagged_and_held(house: House) -> None:
    """ADR 0012: what flowed before the first value is not known."""
    state = await house.connect()
    await house.transactions.reported(
        state, event(TransactionPhase.STARTED, 0, 0, evse_id=1, token=TOKEN)
    )
    await house.transactions.reported(state, event(TransactionPhase.UPDATED, 1, 10, 2500))
    await house.transactions.reported(state, event(TransactionPhase.ENDED, 2, 60, 6000))
    assert await house.cdrs() == []
    transaction = await house.store.party(PARTY).transactions.get("CP1", "tx-1")
    assert transaction is not None
    assert transaction["flags"] == ["energy counted from the first reading, after the start"]


async def test_no_price_is_told_while_the_meter_contradicts_itself(house: House) -> None:
    state = await house.connect()
    await house.transactions.reported(
        state, event(TransactionPhase.STARTED, 0, 0, 0, evse_id=1, token=TOKEN)
    )
    await house.transactions.reported(state, event(TransactionPhase.UPDATED, 1, 10, 300_000))
    answer = await house.transactions.reported(state, event(TransactionPhase.ENDED, 2, 60, 343))
    assert answer.total_cost is None
    assert await house.cdrs() == []


async def test_events_told_twice_change_nothing(house: House) -> None:
    state = await house.connect()
    story = [
        event(TransactionPhase.STARTED, 0, 0, 1000, evse_id=1, token=TOKEN),
        event(TransactionPhase.UPDATED, 1, 30, 2000),
        event(TransactionPhase.ENDED, 2, 60, 3000),
    ]
    for told in [one for one in story for _ in range(2)]:
        await house.transactions.reported(state, told)
    [cdr] = await house.cdrs()
    assert cdr["total_energy"] == Decimal(2)
    assert len(await house.sessions()) == 1


async def test_an_end_without_a_start_is_held(house: House) -> None:
    """ocpp-rules 22: Ended without Started."""
    state = await house.connect()
    await house.transactions.reported(
        state, event(TransactionPhase.ENDED, 3, 60, 3000, evse_id=1, token=TOKEN)
    )
    assert await house.cdrs() == []
    transaction = await house.store.party(PARTY).transactions.get("CP1", "tx-1")
    assert transaction is not None
    assert transaction["state"] == "ENDED"
    assert "start missing" in transaction["flags"]


async def test_a_transaction_id_of_another_station_is_another_transaction(house: House) -> None:
    """security-and-faults R19: keyed by charger."""
    await house.transactions.reported(
        await house.connect(), event(TransactionPhase.STARTED, 0, 0, 1000, evse_id=1, token=TOKEN)
    )
    other = await house.charge_points.put("CP2", security_profile=0, password=None, party=PARTY)
    state = await house.charge_points.connect(
        other, protocol="ocpp2.0.1", remote="127.0.0.1", station=FakeStation()
    )
    await house.transactions.reported(state, event(TransactionPhase.ENDED, 1, 60, 9000))
    assert await house.cdrs() == []


async def test_the_newest_connection_wins_and_the_old_one_ends_quietly(house: House) -> None:
    """security-and-faults S2, S3."""
    old, new = FakeStation(), FakeStation()
    first = await house.connect(old)
    await house.connect(new)
    await house.charge_points.disconnect(first)
    described = await house.charge_points.describe("CP1")
    assert described is not None
    assert described["connected"] is True
    assert new.closed == []


async def test_a_finishing_a_second_after_the_stop_leaves_no_period_behind_the_end(
    house: House,
) -> None:
    """Seen on the wire: StatusNotification(Finishing) before StopTransaction, and later by time."""
    state = await house.connect()
    answer = await house.transactions.started(state, start())
    await house.status.reported(state, reported(ConnectorState.FINISHING, 61))
    await house.transactions.stopped(state, stop(answer.transaction_id, 60, 2000))
    [cdr] = await house.cdrs()
    assert [one["start_date_time"] for one in cdr["charging_periods"]] == [cdr["start_date_time"]]
    assert cdr["total_time"] == cdr["charging_periods"][0]["dimensions"][0]["volume"] == 1


async def test_a_stop_with_another_value_than_was_billed_is_kept(house: House) -> None:
    """After the operator closed it the station's own stop arrives."""
    state = await house.connect()
    answer = await house.transactions.started(state, start())
    await house.transactions.close(state, answer.transaction_id)
    await house.transactions.stopped(state, stop(answer.transaction_id, 60, 7000))
    assert len(await house.store.party(PARTY).stations.kept("CP1", "late_events", 10)) == 1
    assert len(await house.cdrs()) == 1


async def test_a_location_bound_in_mid_transaction_is_billed(house: House) -> None:
    record = await house.charge_points.put("CP2", security_profile=0, password=None, party=PARTY)
    state = await house.charge_points.connect(
        record, protocol="ocpp1.6", remote="127.0.0.1", station=FakeStation()
    )
    answer = await house.transactions.started(state, start())
    evse = {**LOCATION["evses"][0], "charge_point": {"identity": "CP2", "evse_id": 1}}
    await house.catalogue.put(PARTY, {**LOCATION, "id": "LOC2", "evses": [evse]})
    state = await house.charge_points.connect(
        record, protocol="ocpp1.6", remote="127.0.0.1", station=FakeStation()
    )
    await house.transactions.stopped(state, stop(answer.transaction_id, 60, 2000))
    [cdr] = await house.cdrs()
    assert cdr["cdr_location"]["id"] == "LOC2"


async def test_a_connector_that_never_says_more_than_charging_is_no_longer_charging(
    house: House,
) -> None:
    """CHARGING exactly while a transaction runs; ocpp-rules 14."""
    state = await house.connect()
    answer = await house.transactions.started(state, start())
    await house.status.reported(state, reported(ConnectorState.CHARGING, 1))
    await house.transactions.stopped(state, stop(answer.transaction_id, 60, 2000))
    assert await house.evse_status() == "BLOCKED"
    described = await house.charge_points.describe("CP1")
    assert described is not None
    assert described["connectors"][0]["state"] == "Finishing"


async def test_a_late_stop_does_not_end_what_the_connector_charges_now(house: House) -> None:
    """After an outage some replay all statuses first, then stop, start."""
    state = await house.connect()
    answer = await house.transactions.started(state, start())
    house.clock.moment = T0 + timedelta(hours=2)
    await house.status.reported(state, reported(ConnectorState.CHARGING, 90))
    await house.transactions.stopped(state, stop(answer.transaction_id, 60, 2000))
    assert await house.evse_status() == "CHARGING"


async def test_who_only_stops_a_transaction_is_not_billed_for_it(house: House) -> None:
    """An invalid token charged, another one stopped (2.0.1 E07): nobody vouched."""
    state = await house.connect()
    told = house.transactions.reported
    await told(state, event(TransactionPhase.STARTED, 0, 0, 0, evse_id=1, token=TokenRef("NO")))
    last = await told(state, event(TransactionPhase.ENDED, 1, 60, 3000, token=TOKEN))
    assert last.authorization is not None
    assert last.authorization.accepted
    assert (await house.sessions(), await house.cdrs()) == ([], [])


async def test_the_first_events_meter_values_are_kept(house: House) -> None:
    """Signed values of the start prove the bill."""
    state = await house.connect()
    await house.transactions.reported(
        state, event(TransactionPhase.STARTED, 0, 0, 1000, evse_id=1, token=TOKEN)
    )
    assert len(await house.store.party(PARTY).transactions.readings("CP1", "tx-1")) == 1


async def test_a_start_heard_after_an_update_is_the_start(house: House) -> None:
    """security-and-faults R18: any permutation gives the same CDR."""
    state = await house.connect()
    for one in (
        event(TransactionPhase.UPDATED, 1, 30, 2000),
        event(TransactionPhase.STARTED, 0, 0, 1000, evse_id=1, token=TOKEN),
        event(TransactionPhase.ENDED, 2, 60, 3000),
    ):
        await house.transactions.reported(state, one)
    [cdr] = await house.cdrs()
    assert cdr["total_energy"] == Decimal(2)
    assert cdr["start_date_time"] == "2026-03-01T10:00:00.000Z"
    assert cdr["charging_periods"][0]["start_date_time"] == cdr["start_date_time"]


async def test_transactions_of_an_unnamed_evse_do_not_supersede_each_other(house: House) -> None:
    """ocpp-rules 22: `evse` comes when it is known."""
    state = await house.connect()
    for id_ in ("tx-1", "tx-2"):
        told = replace(event(TransactionPhase.STARTED, 0, 0, 1000), transaction_id=id_)
        await house.transactions.reported(state, told)
    assert all(SUPERSEDED not in run.transaction.flags for run in state.open.values())


async def test_an_evse_named_late_counts_even_where_no_location_is(house: House) -> None:
    state = await house.connect()
    await house.transactions.reported(state, event(TransactionPhase.STARTED, 0, 0, 1000))
    await house.transactions.reported(state, event(TransactionPhase.UPDATED, 1, 1, evse_id=7))
    transaction = await house.store.party(PARTY).transactions.get("CP1", "tx-1")
    assert transaction is not None
    assert transaction["evse_id"] == 7


async def test_the_connector_that_is_used_names_the_tariff(house: House) -> None:
    """OCPI: tariff_ids belong to the Connector."""
    first = LOCATION["evses"][0]["connectors"][0]
    connectors = [{**first, "tariff_ids": []}, {**first, "id": "B"}]
    evse = {**LOCATION["evses"][0], "connectors": connectors}
    await house.catalogue.put(PARTY, {**LOCATION, "evses": [evse]})
    state = await house.connect()
    told = house.transactions.reported
    await told(
        state, event(TransactionPhase.STARTED, 0, 0, 0, evse_id=1, connector_id=2, token=TOKEN)
    )
    await told(state, event(TransactionPhase.ENDED, 1, 60, 3000))
    [cdr] = await house.cdrs()
    assert (cdr["cdr_location"]["connector_id"], cdr["tariffs"][0]["id"]) == ("B", "T1")


# --- places, connections, commands ----------------------------------------------------------


@pytest.mark.parametrize("wrong", [datetime(1970, 1, 1, tzinfo=UTC), T0 + timedelta(days=3650)])
async def test_a_station_with_a_wrong_clock_is_still_heard(house: House, wrong: datetime) -> None:
    """security-and-faults R20; ocpp-rules 20: its clock may be at 1970 until answered."""
    state = await house.connect()
    await house.status.reported(state, reported(ConnectorState.FAULTED))
    await house.status.reported(
        state, ConnectorStatusReported(1, 1, ConnectorState.PREPARING, wrong)
    )
    assert await house.evse_status() == "BLOCKED"
    await house.status.reported(state, reported(ConnectorState.AVAILABLE, 1))
    assert await house.evse_status() == "AVAILABLE"


async def test_a_location_put_again_leaves_its_evses_as_they_were(house: House) -> None:
    """ocpi-rules 8: last_updated moves with what changed, upwards only."""
    state = await house.connect()
    await house.status.reported(state, reported(ConnectorState.AVAILABLE))
    house.clock.moment = T0 + timedelta(hours=1)
    await house.catalogue.put(PARTY, {**LOCATION, "name": "New name"})
    location = await house.catalogue.get(PARTY, "LOC1")
    assert location is not None
    assert location["last_updated"] == "2026-03-01T11:00:00.000Z"
    assert location["evses"][0]["last_updated"] == "2026-03-01T10:00:00.000Z"
    assert location["evses"][0]["status"] == "AVAILABLE"


async def test_a_removed_evse_that_is_put_back_is_no_longer_removed(house: House) -> None:
    await house.catalogue.put(PARTY, {**LOCATION, "evses": []})
    await house.catalogue.put(PARTY, LOCATION)
    assert await house.evse_status() == "UNKNOWN"


@pytest.mark.parametrize("stated", ["PLANNED", "REMOVED"])
async def test_a_station_does_not_overrule_planned_or_removed(house: House, stated: str) -> None:
    evse = {**LOCATION["evses"][0], "status": stated}
    await house.catalogue.put(PARTY, {**LOCATION, "evses": [evse]})
    state = await house.connect()
    await house.status.reported(state, reported(ConnectorState.AVAILABLE))
    assert await house.evse_status() == stated


async def test_an_evse_replaced_by_another_takes_its_charge_point_over(house: House) -> None:
    evse = {**LOCATION["evses"][0], "uid": "EVSE2"}
    location, _ = await house.catalogue.put(PARTY, {**LOCATION, "evses": [evse]})
    assert [(one["uid"], one.get("status")) for one in location["evses"]] == [
        ("EVSE2", "UNKNOWN"),
        ("EVSE1", "REMOVED"),
    ]


async def test_an_evse_keeps_its_uid_when_its_evse_id_changes(house: House) -> None:
    """ocpi-rules 14 (mod_locations 8.3.2): uid "can never be changed", evse_id may be."""
    state = await house.connect()
    await house.status.reported(state, reported(ConnectorState.AVAILABLE))
    renamed = {**LOCATION["evses"][0], "evse_id": "NL*GWY*E2"}

    location, _ = await house.catalogue.put(PARTY, {**LOCATION, "evses": [renamed]})

    assert [(one["uid"], one["evse_id"]) for one in location["evses"]] == [("EVSE1", "NL*GWY*E2")]
    assert await house.evse_status() == "AVAILABLE"
    await house.transactions.started(state, start())
    [session] = await house.sessions()
    assert session["evse_uid"] == "EVSE1"


async def test_each_connector_of_a_1_6_station_is_an_evse(house: House) -> None:
    """ocpi-rules 14: connectors of OCPP 1.6 charge two vehicles at once, those of an EVSE one."""
    second = {
        **LOCATION["evses"][0],
        "uid": "EVSE2",
        "charge_point": {"identity": "CP1", "evse_id": 2},
    }
    await house.catalogue.put(PARTY, {**LOCATION, "evses": [LOCATION["evses"][0], second]})
    state = await house.connect()
    for connector, condition in ((1, ConnectorState.AVAILABLE), (2, ConnectorState.FAULTED)):
        report = replace(reported(condition), evse_id=connector)
        await house.status.reported(state, report)

    location = await house.catalogue.get(PARTY, "LOC1")
    assert location is not None
    assert {one["uid"]: one["status"] for one in location["evses"]} == {
        "EVSE1": "AVAILABLE",
        "EVSE2": "OUTOFORDER",
    }
    await house.transactions.started(state, start())
    await house.transactions.started(state, replace(start(uid=TokenRef("OTHER")), evse_id=2))
    assert len(await house.store.party(PARTY).transactions.open("CP1")) == 2


@pytest.mark.parametrize("demands", [False, True])
async def test_a_connector_must_be_named_where_the_evse_demands_it_only(
    house: House, demands: bool
) -> None:
    """ocpi-rules 17 (mod_commands 13.3.6, connector_id): START_SESSION_CONNECTOR_REQUIRED."""
    capabilities = ["START_SESSION_CONNECTOR_REQUIRED"] if demands else ["RFID_READER"]
    evse = {**LOCATION["evses"][0], "capabilities": capabilities}
    await house.catalogue.put(PARTY, {**LOCATION, "evses": [evse]})
    station = FakeStation()
    await house.connect(station)
    unnamed = StartSession(token(), "LOC1", "EVSE1")

    if demands:
        with pytest.raises(ConnectorRequired):
            await house.commands.start_session(TO, unnamed)
        unnamed = replace(unnamed, connector_id="1")
    answer = await house.commands.start_session(TO, unnamed)
    await house.commands.close()

    assert answer.result == "ACCEPTED"
    assert len(station.executed) == 1


async def test_an_unregistered_partners_token_charges_no_more(house: House) -> None:
    await house.partners.save(replace(PARTNER, state=PartnerState.UNREGISTERED))
    decision = await house.authorization.authorize(await house.connect(), TOKEN, 1)
    assert decision.status is AuthorizationStatus.INVALID


async def test_the_operators_token_outranks_a_partners(house: House) -> None:
    await house.store.tokens.put_own("OTHER", "deadbeef", {"status": "Blocked"})
    decision = await house.authorization.authorize(await house.connect(), TOKEN, 1)
    assert decision.status is AuthorizationStatus.BLOCKED
    assert decision.holder is not None
    assert (decision.holder.partner_id, decision.holder.type) == (None, "OTHER")


async def test_a_station_that_stays_away_becomes_unknown(house: House) -> None:
    """security-and-faults R23."""
    state = await house.connect()
    await house.status.reported(state, reported(ConnectorState.AVAILABLE))
    await house.charge_points.disconnect(state)
    await until(house.evse_status, "UNKNOWN")


async def test_a_station_that_does_not_return_after_a_restart_becomes_unknown(
    house: House,
) -> None:
    """Its connection ended in good order with the last process: the route is gone as well."""
    state = await house.connect()
    await house.status.reported(state, reported(ConnectorState.AVAILABLE))
    await house.charge_points.disconnect(state)
    await house.charge_points.close()  # before the time for its return was up
    assert await house.evse_status() == "AVAILABLE"
    await house.charge_points.sweep()
    assert await house.evse_status() == "UNKNOWN"


async def test_a_station_without_a_location_that_came_back_is_not_called_offline(
    house: House,
) -> None:
    """Nothing of it is published, so no fenced write tells that it came back."""
    publisher = EvsePublisher(house.store, house.partners, house.clock)
    billing = Billing(house.store, "EUR", house.clock)
    charge_points = ChargePoints(
        house.store,
        house.router,
        publisher,
        billing,
        Initiative(house.router),
        node_id="node-1",
        offline_after=0.3,
        now=house.clock,
    )

    async def connect(identity: str) -> StationState:
        record = await charge_points.put(identity, security_profile=0, password=None, party=PARTY)
        return await charge_points.connect(
            record, protocol="ocpp1.6", remote="127.0.0.1", station=FakeStation()
        )

    def offline() -> list[str]:
        return [log["charge_point"] for log in logs if log["event"] == "offline"]

    with capture_logs() as logs:
        await charge_points.disconnect(await connect("BACK"))
        await connect("BACK")
        await charge_points.disconnect(await connect("GONE"))
        async with asyncio.timeout(10):
            while "GONE" not in offline():  # noqa: ASYNC110 - a log tells nobody
                await asyncio.sleep(0.01)
        await charge_points.close()
    assert offline() == ["GONE"]


async def test_a_sweep_leaves_connected_stations_alone(house: House) -> None:
    state = await house.connect()
    await house.status.reported(state, reported(ConnectorState.AVAILABLE))
    await house.charge_points.sweep()
    assert await house.evse_status() == "AVAILABLE"
    await house.status.reported(state, reported(ConnectorState.PREPARING, 1))
    assert await house.evse_status() == "BLOCKED"


async def test_closing_an_offline_transaction_leaves_no_evse_looking_online(house: House) -> None:
    """Its epoch fences off whoever waits to publish UNKNOWN."""
    second = {
        **LOCATION["evses"][0],
        "uid": "EVSE2",
        "charge_point": {"identity": "CP1", "evse_id": 2},
    }
    await house.catalogue.put(PARTY, {**LOCATION, "evses": [LOCATION["evses"][0], second]})
    state = await house.connect()
    answer = await house.transactions.started(state, start())
    await house.status.reported(state, ConnectorStatusReported(2, 1, ConnectorState.AVAILABLE, T0))
    await house.charge_points.disconnect(state)
    async with house.charge_points.in_hand(state.record) as hand:
        await house.transactions.close(hand, answer.transaction_id)
    location = await house.catalogue.get(PARTY, "LOC1")
    assert location is not None
    assert [evse["status"] for evse in location["evses"]] == ["UNKNOWN", "UNKNOWN"]


async def test_a_connection_that_was_overtaken_while_it_was_set_up_ends(house: House) -> None:
    """security-and-faults S2: exactly one live connection, the newest."""
    record = await house.charge_points.get("CP1")
    assert record is not None
    stations = [FakeStation() for _ in range(5)]
    outcomes = await asyncio.gather(
        *(
            house.charge_points.connect(
                record, protocol="ocpp1.6", remote="127.0.0.1", station=station
            )
            for station in stations
        ),
        return_exceptions=True,
    )
    states = [one for one in outcomes if isinstance(one, StationState)]
    newest = max(states, key=lambda one: one.fence.epoch)
    route = await house.store.party(PARTY).stations.route("CP1")
    assert route is not None
    assert route.epoch == newest.fence.epoch
    here = house.router.local("CP1")
    assert here is not None
    assert here[0] is newest


async def test_an_unexpected_error_still_becomes_one_command_result(house: House) -> None:
    """security-and-faults R28: exactly one CommandResult."""

    class Broken(FakeStation):
        async def execute(self, command: Command, timeout: float) -> CommandReply:
            raise RuntimeError("a bug in the edge")

    await house.connect(Broken())
    request = StartSession(token(), "LOC1", "EVSE1")
    await house.commands.start_session(TO, request)
    await house.commands.close()
    assert house.results.sent == [("https://partner.example/r", CommandOutcome.FAILED)]
    assert await house.store.party(PARTY).remote_starts.list("CP1") == []


async def test_what_the_operator_closed_while_an_owner_was_asked_stays_closed(house: House) -> None:
    """mod_cdrs: a CDR is immutable; the two must not seal it twice."""
    state = await house.connect()
    told = house.transactions.reported
    await told(state, event(TransactionPhase.STARTED, 0, 0, 1000, evse_id=1, token=TOKEN))
    await told(state, event(TransactionPhase.UPDATED, 1, 30, 2000))
    other = {**token("NEVER"), "uid": "CAFE"}
    await house.store.tokens.put("ems", other)

    async def meanwhile() -> None:
        await house.transactions.close(state, "tx-1")

    house.owner.meanwhile = meanwhile
    await told(state, event(TransactionPhase.ENDED, 2, 60, 9000, token=TokenRef("CAFE")))
    assert house.owner.asked
    [cdr] = await house.cdrs()
    assert cdr["total_energy"] == Decimal(1)
    assert len(await house.store.party(PARTY).stations.kept("CP1", "late_events", 10)) == 1
